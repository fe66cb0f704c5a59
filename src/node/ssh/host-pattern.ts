/**
 * Whether a name fits a pattern of ssh's, in which `*` stands for any text and `?` for one character. In time of their
 * lengths multiplied: a pattern may come from a file, or a certificate, of another person.
 */
export function fitsPattern(pattern: string, name: string): boolean {
  let [at, from] = [0, 0];
  /** Where the last `*` stands, and how far it reaches so far. */
  let star: { readonly at: number; reach: number } | undefined;
  while (from < name.length) {
    if (pattern[at] === '*') {
      star = { at, reach: from };
      at += 1;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[from])) {
      at += 1;
      from += 1;
    } else if (star !== undefined) {
      star.reach += 1;
      at = star.at + 1;
      from = star.reach;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

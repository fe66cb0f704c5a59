/** Order by code units: the same on every machine and in every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function sorted(texts: Iterable<string>): string[] {
  if (Array.isArray(texts) && texts.length < 2) return [...texts];
  return [...new Set(texts)].sort(compareText);
}

/** True for the same items in the same order. A plain loop: plans compare lists that every node has of all others. */
export function sameItems<T extends string | number>(a: readonly T[], b: readonly T[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

/** How well a typed word fits a text: 0 is the word itself, larger is worse, undefined is not at all. */
export function scoreOf(typed: string, text: string): number | undefined {
  const word = typed.toLowerCase();
  const all = text.toLowerCase();
  if (word === '' || word === all) return 0;
  if (all.startsWith(word)) return 1;
  const at = all.indexOf(word);
  if (at >= 0) return /[^a-z0-9]/.test(all.charAt(at - 1)) ? 2 : 3;
  return isWithin(word, all) ? 4 : undefined;
}

/** Every letter, in this order. */
function isWithin(word: string, text: string): boolean {
  let at = 0;
  for (const letter of word) {
    at = text.indexOf(letter, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

/** Those that fit, the best first; equals stay in their order. */
export function ranked<T>(typed: string, all: readonly T[], textsOf: (one: T) => readonly string[]): readonly T[] {
  return all
    .flatMap((one) => {
      const scores = textsOf(one).flatMap((text, i) => {
        const score = scoreOf(typed, text);
        // A word within a description counts, letters strewn over it do not.
        return score === undefined || (i > 0 && score > 3) ? [] : [score * 2 + Math.min(i, 1)];
      });
      return scores.length === 0 ? [] : [{ one, score: Math.min(...scores) }];
    })
    .toSorted((a, b) => a.score - b.score)
    .map(({ one }) => one);
}

import { secretStarts, withoutSecret } from '../model/secrets.ts';
import { type Line, line } from './lines.ts';

/** Removed and added lines with their numbers, without unchanged lines and without values that may be secrets. */
export function diffLines(before: string, after: string): readonly Line[] {
  const [old, fresh] = [before.split(/\r?\n/), after.split(/\r?\n/)];
  const kept = keptLines(old, fresh);
  const keptOld = new Set(kept.map(([i]) => i));
  const keptFresh = new Set(kept.map(([, j]) => j));
  const [shownOld, shownFresh] = [shown(old), shown(fresh)];
  const edits = [
    ...shownOld.flatMap((text, i) => (keptOld.has(i) ? [] : [{ at: i, sign: '-', text, tone: 'fault' as const }])),
    ...shownFresh.flatMap((text, j) => (keptFresh.has(j) ? [] : [{ at: j, sign: '+', text, tone: 'ok' as const }])),
  ];
  return edits
    .toSorted((a, b) => a.at - b.at || (a.sign === '-' ? -1 : 1))
    .map(({ at, sign, text, tone }) => line(`${String(at + 1).padStart(5)} ${sign} ${text}`, tone));
}

function shown(lines: readonly string[]): readonly string[] {
  const secrets = secretStarts(lines);
  return lines.map((each, i) => withoutSecret(each, secrets[i]));
}

/** Pairs of a longest common subsequence; the files are short, so the table is small. */
function keptLines(old: readonly string[], fresh: readonly string[]): readonly (readonly [number, number])[] {
  const table: number[][] = Array.from({ length: old.length + 1 }, () => new Array<number>(fresh.length + 1).fill(0));
  const at = (i: number, j: number): number => table[i]?.[j] ?? 0;
  for (let i = old.length - 1; i >= 0; i -= 1) {
    const row = table[i] ?? [];
    for (let j = fresh.length - 1; j >= 0; j -= 1) {
      row[j] = old[i] === fresh[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const pairs: [number, number][] = [];
  let [i, j] = [0, 0];
  while (i < old.length && j < fresh.length) {
    if (old[i] === fresh[j]) pairs.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i += 1;
    else j += 1;
  }
  return pairs;
}

import type { BoardRow } from '../../../view/board/types.ts';

/** A filter as it was typed; `problem` where it cannot be read, and then nothing is hidden. */
export interface ClusterFilter {
  readonly matches: (row: BoardRow, titles: readonly string[]) => boolean;
  readonly problem?: string;
}

type Test = ClusterFilter['matches'];

/**
 * Words that must all be true: `wiki` in the name, `!wiki` not in it, `node:beta`, `state:failed` (also `drift`,
 * `blocked`, `moving`), `/^w.*i$/` as a regular expression; `!` turns each of them.
 */
export function parseFilter(text: string): ClusterFilter {
  const tests: Test[] = [];
  for (const word of text.trim().split(/\s+/)) {
    const isNot = word.startsWith('!');
    const body = isNot ? word.slice(1) : word;
    if (body === '') continue;
    const test = testOf(body);
    if (test === undefined) return { matches: () => true, problem: `${body} is not a regular expression` };
    tests.push(isNot ? (row, titles) => !test(row, titles) : test);
  }
  return { matches: (row, titles) => tests.every((test) => test(row, titles)) };
}

function testOf(word: string): Test | undefined {
  const [key, ...rest] = word.toLowerCase().split(':');
  const value = rest.join(':');
  if (key === 'node' && rest.length > 0) {
    return (row, titles) => [row.node, row.wanted ?? '', ...titles].some((each) => each.toLowerCase().includes(value));
  }
  if (key === 'state' && rest.length > 0) return (row) => statesOf(row).some((state) => state.startsWith(value));
  if (word.startsWith('/')) return patternTest(word);
  return (row) => row.name.toLowerCase().includes(word.toLowerCase());
}

/** A lone `/` is the beginning of one, and hides nothing yet. */
function patternTest(word: string): Test | undefined {
  const source = word.length > 1 && word.endsWith('/') ? word.slice(1, -1) : word.slice(1);
  try {
    const pattern = new RegExp(source, 'iu');
    return (row) => pattern.test(row.name);
  } catch {
    return undefined;
  }
}

function statesOf({ state, note, text }: BoardRow): readonly string[] {
  const kinds: readonly string[] = note === undefined ? [] : [note.kind, ...(words[note.kind] ?? [])];
  return [state, text.toLowerCase(), ...kinds];
}

const words: Readonly<Record<string, readonly string[] | undefined>> = {
  change: ['drift'],
  goes: ['moving'],
  comes: ['moving'],
  remove: ['drift', 'unwanted'],
  add: ['drift', 'missing'],
  foreign: ['unmanaged'],
  working: ['moving'],
};

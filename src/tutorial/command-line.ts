import { splitShellWords } from '../config/shell-words.ts';
import type { Act } from './types.ts';

/** The program that a command of a page starts, and its arguments. */
export interface CommandLine {
  readonly program: 'drover' | 'lab' | 'node' | 'other';
  readonly words: readonly string[];
}

const prefixes = [
  ['npm run -s drover --', 'drover'],
  ['npm run drover --', 'drover'],
  ['drover', 'drover'],
  ['npm run -s lab --', 'lab'],
  ['npm run lab --', 'lab'],
  ['node', 'node'],
] as const;

/** Undefined if a quotation mark is not closed. No shell reads the command, so nothing in it is expanded. */
export function readCommandLine(text: string): CommandLine | undefined {
  const words = splitShellWords(text);
  if (words === undefined) return undefined;
  for (const [prefix, program] of prefixes) {
    const named = prefix.split(' ');
    if (named.every((word, i) => words[i] === word)) return { program, words: words.slice(named.length) };
  }
  return { program: 'other', words };
}

/** What the command does to the files and the cluster; `other`: only the command itself can do it. */
export function actOf({ program, words }: CommandLine): Act {
  if (program !== 'drover') return { kind: 'other' };
  const at = words.indexOf('-C');
  const folder = at < 0 ? undefined : words[at + 1];
  const [verb, app, to] = words.filter((_word, i) => at < 0 || (i !== at && i !== at + 1));
  if (folder === undefined || words.includes('--no-apply')) return { kind: 'other' };
  if (verb === 'apply') return { kind: 'apply', folder };
  if (verb === 'move' && app !== undefined && to !== undefined) return { kind: 'move', folder, app, to };
  return { kind: 'other' };
}

/** logs NODE: the journal of a node; for a node that does not answer the log files of its machine. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../errors.mjs';
import { pidOf } from '../machine.ts';
import { onNode, quote, sshWords } from '../nodes.ts';
import { nodeDir } from '../paths.mjs';
import { labName, requireLab } from '../store.ts';
import type { Lab, Values } from '../types.ts';
import { nodeIndex } from './ssh.ts';

const LINES = 200;
const ANSWER_LIMIT_MS = 15_000;
/** The log files of a machine, oldest first, and what each has. */
const FILES: readonly (readonly [string, string])[] = [
  ['provision.log', 'the output of provision.sh'],
  ['machine.log', "the machine's own messages"],
  ['console.log', 'the console'],
];

interface JournalOptions {
  readonly unit?: string | undefined;
  readonly follow?: boolean;
  readonly lines?: number;
}

/** The command that prints the journal. */
export function journalCommand({ unit, follow, lines = LINES }: JournalOptions): string {
  const words = ['journalctl', '--no-pager', '--output=short-iso', `--lines=${lines}`];
  if (unit !== undefined) words.push(`--unit=${unit}`);
  if (follow) words.push('--follow');
  return words.map(quote).join(' ');
}

/** Prints the files; with `follow` also new lines of the last one. */
function printFiles(
  lab: Lab,
  index: number,
  { follow, lines }: { readonly follow: boolean; readonly lines: number },
): void {
  const dir = nodeDir(lab.name, index);
  for (const [file, what] of FILES) {
    const path = join(dir, file);
    if (!existsSync(path)) continue;
    process.stdout.write(`--- ${what}: ${path}\n`);
    const last = file === FILES.at(-1)?.[0];
    spawnSync('tail', ['-n', String(lines), ...(follow && last ? ['-F'] : []), path], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  }
}

export async function logs(values: Values, [node]: readonly string[]): Promise<number> {
  const lab = await requireLab(labName(values));
  const index = nodeIndex(lab, node);
  const lines = values.lines === undefined ? LINES : Number(values.lines);
  if (!Number.isInteger(lines) || lines < 1)
    throw new UsageError(`--lines must be a whole number, not "${values.lines}".`);
  const follow = Boolean(values.follow);
  const answers =
    pidOf(lab, index) && (await onNode(lab, index, 'true', { nothrow: true, limitMs: ANSWER_LIMIT_MS })).exitCode === 0;
  if (!answers) {
    process.stderr.write(
      `node${index} ${pidOf(lab, index) ? 'does not answer' : 'is off'}; these are the logs of its machine:\n`,
    );
    printFiles(lab, index, { follow, lines });
    return 3;
  }
  const [program = '', ...args] = sshWords(lab, index);
  const done = spawnSync(program, [...args, journalCommand({ unit: values.unit, follow, lines })], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // Ctrl-C is how following ends.
  return done.signal === 'SIGINT' ? 130 : (done.status ?? 255);
}

/** logs NODE: the journal of a node; what its machine said where the node cannot be asked. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../errors.mjs';
import { pidOf } from '../machine.mjs';
import { onNode, quote, sshWords } from '../nodes.mjs';
import { nodeDir } from '../paths.mjs';
import { labName, requireLab } from '../store.mjs';
import { nodeIndex } from './ssh.mjs';

const LINES = 200;
const ANSWER_LIMIT_MS = 15_000;
/** Not the node's voice but what was said about it, oldest first. */
const FILES = [
  ['provision.log', 'what provision.sh did'],
  ['machine.log', "the machine's own messages"],
  ['console.log', 'the console'],
];

/** The command that shows the journal; pure, for the test. */
export function journalCommand({ unit, follow, lines = LINES }) {
  const words = ['journalctl', '--no-pager', '--output=short-iso', `--lines=${lines}`];
  if (unit !== undefined) words.push(`--unit=${unit}`);
  if (follow) words.push('--follow');
  return words.map(quote).join(' ');
}

/** The files, and with -f what is added to the last of them. */
function showFiles(lab, index, { follow, lines }) {
  const dir = nodeDir(lab.name, index);
  for (const [file, what] of FILES) {
    const path = join(dir, file);
    if (!existsSync(path)) continue;
    process.stdout.write(`--- ${what}: ${path}\n`);
    const last = file === FILES.at(-1)[0];
    spawnSync('tail', ['-n', String(lines), ...(follow && last ? ['-F'] : []), path], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  }
}

export async function logs(values, [node]) {
  const lab = await requireLab(labName(values));
  const index = nodeIndex(lab, node);
  const lines = values.lines === undefined ? LINES : Number(values.lines);
  if (!Number.isInteger(lines) || lines < 1)
    throw new UsageError(`--lines must be a whole number, not "${values.lines}".`);
  const follow = Boolean(values.follow);
  const answers =
    pidOf(lab, index) && (await onNode(lab, index, 'true', { nothrow: true, limit: ANSWER_LIMIT_MS })).exitCode === 0;
  if (!answers) {
    process.stderr.write(
      `node${index} ${pidOf(lab, index) ? 'does not answer' : 'is off'}; this is what its machine left:\n`,
    );
    showFiles(lab, index, { follow, lines });
    return 3;
  }
  const [program, ...args] = sshWords(lab, index);
  const done = spawnSync(program, [...args, journalCommand({ unit: values.unit, follow, lines })], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // Ctrl-C is how following ends.
  return done.signal === 'SIGINT' ? 130 : (done.status ?? 255);
}

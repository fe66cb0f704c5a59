/** ssh NODE [COMMAND…]: a shell on a node, or one command. console NODE: its serial line, which needs no network. */
import { spawnSync } from 'node:child_process';
import { attach, LEAVE_TEXT } from '../console.ts';
import { LabError, UsageError } from '../errors.mjs';
import { consolePath, pidOf } from '../machine.ts';
import { sshWords } from '../nodes.ts';
import { labName, requireLab } from '../store.ts';
import type { Lab, Values } from '../types.ts';

/** "node2" or "2" -> 2. Throws UsageError where the lab does not have that node. */
export function nodeIndex(lab: Lab, word: string | undefined): number {
  const index = Number(/^(?:node)?([1-9])$/.exec(word ?? '')?.[1]);
  if (!index || index > lab.nodes) {
    throw new UsageError(`unknown node "${word ?? ''}"; this lab has node1 to node${lab.nodes}.`);
  }
  return index;
}

/** The lab and the number of a node that runs. Throws LabError where it is off. */
async function runningNode(values: Values, word: string | undefined): Promise<{ lab: Lab; index: number }> {
  const lab = await requireLab(labName(values));
  const index = nodeIndex(lab, word);
  if (!pidOf(lab, index)) throw new LabError(`node${index} is off; \`npm run lab -- up\` starts it.`);
  return { lab, index };
}

export async function ssh(values: Values, [node, ...command]: readonly string[]): Promise<number> {
  const { lab, index } = await runningNode(values, node);
  const terminal = command.length === 0 && process.stdin.isTTY ? ['-t'] : [];
  const [program = '', ...args] = sshWords(lab, index, ...terminal);
  const done = spawnSync(program, [...args, ...command], { stdio: 'inherit' });
  return done.status ?? 255;
}

export async function consoleOf(values: Values, [node]: readonly string[]): Promise<number> {
  const { lab, index } = await runningNode(values, node);
  const { stdin, stdout, stderr } = process;
  if (stdin.isTTY) stderr.write(`The console of node${index}, as root; ${LEAVE_TEXT} leaves it.\n`);
  const why = await attach(consolePath(lab, index), { input: stdin, output: stdout });
  if (stdin.isTTY) {
    stderr.write(why === 'machine' ? `\nnode${index} went off.\n` : `\nLeft the console of node${index}.\n`);
  }
  return why === 'machine' ? 1 : 0;
}

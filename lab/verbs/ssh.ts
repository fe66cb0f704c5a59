/** ssh NODE [COMMAND…]: a shell on a node, or one command; its exit status becomes ours. */
import { spawnSync } from 'node:child_process';
import { LabError, UsageError } from '../errors.mjs';
import { pidOf } from '../machine.mjs';
import { sshWords } from '../nodes.mjs';
import { labName, requireLab } from '../store.mjs';

/** "node2" or "2" -> 2, when the lab has such a node. */
export function nodeIndex(lab, word) {
  const index = Number(/^(?:node)?([1-9])$/.exec(word ?? '')?.[1]);
  if (!index || index > lab.nodes) {
    throw new UsageError(`"${word ?? ''}" is no node of this lab; it has node1 to node${lab.nodes}.`);
  }
  return index;
}

export async function ssh(values, [node, ...command]) {
  const lab = await requireLab(labName(values));
  const index = nodeIndex(lab, node);
  if (!pidOf(lab, index)) throw new LabError(`node${index} is off; \`npm run lab -- up\` starts it.`);
  const [program, ...args] = sshWords(lab, index, ...(command.length === 0 && process.stdin.isTTY ? ['-t'] : []));
  const done = spawnSync(program, [...args, ...command], { stdio: 'inherit' });
  return done.status ?? 255;
}

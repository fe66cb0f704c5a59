/** console NODE: the node's serial line, which needs no network. */
import { attach, LEAVE_TEXT } from '../console.mjs';
import { LabError } from '../errors.mjs';
import { consolePath, pidOf } from '../machine.mjs';
import { labName, requireLab } from '../store.mjs';
import { nodeIndex } from './ssh.mjs';

export async function consoleOf(values, [node]) {
  const lab = await requireLab(labName(values));
  const index = nodeIndex(lab, node);
  if (!pidOf(lab, index)) throw new LabError(`node${index} is off; \`npm run lab -- up\` starts it.`);
  const { stdin, stdout, stderr } = process;
  if (stdin.isTTY) stderr.write(`The console of node${index}, as root; ${LEAVE_TEXT} leaves it.\n`);
  const why = await attach(consolePath(lab, index), { input: stdin, output: stdout });
  if (stdin.isTTY) {
    stderr.write(why === 'machine' ? `\nnode${index} went off.\n` : `\nLeft the console of node${index}.\n`);
  }
  return why === 'machine' ? 1 : 0;
}

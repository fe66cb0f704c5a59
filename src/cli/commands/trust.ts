import { AppError } from '../../model/errors.ts';
import { nodeTitle } from '../../view/wording.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { chooseFiles } from '../files.ts';
import { withInterrupts } from '../interrupt.ts';
import { type Invocation, reportProblems, requireNode, say } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printed } from '../style.ts';
import type { HostKeyAnswer } from '../world.ts';

export interface TrustOptions {
  /** `SHA256:…` as known from elsewhere; the key is accepted if it has it, and refused otherwise. */
  readonly fingerprint?: string;
}

/** First contact with a node: shows its key's fingerprint, and keeps the key once somebody says it is right. */
export async function trust(invocation: Invocation, word: string, { fingerprint }: TrustOptions): Promise<ExitCode> {
  const { world, options } = invocation;
  const files = await chooseFiles(options, world);
  const read = await world.readConfig(files);
  if (!read.ok) return reportProblems(invocation, read.problems);
  const node = requireNode(read.config, word);
  const title = nodeTitle(read.config, node);
  const answer = await withInterrupts(world, 'prompt', ({ hard }) => world.askHostKey(files, node, hard));
  if (answer.known) {
    say(invocation, printed`${title} is known already; there is nothing to accept\n`);
    if (options.json) printJson(world, { ok: true, node, known: true });
    return exitCode.done;
  }
  await decideTrust(invocation, answer, title, fingerprint);
  const file = await answer.accept();
  say(invocation, printed`${title} is trusted now; its key is in ${file}\n`);
  if (options.json) {
    printJson(world, { ok: true, node, known: false, type: answer.type, fingerprint: answer.fingerprint, file });
  }
  return exitCode.done;
}

/**
 * Compares the key with the expected fingerprint, or shows it and asks; --yes does not answer for a key that nobody has
 * looked at. Throws `host-key-unknown` where the key is not accepted.
 */
export async function decideTrust(
  { world: { terminal }, options }: Invocation,
  { type, fingerprint: shown }: HostKeyAnswer & { known: false },
  title: string,
  expected: string | undefined,
): Promise<void> {
  if (expected !== undefined) {
    if (expected === shown) return;
    throw new AppError('host-key-unknown', `cannot trust ${title}: it shows ${shown}, not ${expected}`, {
      hint: 'do not go on before you know why: something else may answer in its place',
    });
  }
  const refusal = new AppError('host-key-unknown', `cannot trust ${title}: nobody accepted its key, ${type} ${shown}`, {
    hint: 'compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the node, then give `--fingerprint SHA256:…`',
  });
  if (terminal.ask === undefined || options.json) throw refusal;
  const question = printed`${title} shows this key: ${type} ${shown}\nIs that the node's key? (yes/no) `;
  if ((await terminal.ask(question)).trim().toLowerCase() !== 'yes') throw refusal;
}

import { AppError } from '../../model/errors.ts';
import { nodeTitle } from '../../view/wording.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { chooseFiles, requireConfig } from '../files.ts';
import { withInterrupts } from '../interrupt.ts';
import { type Invocation, requireNode, say } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printed } from '../style.ts';
import type { HostKeyAnswer } from '../world.ts';

export interface TrustOptions {
  /** `SHA256:…`; the key is accepted only if it has this fingerprint. */
  readonly fingerprint?: string;
}

/** Shows the fingerprint of a node's host key, and stores the key after a person confirms it. */
export async function trust(invocation: Invocation, word: string, { fingerprint }: TrustOptions): Promise<ExitCode> {
  const { world, options } = invocation;
  const files = await chooseFiles(options, world);
  const config = await requireConfig(files, world);
  const node = requireNode(config, word);
  const title = nodeTitle(config, node);
  const answer = await withInterrupts(world, 'prompt', ({ hard }) => world.askHostKey(files, node, hard));
  if (answer.known) {
    say(invocation, printed`${title} is trusted already\n`);
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
 * Compares the key with the expected fingerprint, or shows it and asks. --yes does not answer this question. Throws
 * `host-key-unknown` if the key is not accepted.
 */
export async function decideTrust(
  { world: { terminal }, options }: Invocation,
  { type, fingerprint: shown }: HostKeyAnswer & { known: false },
  title: string,
  expected: string | undefined,
): Promise<void> {
  if (expected !== undefined) {
    if (expected === shown) return;
    throw new AppError('host-key-unknown', `cannot trust ${title}: its key is ${shown}, not ${expected}`, {
      hint: 'find out why first: another machine may answer at this address',
    });
  }
  const refusal = new AppError('host-key-unknown', `cannot trust ${title}: its key ${type} ${shown} was not accepted`, {
    hint: 'compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the node, then give `--fingerprint SHA256:…`',
  });
  if (terminal.ask === undefined || options.json) throw refusal;
  const question = printed`${title} presents this key: ${type} ${shown}\nIs this the key of the node? (yes/no) `;
  if ((await terminal.ask(question)).trim().toLowerCase() !== 'yes') throw refusal;
}

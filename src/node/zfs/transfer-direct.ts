import { AppError } from '../../model/errors.ts';
import { stderrTailBytes, transferLineBytes, transferProgressMs } from '../../model/limits.ts';
import { isAddress, isHostKey, isTransferKey, sendFlags } from '../../model/untrusted.ts';
import type { SpawnedCommand } from '../command.ts';
import { printCommand, tailOf } from '../command.ts';
import { createLineReader } from '../docker/streams.ts';
import { type Fence, lateCode } from '../fence.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import type { SendResult } from './transfer-relay.ts';
import * as scripts from './transfer-scripts.ts';

/** How the source reaches the target's sshd; see `probeRoute`. */
export interface Route {
  readonly address: string;
  readonly port: number;
  /** The address of the source as the target sees it. */
  readonly source: string;
}

/**
 * The first of these places to which the source can connect. Its answer becomes part of a file on the target, so it must
 * name one of the places and an address. Throws `command-failed` for anything else.
 */
export async function probeRoute(
  source: NodeConnection,
  places: readonly { readonly address: string; readonly port: number }[],
  signal: AbortSignal,
): Promise<Route | undefined> {
  if (places.length === 0) return undefined;
  const args = places.flatMap(({ address, port }) => [address, String(port)]);
  const { stdout } = await source.script(scripts.probeScript, args, { signal, okCodes: [0, 1] });
  if (stdout === '') return undefined;
  const [, answer = '', from = ''] = /^(\S+ \S+) (\S+)\n$/.exec(stdout) ?? [];
  const place = places.find(({ address, port }) => answer === `${address} ${port}`);
  if (place === undefined || !isAddress(from)) throw badAnswer(source.node, 'its way to the other node', stdout);
  return { ...place, source: from };
}

/** The error for an answer that drover's program never prints, which is shown without control characters. */
function badAnswer(node: string, about: string, said: string): AppError {
  const shown = JSON.stringify(said.length > 200 ? `${said.slice(0, 200)}…` : said);
  return new AppError('command-failed', `cannot use the answer of "${node}" about ${about}: ${shown}`, {
    hint: `find out what runs on "${node}": no program of drover answers like this`,
    details: { node },
  });
}

/** One operation. Its name is part of the key's line and directory, so that both can be found and removed. */
export interface DirectSend {
  readonly operation: string;
  readonly source: NodeConnection;
  readonly target: NodeConnection;
  /** The locks that were taken on both nodes. */
  readonly fences: { readonly source: Fence; readonly target: Fence };
  readonly route: Route;
  /** The dataset whose flags the stream gets; undefined for a resumed stream, whose token has them. */
  readonly dataset: string | undefined;
  readonly sendArgs: (flags: readonly string[]) => readonly string[];
  readonly receiveArgs: readonly string[];
}

/** Sends from node to node, with a key that permits only this receive and is removed afterwards. */
export async function sendDirect(
  send: DirectSend,
  progress: (doneBytes: number) => void,
  signal: AbortSignal,
): Promise<SendResult> {
  const { operation, source, target, fences, route } = send;
  const { user, hostKeys } = target.remote;
  const wrong = hostKeys.find((key) => !isHostKey(key));
  if (wrong !== undefined) throw badAnswer(target.node, 'its host key', wrong);
  try {
    const prepared = await source.script(scripts.prepareScript, [operation, send.dataset ?? '', ...hostKeys], {
      signal,
    });
    const [key = '', flags] = prepared.stdout.split('\n');
    if (!isTransferKey(key)) throw badAnswer(source.node, 'the key of the transfer', key);
    const command = forcedCommand(fences.target, send.receiveArgs, target.remote.isRoot);
    const allowed = [user, operation, key, route.source, command];
    await target.script(scripts.authorizeScript, allowed, { signal });
    const words = [fences.source.token, `/run/drover/send-${operation}`, String(route.port), user, route.address];
    const argv = ['bash', '-c', scripts.directScript, 'drover', ...words, ...send.sendArgs(sendFlags(flags))] as const;
    return await attend(await source.spawn(argv, signal), progress);
  } finally {
    // Without the caller's signal: an aborted transfer leaves no key either. On a node that is lost, the key expires.
    const limit = { timeoutMs: 10_000 };
    await Promise.allSettled([
      target.script(scripts.forbidScript, [user, operation], limit),
      source.script(scripts.discardScript, [operation], limit),
    ]);
  }
}

/** The command that sshd runs whatever the client asks for. In its file, only double quotes need a backslash. */
export function forcedCommand(fence: Fence, receiveArgs: readonly string[], isRoot: boolean): string {
  const command = scripts.fencedReceive(fence, receiveArgs);
  return `exec ${printCommand(isRoot ? command : ['sudo', '-n', '--', ...command])}`.replaceAll('"', '\\"');
}

async function attend(pipe: SpawnedCommand, progress: (doneBytes: number) => void): Promise<SendResult> {
  let bytes = 0;
  let codes: readonly number[] = [];
  let said = '';
  let reportedAt = 0;
  const say = (line: string): void => {
    said = `${said}${line}\n`.slice(-stderrTailBytes);
  };
  pipe.stdout.resume();
  const read = (line: string): void => {
    const [, word, rest = ''] = /^drover-(bytes|status) ([\d ]{1,40})$/.exec(line) ?? [];
    if (word === 'bytes') {
      bytes = Number(rest);
      if (performance.now() - reportedAt < transferProgressMs) return;
      reportedAt = performance.now();
      progress(bytes);
    } else if (word === 'status') codes = rest.split(' ').map(Number);
    else say(line);
  };
  const reader = createLineReader(transferLineBytes);
  for await (const chunk of pipe.stderr) reader.push(chunk).forEach(read);
  reader.end().forEach(read);
  // The last count may have come too soon after the one before to be reported.
  if (bytes > 0) progress(bytes);
  const end = await pipe.done.catch((error: unknown) => void say(String(error)));
  const lost = end === undefined;
  return {
    bytes,
    ok: !lost && codes.length === 3 && codes.every((code) => code === 0),
    lost: lost || codes[2] === 255,
    late: end?.code === lateCode ? 'source' : codes[2] === lateCode ? 'target' : undefined,
    said: tailOf(said),
  };
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { Algorithms, AnyAuthMethod, Client } from 'ssh2';
import ssh2 from 'ssh2';
import type { NodeSettings } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import type { Environment } from '../command.ts';
import { chooseAlgorithms } from './algorithms.ts';
import { gatherCredentials } from './auth.ts';
import { parseHop, resolveTarget, type SshTarget } from './config.ts';
import { connectError, foreignServer, hostKeyError, wantsMore } from './errors.ts';
import { readHostKeys } from './host-keys.ts';
import { type HostKeyVerdict, keyType } from './known-hosts.ts';
import { extendAuthentication } from './ssh2-authentication.ts';

/** What every connection of one `connect` shares. */
export interface DialContext {
  /** The node to reach; errors name it, including those of jump hosts. */
  readonly node: string;
  readonly env: Environment;
  readonly note: (text: string) => void;
  /** Receives every key that is not pinned, before the connection is refused. */
  readonly onUntrusted?: (target: SshTarget, key: Buffer, verdict: HostKeyVerdict) => void;
}

/** A connection that has logged in. */
export interface Dialled {
  readonly client: Client;
  readonly target: SshTarget;
  readonly address: string;
  /** `type base64`, the presented key first. */
  readonly hostKeys: readonly string[];
}

const maximumHops = 8;

/** Resolves the target, opens a socket (through jump hosts or a ProxyCommand) and logs in. Verifies the key of every hop. */
export async function dial(
  alias: string,
  settings: NodeSettings,
  context: DialContext,
  signal: AbortSignal,
  depth = 0,
): Promise<Dialled> {
  if (depth > maximumHops) throw new AppError('usage', `cannot connect to "${context.node}": more than 8 jump hosts`);
  const target = await resolveTarget(alias, settings, context.env, context.note);
  const open = (): Promise<OpenSocket> => openSocket(target, settings, context, signal, depth);
  return logIn(target, await open(), context, signal, async () => (await open()).stream);
}

interface OpenSocket {
  readonly stream: Duplex;
  readonly address: string;
  /** Why the ProxyCommand has ended; undefined while it runs, or where it ended without an error. */
  readonly failure?: () => Promise<Error | undefined>;
}

/** A command closes its pipes before it exits; its exit code and last output come within this time. */
const lastWordsMs = 1_000;

async function openSocket(
  target: SshTarget,
  settings: NodeSettings,
  context: DialContext,
  signal: AbortSignal,
  depth: number,
): Promise<OpenSocket> {
  try {
    if (target.jump.length > 0) return await openThroughJump(target, settings, context, signal, depth);
    if (target.proxyCommand !== undefined) return openThroughCommand(target, target.proxyCommand, context);
    const { host, port, family, localAddress } = target;
    const socket = connectSocket({ host, port, noDelay: true, ...defined({ family, localAddress }) });
    const destroy = (): void => void socket.destroy();
    signal.addEventListener('abort', destroy, { once: true });
    try {
      await once(socket, 'connect', { signal });
    } finally {
      signal.removeEventListener('abort', destroy);
    }
    return { stream: socket, address: socket.remoteAddress ?? target.host };
  } catch (error) {
    throw connectError(context.node, target, error, []);
  }
}

/** As `ssh -J a,b`: b is reached through a, the target through b; the first hop may have its own ProxyJump. */
async function openThroughJump(
  target: SshTarget,
  settings: NodeSettings,
  context: DialContext,
  signal: AbortSignal,
  depth: number,
): Promise<OpenSocket> {
  const hop = parseHop(target.jump.at(-1) ?? '');
  const before = target.jump.slice(0, -1);
  const { sshConfigFile, knownHostsFile } = settings;
  const hopSettings: NodeSettings = {
    ...defined({ user: hop.user, port: hop.port }),
    ...(before.length === 0 ? {} : { jump: before.join(',') }),
    ...defined({ sshConfigFile, knownHostsFile }),
  };
  const { client } = await dial(hop.host, hopSettings, context, signal, depth + 1);
  const stream = await new Promise<Duplex>((resolve, reject) => {
    client.once('close', () => reject(new Error(`lost the jump host "${hop.host}"`)));
    client.forwardOut('127.0.0.1', 0, target.host, target.port, (error, channel) => {
      if (error) reject(new Error(`the jump host "${hop.host}" cannot reach it: ${error.message}`, { cause: error }));
      else resolve(channel);
    });
  }).catch((error: unknown) => {
    client.end();
    throw error;
  });
  stream.once('close', () => client.end());
  client.once('close', () => stream.destroy());
  return { stream, address: target.host };
}

/** As ssh runs it: `sh -c 'exec …'`, its stdin and stdout are the connection. */
function openThroughCommand(target: SshTarget, command: string, context: DialContext): OpenSocket {
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...context.env },
  });
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  // The stream may fail before the handshake listens, which then reads `errored`.
  stream.on('error', () => undefined);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-500);
  });
  child.once('error', (error) => stream.destroy(error));
  const ended = new Promise<Error | undefined>((resolve) => {
    child.once('close', (code) => {
      const isFailure = code !== 0 && code !== null;
      resolve(isFailure ? new Error(`ProxyCommand ended with ${code}: ${said.trim()}`) : undefined);
    });
  });
  ended.then((failure) => stream.destroy(failure));
  stream.once('close', () => child.kill());
  const failure = () => Promise.race([ended, pause(lastWordsMs, undefined, { ref: false })]);
  return { stream, address: target.host, failure };
}

async function logIn(
  target: SshTarget,
  socket: OpenSocket,
  context: DialContext,
  signal: AbortSignal,
  connectAgain: () => Promise<Duplex>,
): Promise<Dialled> {
  let locked: readonly string[] = [];
  try {
    const known = await readHostKeys(target, { env: context.env, signal, connectAgain });
    const { pinned } = known;
    const credentials = await gatherCredentials(target, context.note);
    locked = credentials.locked;
    const { client, key } = await handshake({
      socket: socket.stream,
      methods: credentials.methods,
      username: target.user,
      algorithms: chooseAlgorithms(target.algorithms, pinned, target.alias),
      judge: async (presented) => {
        const verdict = await known.judge(presented);
        if (verdict.status === 'known') return undefined;
        context.onUntrusted?.(target, presented, verdict);
        return hostKeyError(context.node, target, presented, verdict);
      },
      note: context.note,
      signal,
    });
    const shown = `${keyType(key)} ${key.toString('base64')}`;
    return { client, target, address: socket.address, hostKeys: [shown, ...pinned.filter((line) => line !== shown)] };
  } catch (error) {
    // An AppError already has the cause.
    const isExplained = error instanceof AppError || signal.aborted;
    const failure = isExplained ? undefined : await socket.failure?.();
    socket.stream.destroy();
    throw connectError(context.node, target, failure ?? error, locked);
  }
}

interface Handshake {
  readonly socket: Duplex;
  readonly methods: readonly AnyAuthMethod[];
  readonly username: string;
  readonly algorithms: Algorithms;
  /** Undefined for a trusted key. A rejection, where that cannot be found out, refuses the key as well. */
  readonly judge: (key: Buffer) => Promise<AppError | undefined>;
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

function handshake(options: Handshake): Promise<{ client: Client; key: Buffer }> {
  const { signal } = options;
  const remaining = [...options.methods];
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    let key: Buffer = Buffer.alloc(0);
    let distrust: unknown;
    let partial: readonly string[] | undefined;
    let first: Buffer | undefined;
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', abort);
      reject(distrust ?? (partial === undefined ? foreignServer(first) : wantsMore(partial)) ?? error);
      client.destroy();
    };
    const abort = (): void => fail(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    client.on('error', (error) => {
      // Key files can still be tried without the agent.
      if (error.level === 'agent') options.note(`the ssh agent cannot be used: ${error.message}`);
      else fail(error);
    });
    client.once('close', () => fail(new Error('the connection was closed before the login')));
    client.once('ready', () => {
      signal.removeEventListener('abort', abort);
      resolve({ client, key });
    });
    if (signal.aborted) return abort();
    options.socket.once('error', fail);
    if (options.socket.destroyed)
      return fail(options.socket.errored ?? new Error('the connection was closed before the handshake'));
    client.connect({
      sock: options.socket,
      username: options.username,
      // The whole attempt has its own limit in `signal`.
      readyTimeout: 0,
      keepaliveInterval: 10_000,
      keepaliveCountMax: 3,
      algorithms: options.algorithms,
      hostVerifier: (presented: Buffer, accept: (isTrusted: boolean) => void) => {
        key = presented;
        options.judge(presented).then(
          (error) => {
            distrust = error;
            accept(error === undefined);
          },
          (error: unknown) => {
            distrust = error;
            accept(false);
          },
        );
      },
      authHandler: (left, _partial, next) => {
        // `left` is null until the server has listed its methods.
        const possible = (left as readonly string[] | null)?.includes('publickey') ?? true;
        const method = possible ? remaining.shift() : undefined;
        // ssh2 accepts `false` for "no more"; its types do not show that.
        next((method ?? false) as AnyAuthMethod);
      },
    });
    options.socket.once('data', (chunk: Buffer) => {
      first = chunk;
    });
    extendAuthentication(client, (methods) => {
      partial = methods;
    });
  });
}

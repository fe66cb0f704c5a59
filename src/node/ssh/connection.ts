import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';
import type { NodeSettings } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import { allowManyListeners } from '../../model/many-listeners.ts';
import type { Argv, CommandResult, Environment, RunOptions, SpawnedCommand } from '../command.ts';
import { type Dialled, dial } from './dial.ts';
import { lostConnection } from './errors.ts';
import { boundUnread, createExecutor, type Executor } from './exec.ts';
import { countSessions } from './sessions.ts';

/** The remote side as seen when the connection was made. */
export interface RemoteSide {
  /** Name or address given to SSH. */
  readonly host: string;
  /** Address the socket is connected to; the host's name behind a jump host. */
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly isRoot: boolean;
  /** `type base64` of every key pinned for this host, the presented one first. */
  readonly hostKeys: readonly string[];
}

/** One SSH connection to a node; everything on it runs as root. */
export interface NodeConnection {
  readonly node: string;
  /**
   * Runs argv (never a shell line) as root (`sudo -n` where the login is not root). Rejects with `command-failed`
   * (node, argv, exit, tail of stderr) unless the exit code is in `okCodes`, `timeout`, `cancelled`, or
   * `connection-failed` when the connection is lost meanwhile.
   */
  run(argv: Argv, options?: RunOptions): Promise<CommandResult>;
  /** Feeds a fixed script to `bash -s -- ARGS` as root; data only through args. Throws as `run` does. */
  script(text: string, args: readonly string[], options?: Omit<RunOptions, 'input'>): Promise<CommandResult>;
  /** A command with streams. Abort: TERM to the remote process, 5 s, then the channel is closed. */
  spawn(argv: Argv, signal: AbortSignal): Promise<SpawnedCommand>;
  /** Opens so many sessions at once, past the limit that commands keep to; returns how many sshd granted. */
  countSessions(asked: number, signal: AbortSignal): Promise<number>;
  /** Channel to a unix socket on the node (direct-streamlocal), with the rights of the login. */
  openUnixSocket(path: string): Promise<Duplex>;
  readonly remote: RemoteSide;
  /** Aborts when the connection is gone. */
  readonly closed: AbortSignal;
  /** `reason`: why nothing more is taken from the node; at once, and every running command fails with it. */
  close(reason?: AppError): Promise<void>;
}

/** Limits of a connection, in milliseconds, and who hears what it notices. */
export interface ConnectOptions {
  /** Until the login is accepted and its rights are known; default 15 000. */
  readonly connectMs?: number;
  /** For commands that name no own limit; default 60 000. */
  readonly commandMs?: number;
  /** Things worth a line that are not failures: no ssh program on this machine, a key that cannot be read. */
  readonly onNote?: (text: string) => void;
  /** Each change of a node before it is made, as a line without secrets; `createCluster` tells it. */
  readonly onCommand?: (node: string, text: string) => void;
  /**
   * Folders of the files that describe the nodes: an accepted key is written only there, or into the user's own files.
   * Absent: a person named the file.
   */
  readonly keyFolders?: readonly string[];
  /** Environment of this process: HOME, USER, SSH_AUTH_SOCK, PATH. */
  readonly env: Environment;
}

/**
 * Connects, and finds out whether the login is root: "root" is, without a command for it. Throws `connection-failed` (retryable where the network failed,
 * not where the login was refused), `host-key-unknown`, `host-key-changed`, `command-failed` where sudo wants a password.
 */
export async function connect(
  node: string,
  settings: NodeSettings,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<NodeConnection> {
  const limitMs = options.connectMs ?? 15_000;
  const timeout = AbortSignal.timeout(limitMs);
  const either = AbortSignal.any([signal, timeout]);
  const context = { node, env: options.env, note: options.onNote ?? (() => undefined) };
  try {
    const dialled = await dial(settings.host ?? node, settings, context, either);
    return await assemble(node, dialled, options.commandMs ?? 60_000, either);
  } catch (error) {
    if (signal.aborted) throw new AppError('cancelled', `cannot connect to "${node}": cancelled`, { cause: error });
    if (!timeout.aborted) throw error;
    throw new AppError('connection-failed', `cannot connect to "${node}": no answer within ${limitMs} ms`, {
      retryable: true,
      details: { node },
      cause: error,
    });
  }
}

async function assemble(
  node: string,
  dialled: Dialled,
  commandMs: number,
  signal: AbortSignal,
): Promise<NodeConnection> {
  const { client, target } = dialled;
  const gone = new AbortController();
  let cause: unknown;
  client.on('error', (error) => {
    cause = error;
  });
  client.once('close', () => gone.abort(lostConnection(node, cause)));
  const closed = allowManyListeners(gone.signal);
  try {
    const asLogin = createExecutor({ node, client, closed, isRoot: true, commandMs });
    const isRoot = target.user === 'root' || (await hasRootsId(asLogin, signal));
    if (!isRoot) await checkSudo(node, target.user, asLogin, signal);
    const { run, spawn } = isRoot ? asLogin : createExecutor({ node, client, closed, isRoot, commandMs });
    return {
      node,
      run: (argv, options = {}) => run(argv, options),
      // In a function, so that a script cut short by a lost connection runs not at all, and cannot eat itself as input.
      script: (text, args, options = {}) =>
        run(['bash', '-s', '--', ...args], { ...options, input: `drover() {\n${text}\n}\ndrover "$@" </dev/null\n` }),
      spawn,
      countSessions: (asked, counting) => countSessions(client, asked, [closed, counting]),
      openUnixSocket: (path) => openUnixSocket(node, client, path, closed),
      remote: {
        host: target.host,
        address: dialled.address,
        port: target.port,
        user: target.user,
        isRoot,
        hostKeys: dialled.hostKeys,
      },
      closed,
      close: async (reason) => {
        if (reason === undefined) return end(client, closed);
        cause = reason;
        client.destroy();
      },
    };
  } catch (error) {
    client.destroy();
    throw error;
  }
}

/** The last line counts: the login's shell may print something first. */
async function hasRootsId(executor: Executor, signal: AbortSignal): Promise<boolean> {
  const { stdout } = await executor.run(['id', '-u'], { signal });
  return stdout.trim().split('\n').at(-1) === '0';
}

async function checkSudo(node: string, user: string, executor: Executor, signal: AbortSignal): Promise<void> {
  const { code, stderr } = await executor.run(['sudo', '-n', '--', 'true'], { signal, okCodes: anyCode });
  if (code === 0) return;
  throw new AppError(
    'command-failed',
    `cannot become root on "${node}" as "${user}": ${stderr.trim() || `sudo ends with ${code}`}`,
    {
      hint: `log in as root, or write "${user} ALL=(ALL) NOPASSWD: ALL" to /etc/sudoers.d/drover on the node`,
      details: { node, user, exit: code },
    },
  );
}

const anyCode: readonly number[] = Array.from({ length: 256 }, (_, code) => code);

function openUnixSocket(node: string, client: Client, path: string, closed: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(lostConnection(node, closed.reason));
    if (closed.aborted) return leave();
    closed.addEventListener('abort', leave, { once: true });
    client.openssh_forwardOutStreamLocal(path, (error, channel) => {
      closed.removeEventListener('abort', leave);
      if (!error) {
        // Attached at once: an error that comes before the caller listens would end the process.
        channel.on('error', () => undefined);
        boundUnread(channel);
        resolve(channel);
      } else {
        const message = `cannot open the socket "${path}" on "${node}": ${error.message}`;
        reject(new AppError('connection-failed', message, { details: { node, path }, cause: error }));
      }
    });
  });
}

async function end(client: Client, closed: AbortSignal): Promise<void> {
  if (closed.aborted) return;
  const timer = setTimeout(() => client.destroy(), 2_000);
  await new Promise<void>((resolve) => {
    closed.addEventListener('abort', () => resolve(), { once: true });
    client.end();
  });
  clearTimeout(timer);
}

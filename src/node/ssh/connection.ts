import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';
import type { NodeSettings } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import { allowManyListeners } from '../../model/many-listeners.ts';
import {
  type Argv,
  anyExitCode,
  type CommandResult,
  type Environment,
  type RunOptions,
  type SpawnedCommand,
} from '../command.ts';
import { type Dialled, dial } from './dial.ts';
import { lostConnection } from './errors.ts';
import { boundUnread, createExecutor, type Executor } from './exec.ts';
import { withPrepared } from './prepared.ts';
import { countSessions } from './sessions.ts';

/** The remote side of a connection. */
export interface RemoteSide {
  /** Name or address given to SSH. */
  readonly host: string;
  /** Address that the socket is connected to; behind a jump host, the host's name. */
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
   * `connection-failed` when the connection is lost before the command ends.
   */
  run(argv: Argv, options?: RunOptions): Promise<CommandResult>;
  /** Runs a fixed script with `bash -s -- ARGS` as root. Data goes into the arguments only. Throws as `run` does. */
  script(text: string, args: readonly string[], options?: Omit<RunOptions, 'input'>): Promise<CommandResult>;
  /**
   * Opens sessions ahead for the next commands with these scripts (of `script`, or the TEXT of `bash -c TEXT NAME ARGS…`).
   * Only saves time: never throws, and what was not used ends after two minutes.
   */
  prepare(scripts: readonly string[], signal: AbortSignal): Promise<void>;
  /** A command with streams. An abort sends TERM to the remote process and closes the channel after 5 s. */
  spawn(argv: Argv, signal: AbortSignal): Promise<SpawnedCommand>;
  /** Opens this many sessions at once, beyond the limit for commands; returns how many sshd granted. */
  countSessions(asked: number, signal: AbortSignal): Promise<number>;
  /** Channel to a unix socket on the node (direct-streamlocal), with the rights of the login. */
  openUnixSocket(path: string): Promise<Duplex>;
  /**
   * Tries a TCP connection from the node to an address, and closes it at once. Starts no process. `unknown` after the time
   * (ms), and where the node's sshd forwards nothing.
   */
  knock(address: string, port: number, limitMs: number): Promise<'accepted' | 'refused' | 'unknown'>;
  readonly remote: RemoteSide;
  /** Aborts when the connection is gone. */
  readonly closed: AbortSignal;
  /** With a `reason`, closes at once, and every running command fails with it. */
  close(reason?: AppError): Promise<void>;
}

/** Limits of a connection in milliseconds, and where its notes go. */
export interface ConnectOptions {
  /** Until the login is accepted and its rights are known; default 15 000. */
  readonly connectMs?: number;
  /** For commands without a limit of their own; default 60 000. */
  readonly commandMs?: number;
  /** Receives notes that are not errors: no local ssh program, a key that cannot be read. */
  readonly onNote?: (text: string) => void;
  /** Receives each change of a node before `createCluster`'s client makes it, as a line without secrets. */
  readonly onCommand?: (node: string, text: string) => void;
  /**
   * Folders of the files that describe the nodes: an accepted key is written only there or into the user's own files.
   * Absent where the user has named the known_hosts file.
   */
  readonly keyFolders?: readonly string[];
  /** Environment of this process: HOME, USER, SSH_AUTH_SOCK, PATH. */
  readonly env: Environment;
}

/**
 * Connects and finds out whether the login is root; a login named "root" needs no command for that. Throws
 * `connection-failed` (retryable for a network error, not for a refused login), `host-key-unknown`, `host-key-changed`,
 * and `command-failed` where sudo asks for a password.
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
    const executor = isRoot ? asLogin : createExecutor({ node, client, closed, isRoot, commandMs });
    const { run, spawn, script, prepare } = withPrepared(executor);
    return {
      node,
      run: (argv, options = {}) => run(argv, options),
      script: (text, args, options = {}) => script(text, args, options),
      prepare,
      spawn,
      countSessions: (asked, counting) => countSessions(client, asked, [closed, counting]),
      openUnixSocket: (path) => openUnixSocket(node, client, path, closed),
      knock: (address, port, limitMs) => knock(client, { address, port, limitMs }, closed),
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
  const { code, stderr } = await executor.run(['sudo', '-n', '--', 'true'], { signal, okCodes: anyExitCode });
  if (code === 0) return;
  throw new AppError(
    'command-failed',
    `cannot become root on "${node}" as "${user}": ${stderr.trim() || `sudo exits with ${code}`}`,
    {
      hint: `log in as root, or write "${user} ALL=(ALL) NOPASSWD: ALL" to /etc/sudoers.d/drover on the node`,
      details: { node, user, exit: code },
    },
  );
}

function openUnixSocket(node: string, client: Client, path: string, closed: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(lostConnection(node, closed.reason));
    if (closed.aborted) return leave();
    closed.addEventListener('abort', leave, { once: true });
    client.openssh_forwardOutStreamLocal(path, (error, channel) => {
      closed.removeEventListener('abort', leave);
      if (!error) {
        // At once: an error before the caller listens would end this process.
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

/** OpenSSH's reason for a channel that it could not connect; it has others where it forwards nothing. */
const connectFailed = 2;

function knock(
  client: Client,
  { address, port, limitMs }: { readonly address: string; readonly port: number; readonly limitMs: number },
  closed: AbortSignal,
): Promise<'accepted' | 'refused' | 'unknown'> {
  return new Promise((resolve) => {
    const leave = (answer: 'accepted' | 'refused' | 'unknown'): void => {
      clearTimeout(timer);
      closed.removeEventListener('abort', giveUp);
      resolve(answer);
    };
    const giveUp = (): void => leave('unknown');
    const timer = setTimeout(giveUp, limitMs);
    if (closed.aborted) return giveUp();
    closed.addEventListener('abort', giveUp, { once: true });
    client.forwardOut('127.0.0.1', 0, address, port, (error, channel) => {
      if (error) return leave('reason' in error && error.reason === connectFailed ? 'refused' : 'unknown');
      channel.on('error', () => undefined).resume();
      channel.close();
      leave('accepted');
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

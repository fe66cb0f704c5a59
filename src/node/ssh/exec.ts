import { constants } from 'node:os';
import { PassThrough, type Readable } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import { AppError, isAbort } from '../../model/errors.ts';
import {
  commandOutputBytes,
  commandOutputLines,
  printLimit,
  stderrTailBytes,
  unreadChannelBytes,
} from '../../model/limits.ts';
import { createSemaphore, type Semaphore } from '../../model/semaphore.ts';
import { withSignals } from '../../model/with-signals.ts';
import type { OpenSession, RunOptions, SpawnedCommand } from '../command.ts';
import { type Argv, type CommandResult, commandFailed, printCommand, shorten, tailOf } from '../command.ts';
import { cancelled, lostConnection } from './errors.ts';

/** Runs commands on one client. */
export interface Executor {
  run(argv: Argv, options: RunOptions): Promise<CommandResult>;
  spawn(argv: Argv, signal: AbortSignal): Promise<SpawnedCommand>;
  /**
   * Starts a command that waits for its input, and sends the beginning of that. It does not keep other commands waiting:
   * where all sessions are in use, it ends.
   */
  open(argv: Argv, head: string, signal: AbortSignal): Promise<OpenSession>;
}

export interface ExecutorOptions {
  readonly node: string;
  readonly client: Client;
  /** Aborts when the connection is gone. */
  readonly closed: AbortSignal;
  readonly isRoot: boolean;
  readonly commandMs: number;
}

/** sshd's default MaxSessions is 10: two stay free for signals and other tools on the connection. */
const maximumSessions = 8;
const graceMs = 5_000;
/** How long to retry while the server has no free session: on a busy machine, sessions take seconds to end. */
const openLimitMs = 20_000;
const openPauseMs = 2_000;
const pidPrefix = 'drover-pid:';

/**
 * The command first prints its process id on stderr, so that a second session can send it a signal: signals of the SSH
 * protocol do not reach what sudo has started, and ssh2 sends none after stdin has ended.
 */
const announced = `echo "${pidPrefix}$$" >&2; LC_ALL=C exec "$@"`;

/** The line for the login shell: constant words and quoted arguments only. */
export function remoteLine(argv: Argv, isRoot: boolean): string {
  // sshd made the login shell a process group of its own; below sudo, setsid makes one.
  const prefix = isRoot ? [] : ['sudo', '-n', '--', 'setsid', '--wait'];
  return `exec ${printCommand([...prefix, 'sh', '-c', announced, 'sh', ...argv])}`;
}

/** The exit code; for a process that a signal ended, the one that a shell would report. */
function codeOf(code: number | null | undefined, signalName: string | undefined): number | undefined {
  if (typeof code === 'number') return code;
  const numbers: Readonly<Record<string, number>> = constants.signals;
  return signalName === undefined ? undefined : 128 + (numbers[`SIG${signalName.replace(/^SIG/, '')}`] ?? 0);
}

interface Running {
  readonly channel: ClientChannel;
  readonly stderr: PassThrough;
  /** `code` is undefined where the connection was lost before the command ended. */
  readonly ended: Promise<{ readonly code: number | undefined; readonly stderrTail: string }>;
  /** Sends TERM and closes the channel after 5 s. */
  stop(): void;
}

/** What the commands of one executor share. */
interface Shared extends ExecutorOptions {
  readonly sessions: Semaphore;
  /** Bytes of output that running commands have printed. */
  readonly held: { bytes: number };
  /** Open sessions that wait for their use. */
  readonly waiting: Set<OpenSession>;
}

/** Runs commands with at most 8 sessions at once; further ones wait their turn. */
export function createExecutor(options: ExecutorOptions): Executor {
  const sessions = createSemaphore(maximumSessions);
  const shared: Shared = { ...options, sessions, held: { bytes: 0 }, waiting: new Set() };
  return {
    run: (argv, runOptions) => run(shared, argv, runOptions),
    spawn: (argv, signal) => spawn(shared, argv, begin(shared, argv, signal), signal),
    open: (argv, head, signal) => open(shared, argv, head, signal),
  };
}

async function open(shared: Shared, argv: Argv, head: string, signal: AbortSignal): Promise<OpenSession> {
  const running = await begin(shared, argv, signal);
  const { channel } = running;
  const take = (): Running => {
    shared.waiting.delete(session);
    return running;
  };
  const session: OpenSession = {
    isWaiting: () => shared.waiting.has(session),
    run: (named, line, options) => {
      take();
      channel.write(line);
      return run(shared, named, options, running);
    },
    spawn: (named, line, stopping) => {
      take();
      channel.write(line);
      return spawn(shared, named, Promise.resolve(running), stopping);
    },
    close: () => void take().channel.resume().end(),
  };
  shared.waiting.add(session);
  void running.ended.then(take);
  channel.write(head);
  return session;
}

async function begin({ node, client, closed, isRoot, sessions, waiting }: Shared, argv: Argv, signal: AbortSignal) {
  const [idle] = waiting;
  if (sessions.isFull()) idle?.close();
  const giveBack = await withSignals([signal, closed], sessions.take).catch((error: unknown) => {
    throw closed.aborted ? lostConnection(node, closed.reason) : error;
  });
  try {
    return await openSession(client, remoteLine(argv, isRoot), [closed, signal], (channel) => {
      channel.once('close', giveBack);
      boundUnread(channel);
      return attend(channel, closed, (pid) => terminate(client, pid, isRoot));
    });
  } catch (error) {
    giveBack();
    if (closed.aborted) throw lostConnection(node, closed.reason);
    if (isAbort(error) || signal.aborted) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new AppError('connection-failed', `cannot open a session on "${node}": ${why}`, {
      retryable: true,
      cause: error,
    });
  }
}

/** `opened`: the session that has the command already. */
async function run(shared: Shared, argv: Argv, options: RunOptions, opened?: Running): Promise<CommandResult> {
  const { node, client, closed, held } = shared;
  const timeoutMs = options.timeoutMs ?? shared.commandMs;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  const line = printCommand(argv);
  try {
    const running = opened ?? (await begin(shared, argv, signal));
    // The whole connection is closed: a channel closes only when the other side agrees, and this one keeps sending.
    const dismiss = (tooMuch: string): void => {
      client.emit('error', answeredTooMuch(node, argv, tooMuch));
      client.destroy();
    };
    const { code, stdout, stderr } = await collect(running, options.input, signal, { held, dismiss });
    if (code === undefined) throw lostConnection(node, closed.reason);
    if (!(options.okCodes ?? [0]).includes(code)) throw commandFailed(node, argv, code, stderr);
    return { stdout, stderr, code };
  } catch (error) {
    if (!signal.aborted || error instanceof AppError) throw error;
    if (options.signal?.aborted) throw cancelled(`run "${line}"`, node, error);
    throw new AppError('timeout', `cannot finish "${line}" on "${node}": no end within ${timeoutMs} ms`, {
      retryable: true,
      cause: error,
    });
  }
}

async function spawn(
  { node, closed }: Shared,
  argv: Argv,
  beginning: Promise<Running>,
  signal: AbortSignal,
): Promise<SpawnedCommand> {
  const line = printCommand(argv);
  const running = await beginning.catch((error: unknown) => {
    throw signal.aborted && !(error instanceof AppError) ? cancelled(`run "${line}"`, node, error) : error;
  });
  const stop = (): void => running.stop();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const done = running.ended.then(({ code, stderrTail }) => {
    signal.removeEventListener('abort', stop);
    if (code !== undefined) return { code, stderrTail };
    throw signal.aborted ? cancelled(`finish "${line}"`, node, signal.reason) : lostConnection(node, closed.reason);
  });
  // The caller may read the streams first; a rejection before it listens must not end this process.
  done.catch(() => undefined);
  return { stdin: running.channel, stdout: running.channel, stderr: running.stderr, done };
}

/**
 * Opens a session and attaches its listeners. Tries again while the server has too many sessions, since other tools
 * share it. The pauses are random, so that waiting callers do not retry at the same time.
 */
async function openSession(
  client: Client,
  line: string,
  signals: readonly AbortSignal[],
  attach: (channel: ClientChannel) => Running,
): Promise<Running> {
  const isAborted = (): boolean => signals.some(({ aborted }) => aborted);
  const until = performance.now() + openLimitMs;
  for (let attempt = 1; ; attempt += 1) {
    for (const signal of signals) signal.throwIfAborted();
    try {
      return await withSignals(signals, (stopped) => openOnce(client, line, stopped, attach));
    } catch (error) {
      const refused = error instanceof Error && /open fail|administratively|resource shortage/i.test(error.message);
      if (!refused || performance.now() > until || isAborted()) throw error;
      const longestMs = Math.min(openPauseMs, 100 * 2 ** attempt);
      await new Promise((resolve) => setTimeout(resolve, longestMs * (0.5 + Math.random() / 2)));
    }
  }
}

function openOnce(
  client: Client,
  line: string,
  stopped: AbortSignal,
  attach: (channel: ClientChannel) => Running,
): Promise<Running> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(stopped.reason);
    stopped.addEventListener('abort', leave, { once: true });
    client.exec(line, (error, channel) => {
      stopped.removeEventListener('abort', leave);
      if (error) reject(error);
      else if (stopped.aborted) {
        // Too late: closing the channel ends the command at its next read or write.
        channel.on('error', () => undefined);
        channel.close();
      } else {
        // Attached before this callback returns: the packets that say how the command ended may already be here, and
        // ssh2 emits them in the same turn of the event loop, before any promise goes on.
        resolve(attach(channel));
      }
    });
    if (stopped.aborted) leave();
  });
}

/**
 * Closes a channel that has more unread data than a server may send: ssh2 announces a window of 2 MiB, but accepts any
 * amount.
 */
export function boundUnread(channel: Readable): void {
  const push = channel.push.bind(channel);
  channel.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    const isMore = push(chunk, encoding);
    if (channel.readableLength > unreadChannelBytes) {
      channel.destroy(new Error(`it sent more than ${printLimit(unreadChannelBytes)} unasked`));
    }
    return isMore;
  };
}

/** Sends TERM to the process group, or to the process alone where it leads no group. */
function terminate(client: Client, pid: string, isRoot: boolean): void {
  const kill = ['sh', '-c', 'kill -TERM "-$1" || kill -TERM "$1"', 'sh', pid];
  client.exec(`exec ${printCommand(isRoot ? kill : ['sudo', '-n', '--', ...kill])}`, (error, channel) => {
    if (error) return;
    channel.on('error', () => undefined).resume();
    channel.stderr.resume();
  });
}

/** Takes the line with the process id off stderr; everything else goes to `emit`. */
function takePid(emit: (chunk: Buffer) => void, found: (pid: string) => void): (chunk?: Buffer) => void {
  let head: Buffer | undefined = Buffer.alloc(0);
  return (chunk) => {
    if (head === undefined) {
      if (chunk !== undefined) emit(chunk);
      return;
    }
    if (chunk !== undefined) head = Buffer.concat([head, chunk]);
    const text = head.toString('latin1');
    const match = /^drover-pid:(\d+)\n/.exec(text);
    const mayCome = chunk !== undefined && text.length < 64 && text.startsWith(pidPrefix.slice(0, text.length));
    if (match === null && mayCome) return;
    // Without that line, sudo or the login shell failed before the command, and this is its message.
    const rest = head.subarray(match?.[0].length ?? 0);
    head = undefined;
    if (match?.[1] !== undefined) found(match[1]);
    if (rest.length > 0) emit(rest);
  };
}

/** Reads stderr (keeps its tail, drops unread data beyond 64 KiB) and waits for the end. */
function attend(channel: ClientChannel, closed: AbortSignal, kill: (pid: string) => void): Running {
  const stderr = new PassThrough();
  let tail = '';
  let pid: string | undefined;
  let code: number | undefined;
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;
  let finish: () => void = () => undefined;

  const emit = (chunk: Buffer): void => {
    tail = (tail + chunk.toString('utf8')).slice(-stderrTailBytes);
    if (stderr.readableLength < 64 * 1024) stderr.write(chunk);
  };
  const take = takePid(emit, (found) => {
    pid = found;
    if (stopping) kill(found);
  });
  channel.stderr.on('data', (chunk: Buffer) => take(chunk));
  channel.on('error', () => undefined);
  channel.once('exit', (status: number | null, signalName?: string) => {
    code = codeOf(status, signalName);
  });
  const ended = new Promise<{ code: number | undefined; stderrTail: string }>((resolve) => {
    finish = () => {
      clearTimeout(timer);
      closed.removeEventListener('abort', finish);
      take();
      stderr.end();
      resolve({ code, stderrTail: tailOf(tail) });
    };
    channel.once('close', finish);
    // A channel that is not read does not close when its connection does.
    closed.addEventListener('abort', finish, { once: true });
  });
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    if (pid !== undefined) kill(pid);
    timer = setTimeout(() => {
      // sshd confirms a close only when the process is gone, which is not waited for.
      channel.close();
      finish();
    }, graceMs);
  };
  return { channel, stderr, ended, stop };
}

function answeredTooMuch(node: string, argv: Argv, tooMuch: string): AppError {
  return new AppError(
    'command-failed',
    `cannot run "${shorten(printCommand(argv))}" on "${node}": it answered with more than ${tooMuch}`,
    {
      hint: 'log in to the node and find out what it prints',
      details: { node },
    },
  );
}

function countLines(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) count += 1;
  return count;
}

async function collect(
  running: Running,
  input: string | Buffer | undefined,
  signal: AbortSignal,
  { held, dismiss }: { readonly held: { bytes: number }; readonly dismiss: (tooMuch: string) => void },
): Promise<{ stdout: string; stderr: string; code: number | undefined }> {
  const { channel, stderr } = running;
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  let [bytes, lines] = [0, 0];
  let tooMuch: string | undefined;
  const keep = (list: Buffer[]) => (chunk: Buffer) => {
    if (tooMuch !== undefined) return;
    bytes += chunk.length;
    held.bytes += chunk.length;
    lines += countLines(chunk);
    if (held.bytes > commandOutputBytes) tooMuch = printLimit(commandOutputBytes);
    else if (lines > commandOutputLines) tooMuch = `${commandOutputLines} lines`;
    else list.push(chunk);
    if (tooMuch === undefined) return;
    out.length = 0;
    err.length = 0;
    dismiss(tooMuch);
  };
  channel.on('data', keep(out));
  stderr.on('data', keep(err));
  const stop = (): void => running.stop();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  channel.end(input);
  const { code } = await running.ended;
  held.bytes -= bytes;
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  return { stdout: Buffer.concat(out).toString('utf8'), stderr: Buffer.concat(err).toString('utf8'), code };
}

import { type Duplex, PassThrough, type Writable } from 'node:stream';
import type { ExecOptions, ExecSession } from '../../engine/node-client.ts';
import type { AppName } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { containerName } from '../../model/names.ts';
import { at, numberAt, textAt } from '../json.ts';
import { cancelled } from '../ssh/errors.ts';
import type { DockerApi } from './api.ts';
import { frames } from './streams.ts';

/** bash where the container has it, for its line editing; else sh. */
const shell = ['/bin/sh', '-c', 'if command -v bash >/dev/null 2>&1; then exec bash; fi; exec sh'] as const;

/** How often, and at what interval, Docker is asked for the exit code after the output has ended. */
const attempts = 50;
const intervalMs = 100;

/** A program in the application's container. Without a terminal, the caller must read both outputs: either can block both. */
export async function execInContainer(
  api: DockerApi,
  node: string,
  app: AppName,
  options: ExecOptions,
  signal: AbortSignal,
): Promise<ExecSession> {
  const name = containerName(app);
  const what = `run a program in "${name}"`;
  const { tty } = options;
  const made = await api.json(
    {
      what,
      method: 'POST',
      path: `/containers/${name}/exec`,
      body: {
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
        Tty: tty,
        Cmd: options.command ?? shell,
        ...environmentOf(options),
        ...defined({ User: options.user, WorkingDir: options.workingDir, Privileged: options.privileged }),
        ...sizeOf(options),
      },
    },
    signal,
  );
  const path = `/exec/${textAt(made, 'Id') ?? ''}`;
  const stream = await api.hijack(
    { what, method: 'POST', path: `${path}/start`, body: { Detach: false, Tty: tty, ...sizeOf(options) } },
    signal,
  );
  const resize = async (columns: number, rows: number): Promise<void> => {
    await api.json(
      {
        what: `resize the terminal in "${name}"`,
        method: 'POST',
        path: `${path}/resize`,
        query: { w: columns, h: rows },
      },
      signal,
    );
  };
  const abort = () => stream.destroy();
  signal.addEventListener('abort', abort, { once: true });
  const outputs = tty ? { stdout: new PassThrough() } : { stdout: new PassThrough(), stderr: new PassThrough() };
  const ended = follow(stream, outputs)
    .finally(() => signal.removeEventListener('abort', abort))
    .then(() => {
      if (signal.aborted) throw cancelled(what, node, signal.reason);
      return readExitCode(api, path, what, node, signal);
    });
  // A caller that only reads the output does not listen; the rejection must not end this process.
  ended.catch(() => undefined);
  return { stdin: stream, ...outputs, resize, ended };
}

function environmentOf({ tty, environment = {} }: ExecOptions): { readonly Env?: readonly string[] } {
  const own = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const all = [...(tty ? ['TERM=xterm-256color'] : []), ...own];
  return all.length === 0 ? {} : { Env: all };
}

/** The terminal's size, which Docker before 23 ignores here. */
function sizeOf({ tty, rows, columns }: ExecOptions): { readonly ConsoleSize?: readonly number[] } {
  return tty && rows !== undefined && columns !== undefined ? { ConsoleSize: [rows, columns] } : {};
}

interface Outputs {
  readonly stdout: PassThrough;
  readonly stderr?: PassThrough;
}

/** Passes the output on until the stream ends or fails. */
async function follow(stream: Duplex, { stdout, stderr }: Outputs): Promise<void> {
  try {
    if (stderr === undefined) for await (const chunk of stream) await give(stdout, chunk);
    else for await (const { stream: to, data } of frames(stream)) await give(to === 'stderr' ? stderr : stdout, data);
  } catch {
    // Aborted, or the connection was lost: the request for the exit code reports which.
  } finally {
    stdout.end();
    stderr?.end();
    stream.destroy();
  }
}

async function give(to: Writable, data: Buffer): Promise<void> {
  if (to.write(data)) return;
  await new Promise<void>((resolve) => {
    const go = () => {
      to.off('drain', go);
      to.off('close', go);
      resolve();
    };
    to.once('drain', go);
    to.once('close', go);
  });
}

async function readExitCode(
  api: DockerApi,
  path: string,
  what: string,
  node: string,
  signal: AbortSignal,
): Promise<number> {
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const seen = await api.json({ what, method: 'GET', path: `${path}/json` }, signal);
    const code = numberAt(seen, 'ExitCode');
    if (at(seen, 'Running') !== true && code !== undefined) return code;
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
  throw new AppError(
    'docker-failed',
    `cannot ${what} on "${node}": its output ended, but Docker reports that it still runs`,
  );
}

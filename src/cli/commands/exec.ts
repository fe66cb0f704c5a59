import type { ExecSession } from '../../engine/node-client.ts';
import { isAbort } from '../../model/errors.ts';
import { type ExitCode, exitCode, programCode } from '../exit-code.ts';
import { configOf, type Invocation, requireApplication, withEngine } from '../invocation.ts';
import type { Streams } from '../world.ts';

/** Runs a command or a shell in the container; with a terminal if both input and output are one. */
export async function exec(invocation: Invocation, word: string, command: readonly string[]): Promise<ExitCode> {
  const app = requireApplication(await configOf(invocation), word);
  const { streams } = invocation.world;
  const tty = streams.stdin.isTTY === true && streams.stdout.isTTY === true;
  return withEngine(invocation, 'prompt', async (engine, _files, { hard }) => {
    const { columns, rows } = streams.stdout;
    const size = tty && columns !== undefined && rows !== undefined ? { columns, rows } : {};
    const options = { tty, ...size, ...(command.length === 0 ? {} : { command }) };
    try {
      return await attach(await engine.acts.exec(app, options, hard), streams, tty);
    } catch (error) {
      if (hard.aborted && isAbort(error)) return exitCode.cancelled;
      throw error;
    }
  });
}

/** Connects the streams until the program ends, then restores the terminal and returns the exit code. */
async function attach(session: ExecSession, { stdin, stdout, stderr }: Streams, tty: boolean): Promise<ExitCode> {
  const resize = (): void => {
    const { columns, rows } = stdout;
    // A size that arrives after the program ended is not an error.
    if (columns !== undefined && rows !== undefined) session.resize(columns, rows).catch(() => undefined);
  };
  if (tty) {
    stdin.setRawMode?.(true);
    stdout.on('resize', resize);
  }
  session.stdin.on('error', () => undefined);
  stdin.pipe(session.stdin);
  const outputs = [
    copy(session.stdout, stdout),
    ...(session.stderr === undefined ? [] : [copy(session.stderr, stderr)]),
  ];
  try {
    const code = await session.ended;
    await Promise.all(outputs);
    return programCode(code);
  } finally {
    stdin.unpipe(session.stdin);
    stdin.pause();
    if (tty) {
      stdin.setRawMode?.(false);
      stdout.off('resize', resize);
    }
  }
}

/** Our stream stays open; its reader may be slower than the program, or gone. */
async function copy(from: ExecSession['stdout'], to: Streams['stderr']): Promise<void> {
  for await (const chunk of from) {
    if (to.write(chunk) || to.destroyed) continue;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        to.off('drain', go);
        to.off('close', go);
        resolve();
      };
      to.once('drain', go);
      to.once('close', go);
    });
  }
}

import type { ExecSession } from '../../engine/node-client.ts';
import type { TtyOutput } from '../deps.ts';
import type { InputRouter } from './input-router.ts';
import type { TerminalWriter } from './writer.ts';

export type PassThroughEnd =
  | { readonly how: 'ended'; readonly exitCode: number }
  /** By ctrl+]; the program goes on until its stream is closed. */
  | { readonly how: 'detached' }
  /** The terminal was closed in the meantime. */
  | { readonly how: 'closed' };

/** Output that is still on its way when the exit code is known gets so long. */
const lastOutputMs = 250;

export interface PassThroughDeps {
  readonly remote: ExecSession;
  readonly out: TtyOutput;
  readonly writer: TerminalWriter;
  readonly router: InputRouter;
}

/** The two ends of a connection between the terminal and a remote program. */
export interface PassThrough {
  /** Rejects where the connection breaks. */
  readonly ended: Promise<PassThroughEnd>;
  readonly close: () => void;
}

/** Every byte from here to there and back, and the size of the window, until one of the ends is gone. */
export function connectTerminal({ remote, out, writer, router }: PassThroughDeps): PassThrough {
  let finish: (end: PassThroughEnd) => void = () => undefined;
  const cut = new Promise<PassThroughEnd>((resolve) => {
    finish = resolve;
  });
  const streams = remote.stderr === undefined ? [remote.stdout] : [remote.stdout, remote.stderr];
  const unpipe = streams.map((stream) => {
    const forward = (chunk: Uint8Array | string): void => {
      // As fast as the terminal takes it, and no faster.
      stream.pause();
      writer.write(chunk, () => stream.resume());
    };
    stream.on('data', forward);
    // `ended` rejects where the connection breaks.
    stream.on('error', ignore);
    return () => stream.off('data', forward);
  });
  remote.stdin.on('error', ignore);
  const stopKeys = router.passThrough(
    (bytes) => {
      if (!remote.stdin.writableEnded && !remote.stdin.destroyed) remote.stdin.write(bytes);
    },
    () => finish({ how: 'detached' }),
  );
  const resize = (): void => {
    remote.resize(out.columns || 80, out.rows || 24).catch(ignore);
  };
  out.on('resize', resize);
  resize();

  const ran = remote.ended.then(async (exitCode): Promise<PassThroughEnd> => {
    await Promise.race([outputEnd(remote), pause(lastOutputMs)]);
    return { how: 'ended', exitCode };
  });
  const ended = Promise.race([ran, cut]).finally(() => {
    stopKeys();
    out.off('resize', resize);
    for (const stop of unpipe) stop();
  });
  return { ended, close: () => finish({ how: 'closed' }) };
}

function outputEnd({ stdout }: ExecSession): Promise<void> {
  if (stdout.readableEnded || stdout.destroyed) return Promise.resolve();
  return new Promise((resolve) => stdout.once('end', resolve).once('close', resolve));
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

function ignore(): void {
  // An end that is gone says so elsewhere.
}

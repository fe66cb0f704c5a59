import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Argv, SpawnedCommand } from '../command.ts';
import { lateCode } from '../fence.ts';
import type { NodeConnection } from '../ssh/connection.ts';

/** The result of a pipe: bytes, whether every part succeeded, and what they printed. */
export interface SendResult {
  readonly bytes: number;
  readonly ok: boolean;
  /** The connection was lost; retryable. */
  readonly lost: boolean;
  /** The node that refused its command because the lock was lost. */
  readonly late: 'source' | 'target' | undefined;
  readonly said: string;
  /** What the receiving command printed. */
  readonly answer?: string;
}

const graceMs = 5_000;
/** Enough for a guid and a line end. */
const answerLength = 32;

/**
 * Sends through this process; a slow receiver slows the sender down. On abort, nothing more is passed on and the sender is
 * stopped first, so that the receiver sees the end of its input and keeps what it has.
 */
export async function sendThroughHere(
  source: NodeConnection,
  target: NodeConnection,
  send: Argv,
  receive: Argv,
  progress: (doneBytes: number) => void,
  signal: AbortSignal,
): Promise<SendResult> {
  const stopSend = new AbortController();
  const stopReceive = new AbortController();
  const abort = (): void => {
    stopSend.abort(signal.reason);
    setTimeout(() => stopReceive.abort(signal.reason), graceMs).unref();
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    // Both at once: data that comes before the receiver has started waits for it.
    const [receiver, sender] = await Promise.allSettled([
      target.spawn(receive, stopReceive.signal),
      source.spawn(send, stopSend.signal),
    ]);
    // Neither may wait for the other if that has not started.
    if (receiver.status === 'rejected') {
      stopSend.abort(receiver.reason);
      throw receiver.reason;
    }
    if (sender.status === 'rejected') {
      receiver.value.stdin.end();
      throw sender.reason;
    }
    if (signal.aborted) abort();
    return await pump(sender.value, receiver.value, stopSend, progress);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function pump(
  sender: SpawnedCommand,
  receiver: SpawnedCommand,
  stopSend: AbortController,
  progress: (doneBytes: number) => void,
): Promise<SendResult> {
  let bytes = 0;
  let answer = '';
  receiver.stdout.on('data', (chunk: Buffer) => {
    answer = (answer + chunk.toString('latin1')).slice(0, answerLength);
  });
  sender.stderr.resume();
  receiver.stderr.resume();
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      // Stopping the sender takes a round trip, in which a fast one can send a lot.
      if (stopSend.signal.aborted) return done();
      bytes += chunk.length;
      progress(bytes);
      done(null, chunk);
    },
  });
  // The exit codes show what happened; a broken pipe is only a consequence.
  const moved = pipeline(sender.stdout, counter, receiver.stdin).catch(() => {
    receiver.stdin.end();
  });
  // A receiver that refuses the stream exits early; the sender would then wait for ever.
  receiver.done.then(
    () => stopSend.abort(),
    () => stopSend.abort(),
  );
  const [sent, received] = await Promise.allSettled([sender.done, receiver.done, moved]);
  const stderr = [sent, received].map((end) =>
    end.status === 'fulfilled' ? end.value.stderrTail : String(end.reason),
  );
  const codes = [sent, received].map((end) => (end.status === 'fulfilled' ? end.value.code : 255));
  return {
    bytes,
    ok: codes.every((code) => code === 0),
    lost: sent.status === 'rejected' || received.status === 'rejected',
    late: codes[0] === lateCode ? 'source' : codes[1] === lateCode ? 'target' : undefined,
    said: stderr.filter((text) => text !== '').join('\n'),
    answer,
  };
}

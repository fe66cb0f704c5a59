import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Argv, SpawnedCommand } from '../command.ts';
import { lateCode } from '../fence.ts';
import type { NodeConnection } from '../ssh/connection.ts';

/** How a pipe ended: its own count, whether every part of it succeeded, and what they printed. */
export interface SendResult {
  readonly bytes: number;
  readonly ok: boolean;
  /** The connection broke; trying again is worth it. */
  readonly lost: boolean;
  /** The end that refused its command, because the lock it was sent under was lost. */
  readonly late: 'source' | 'target' | undefined;
  readonly said: string;
  /** What the receiving command printed. */
  readonly answer?: string;
}

const graceMs = 5_000;
/** A guid and the end of its line. */
const answerLength = 32;

/**
 * Source to this process to target; a full receiver slows the sender down. On abort nothing more is passed on and the
 * sender is ended first, so that the receiver sees the end of its input and keeps what it has.
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
    // Both at once: what is sent before the receiver is there waits for it.
    const [receiver, sender] = await Promise.allSettled([
      target.spawn(receive, stopReceive.signal),
      source.spawn(send, stopSend.signal),
    ]);
    // Nothing may wait for another end that never came.
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
      // Ending the sender takes a round trip, in which a fast one would still send a great deal.
      if (stopSend.signal.aborted) return done();
      bytes += chunk.length;
      progress(bytes);
      done(null, chunk);
    },
  });
  // The exit codes say what happened; a broken pipe only follows from them.
  const moved = pipeline(sender.stdout, counter, receiver.stdin).catch(() => {
    receiver.stdin.end();
  });
  // A receiver that refuses leaves early; without this the sender would wait for room for ever.
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

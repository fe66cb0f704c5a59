import { writeSync } from 'node:fs';
import type { TtyOutput } from '../deps.ts';

/** How long the last write may wait for a terminal that takes nothing. */
const lastWriteMs = 300;

/** Writes to the terminal without ever blocking the program, except for the last write. */
export interface TerminalWriter {
  /** In order; `done` when the terminal took it, or is gone. */
  readonly write: (text: string | Uint8Array, done?: () => void) => void;
  /** At once where the stream has a file descriptor, and before what still waits. */
  readonly writeNow: (text: string) => void;
  /** Restores the terminal: behind what still waits, or at once where nothing waits or the program cannot wait. */
  readonly writeLast: (text: string, how: 'in-order' | 'now') => void;
  /** The terminal has taken everything. */
  readonly isIdle: () => boolean;
  readonly drained: () => Promise<void>;
  readonly bytes: () => number;
  /**
   * A terminal that takes nothing (a laptop asleep behind ssh) must not stop transfers and keep-alives; Node.js writes
   * to terminals so that it would. False gives the stream back as it was.
   */
  readonly setNonBlocking: (on: boolean) => void;
}

export function createWriter(out: TtyOutput): TerminalWriter {
  let pending = 0;
  let bytes = 0;
  let waiters: (() => void)[] = [];
  const fd = 'fd' in out && typeof out.fd === 'number' && out.isTTY === true ? out.fd : undefined;

  const write = (text: string | Uint8Array, done?: () => void): void => {
    pending += 1;
    bytes += typeof text === 'string' ? Buffer.byteLength(text) : text.length;
    out.write(text, () => {
      pending -= 1;
      done?.();
      if (pending > 0) return;
      const waiting = waiters;
      waiters = [];
      for (const waiter of waiting) waiter();
    });
  };

  const writeNow = (text: string): void => {
    if (fd === undefined) write(text);
    else {
      bytes += Buffer.byteLength(text);
      writeAll(fd, Buffer.from(text));
    }
  };

  return {
    write,
    writeNow,
    writeLast: (text, how) => {
      if (how === 'now' || pending === 0) writeNow(text);
      else write(text);
    },
    isIdle: () => pending === 0,
    drained: () => (pending === 0 ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))),
    bytes: () => bytes,
    setNonBlocking: (on) => setBlocking(out, !on),
  };
}

/** Node.js has no public way; where the private one is missing, writing stays as it is. */
function setBlocking(out: TtyOutput, on: boolean): void {
  const handle: unknown = Reflect.get(out, '_handle');
  if (typeof handle !== 'object' || handle === null) return;
  const set: unknown = Reflect.get(handle, 'setBlocking');
  if (typeof set === 'function') Reflect.apply(set, handle, [on]);
}

/** Gives up on a terminal that is gone or takes nothing for too long. */
function writeAll(fd: number, bytes: Buffer): void {
  const until = performance.now() + lastWriteMs;
  let rest: Uint8Array = bytes;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) return;
      Atomics.wait(sleeper, 0, 0, 5);
    }
  }
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

const isBusy = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EAGAIN';

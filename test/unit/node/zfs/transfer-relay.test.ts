import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { SpawnedCommand } from '../../../../src/node/command.ts';
import type { NodeConnection } from '../../../../src/node/ssh/connection.ts';
import { sendThroughHere } from '../../../../src/node/zfs/transfer-relay.ts';

type Ended = Awaited<SpawnedCommand['done']>;

/** A connection whose one command is this one; `onAbort` says what a cancelled command does. */
function connectionWith(command: SpawnedCommand, onAbort: () => void = () => {}): NodeConnection {
  const spawn: NodeConnection['spawn'] = async (_argv, signal) => {
    signal?.addEventListener('abort', onAbort);
    return command;
  };
  return { spawn } as Partial<NodeConnection> as NodeConnection;
}

const ended = (code: number): Ended => ({ code, stderrTail: '' });

it('passes nothing on after it was cancelled, however much the sender still sends', async () => {
  const cut = new AbortController();
  const [stdout, stdin] = [new PassThrough(), new PassThrough()];
  let received = 0;
  stdin.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  // The command to end reaches the sender only after it has sent all it had.
  const sent = new Promise<Ended>((resolve) => {
    cut.signal.addEventListener('abort', () => {
      for (let chunk = 0; chunk < 9; chunk += 1) stdout.write(Buffer.alloc(1000));
      stdout.end();
      resolve(ended(0));
    });
  });
  // A part of a stream is not a stream.
  const done = new Promise<Ended>((resolve) => stdin.on('end', () => resolve(ended(received === 10_000 ? 0 : 1))));
  const command = (more: Pick<SpawnedCommand, 'done'> & Partial<SpawnedCommand>): SpawnedCommand => ({
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    stdin: new PassThrough(),
    ...more,
  });

  const running = sendThroughHere(
    connectionWith(command({ stdout, done: sent })),
    connectionWith(command({ stdin, done })),
    ['zfs', 'send'],
    ['zfs', 'receive'],
    () => cut.abort(),
    cut.signal,
  );
  stdout.write(Buffer.alloc(1000));
  expect(await running).toMatchObject({ ok: false, bytes: 1000 });
  expect(received).toBe(1000);
});

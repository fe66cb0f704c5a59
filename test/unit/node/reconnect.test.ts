import { setTimeout as pause } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../src/model/errors.ts';
import { type ConnectionSource, createConnectionSource, pauseMs } from '../../../src/node/reconnect.ts';
import type { NodeConnection } from '../../../src/node/ssh/connection.ts';

const signal = new AbortController().signal;
const refused = (): AppError => new AppError('connection-failed', 'refused', { retryable: true });

interface Fake extends NodeConnection {
  lose(): void;
}

function aConnection(): Fake {
  const closed = new AbortController();
  const unused = (): never => {
    throw new Error('the test sends nothing');
  };
  return {
    node: 'node1',
    run: unused,
    script: unused,
    spawn: unused,
    countSessions: async (asked: number) => asked,
    prepare: async () => undefined,
    knock: async () => 'unknown' as const,
    openUnixSocket: unused,
    remote: { host: '', address: '', port: 22, user: 'root', isRoot: true, hostKeys: [] },
    closed: closed.signal,
    close: async () => closed.abort(),
    lose: () => closed.abort(),
  };
}

describe('a source of connections', () => {
  let now = 0;
  let pauses: number[] = [];
  let attempts = 0;
  let outcome: (signal: AbortSignal) => Promise<NodeConnection>;
  let source: ConnectionSource;

  beforeEach(() => {
    now = 1000;
    pauses = [];
    attempts = 0;
    outcome = async () => aConnection();
    source = createConnectionSource('node1', {
      connect: (attempt) => {
        attempts += 1;
        return outcome(attempt);
      },
      now: () => now,
      random: () => 1,
      sleep: async (ms) => {
        pauses.push(ms);
        now += ms;
      },
    });
  });

  test('gives the same connection while it lives, and a new one after it was lost', async () => {
    const connection = aConnection();
    outcome = async () => connection;
    expect(await source.get(signal)).toBe(connection);
    expect(await source.get(signal)).toBe(connection);
    connection.lose();
    outcome = async () => aConnection();
    expect(await source.get(signal)).not.toBe(connection);
    expect(attempts).toBe(2);
  });

  test('makes one attempt for all callers that ask at the same time', async () => {
    const [one, two] = await Promise.all([source.get(signal), source.get(signal)]);
    expect(one).toBe(two);
    expect(attempts).toBe(1);
  });

  test('makes one attempt for each call, with longer and longer pauses, and none after a success', async () => {
    outcome = async () => Promise.reject(refused());
    for (let i = 0; i < 7; i += 1) await expect(source.get(signal)).rejects.toMatchObject({ message: 'refused' });
    expect(attempts).toBe(7);
    expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, 10_000]);
    outcome = async () => aConnection();
    await source.get(signal);
    expect(pauses).toHaveLength(7);
  });

  test('a caller that cancels does not stop the others; the last one does', async () => {
    let stopped = false;
    outcome = (attempt) =>
      new Promise((_, reject) => {
        attempt.addEventListener('abort', () => {
          stopped = true;
          reject(attempt.reason);
        });
      });
    const [one, two] = [new AbortController(), new AbortController()];
    const first = expect(source.get(one.signal)).rejects.toMatchObject({ code: 'cancelled' });
    const second = expect(source.get(two.signal)).rejects.toMatchObject({ code: 'cancelled' });
    one.abort();
    await first;
    expect(stopped).toBe(false);
    two.abort();
    await second;
    expect(stopped).toBe(true);
    await pause(0);
    outcome = async () => aConnection();
    await source.get(signal);
    expect(pauses).toEqual([]);
  });

  test('refuses to connect after it was closed', async () => {
    const connection = await source.get(signal);
    await source.close();
    expect(connection.closed.aborted).toBe(true);
    await expect(source.get(signal)).rejects.toMatchObject({ code: 'cancelled' });
  });
});

test('a pause is between half and all of its step, and never longer than ten seconds', () => {
  expect(pauseMs(1, 0)).toBe(250);
  expect(pauseMs(1, 0.999)).toBe(500);
  expect(pauseMs(20, 0)).toBe(5000);
  expect(pauseMs(20, 1)).toBe(10_000);
});

import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { probeTcp } from '../../../src/node/tcp-probe.ts';

function listen(): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer((socket) => socket.end());
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      resolve({ port, close: () => new Promise((done) => server.close(() => done())) });
    });
  });
}

describe('probing a port', () => {
  it('distinguishes an open port from a refused one', async () => {
    const server = await listen();
    const signal = AbortSignal.timeout(5_000);
    expect(await probeTcp('127.0.0.1', server.port, signal)).toBe('accepted');
    await server.close();
    expect(await probeTcp('127.0.0.1', server.port, signal)).toBe('refused');
  });

  it('is held when it is ended before there is an answer', async () => {
    expect(await probeTcp('127.0.0.1', 9, AbortSignal.abort())).toBe('held');
  });
});

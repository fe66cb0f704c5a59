import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectScript } from '../../../../src/node/doctor/examine-scripts.ts';
import { connect } from '../../../../src/node/ssh/connection.ts';

/** Before the login, any program may answer at the port of an sshd. */
describe('text without an end in place of the first words of an sshd', () => {
  const forms = {
    'one line': Buffer.alloc(65_536, 'x'),
    'many lines': Buffer.from('x\n'.repeat(32_768)),
    'lines as long as they may be': Buffer.from(`${'x'.repeat(8_000)}\r\n`.repeat(8)),
    'bytes that are no text': Buffer.alloc(65_536, 0),
  };
  let server: Server;
  let home = '';
  let sentBytes = 0;
  const sockets = new Set<Socket>();

  const serve = async (chunk: Buffer): Promise<number> => {
    server = createServer((socket) => {
      sockets.add(socket);
      const pour = (): void => {
        while (!socket.destroyed) {
          sentBytes += chunk.length;
          if (!socket.write(chunk)) return;
        }
      };
      socket.on('drain', pour).on('error', () => undefined);
      pour();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'drover-banner-'));
    sentBytes = 0;
  });
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    server.close();
    rmSync(home, { recursive: true });
  });

  it.each(Object.entries(forms))('as %s ends the connection, long before it fills the memory', async (_form, chunk) => {
    const port = await serve(chunk);
    const settings = { host: '127.0.0.1', port, user: 'root', knownHostsFile: join(home, 'known_hosts') };
    const options = { env: { HOME: home, PATH: process.env.PATH ?? '' } };
    await expect(connect('n1', settings, options, new AbortController().signal)).rejects.toMatchObject({
      code: 'connection-failed',
    });
    expect(sentBytes).toBeLessThan(32 * 1024 * 1024);
  });

  it.each(Object.entries(forms))('as %s is cut off by the doctor on a node', async (_form, chunk) => {
    const port = await serve(chunk);
    const shell = spawn('bash', ['-s', '--', '4', '127.0.0.1', `${port}`, 'yes'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    shell.stdin.end(connectScript);
    const said = await text(shell.stdout);
    expect(said).toMatch(/^0\taccepted\tx*\n$/);
    expect(said.length).toBeLessThan(300);
    expect(sentBytes).toBeLessThan(32 * 1024 * 1024);
  });
});

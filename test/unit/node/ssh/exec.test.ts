import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Client, ServerChannel } from 'ssh2';
import ssh2 from 'ssh2';
import { afterEach, describe, expect, test } from 'vitest';
import { allowManyListeners } from '../../../../src/model/many-listeners.ts';
import { createExecutor, type Executor } from '../../../../src/node/ssh/exec.ts';

// ssh2's own generator makes an ed25519 key that ssh2 cannot read, once in a while.
const hostKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' });

/** Everything one side writes within this time reaches the other side as one piece. */
const gatherMs = 15;

/** Two ends of a wire that delivers in large pieces, as a busy machine reads from its socket. */
function createWire(): readonly [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const end = (other: () => Duplex | undefined): Duplex => {
    let pieces: Buffer[] = [];
    const deliver = (): void => {
      const piece = Buffer.concat(pieces);
      pieces = [];
      other()?.push(piece);
    };
    return new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        // The first of them starts the wait.
        if (pieces.length === 0) setTimeout(deliver, gatherMs);
        pieces.push(chunk);
        done();
      },
    });
  };
  ends.push(
    end(() => ends[1]),
    end(() => ends[0]),
  );
  const [near, far] = ends;
  if (near === undefined || far === undefined) throw new Error('a wire has two ends');
  return [near, far];
}

/** A server of ssh2 in this process, whose commands have ended before the client reads the answer to "exec". */
async function serve(command: (channel: ServerChannel) => void): Promise<Client> {
  const [near, far] = createWire();
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (peer) => {
    peer.on('error', () => undefined);
    peer.on('authentication', (asked) => asked.accept());
    peer.on('session', (accept) => {
      accept().on('exec', (acceptExec) => command(acceptExec()));
    });
  });
  server.injectSocket(far as never);
  const client = new ssh2.Client();
  client.connect({ sock: near, username: 'root', hostVerifier: () => true });
  await once(client, 'ready');
  return client;
}

describe('a command that has ended before its channel is looked at', () => {
  const clients: Client[] = [];
  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy();
  });
  const executorOn = async (command: (channel: ServerChannel) => void): Promise<Executor> => {
    const client = await serve(command);
    clients.push(client);
    const closed = allowManyListeners(new AbortController().signal);
    return createExecutor({ node: 'node1', client, closed, isRoot: true, commandMs: 2_000 });
  };
  const ending = (code: number) => (channel: ServerChannel) => {
    channel.stderr.write('drover-pid:4711\nlast words\n');
    channel.write('out\n');
    channel.exit(code);
    channel.end();
  };

  test('keeps its exit status and its output', async () => {
    const executor = await executorOn(ending(0));
    const rounds = Array.from({ length: 12 }, () => executor.run(['true'], {}));
    for (const result of await Promise.all(rounds)) {
      expect(result).toEqual({ stdout: 'out\n', stderr: 'last words\n', code: 0 });
    }
  });

  test('is a failed command, not a lost connection', async () => {
    const executor = await executorOn(ending(3));
    await expect(executor.run(['false'], {})).rejects.toMatchObject({
      code: 'command-failed',
      details: { node: 'node1', exit: 3, stderr: 'last words' },
    });
  });

  test('keeps the signal that ended it', async () => {
    const executor = await executorOn((channel) => {
      channel.exit('KILL', false, '');
      channel.end();
    });
    expect((await executor.run(['true'], { okCodes: [137] })).code).toBe(137);
  });

  test('keeps its exit status where it is read as streams', async () => {
    const executor = await executorOn(ending(5));
    const command = await executor.spawn(['true'], new AbortController().signal);
    expect(await text(command.stdout)).toBe('out\n');
    expect(await command.done).toEqual({ code: 5, stderrTail: 'last words' });
  });

  test('gives its session back', async () => {
    const executor = await executorOn(ending(0));
    for (let round = 0; round < 20; round += 1) await executor.run(['true'], {});
  });
});

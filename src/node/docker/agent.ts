import { Agent, type ClientRequestArgs } from 'node:http';
import { Duplex } from 'node:stream';
import { inspect } from 'node:util';
import { AppError } from '../../model/errors.ts';
import { greetingBytes, greetingMs } from '../../model/limits.ts';
import type { Argv } from '../command.ts';
import type { NodeConnection } from '../ssh/connection.ts';

const socketPath = '/var/run/docker.sock';

/** Prints the line `connected` and copies between stdio and a unix socket. Every Debian has perl-base. */
const pump = `use IO::Socket::UNIX; use IO::Select;
my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$ARGV[0]: $!\\n";
syswrite STDOUT, "connected\\n";
my $sel = IO::Select->new($s, \\*STDIN);
while (my @ready = $sel->can_read) {
  for my $from (@ready) {
    my $n = sysread $from, my $buf, 65536;
    if (!$n) { exit 0 if $from == $s; $sel->remove($from); shutdown $s, 1; next }
    my $to = $from == $s ? \\*STDOUT : $s;
    for (my $at = 0; $at < $n; ) { $at += syswrite($to, $buf, $n - $at, $at) // exit 1 }
  }
}`;

const ways: readonly Argv[] = [
  ['perl', '-e', pump, socketPath],
  ['sh', '-c', 'command -v docker >/dev/null || exit 127; echo connected; exec docker system dial-stdio'],
];

/**
 * Opens streams to the node's Docker socket: as forwarded channels or, where the login or sshd does not allow them, as
 * commands of root that copy to the socket. Throws `docker-failed` where nothing listens there.
 */
export function createDockerDialler(connection: NodeConnection): () => Promise<Duplex> {
  let open: (() => Promise<Duplex>) | undefined;
  const forwarded = (): Promise<Duplex> => connection.openUnixSocket(socketPath);

  return async () => {
    if (open !== undefined) return open();
    try {
      const first = await forwarded();
      open = forwarded;
      return first;
    } catch (error) {
      if (connection.closed.aborted) throw error;
    }
    let failure: unknown;
    for (const way of ways) {
      const piped = (): Promise<Duplex> => openPipe(connection, way);
      try {
        const first = await piped();
        open = piped;
        return first;
      } catch (error) {
        if (connection.closed.aborted) throw error;
        failure ??= error;
      }
    }
    throw failure;
  };
}

async function openPipe(connection: NodeConnection, argv: Argv): Promise<Duplex> {
  const opening = new AbortController();
  const limit = setTimeout(() => opening.abort(), greetingMs);
  const silent = new Promise<never>((_, reject) => {
    opening.signal.addEventListener('abort', () => reject(notConnected(connection.node)), { once: true });
  });
  // Without a listener, a rejection after the race would end this process.
  silent.catch(() => undefined);
  try {
    return await Promise.race([silent, openPipeUntil(connection, argv, opening.signal)]);
  } finally {
    clearTimeout(limit);
  }
}

const notConnected = (node: string): AppError =>
  new AppError('docker-failed', `cannot reach Docker on "${node}": no connection within ${greetingMs / 1000} s`, {
    retryable: true,
  });

async function openPipeUntil(connection: NodeConnection, argv: Argv, signal: AbortSignal): Promise<Duplex> {
  const command = await connection.spawn(argv, signal);
  const stream = command.stdout;
  if (!(stream instanceof Duplex)) throw new Error('a command has one stream for both directions');
  const ended = command.done.then(({ code, stderrTail }) => {
    throw new AppError(
      'docker-failed',
      `cannot reach Docker on "${connection.node}": ${stderrTail || `exit status ${code}`}`,
      { hint: 'start Docker on the node: systemctl start docker', retryable: true },
    );
  });
  try {
    await Promise.race([greeting(stream), ended]);
  } catch (error) {
    stream.destroy();
    throw error;
  }
  ended.catch(() => undefined);
  return stream;
}

/** Reads the line "connected" and not a byte more. Throws for any other text. */
async function greeting(stream: Duplex): Promise<void> {
  let text = Buffer.alloc(0);
  while (true) {
    const chunk: Buffer | null = stream.read();
    if (chunk === null) {
      await new Promise((resolve) => stream.once('readable', resolve));
      continue;
    }
    text = Buffer.concat([text, chunk]);
    const end = text.indexOf('\n');
    if (end < 0 && text.length > greetingBytes) throw new Error('it did not print "connected"');
    if (end < 0) continue;
    if (end + 1 < text.length) stream.unshift(text.subarray(end + 1));
    return;
  }
}

const withoutEffect = ['setKeepAlive', 'setNoDelay', 'setTimeout', 'ref', 'unref'] as const;

/** Adds the methods of a socket that node:http calls and a channel does not have. */
function asSocket(stream: Duplex): Duplex {
  const nothing = (): Duplex => stream;
  const missing = withoutEffect.filter((name) => !(name in stream));
  return Object.assign(stream, Object.fromEntries(missing.map((name) => [name, nothing])), {
    destroySoon: () => stream.destroy(),
  });
}

/** An HTTP agent over the streams that `dial` opens; a few stay open between requests. */
export class StreamAgent extends Agent {
  private readonly dial: () => Promise<Duplex>;

  constructor(dial: () => Promise<Duplex>) {
    super({ keepAlive: true, maxFreeSockets: 4 });
    this.dial = dial;
  }

  // docker-modem formats every request for its debug log, even when that is off. Without this method, it would format
  // the buffers of all other requests of the agent too, which takes seconds.
  [inspect.custom](): string {
    return 'StreamAgent';
  }

  // Called by node:http; its types do not list it.
  createConnection(_options: ClientRequestArgs, callback?: (error: Error | null, stream: Duplex) => void): undefined {
    this.dial().then(
      (stream) => {
        // Without a listener, an error of an idle channel would end this process.
        stream.on('error', () => undefined);
        // A channel stays half open when Docker ends its side, as in a restart; the next request would use it.
        stream.once('end', () => setImmediate(() => stream.destroy()));
        callback?.(null, asSocket(stream));
      },
      // Node passes the error alone; its types require a stream too.
      (error: unknown) => (callback as ((error: unknown) => void) | undefined)?.(error),
    );
    return undefined;
  }
}

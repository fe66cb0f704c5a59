/**
 * The switch of a lab without root: one process with a Unix socket for each node and one for the gateway, in its working
 * folder. `up` starts it; `down` and `destroy` end it.
 *
 *   node scripts/ts.mjs lab/rootless/switch.ts NAME PORT…
 *
 * NAME marks the process for background.ts. The last port is the gateway. The name of a port has a letter, because Node.js
 * takes digits for a TCP port. The socket `control` takes one JSON object on each line, {"port": "node1", "set": {"cut":
 * true}}, and answers with one.
 */
import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { frameReader, packFrame } from './frames.ts';
import { createSwitch } from './switch-core.ts';

/** So much may wait for a machine that does not read its frames; the rest is lost, as at a real switch. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024;

const ports = process.argv.slice(3);
const wires = new Map<string, Socket>();

const core = createSwitch({
  ports,
  gateway: ports.at(-1) ?? '',
  deliver(port, frame) {
    const wire = wires.get(port);
    if (wire && wire.writableLength < MOST_WAITING_BYTES) wire.write(packFrame(frame));
  },
  now: () => performance.now(),
  later: (ms, work) => setTimeout(work, ms),
  random: Math.random,
});

function plug(port: string, wire: Socket): void {
  wires.get(port)?.destroy();
  wires.set(port, wire);
  // A copy: a frame may wait on a slow wire, and the reader uses its buffer again.
  const read = frameReader((frame: Buffer) => core.receive(port, Buffer.from(frame)));
  wire.on('data', (piece) => {
    try {
      read(piece);
    } catch (error) {
      console.error(`port ${port}: ${messageOf(error)}`);
      wire.destroy();
    }
  });
  wire.on('error', () => {});
  wire.on('close', () => wires.get(port) === wire && wires.delete(port));
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function answer(line: string): object {
  try {
    const { port, set } = JSON.parse(line);
    if (set) core.set(port, set);
    return { ok: true, plugged: wires.has(port), faults: core.faultsOf(port) };
  } catch (error) {
    return { ok: false, error: messageOf(error) };
  }
}

function listen(name: string, onConnection: (socket: Socket) => void): Promise<void> {
  rmSync(name, { force: true });
  return new Promise((resolve, reject) => {
    createServer(onConnection).once('error', reject).listen(name, resolve);
  });
}

process.on('SIGTERM', () => {
  for (const name of [...ports, 'control']) rmSync(name, { force: true });
  process.exit(0);
});
for (const port of ports) await listen(port, (wire) => plug(port, wire));
// Last: a process that finds it knows that the other sockets exist.
await listen('control', (client) => {
  client.on('error', () => {});
  createInterface({ input: client }).on('line', (line) => client.write(`${JSON.stringify(answer(line))}\n`));
});

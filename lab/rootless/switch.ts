#!/usr/bin/env node
/**
 * The switch of a lab without root: one process, one Unix socket a node and one for the gateway, in its working folder.
 * Started by `up`, ended by `down` and `destroy`.
 *
 *   node switch.mjs NAME PORT…      NAME only marks the process; the last port is the gateway; a port's name has a letter,
 *                                  because Node.js takes digits for a TCP port
 *
 * `control` takes one JSON object a line, {"port": "node1", "set": {"cut": true}}, and answers with one.
 */
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { frameReader, packFrame } from './frames.mjs';
import { createSwitch } from './switch-core.mjs';

/** A machine that does not take its frames loses them, as at a real switch; this much may wait. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024;

const ports = process.argv.slice(3);
const wires = new Map();

const core = createSwitch({
  ports,
  gateway: ports.at(-1),
  deliver(port, frame) {
    const wire = wires.get(port);
    if (wire && wire.writableLength < MOST_WAITING_BYTES) wire.write(packFrame(frame));
  },
  now: () => performance.now(),
  later: (ms, work) => setTimeout(work, ms),
  random: Math.random,
});

function plug(port, wire) {
  wires.get(port)?.destroy();
  wires.set(port, wire);
  // A frame may wait while the wire is slow, and the reader's buffer is used again.
  const read = frameReader((frame) => core.receive(port, Buffer.from(frame)));
  wire.on('data', (piece) => {
    try {
      read(piece);
    } catch (error) {
      console.error(`port ${port}: ${error.message}`);
      wire.destroy();
    }
  });
  wire.on('error', () => {});
  wire.on('close', () => wires.get(port) === wire && wires.delete(port));
}

function answer(line) {
  try {
    const { port, set } = JSON.parse(line);
    if (set) core.set(port, set);
    return { ok: true, plugged: wires.has(port), faults: core.faultsOf(port) };
  } catch (error) {
    return { ok: false, error: error.message };
  }
}

function listen(name, onConnection) {
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
// Last: who finds it knows that all the others are there.
await listen('control', (client) => {
  client.on('error', () => {});
  createInterface({ input: client }).on('line', (line) => client.write(`${JSON.stringify(answer(line))}\n`));
});

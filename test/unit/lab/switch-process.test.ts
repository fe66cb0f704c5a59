import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { frameReader, packFrame } from '../../../lab/rootless/frames.ts';
import { tsCommand } from '../../../scripts/ts.mjs';

const program = fileURLToPath(new URL('../../../lab/rootless/switch.ts', import.meta.url));
const at = mkdtempSync(join(tmpdir(), 'drover-switch-'));
let child: ChildProcess;

const soon = async (ready: () => boolean): Promise<void> => {
  for (let waited = 0; !ready(); waited += 20) {
    if (waited > 60_000) throw new Error('nothing came in 60 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

beforeAll(async () => {
  const [node, ...words] = tsCommand(program, 'unit-switch', 'node1', 'node2', 'gateway');
  child = spawn(node, words, { cwd: at });
  await soon(() => existsSync(join(at, 'control')));
});
afterAll(() => {
  child.kill('SIGKILL');
  rmSync(at, { recursive: true });
});

/** A machine's end of the wire, as QEMU has it. */
function machine(port: string): { readonly got: string[]; readonly socket: Socket; send(frame: Buffer): void } {
  const got: string[] = [];
  const socket = connect(join(at, port));
  socket.on(
    'data',
    frameReader((frame: Buffer) => got.push(frame.toString('utf8', 14))),
  );
  return { got, socket, send: (frame) => socket.write(packFrame(frame)) };
}

function ask(line: string): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = connect(join(at, 'control'));
    createInterface({ input: socket }).once('line', (answer) => {
      socket.destroy();
      resolve(JSON.parse(answer));
    });
    socket.write(`${line}\n`);
  });
}

const frame = (text: string): Buffer =>
  Buffer.concat([Buffer.from('ffffffffffff525400d000010800', 'hex'), Buffer.from(text)]);

it('carries frames, obeys its control, accepts a machine again, and removes its sockets at its end', async () => {
  const [one, two] = [machine('node1'), machine('node2')];
  await soon(() => !one.socket.connecting && !two.socket.connecting);
  await soon(() => {
    one.send(frame('hello'));
    return two.got.includes('hello');
  });

  expect(await ask('{"port":"node2","set":{"cut":true}}')).toMatchObject({
    ok: true,
    plugged: true,
    faults: { cut: true },
  });
  two.got.length = 0;
  one.send(frame('lost'));
  expect(await ask('{"port":"node2","set":{"cut":false}}')).toMatchObject({ ok: true });
  await soon(() => {
    one.send(frame('found'));
    return two.got.includes('found');
  });
  expect(two.got).not.toContain('lost');

  two.socket.destroy();
  const again = machine('node2');
  await soon(() => {
    one.send(frame('welcome'));
    return again.got.includes('welcome');
  });

  expect(await ask('{"port":"node7","set":{"cut":true}}')).toEqual({
    ok: false,
    error: 'the switch has no port "node7"',
  });
  expect(await ask('nonsense')).toMatchObject({ ok: false });
  child.kill('SIGTERM');
  await soon(() => child.exitCode !== null);
  expect(readdirSync(at)).toEqual([]);
});

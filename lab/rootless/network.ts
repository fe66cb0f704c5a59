/**
 * The network of a lab without root (see NetworkKind). A switch of the lab's own (switch.ts) joins the nodes, and a QEMU
 * without a machine is the gateway 172.16.255.1: it opens ports on loopback addresses, one address for each node, and is
 * the nodes' way out where this machine has a default route.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { tsCommand } from '../../scripts/ts.mjs';
import { findProcess, startProcess } from '../background.ts';
import { LabError } from '../errors.mjs';
import { addressOf, macOf, reachOf, runDir, SSH_PORT, SUBNET } from '../paths.mjs';
import { type Qmp, withQmp } from '../qmp.ts';
import type { Lab, PublishedPort, UmWire } from '../types.ts';
import { ensureWire } from '../um/kernel.ts';
import type { FaultChange } from './switch-core.ts';

const SWITCH = fileURLToPath(new URL('switch.ts', import.meta.url));
const START_LIMIT_MS = 10_000;
const END_LIMIT_MS = 5000;
const SLOW_BITS = 2_000_000;
const LOOPBACK_NETS = Array.from({ length: 64 }, (_, at) => `127.${16 + at}.255`);

type Part = 'switch' | 'gateway';

const wireDir = (lab: Lab): string => join(runDir(lab.name), 'wire');
/** A word on the command line by which the process is found again. */
const mark = (lab: Lab, part: Part): string => `drover-${lab.name}-${part}`;
const pidFile = (lab: Lab, part: Part): string => join(wireDir(lab), `${part}.pid`);
const indexes = (lab: Lab) => Array.from({ length: lab.nodes }, (_, at) => at + 1);

const portOf = (index: number): string => `node${index}`;

export const netPrefix = (): readonly string[] => [];

/** Relative to the node's folder, where its machine starts: a socket's path may have 107 characters. */
export const netdevWords = (_lab: Lab, index: number) => [
  '-netdev',
  `stream,id=lan,server=off,addr.type=unix,addr.path=../wire/${portOf(index)}`,
];

/** A small program (um/wire.c) joins the machine with the switch. */
export const umWire = async (_lab: Lab, index: number): Promise<UmWire> => ({
  word: `vec0:transport=fd,fd=3,mac=${macOf(index)}`,
  before: [await ensureWire(), `../wire/${portOf(index)}`],
});

/** The process of the switch or of the gateway; undefined where it does not run. */
const pidOf = (lab: Lab, part: Part): number | undefined => findProcess(pidFile(lab, part), mark(lab, part));

export const networkIsUp = (lab: Lab): boolean =>
  pidOf(lab, 'switch') !== undefined && pidOf(lab, 'gateway') !== undefined;

const isFree = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });

/** The start of loopback addresses that no other lab uses. Throws LabError. */
async function freeLoopback(lab: Lab): Promise<string> {
  for (const net of LOOPBACK_NETS) {
    const free = await Promise.all(indexes(lab).map((index) => isFree(`${net}.${249 + index}`, SSH_PORT)));
    if (free.every(Boolean)) return net;
  }
  throw new LabError(`No loopback address is free for the nodes' ssh (port ${SSH_PORT}); destroy another lab first.`);
}

export async function claimNetwork(lab: Lab): Promise<void> {
  lab.loopback ??= await freeLoopback(lab);
}

/** Whether this machine has a default route. */
async function hasWayOut(): Promise<boolean> {
  const text = await readFile('/proc/net/route', 'utf8').catch(() => '');
  return text.split('\n').some((line) => line.split('\t')[1] === '00000000' && line.split('\t')[7] === '00000000');
}

export async function raiseNetwork(lab: Lab): Promise<void> {
  lab.wayOut = await hasWayOut();
  await mkdir(wireDir(lab), { recursive: true, mode: 0o700 });
  if (!pidOf(lab, 'switch')) {
    const words = tsCommand(SWITCH, mark(lab, 'switch'), ...indexes(lab).map(portOf), 'gateway');
    await start(lab, 'switch', words, () => control(lab, 'gateway'));
  }
  if (!pidOf(lab, 'gateway')) {
    await start(lab, 'gateway', ['qemu-system-x86_64', ...gatewayWords(lab)], () => onGateway(lab, async () => {}));
  }
}

/** One of QEMU's forwarding rules. */
const forward = (lab: Lab, index: number, here: number, there: number): string => {
  const { host } = reachOf(lab, index);
  return `tcp:${host}:${here}-${addressOf(index)}:${there}`;
};

/** Every rule of the lab: ssh, and the published ports. */
const forwards = (lab: Lab): readonly string[] =>
  indexes(lab).flatMap((index) => [
    forward(lab, index, SSH_PORT, 22),
    ...(lab.published ?? []).map(({ here, there }) => forward(lab, index, here, there)),
  ]);

function gatewayWords(lab: Lab): readonly string[] {
  const { wayOut } = lab;
  const rules = forwards(lab).map((rule) => `hostfwd=${rule}`);
  return [
    '-name',
    mark(lab, 'gateway'),
    // No machine, only QEMU's own small router between the wire and the ports of this machine.
    '-machine',
    'none',
    '-nodefaults',
    '-display',
    'none',
    '-netdev',
    [
      `user,id=out,net=${SUBNET}.0/24,host=${SUBNET}.1,dns=${SUBNET}.3,ipv6=off`,
      `restrict=${wayOut ? 'off' : 'on'}`,
      ...rules,
    ].join(','),
    '-netdev',
    'hubport,id=out-hub,hubid=0,netdev=out',
    '-netdev',
    'stream,id=lan,server=off,addr.type=unix,addr.path=gateway',
    '-netdev',
    'hubport,id=lan-hub,hubid=0,netdev=lan',
    '-qmp',
    'unix:qmp.sock,server=on,wait=off',
  ];
}

/** Starts one of the two processes and waits until it answers. Throws LabError. */
async function start(lab: Lab, part: Part, words: readonly string[], answers: () => Promise<void>): Promise<void> {
  const cwd = wireDir(lab);
  const places = { cwd, log: join(cwd, `${part}.log`), pidFile: pidFile(lab, part) };
  const why = await startProcess(words, {
    ...places,
    limitMs: START_LIMIT_MS,
    answers: () => answers().then(() => true),
  });
  if (why === undefined) return;
  await endProcess(lab, part);
  throw new LabError(`The ${part} of the lab did not start: ${why}`);
}

/** Changes faults of a port of the switch; without `set` it only asks for an answer. Throws LabError. */
function control(lab: Lab, port: string, set?: FaultChange): Promise<void> {
  return new Promise((resolve, reject) => {
    const pid = pidOf(lab, 'switch');
    if (!pid) return reject(new LabError('The switch of the lab is off; `npm run lab -- up` starts it.'));
    const socket = connect(`/proc/${pid}/cwd/control`);
    socket.once('error', reject);
    const lines = createInterface({ input: socket });
    lines.on('error', () => {}); // the socket's own error, handled above
    lines.once('line', (line) => {
      socket.destroy();
      const { ok, error } = JSON.parse(line);
      if (ok) resolve();
      else reject(new LabError(`The switch refused: ${error}.`));
    });
    socket.write(`${JSON.stringify({ port, ...(set ? { set } : {}) })}\n`);
  });
}

const onGateway = (lab: Lab, use: (qmp: Qmp) => Promise<void>): Promise<void> =>
  withQmp(`/proc/${pidOf(lab, 'gateway')}/cwd/qmp.sock`, use);

export const cutCable = (lab: Lab, index: number) => control(lab, portOf(index), { cut: true });
export const plugCable = (lab: Lab, index: number) => control(lab, portOf(index), { cut: false });
export const slowDown = (lab: Lab, index: number) => control(lab, portOf(index), { bitsPerSecond: SLOW_BITS });
export const speedUp = (lab: Lab, index: number) => control(lab, portOf(index), { bitsPerSecond: null });
export const losePackets = (lab: Lab, index: number, percent: number) => control(lab, portOf(index), { loss: percent });
export const stopLosing = (lab: Lab, index: number) => control(lab, portOf(index), { loss: 0 });

/** Opens port `here` on every node's loopback address; it leads to the node's port `there`. */
export async function publish(lab: Lab, { here, there }: PublishedPort): Promise<void> {
  await onGateway(lab, async (qmp) => {
    for (const index of indexes(lab)) await qmp.monitor(`hostfwd_add out ${forward(lab, index, here, there)}`);
  });
}

/** Resolves to the process that was ended. */
async function endProcess(lab: Lab, part: Part): Promise<number | undefined> {
  const pid = pidOf(lab, part);
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    const until = Date.now() + END_LIMIT_MS;
    while (pidOf(lab, part) && Date.now() < until) await sleep(30);
    if (pidOf(lab, part)) process.kill(pid, 'SIGKILL');
  }
  await rm(pidFile(lab, part), { force: true });
  return pid;
}

export async function restNetwork(lab: Lab): Promise<void> {
  await endProcess(lab, 'gateway');
  await endProcess(lab, 'switch');
}

export async function dropNetwork(lab: Lab): Promise<string[]> {
  const removed: string[] = [];
  for (const part of ['gateway', 'switch'] as const) {
    const pid = await endProcess(lab, part);
    if (pid !== undefined) removed.push(`${part} (process ${pid})`);
  }
  return removed;
}

/**
 * Without root: the nodes are joined by a switch of our own (switch.mjs), and a QEMU without a machine is the gateway
 * 172.16.255.1. It opens ports on loopback addresses, one address a node, and lets the nodes out where there is a way.
 * The same names with root are in bridge.mjs.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findProcess, startProcess } from '../background.mjs';
import { LabError } from '../errors.mjs';
import { addressOf, macOf, reachOf, runDir, SSH_PORT, SUBNET } from '../paths.mjs';
import { withQmp } from '../qmp.mjs';
import { ensureWire } from '../um/kernel.mjs';

const SWITCH = fileURLToPath(new URL('switch.mjs', import.meta.url));
const START_LIMIT_MS = 10_000;
const END_LIMIT_MS = 5000;
const SLOW_BITS = 2_000_000;
const LOOPBACK_NETS = Array.from({ length: 64 }, (_, at) => `127.${16 + at}.255`);

const wireDir = (lab) => join(runDir(lab.name), 'wire');
const mark = (lab, part) => `drover-${lab.name}-${part}`;
const pidFile = (lab, part) => join(wireDir(lab), `${part}.pid`);
const indexes = (lab) => Array.from({ length: lab.nodes }, (_, at) => at + 1);

const portOf = (index) => `node${index}`;

export const netPrefix = () => [];

/** Relative to the node's folder, where its machine is started: a socket's path may have 107 characters. */
export const netdevWords = (_lab, index) => [
  '-netdev',
  `stream,id=lan,server=off,addr.type=unix,addr.path=../wire/${portOf(index)}`,
];

/** The same for User-Mode Linux: `{word, before}`; a small program joins the machine with the switch. */
export const umWire = async (_lab, index) => ({
  word: `vec0:transport=fd,fd=3,mac=${macOf(index)}`,
  before: [await ensureWire(), `../wire/${portOf(index)}`],
});

/** The process of the switch or of the gateway; undefined when it is not there. */
const pidOf = (lab, part) => findProcess(pidFile(lab, part), mark(lab, part));

export const networkIsUp = (lab) => pidOf(lab, 'switch') !== undefined && pidOf(lab, 'gateway') !== undefined;

const isFree = (host, port) =>
  new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });

/** Loopback addresses nobody else's lab uses. */
async function freeLoopback(lab) {
  for (const net of LOOPBACK_NETS) {
    const free = await Promise.all(indexes(lab).map((index) => isFree(`${net}.${249 + index}`, SSH_PORT)));
    if (free.every(Boolean)) return net;
  }
  throw new LabError(`No loopback address is free for the nodes' ssh (port ${SSH_PORT}); end another lab first.`);
}

export async function claimNetwork(lab) {
  lab.loopback ??= await freeLoopback(lab);
}

async function hasWayOut() {
  const text = await readFile('/proc/net/route', 'utf8').catch(() => '');
  return text.split('\n').some((line) => line.split('\t')[1] === '00000000' && line.split('\t')[7] === '00000000');
}

export async function raiseNetwork(lab) {
  lab.wayOut = await hasWayOut();
  await mkdir(wireDir(lab), { recursive: true, mode: 0o700 });
  if (!pidOf(lab, 'switch')) {
    const words = [process.execPath, SWITCH, mark(lab, 'switch'), ...indexes(lab).map(portOf), 'gateway'];
    await start(lab, 'switch', words, () => control(lab, 'gateway'));
  }
  if (!pidOf(lab, 'gateway')) {
    await start(lab, 'gateway', ['qemu-system-x86_64', ...gatewayWords(lab)], () => onGateway(lab, () => {}));
  }
}

const forward = (lab, index, here, there) => {
  const { host } = reachOf(lab, index);
  return `tcp:${host}:${here}-${addressOf(index)}:${there}`;
};

/** Every forward of the lab: ssh, and what was published. */
const forwards = (lab) =>
  indexes(lab).flatMap((index) => [
    forward(lab, index, SSH_PORT, 22),
    ...(lab.published ?? []).map(({ here, there }) => forward(lab, index, here, there)),
  ]);

function gatewayWords(lab) {
  const { wayOut } = lab;
  const rules = forwards(lab).map((rule) => `hostfwd=${rule}`);
  return [
    '-name',
    mark(lab, 'gateway'),
    // No machine at all: QEMU's own small router between the wire and the ports of this machine.
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

/** Starts one of the two processes and waits until `answers` does. */
async function start(lab, part, words, answers) {
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

/** One word with the switch. */
function control(lab, port, set) {
  return new Promise((resolve, reject) => {
    const pid = pidOf(lab, 'switch');
    if (!pid) return reject(new LabError('The switch of the lab is off; `npm run lab -- up` starts it.'));
    const socket = connect(`/proc/${pid}/cwd/control`);
    socket.once('error', reject);
    const lines = createInterface({ input: socket });
    lines.on('error', () => {}); // the socket's own, told above
    lines.once('line', (line) => {
      socket.destroy();
      const { ok, error, ...rest } = JSON.parse(line);
      if (ok) resolve(rest);
      else reject(new LabError(`The switch refused: ${error}.`));
    });
    socket.write(`${JSON.stringify({ port, ...(set ? { set } : {}) })}\n`);
  });
}

const onGateway = (lab, use) => withQmp(`/proc/${pidOf(lab, 'gateway')}/cwd/qmp.sock`, use);

export const cutCable = (lab, index) => control(lab, portOf(index), { cut: true });
export const plugCable = (lab, index) => control(lab, portOf(index), { cut: false });
export const slowDown = (lab, index) => control(lab, portOf(index), { bitsPerSecond: SLOW_BITS });
export const speedUp = (lab, index) => control(lab, portOf(index), { bitsPerSecond: null });
export const losePackets = (lab, index, percent) => control(lab, portOf(index), { loss: percent });
export const stopLosing = (lab, index) => control(lab, portOf(index), { loss: 0 });

/** Opens `here` on every node's loopback address, leading to the node's port `there`. */
export async function publish(lab, { here, there }) {
  await onGateway(lab, async (qmp) => {
    for (const index of indexes(lab)) await qmp.monitor(`hostfwd_add out ${forward(lab, index, here, there)}`);
  });
}

async function endProcess(lab, part) {
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

export async function restNetwork(lab) {
  await endProcess(lab, 'gateway');
  await endProcess(lab, 'switch');
}

export async function dropNetwork(lab) {
  const went = [];
  for (const part of ['gateway', 'switch']) {
    const pid = await endProcess(lab, part);
    if (pid !== undefined) went.push(`${part} (process ${pid})`);
  }
  return went;
}

#!/usr/bin/env node
/**
 * What drover costs beside what one could do by hand, on a lab, both sides in one run and in turn: a move against
 * `zfs send | ssh | zfs receive` of the same dataset, its downtime against `docker stop` and `docker start` of the same
 * container, and an apply with nothing to do against bare logins. Prints tables, and keeps the figures with their
 * conditions in move-figures.json. Needs root; makes the lab bench-move and removes it.
 *
 *   npm run bench [-- --sizes 64,256,1024] [--repeats 3] [--accel um] [--keep] [--no-save]
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { conditions, root, seconds, table, withLab } from './on-lab.mjs';

const HELP = 'Usage: npm run bench [-- --sizes MB,…] [--repeats N] [--accel kvm|um|tcg] [--keep] [--no-save]\n';
const FIGURES = join(root, 'test', 'bench', 'move-figures.json');
const addresses = { node1: '172.16.255.250', node2: '172.16.255.251' };
const otherOf = { node1: 'node2', node2: 'node1' };
const CONTAINER = 'drover-writer';
const DATASET = "zfs list -H -o name -r drover/volumes | grep -m 1 '/writer-'";

const APPLICATION = `version: 1
applications:
  writer:
    image: drover/writer:1
    ports: [{internal: 8001, external: 8001}]
    volume: {mountpoint: /data}
    environment: {RATE: "20"}
`;
const deployment = `version: 1\nnodes:\n  ${addresses.node1}: [writer]\n  ${addresses.node2}: []\n`;

/** A login from each node to the other, as a person who copies by hand has one. */
async function letNodesIn({ onNode }) {
  for (const node of ['node1', 'node2']) {
    const key = await onNode(
      node,
      "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/bench <<<y >/dev/null; cat /root/.ssh/bench.pub",
    );
    await onNode(otherOf[node], `cat >>/root/.ssh/authorized_keys <<'K'\n${key.trim()}\nK`);
  }
}

const sendByHand = (to) =>
  `d=$(${DATASET}); zfs snapshot $d@bench; zfs send $d@bench | ssh -i /root/.ssh/bench -o StrictHostKeyChecking=no root@${addresses[to]} zfs receive -u drover/bench`;

async function measureRaw({ onNode, timed }, from, to) {
  try {
    return await timed(from, sendByHand(to));
  } finally {
    await onNode(to, 'zfs destroy -r drover/bench; true');
    await onNode(from, `zfs destroy $(${DATASET})@bench; true`);
  }
}

/** A whole copy each time: the replica of the move before is taken away first. */
async function measureMove({ onNode, drover, start }, folder, to) {
  await onNode(
    to,
    `d=$(${DATASET}) && zfs get -H -o value drover:role $d | grep -qx replica && zfs destroy -r $d; true`,
  );
  const client = start(
    process.execPath,
    join(root, 'test', 'bench', 'client.mjs'),
    '8001',
    ...Object.values(addresses),
  );
  const lines = createInterface({ input: client.stdout });
  await once(lines, 'line');
  await sleep(1000);
  const moved = await drover(folder, 'move', 'writer', to);
  await sleep(1000);
  const told = once(lines, 'line');
  client.kill('SIGTERM');
  const outside = JSON.parse((await told)[0]);
  const receipt = (what) => Number(new RegExp(`${what}\\s+([\\d.]+) s`).exec(moved.stdout)?.[1]);
  return {
    total: moved.ms / 1000,
    down: outside.downMs / 1000,
    byReceipt: receipt('downtime'),
    longestWait: outside.longestWaitMs / 1000,
    refused: outside.refused,
  };
}

const floor = ({ timed }, node) => timed(node, `docker stop ${CONTAINER} && docker start ${CONTAINER}`);

async function measureMoves(bench, folder, { sizes, repeats }) {
  const rows = [];
  let [from, to] = ['node1', 'node2'];
  for (const megabytes of sizes) {
    await bench.onNode(
      from,
      `cd /var/lib/drover/volumes/writer-*/data && head -c ${megabytes}M /dev/urandom >ballast && sync`,
    );
    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      process.stderr.write(`${megabytes} MB, ${repeat} of ${repeats} …\n`);
      const isRawFirst = repeat % 2 === 1;
      const before = isRawFirst ? await measureRaw(bench, from, to) : undefined;
      const least = await floor(bench, from);
      const move = await measureMove(bench, folder, to);
      [from, to] = [to, from];
      const raw = before ?? (await measureRaw(bench, from, to));
      rows.push({ megabytes, repeat, raw, floor: least, ...move });
    }
  }
  return rows;
}

async function measureNothing({ drover, ssh }, folder, repeats) {
  const took = async (work) => (await work()).ms / 1000;
  const sides = {
    'two logins, one after the other': async () => {
      const first = await ssh('node1', 'true');
      return { ms: first.ms + (await ssh('node2', 'true')).ms };
    },
    'two logins at once': async () => {
      const began = performance.now();
      await Promise.all([ssh('node1', 'true'), ssh('node2', 'true')]);
      return { ms: performance.now() - began };
    },
    '`drover apply`, nothing to do': () => drover(folder, 'apply'),
    '`drover status`': () => drover(folder, 'status'),
  };
  const times = Object.fromEntries(Object.keys(sides).map((what) => [what, []]));
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const order = Object.keys(sides);
    for (const what of repeat % 2 === 0 ? order : order.toReversed()) times[what].push(await took(sides[what]));
  }
  return times;
}

const ratio = (a, b) => (a / b).toFixed(1);

function moveTable(rows) {
  const head = [
    'MB',
    'repeat',
    'move',
    'send by hand',
    'ratio',
    'down, outside',
    'stop and start',
    'ratio',
    'down, by receipt',
    'longest wait',
    'refused',
  ];
  return table([
    head,
    ...rows.map((row) => [
      row.megabytes,
      row.repeat,
      seconds(row.total),
      seconds(row.raw),
      ratio(row.total, row.raw),
      seconds(row.down),
      seconds(row.floor),
      ratio(row.down, row.floor),
      seconds(row.byReceipt),
      seconds(row.longestWait),
      row.refused,
    ]),
  ]);
}

function nothingTable(times) {
  const base = times['two logins at once'];
  return table([
    ['', ...base.map((_, at) => `repeat ${at + 1}`), 'ratio to two logins at once'],
    ...Object.entries(times).map(([what, each]) => [
      what,
      ...each.map(seconds),
      each.map((value, at) => ratio(value, base[at])).join(', '),
    ]),
  ]);
}

async function main() {
  const options = {
    sizes: { type: 'string', default: '64,256,1024' },
    repeats: { type: 'string', default: '3' },
    accel: { type: 'string' },
    keep: { type: 'boolean' },
    'no-save': { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  };
  const { values } = parseArgs({ options });
  if (values.help) return void process.stdout.write(HELP);
  const sizes = values.sizes.split(',').map(Number);
  const repeats = Number(values.repeats);
  const folder = mkdtempSync(join(tmpdir(), 'drover-bench-'));
  try {
    writeFileSync(join(folder, 'application.yml'), APPLICATION);
    writeFileSync(join(folder, 'deployment.yml'), deployment);
    await withLab({ name: 'bench-move', accel: values.accel, keep: values.keep }, async (bench) => {
      await letNodesIn(bench);
      await bench.drover(folder, 'apply');
      const nothing = await measureNothing(bench, folder, repeats);
      const moves = await measureMoves(bench, folder, { sizes, repeats });
      const facts = await conditions(bench.onNode);
      process.stdout.write(`${nothingTable(nothing)}\n\n${moveTable(moves)}\n`);
      if (values['no-save']) return;
      writeFileSync(FIGURES, `${JSON.stringify({ conditions: facts, nothing, moves }, null, 2)}\n`);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();

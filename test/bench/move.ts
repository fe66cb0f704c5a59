/**
 * What drover costs beside what one could do by hand, on a lab, both sides in one run and in turn: a move against
 * `zfs send | ssh | zfs receive` of the same dataset and against syncoid by hand, its downtime against `docker stop` and
 * `docker start` of the same container, and an apply with nothing to do against bare logins, ansible and docker compose.
 * Prints tables, and keeps them with their conditions in results/. Needs root; makes the lab bench-move and removes it.
 *
 *   npm run bench:move [-- --sizes 64,256,1024] [--repeats 3] [--accel um] [--keep] [--no-save]
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runDir } from '../../lab/paths.mjs';
import { measureNothing, nothingTable } from './nothing.ts';
import { conditions, root, run, seconds, withLab } from './on-lab.ts';
import { findProgram, pathWithSsh } from './others.ts';
import { keep, machine, table } from './results.ts';
import { APPLICATION, addresses, deploymentOn } from './writer.ts';

const HELP = 'Usage: npm run bench:move [-- --sizes MB,…] [--repeats N] [--accel kvm|um|tcg] [--keep] [--no-save]\n';
const LAB = 'bench-move';
const otherOf = { node1: 'node2', node2: 'node1' };
const CONTAINER = 'drover-writer';
const DATASET = "zfs list -H -o name -r drover/volumes | grep -m 1 '/writer-'";

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

/** The writer as a person runs it without drover, on a dataset of its own. */
const runByHand = 'docker run -d --name by-hand -e RATE=20 -v /by-hand:/data -p 8002:8001 drover/writer:1 >/dev/null';
const mountByHand =
  'zfs set mountpoint=/by-hand readonly=off drover/by-hand && { zfs mount drover/by-hand 2>/dev/null || true; }';

async function prepareByHand({ onNode }, node, megabytes) {
  await onNode(
    node,
    `zfs create -o mountpoint=/by-hand drover/by-hand && head -c ${megabytes}M /dev/urandom >/by-hand/ballast && sync && ${runByHand}`,
  );
}

/** Copy with syncoid while it runs, stop, copy what is left, start in the new place: the same order as drover's. */
async function measureByHand({ onNode, start, env, inside, lab }, syncoid, from, to) {
  const options = ['--no-privilege-elevation', '--quiet'];
  const place = (node) => `root@${node}:drover/by-hand`;
  const sync = () =>
    run([...inside, ...syncoid.words, ...options, place(from), place(to)], { env: { ...env, ...syncoid.env } });
  const client = await startClient(start, '8002', addresses[from], addresses[to]);
  const began = performance.now();
  await sync();
  await onNode(from, 'docker stop by-hand >/dev/null');
  await sync();
  await lab('ssh', to, `${mountByHand} && ${runByHand}`);
  const total = (performance.now() - began) / 1000;
  const outside = await client.end();
  await onNode(from, 'docker rm -f by-hand >/dev/null; zfs destroy -r drover/by-hand');
  return { total, down: outside.downMs / 1000, refused: outside.refused };
}

/** A client outside; `end` waits until both places had time to answer, and gives what it saw. */
async function startClient(start, port, ...hosts) {
  const client = start(process.execPath, join(root, 'test', 'bench', 'client.mjs'), port, ...hosts);
  const lines = createInterface({ input: client.stdout });
  await once(lines, 'line');
  await sleep(1000);
  return {
    async end() {
      await sleep(1000);
      const said = once(lines, 'line');
      client.kill('SIGTERM');
      return JSON.parse((await said)[0]);
    },
  };
}

/** A whole copy each time: the replica of the move before is taken away first. */
async function measureMove({ onNode, drover, start }, folder, to) {
  await onNode(
    to,
    `d=$(${DATASET}) && zfs get -H -o value drover:role $d | grep -qx replica && zfs destroy -r $d; true`,
  );
  const forecast = await forecastOf(drover, folder, to);
  const client = await startClient(start, '8001', ...Object.values(addresses));
  const moved = await drover(folder, 'move', 'writer', to);
  const outside = await client.end();
  const receipt = (what) => Number(new RegExp(`${what}\\s+([\\d.]+) s`).exec(moved.stdout)?.[1]);
  return {
    total: moved.ms / 1000,
    down: outside.downMs / 1000,
    byReceipt: receipt('downtime'),
    forecast,
    waited: receipt('waited'),
    longestWait: outside.longestWaitMs / 1000,
    refused: outside.refused,
  };
}

/** Seconds of downtime that a plan says for it; undefined where it says none. */
async function forecastOf(drover, folder, to) {
  const file = join(folder, 'deployment.yml');
  const before = readFileSync(file);
  await drover(folder, 'move', 'writer', to, '--no-apply');
  // 2: there is something to do.
  const { stdout } = await drover(folder, 'plan').catch((error) => error);
  writeFileSync(file, before);
  const [, number, unit] = /about ([\d.]+) (ms|s|min) of downtime/.exec(stdout ?? '') ?? [];
  return number === undefined ? undefined : Number(number) * { ms: 0.001, s: 1, min: 60 }[unit];
}

const floor = ({ timed }, node) => timed(node, `docker stop ${CONTAINER} && docker start ${CONTAINER}`);

async function measureMoves(bench, folder, { sizes, repeats, syncoid }) {
  const rows = [];
  let [from, to] = ['node1', 'node2'];
  for (const megabytes of sizes) {
    await bench.onNode(
      from,
      `cd /var/lib/drover/volumes/writer-*/data && head -c ${megabytes}M /dev/urandom >ballast && sync`,
    );
    let place = from;
    if (syncoid.missing === undefined) await prepareByHand(bench, place, megabytes);
    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      process.stderr.write(`${megabytes} MB, ${repeat} of ${repeats} …\n`);
      const byHand = async () => {
        const raw = await measureRaw(bench, from, to);
        if (syncoid.missing !== undefined) return { raw };
        const next = otherOf[place];
        const hand = await measureByHand(bench, syncoid, place, next);
        place = next;
        return { raw, hand };
      };
      const before = repeat % 2 === 1 ? await byHand() : undefined;
      const least = await floor(bench, from);
      const move = await measureMove(bench, folder, to);
      [from, to] = [to, from];
      rows.push({ megabytes, repeat, ...(before ?? (await byHand())), floor: least, ...move });
    }
    await bench.onNode(place, 'docker rm -f by-hand >/dev/null 2>&1; zfs destroy -r drover/by-hand; true');
  }
  return rows;
}

const ratio = (a, b) => (a === undefined || b === undefined ? '–' : (a / b).toFixed(2));

function moveTable(rows) {
  const columns = {
    MB: ({ megabytes }) => megabytes,
    repeat: ({ repeat }) => repeat,
    move: ({ total }) => seconds(total),
    'raw send': ({ raw }) => seconds(raw),
    'move / raw': ({ total, raw }) => ratio(total, raw),
    'by hand with syncoid': ({ hand }) => seconds(hand?.total),
    'move / by hand': ({ total, hand }) => ratio(total, hand?.total),
    'down, outside': ({ down }) => seconds(down),
    'stop and start': ({ floor: least }) => seconds(least),
    'down / stop and start': ({ down, floor: least }) => ratio(down, least),
    'down by hand': ({ hand }) => seconds(hand?.down),
    'down / by hand': ({ down, hand }) => ratio(down, hand?.down),
    'down, by receipt': ({ byReceipt }) => seconds(byReceipt),
    'new connections waited, by receipt': ({ waited }) => seconds(waited),
    forecast: ({ forecast }) => seconds(forecast),
    'longest wait': ({ longestWait }) => seconds(longestWait),
    refused: ({ refused }) => refused,
    'refused by hand': ({ hand }) => hand?.refused ?? '–',
  };
  return table([Object.keys(columns), ...rows.map((row) => Object.values(columns).map((cell) => cell(row)))]);
}

/** Run on this machine, so that the data goes through it. */
function syncoidOn({ env }, folder) {
  const found = findProgram('syncoid', folder);
  if (found.missing !== undefined) return found;
  const path = pathWithSsh(folder, join(runDir(LAB), 'ssh_config'), env.PATH);
  return { ...found, env: { ...found.env, PATH: path } };
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
    writeFileSync(join(folder, 'deployment.yml'), deploymentOn('node1'));
    await withLab({ name: LAB, accel: values.accel, keep: values.keep }, async (bench) => {
      await letNodesIn(bench);
      await bench.drover(folder, 'apply');
      const nothing = await measureNothing(LAB, bench, folder, repeats);
      process.stdout.write(`${nothingTable(nothing)}\n\n`);
      const syncoid = syncoidOn(bench, folder);
      const moves = await measureMoves(bench, folder, { sizes, repeats, syncoid });
      const page = [moveTable(moves), ...(syncoid.missing === undefined ? [] : [syncoid.missing])].join('\n\n');
      process.stdout.write(`${page}\n`);
      if (values['no-save']) return;
      const facts = { ...(await conditions(bench.onNode)), ...machine() };
      keep('nothing', { conditions: facts, ...nothing }, `# Where nothing has to be done\n\n${nothingTable(nothing)}`);
      keep('move', { conditions: facts, moves }, `# A move beside what one can do by hand\n\n${page}`);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();

/**
 * Compares drover with work by hand on a lab, both sides in one run and in turn: a move with `zfs send | ssh | zfs receive` of
 * the same dataset and with syncoid, its downtime with `docker stop` and `docker start` of the same container, and an apply
 * with nothing to do with bare logins, ansible and docker compose. Prints tables, and keeps them with their conditions in
 * results/. Needs root; makes the lab bench-move and removes it. `--quick` is one small move of each kind; `--downtimes N`
 * alone measures N downtimes and nothing else.
 *
 *   npm run bench:move [-- --sizes 64,256,1024] [--repeats 3] [--downtimes 9] [--quick] [--accel um] [--keep] [--no-save]
 */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runDir } from '../../lab/paths.mjs';
import { tsCommand } from '../../scripts/ts.mjs';
import { statistics } from './measure.ts';
import { measureNothing, nothingTable } from './nothing.ts';
import { type Bench, conditions, FailedRun, root, run, seconds, withLab } from './on-lab.ts';
import { findProgram, isMissing, type Missing, type Program, pathWithSsh } from './others.ts';
import { keep, machine, table } from './results.ts';
import { APPLICATION, addresses, deploymentOn, type Node } from './writer.ts';

const HELP =
  'Usage: npm run bench:move [-- --sizes MB,…] [--repeats N] [--downtimes N] [--quick] [--accel kvm|um|tcg] [--keep] [--no-save]\n';
const LAB = 'bench-move';
const otherOf: Readonly<Record<Node, Node>> = { node1: 'node2', node2: 'node1' };
const CONTAINER = 'drover-writer';
const DATASET = "zfs list -H -o name -r drover/volumes | grep -m 1 '/writer-'";

/** Lets each node log in to the other: a copy by hand needs that. */
async function letNodesIn({ onNode }: Bench): Promise<void> {
  for (const node of ['node1', 'node2'] as const) {
    const key = await onNode(
      node,
      "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/bench <<<y >/dev/null; cat /root/.ssh/bench.pub",
    );
    await onNode(otherOf[node], `cat >>/root/.ssh/authorized_keys <<'K'\n${key.trim()}\nK`);
  }
}

const sendByHand = (to: Node): string =>
  `d=$(${DATASET}); zfs snapshot $d@bench; zfs send $d@bench | ssh -i /root/.ssh/bench -o StrictHostKeyChecking=no root@${addresses[to]} zfs receive -u drover/bench`;

async function measureRaw({ onNode, timed }: Bench, from: Node, to: Node): Promise<number> {
  try {
    return await timed(from, sendByHand(to));
  } finally {
    await onNode(to, 'zfs destroy -r drover/bench; true');
    await onNode(from, `zfs destroy $(${DATASET})@bench; true`);
  }
}

/** Runs the writer without drover, on a dataset of its own. */
const runByHand = 'docker run -d --name by-hand -e RATE=20 -v /by-hand:/data -p 8002:8001 drover/writer:1 >/dev/null';
const mountByHand =
  'zfs set mountpoint=/by-hand readonly=off drover/by-hand && { zfs mount drover/by-hand 2>/dev/null || true; }';

async function prepareByHand({ onNode }: Bench, node: Node, megabytes: number): Promise<void> {
  await onNode(
    node,
    `zfs create -o mountpoint=/by-hand drover/by-hand && head -c ${megabytes}M /dev/urandom >/by-hand/ballast && sync && ${runByHand}`,
  );
}

/** Seconds of a move by hand, and of its downtime. */
interface ByHand {
  readonly total: number;
  readonly down: number;
  readonly refused: number;
}

/** Copies with syncoid while the writer runs, stops it, copies the rest, starts it on the other node: drover's order. */
async function measureByHand(
  { onNode, start, env, inside, lab }: Bench,
  syncoid: Program,
  from: Node,
  to: Node,
): Promise<ByHand> {
  const options = ['--no-privilege-elevation', '--quiet'];
  const place = (node: Node): string => `root@${node}:drover/by-hand`;
  const sync = (): Promise<unknown> =>
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

/** What a client outside the nodes has seen. */
interface Seen {
  readonly downMs: number;
  readonly longestWaitMs: number;
  readonly refused: number;
}

/** Starts a client. `end` waits a second, so that both nodes have time to answer, and ends it. */
async function startClient(
  start: Bench['start'],
  port: string,
  ...hosts: readonly string[]
): Promise<{ end(): Promise<Seen> }> {
  const client = start(...tsCommand(join(root, 'test', 'bench', 'client.ts'), port, ...hosts));
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

/** Figures of one move; times in seconds. */
interface Move {
  readonly total: number;
  readonly down: number;
  readonly byReceipt: number;
  readonly forecast: number | undefined;
  readonly waited: number;
  readonly longestWait: number;
  readonly refused: number;
}

/** Removes the replica of the last move, so that the next one copies everything. */
const removeReplica = ({ onNode }: Bench, node: Node): Promise<string> =>
  onNode(node, `d=$(${DATASET}) && zfs get -H -o value drover:role $d | grep -qx replica && zfs destroy -r $d; true`);

async function measureMove({ drover, start }: Bench, folder: string, to: Node): Promise<Move> {
  const forecast = await forecastOf(drover, folder, to);
  const client = await startClient(start, '8001', ...Object.values(addresses));
  const moved = await drover(folder, 'move', 'writer', to);
  const outside = await client.end();
  const receipt = (what: string): number => Number(new RegExp(`${what}\\s+([\\d.]+) s`).exec(moved.stdout)?.[1]);
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

const SECONDS_OF: Readonly<Record<string, number>> = { ms: 0.001, s: 1, min: 60 };

/** Seconds of downtime in the plan of a move; undefined where it has none. */
async function forecastOf(drover: Bench['drover'], folder: string, to: Node): Promise<number | undefined> {
  const file = join(folder, 'deployment.yml');
  const before = readFileSync(file);
  await drover(folder, 'move', 'writer', to, '--no-apply');
  // `plan` exits with 2, because there is something to do.
  const stdout = await drover(folder, 'plan').then(
    (ran) => ran.stdout,
    (error) => (error instanceof FailedRun ? error.stdout : ''),
  );
  writeFileSync(file, before);
  const [, number, unit = ''] = /about ([\d.]+) (ms|s|min) of downtime/.exec(stdout) ?? [];
  return number === undefined ? undefined : Number(number) * (SECONDS_OF[unit] ?? 1);
}

/** The least downtime that a move could have. */
const floor = ({ timed }: Bench, node: Node): Promise<number> =>
  timed(node, `docker stop ${CONTAINER} && docker start ${CONTAINER}`);

/** A move between two restarts of its container. */
interface Downtime extends Move {
  /** Seconds of `docker stop` and `docker start` on the old node before the move, and on the new node after it. */
  readonly floors: readonly [before: number, after: number];
  readonly load: number;
}

/** Moves from node to node and back. The copy on the other node is kept, so little is sent. */
async function measureDowntimes(bench: Bench, folder: string, repeats: number): Promise<readonly Downtime[]> {
  const rows: Downtime[] = [];
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    process.stderr.write(`downtime, ${repeat + 1} of ${repeats} …\n`);
    const [from, to]: readonly [Node, Node] = repeat % 2 === 0 ? ['node1', 'node2'] : ['node2', 'node1'];
    const before = await floor(bench, from);
    const move = await measureMove(bench, folder, to);
    const after = await floor(bench, to);
    rows.push({ ...move, floors: [before, after], load: loadavg()[0] ?? Number.NaN });
  }
  if (repeats % 2 === 1) await bench.drover(folder, 'move', 'writer', 'node1');
  return rows;
}

const meanFloor = ({ floors: [before, after] }: Downtime): number => (before + after) / 2;

function downtimeTable(rows: readonly Downtime[]): string {
  const median = (of: (row: Downtime) => number): number => statistics(rows.map(of)).median;
  const columns: Readonly<Record<string, readonly [of: (row: Downtime) => number, text: (value: number) => string]>> = {
    'stop and start, before': [({ floors: [before] }) => before, seconds],
    'stop and start, after': [({ floors: [, after] }) => after, seconds],
    'down, by receipt': [({ byReceipt }) => byReceipt, seconds],
    'down, outside': [({ down }) => down, seconds],
    'by receipt / stop and start': [(row) => row.byReceipt / meanFloor(row), (value) => value.toFixed(2)],
    'outside / stop and start': [(row) => row.down / meanFloor(row), (value) => value.toFixed(2)],
    'by receipt / forecast': [
      ({ byReceipt, forecast = Number.NaN }) => byReceipt / forecast,
      (value) => value.toFixed(2),
    ],
    'load of the machine': [({ load }) => load, (value) => value.toFixed(1)],
  };
  const all = Object.values(columns);
  const lines = rows.map((row, at) => [`${at + 1}`, ...all.map(([of, text]) => text(of(row)))]);
  const last = ['median', ...all.map(([of, text]) => text(median(of)))];
  return table([['move', ...Object.keys(columns)], ...lines, last]);
}

interface Row extends Move {
  readonly megabytes: number;
  readonly repeat: number;
  readonly raw: number;
  readonly hand?: ByHand;
  readonly floor: number;
}

interface Extent {
  readonly sizes: readonly number[];
  readonly repeats: number;
  readonly syncoid: Program | Missing;
}

async function measureMoves(
  bench: Bench,
  folder: string,
  { sizes, repeats, syncoid }: Extent,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let [from, to]: [Node, Node] = ['node1', 'node2'];
  for (const megabytes of sizes) {
    await bench.onNode(
      from,
      `cd /var/lib/drover/volumes/writer-*/data && head -c ${megabytes}M /dev/urandom >ballast && sync`,
    );
    let place = from;
    if (!isMissing(syncoid)) await prepareByHand(bench, place, megabytes);
    for (let repeat = 1; repeat <= repeats; repeat += 1) {
      process.stderr.write(`${megabytes} MB, ${repeat} of ${repeats} …\n`);
      const byHand = async (): Promise<Pick<Row, 'raw' | 'hand'>> => {
        const raw = await measureRaw(bench, from, to);
        if (isMissing(syncoid)) return { raw };
        const next = otherOf[place];
        const hand = await measureByHand(bench, syncoid, place, next);
        place = next;
        return { raw, hand };
      };
      const before = repeat % 2 === 1 ? await byHand() : undefined;
      const least = await floor(bench, from);
      await removeReplica(bench, to);
      const move = await measureMove(bench, folder, to);
      [from, to] = [to, from];
      rows.push({ megabytes, repeat, ...(before ?? (await byHand())), floor: least, ...move });
    }
    await bench.onNode(place, 'docker rm -f by-hand >/dev/null 2>&1; zfs destroy -r drover/by-hand; true');
  }
  return rows;
}

const ratio = (a: number | undefined, b: number | undefined): string =>
  a === undefined || b === undefined ? '–' : (a / b).toFixed(2);

function moveTable(rows: readonly Row[]): string {
  const columns: Readonly<Record<string, (row: Row) => string | number>> = {
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

/** syncoid runs on this machine, so the data goes through it. */
function syncoidOn({ env }: Bench, folder: string): Program | Missing {
  const found = findProgram('syncoid', folder);
  if (isMissing(found)) return found;
  const path = pathWithSsh(folder, join(runDir(LAB), 'ssh_config'), env.PATH);
  return { ...found, env: { ...found.env, PATH: path } };
}

async function main(): Promise<void> {
  const options = {
    sizes: { type: 'string' },
    repeats: { type: 'string' },
    downtimes: { type: 'string' },
    quick: { type: 'boolean' },
    accel: { type: 'string' },
    keep: { type: 'boolean' },
    'no-save': { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) return void process.stdout.write(HELP);
  const { quick = false } = values;
  // Asked for alone, nothing else is measured.
  const onlyDowntimes = values.downtimes !== undefined && values.sizes === undefined && !quick;
  const sizes = onlyDowntimes ? [] : (values.sizes ?? (quick ? '16' : '64,256,1024')).split(',').map(Number);
  const repeats = Number(values.repeats ?? (quick ? 1 : 3));
  const downtimes = Number(values.downtimes ?? (quick ? 2 : 9));
  const folder = mkdtempSync(join(tmpdir(), 'drover-bench-'));
  try {
    writeFileSync(join(folder, 'application.yml'), APPLICATION);
    writeFileSync(join(folder, 'deployment.yml'), deploymentOn('node1'));
    await withLab({ name: LAB, accel: values.accel, keep: values.keep }, async (bench) => {
      await letNodesIn(bench);
      await bench.drover(folder, 'apply');
      const facts = { ...(await conditions(bench.onNode)), ...machine() };
      const save = (name: string, title: string, figures: object, page: string): void => {
        process.stdout.write(`${page}\n\n`);
        if (!values['no-save']) keep(name, { conditions: facts, ...figures }, `# ${title}\n\n${page}`);
      };
      if (!onlyDowntimes) {
        const nothing = await measureNothing(LAB, bench, folder, repeats);
        save('nothing', 'Where nothing has to be done', nothing, nothingTable(nothing));
      }
      const rows = await measureDowntimes(bench, folder, downtimes);
      save('downtime', 'The downtime of a move compared with a restart', { downtimes: rows }, downtimeTable(rows));
      if (onlyDowntimes) return;
      const syncoid = syncoidOn(bench, folder);
      const moves = await measureMoves(bench, folder, { sizes, repeats, syncoid });
      const page = [moveTable(moves), ...(isMissing(syncoid) ? [syncoid.missing] : [])].join('\n\n');
      save('move', 'A move compared with the same work by hand', { moves }, page);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();

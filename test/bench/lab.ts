/**
 * The cost of an accelerator: the same work on a lab of each, one after the other in one run, and the ratio. Needs root;
 * makes the labs bench-um and bench-tcg (or others: `--accel kvm,um`) and removes them.
 *
 *   npm run bench:lab [-- --accel um,tcg] [--keep]
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Bench, root, seconds, type Timed, withLab } from './on-lab.ts';
import { table } from './results.ts';

const HELP = 'Usage: npm run bench:lab [-- --accel kvm|um|tcg,…] [--keep]\n';
const APPLICATION = 'mongodb-volume-example';

/** Seconds of each piece of work; undefined where a time could not be read. */
type Figures = Record<string, number | undefined>;

async function measure({ lab, timed, drover }: Bench): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'drover-bench-'));
  cpSync(join(root, 'tutorials', 'mongodb', '3-data-moves'), folder, { recursive: true });
  const took = async (work: Promise<Timed>): Promise<number> => (await work).ms / 1000;
  try {
    const figures: Figures = {
      'going back to the clean state (`lab reset`)': await took(lab('reset')),
      'one login, `true`': await took(lab('ssh', 'node1', 'true')),
      '100 × `/bin/true` on a node': await timed('node1', 'for i in $(seq 100); do /bin/true; done'),
      '`zfs create`, 10 times': await timed('node1', 'for i in $(seq 10); do zfs create drover/bench$i; done'),
      '`docker run --rm` of a small image': await timed(
        'node1',
        'docker run --rm --network none drover/busybox:1 true',
      ),
      'first `drover apply`': await took(drover(folder, 'apply')),
      '`drover status`': await took(drover(folder, 'status')),
      '`drover apply`, nothing to do': await took(drover(folder, 'apply')),
    };
    const moved = await drover(folder, 'move', APPLICATION, 'node2');
    figures['moving the database'] = moved.ms / 1000;
    const down = /downtime\s+([\d.]+) s/.exec(moved.stdout)?.[1];
    figures['of which the application is down'] = down === undefined ? undefined : Number(down);
    return figures;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const options = {
    accel: { type: 'string' },
    keep: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) return void process.stdout.write(HELP);
  const accels = (values.accel ?? 'um,tcg').split(',');
  const sides: Record<string, Figures> = {};
  for (const accel of accels) {
    process.stderr.write(`measuring ${accel} …\n`);
    sides[accel] = await withLab({ name: `bench-${accel}`, accel, keep: values.keep }, measure);
  }
  const [first = '', second] = accels;
  const rows = Object.keys(sides[first] ?? {}).map((what) => {
    const each = accels.map((accel) => sides[accel]?.[what]);
    const ratio = second !== undefined && each[0] && each[1] ? (each[1] / each[0]).toFixed(1) : '–';
    return [what, ...each.map(seconds), ratio];
  });
  process.stdout.write(`${table([['', ...accels, 'ratio'], ...rows])}\n`);
}

await main();

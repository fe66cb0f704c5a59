/**
 * The cost of planning by the size of a cluster: processor time to validate the files, to plan with nothing to do, to make a
 * status and to drain one node, and the memory of each. Every figure comes from a process of its own.
 *
 *   npm run bench:plan [-- --sizes 10,100,1000] [--runs 5] [--no-save]
 */
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { withBundle } from './bundle.ts';
import type { Work, WorkFigures } from './plan-sizes.ts';
import { keep, machine, table } from './results.ts';

const HELP = 'Usage: npm run bench:plan [-- --sizes NODES,…] [--runs N] [--no-save]\n';
const MB = 1e6;
/** Upper bounds at 1,000 nodes, in milliseconds. */
const goals: Readonly<Partial<Record<Work, number>>> = { validate: 400, nothing: 150, drain: 500 };
const works: readonly Work[] = ['validate', 'nothing', 'names', 'status', 'drain'];
const titles: Readonly<Record<Work, string>> = {
  validate: 'read and validate the files',
  nothing: 'plan, nothing to do',
  names: 'plan, nothing to do, with names',
  status: 'status',
  drain: 'plan, one node drained',
};

function measure(file: string, work: Work, nodes: number, runs: number): WorkFigures {
  const code = `import { measureWork } from '${file}'; console.log(JSON.stringify(measureWork('${work}', ${nodes}, ${runs})));`;
  const out = execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', code], { encoding: 'utf8' });
  return JSON.parse(out);
}

async function main(): Promise<void> {
  const options = {
    sizes: { type: 'string', default: '10,100,1000' },
    runs: { type: 'string', default: '5' },
    'no-save': { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  const { values } = parseArgs({ options });
  if (values.help) return void process.stdout.write(HELP);
  const sizes = values.sizes.split(',').map(Number);
  const rows = await withBundle('plan-sizes.ts', (file) =>
    works.flatMap((work) =>
      sizes.map((nodes) => ({ work, nodes, ...measure(file, work, nodes, Number(values.runs)) })),
    ),
  );
  const head = ['', 'nodes / applications', 'first', 'best', 'times the size before', 'goal', 'steps', 'kept', 'peak'];
  const lines = rows.map((row, at) => {
    const before = rows[at - 1];
    const grows = before?.work === row.work ? `${(row.bestMs / before.bestMs).toFixed(1)} x` : '';
    const goal = row.nodes === 1000 && goals[row.work] !== undefined ? `${goals[row.work]} ms` : '';
    return [
      titles[row.work],
      `${row.nodes} / ${row.nodes * 10}`,
      `${row.firstMs.toFixed(0)} ms`,
      `${row.bestMs.toFixed(0)} ms`,
      grows,
      goal,
      row.steps ?? '',
      `${(row.keptBytes / MB).toFixed(0)} MB`,
      `${(row.peakBytes / MB).toFixed(0)} MB`,
    ];
  });
  const text = `Processor time; "best" of ${values.runs} or more, once the code is warm. "kept": what the result holds; "peak": what the process grew by.\n\n${table([head, ...lines])}\n`;
  process.stdout.write(text);
  if (!values['no-save']) keep('plan', { conditions: machine(), rows }, `# Planning against size\n\n${text}`);
}

await main();

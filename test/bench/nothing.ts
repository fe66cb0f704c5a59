/** The cost of finding out that nothing has to be done, with drover and with other programs in turn. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runDir } from '../../lab/paths.mjs';
import { type Bench, run, seconds, type Timed } from './on-lab.ts';
import { findCompose, findProgram, isMissing, type Missing, pathWithSsh } from './others.ts';
import { table } from './results.ts';

/** Reads less than drover does: only the datasets and the containers. */
const PLAYBOOK = `- hosts: all
  gather_facts: false
  tasks:
    - command: zfs get -Hp -r all drover/volumes
      check_mode: false
      changed_when: false
    - command: docker ps -a
      check_mode: false
      changed_when: false
`;
const COMPOSE = 'services:\n  idle: {image: "drover/writer:1", environment: {RATE: "1"}}\n';

/** What is measured -> the work. */
type Sides = Readonly<Record<string, () => Promise<Timed>>>;

function ansibleSide(name: string, folder: string, { env, inside }: Bench): Sides | Missing {
  const program = findProgram('ansible-playbook', folder);
  if (isMissing(program)) return program;
  const config = join(runDir(name), 'ssh_config');
  writeFileSync(join(folder, 'hosts'), 'node1\nnode2\n');
  writeFileSync(join(folder, 'playbook.yml'), PLAYBOOK);
  const set = {
    ...env,
    ...program.env,
    ANSIBLE_PIPELINING: 'True',
    ANSIBLE_HOME: folder,
    ANSIBLE_LOCALHOST_WARNING: 'False',
    // Without the connection of an earlier run: drover opens a new one each time too.
    ANSIBLE_SSH_ARGS: `-F ${config} -o ControlMaster=no`,
    ANSIBLE_PYTHON_INTERPRETER: 'auto_silent',
  };
  const words = [...inside, ...program.words, '-i', join(folder, 'hosts'), join(folder, 'playbook.yml'), '--check'];
  return { 'ansible, two tasks on both nodes': () => run(words, { env: set, cwd: folder }) };
}

async function composeSide(name: string, folder: string, { env, inside }: Bench): Promise<Sides | Missing> {
  const program = findCompose();
  if (isMissing(program)) return program;
  writeFileSync(join(folder, 'compose.yml'), COMPOSE);
  const path = pathWithSsh(folder, join(runDir(name), 'ssh_config'), env.PATH);
  const set = { ...env, PATH: path, DOCKER_HOST: 'ssh://root@node1' };
  const words = [...inside, ...program.words, '-f', join(folder, 'compose.yml'), 'up', '-d'];
  const up = () => run(words, { env: set });
  await up();
  return { 'docker compose over ssh, one node': up };
}

export interface Nothing {
  /** What was measured -> the seconds of each repeat. */
  readonly times: Readonly<Record<string, readonly number[]>>;
  /** A line for each side that could not be measured. */
  readonly skipped: readonly string[];
}

export async function measureNothing(name: string, lab: Bench, folder: string, repeats: number): Promise<Nothing> {
  const { drover, ssh } = lab;
  const others = [
    ansibleSide(name, folder, lab),
    await composeSide(name, folder, lab).catch(
      (error: Error): Missing => ({ missing: `docker compose: not measured: ${error.message.split('\n')[0]}` }),
    ),
  ];
  const skipped = others.filter(isMissing).map(({ missing }) => missing);
  const sides: Sides = {
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
    ...Object.assign({}, ...others.filter((each) => !isMissing(each))),
  };
  const times: Record<string, number[]> = {};
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const order = Object.entries(sides);
    for (const [what, work] of repeat % 2 === 0 ? order : order.toReversed()) {
      times[what] ??= [];
      times[what].push((await work()).ms / 1000);
    }
  }
  return { times, skipped };
}

const ratio = (a: number, b: number | undefined): string => (b === undefined ? '–' : (a / b).toFixed(2));

export function nothingTable({ times, skipped }: Nothing): string {
  const bases = ['two logins, one after the other', 'two logins at once'] as const;
  const first = times[bases[0]] ?? [];
  const rows = Object.entries(times).map(([what, each]) => [
    what,
    ...each.map(seconds),
    ...bases.map((base) => each.map((value, at) => ratio(value, times[base]?.[at])).join(', ')),
  ]);
  const head = ['', ...first.map((_, at) => `repeat ${at + 1}`), ...bases.map((base) => `ratio to ${base}`)];
  return [table([head, ...rows]), ...skipped].join('\n\n');
}

/** What it costs to find out that nothing has to be done, drover's and others' in turn. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runDir } from '../../lab/paths.mjs';
import { run, seconds } from './on-lab.ts';
import { findCompose, findProgram, pathWithSsh } from './others.ts';
import { table } from './results.ts';

/** Reads less than drover does: what the datasets and the containers are. */
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

function ansibleSide(name, folder, { env, inside }) {
  const program = findProgram('ansible-playbook', folder);
  if (program.missing !== undefined) return program;
  const config = join(runDir(name), 'ssh_config');
  writeFileSync(join(folder, 'hosts'), 'node1\nnode2\n');
  writeFileSync(join(folder, 'playbook.yml'), PLAYBOOK);
  const set = {
    ...env,
    ...program.env,
    ANSIBLE_PIPELINING: 'True',
    ANSIBLE_HOME: folder,
    ANSIBLE_LOCALHOST_WARNING: 'False',
    // Without a connection that an earlier run has left: drover makes its own each time too.
    ANSIBLE_SSH_ARGS: `-F ${config} -o ControlMaster=no`,
    ANSIBLE_PYTHON_INTERPRETER: 'auto_silent',
  };
  const words = [...inside, ...program.words, '-i', join(folder, 'hosts'), join(folder, 'playbook.yml'), '--check'];
  return { 'ansible, two tasks on both nodes': () => run(words, { env: set, cwd: folder }) };
}

async function composeSide(name, folder, { env, inside }) {
  const program = findCompose();
  if (program.missing !== undefined) return program;
  writeFileSync(join(folder, 'compose.yml'), COMPOSE);
  const path = pathWithSsh(folder, join(runDir(name), 'ssh_config'), env.PATH);
  const set = { ...env, PATH: path, DOCKER_HOST: 'ssh://root@node1' };
  const words = [...inside, ...program.words, '-f', join(folder, 'compose.yml'), 'up', '-d'];
  const up = () => run(words, { env: set });
  await up();
  return { 'docker compose over ssh, one node': up };
}

/** Seconds of each side in each repeat, and a line for each that could not be measured. */
export async function measureNothing(name, lab, folder, repeats) {
  const { drover, ssh } = lab;
  const others = [
    ansibleSide(name, folder, lab),
    await composeSide(name, folder, lab).catch((error) => ({
      missing: `docker compose: not measured: ${error.message.split('\n')[0]}`,
    })),
  ];
  const skipped = others.flatMap(({ missing }) => missing ?? []);
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
    ...Object.assign({}, ...others.filter(({ missing }) => missing === undefined)),
  };
  const times = Object.fromEntries(Object.keys(sides).map((what) => [what, []]));
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const order = Object.keys(sides);
    for (const what of repeat % 2 === 0 ? order : order.toReversed()) times[what].push((await sides[what]()).ms / 1000);
  }
  return { times, skipped };
}

const ratio = (a, b) => (a / b).toFixed(2);

export function nothingTable({ times, skipped }) {
  const bases = ['two logins, one after the other', 'two logins at once'];
  const first = times[bases[0]];
  const rows = Object.entries(times).map(([what, each]) => [
    what,
    ...each.map(seconds),
    ...bases.map((base) => each.map((value, at) => ratio(value, times[base][at])).join(', ')),
  ]);
  const head = ['', ...first.map((_, at) => `repeat ${at + 1}`), ...bases.map((base) => `ratio to ${base}`)];
  return [table([head, ...rows]), ...skipped].join('\n\n');
}

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ContainerRuntime } from '../../src/engine/node-client.ts';
import type { ContainerSpec } from '../../src/model/cluster.ts';
import { type ContainerOption, containerOptions } from '../../src/model/container/options.ts';
import { createDockerRuntime } from '../../src/node/docker/runtime.ts';
import type { NodeConnection } from '../../src/node/ssh/connection.ts';
import { desiredSpec, differences } from '../../src/plan/container-spec.ts';
import { appOf, load } from '../unit/config/loading.ts';
import { connectTo, readLab } from './lab.ts';

// Every setting of the table on a real Docker: a file's value is read, a container is made with it, Docker reports it,
// and the next plan sees no difference.

interface Sample {
  /** As a file has it. */
  readonly value: string;
  /** What else the service needs for it. */
  readonly rest?: string;
  /** How Docker refuses it, or a start with it, where the node's kernel, disk or hardware does not have it. */
  readonly refused?: RegExp;
  /** Docker drops it, with a warning, where the node's kernel does not have it. */
  readonly isDropped?: true;
}

const limit = /not supported|does not support|not available|cgroup|No such file|read-only|invalid argument/i;

const samples: Readonly<Record<string, Sample>> = {
  user: { value: '"1000:1000"' },
  working_dir: { value: '/tmp' },
  hostname: { value: 'shop' },
  domainname: { value: 'example.org' },
  labels: { value: '{org.example.a: "1", org.example.b: two words}' },
  annotations: { value: '{org.example.a: "1"}' },
  stdin_open: { value: 'true' },
  tty: { value: 'true' },
  stop_signal: { value: 'SIGUSR1' },
  mac_address: { value: '"02:42:ac:11:00:99"' },
  platform: { value: 'linux/amd64' },
  network_mode: { value: 'none' },
  dns: { value: '[192.0.2.1]' },
  dns_opt: { value: '["timeout:3"]' },
  dns_search: { value: '[example.org]' },
  extra_hosts: { value: '["db.example.org:192.0.2.7", "gate:host-gateway"]' },
  mem_reservation: { value: '32m', isDropped: true },
  memswap_limit: { value: '128m', rest: 'mem_limit: 64m', isDropped: true },
  mem_swappiness: { value: '10', isDropped: true },
  shm_size: { value: '32m' },
  cpus: { value: '"0.5"', refused: limit },
  cpuset: { value: '"0"', refused: limit, isDropped: true },
  cpu_period: { value: '50000', refused: limit, isDropped: true },
  cpu_quota: { value: '25000', refused: limit, isDropped: true },
  cpu_rt_period: { value: '1000000', refused: limit, isDropped: true },
  cpu_rt_runtime: { value: '950000', refused: limit, isDropped: true },
  pids_limit: { value: '100', isDropped: true },
  ulimits: { value: '{nproc: 500, nofile: {soft: 1000, hard: 2000}}' },
  blkio_config: { value: '{weight: 300}', refused: limit, isDropped: true },
  oom_kill_disable: { value: 'true', isDropped: true },
  oom_score_adj: { value: '100' },
  cap_add: { value: '[NET_ADMIN]' },
  cap_drop: { value: '[MKNOD]' },
  privileged: { value: 'true' },
  read_only: { value: 'true' },
  security_opt: { value: '["no-new-privileges:true"]' },
  group_add: { value: '["44"]' },
  userns_mode: { value: 'host' },
  devices: { value: '["/dev/null:/dev/nothing:rw"]' },
  device_cgroup_rules: { value: '["c 1:3 rwm"]' },
  gpus: { value: 'all', refused: /could not select device driver/ },
  sysctls: { value: '{net.core.somaxconn: 1024}' },
  init: { value: 'true' },
  ipc: { value: 'shareable' },
  pid: { value: 'host' },
  uts: { value: 'host' },
  cgroup: { value: 'private' },
  cgroup_parent: { value: 'drover.slice' },
  runtime: { value: 'runc' },
  storage_opt: { value: '{size: 1G}', refused: /storage-opt is supported only|not supported/ },
  logging: { value: '{driver: json-file, options: {max-size: 1m, max-file: "2"}}' },
};

const lab = readLab()[0];
const signal = new AbortController().signal;
const app = 'contract-option';

describe.skipIf(lab === undefined)('the settings of containers on a real Docker', () => {
  let connection: NodeConnection;
  let runtime: ContainerRuntime;
  const skipped: string[] = [];
  const clean = () => connection.script('docker rm -f "$1" >/dev/null 2>&1; true', [`drover-${app}`]);

  beforeAll(async () => {
    if (lab === undefined) throw new Error('there is no lab');
    connection = await connectTo(lab);
    runtime = createDockerRuntime(connection);
  });
  afterAll(async () => {
    await clean();
    await connection.close();
    console.log(`not on this node: ${skipped.join(', ') || 'none'}`);
  });

  test('has a sample of each', () => {
    expect(Object.keys(samples).toSorted()).toEqual(containerOptions.map(({ key }) => key).toSorted());
  });

  const specWith = (key: string, { value, rest }: Sample): ContainerSpec => {
    const service = `image: drover/busybox:1, command: [sleep, "600"], ${rest === undefined ? '' : `${rest}, `}${key}: ${value}`;
    const declared = appOf(load(`services: {a: {${service}}}`));
    const image = 'drover/busybox:1';
    return { ...desiredSpec(declared, '127.0.0.1', { image, ordered: false }), application: app };
  };

  const reported = async ({ key, docker: [section, name] }: ContainerOption, spec: ContainerSpec): Promise<unknown> => {
    const text = (await connection.run(['docker', 'inspect', `drover-${app}`])).stdout;
    const [container] = JSON.parse(text);
    if (section === 'query') return spec.options?.[key];
    if (name !== '*') return container[section][name];
    const asked = Object.keys(spec.options?.[key] ?? {});
    return Object.fromEntries(asked.map((part) => [part, container[section][part]]));
  };

  test.each(containerOptions.map((option) => [option.key, option] as const))('%s', async (key, option) => {
    const sample = samples[key] ?? { value: '' };
    const spec = specWith(key, sample);
    expect(spec.options?.[key]).toBeDefined();
    await clean();
    try {
      await runtime.create(spec, {}, signal);
      await runtime.start(app, signal);
    } catch (error) {
      expect(sample.refused, String(error)).toBeDefined();
      expect(String(error)).toMatch(sample.refused ?? /never/);
      skipped.push(`${key} (refused)`);
      return;
    }
    const now = await reported(option, spec);
    const found = (await runtime.list(signal)).find(({ application }) => application === app);
    if (found === undefined) throw new Error('the container is not listed');
    expect(differences(spec, found)).toEqual([]);
    try {
      expect({ now }).toMatchObject({ now: spec.options?.[key] });
    } catch (error) {
      if (sample.isDropped !== true) throw error;
      skipped.push(`${key} (dropped)`);
    }
  });
});

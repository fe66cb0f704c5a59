import { describe, expect, it } from 'vitest';
import type { ContainerSpec } from '../../../../src/model/cluster.ts';
import { createMemoryCluster, type MemoryCluster } from '../../../../src/simulation/memory/cluster.ts';

const signal = new AbortController().signal;

const spec = (restart: 'never' | 'always'): ContainerSpec => ({
  application: 'db',
  image: 'db:1',
  ports: [],
  environment: {},
  mounts: [{ volume: 'v', mountpoint: '/data' }],
  restartPolicy: { name: restart },
});

/** A node `n1` that runs `db` on volume `v`, and a peer `n2`; both ask each other when they boot. */
async function running(restart: 'never' | 'always' = 'never'): Promise<MemoryCluster> {
  const boot = (address: string) => ({ boot: { peers: [{ address, ports: [22], keys: [] }] } });
  const cluster = createMemoryCluster({
    nodes: { n1: { images: ['db:1'], ...boot('10.99.0.12') }, n2: boot('10.99.0.11') },
  });
  const { volumes, containers } = await cluster.node('n1', signal);
  await volumes.create('v', { application: 'db' }, signal);
  await containers.create(spec(restart), { v: await volumes.directory(dataset(cluster), signal) }, signal);
  await containers.start('db', signal);
  return cluster;
}

const dataset = (cluster: MemoryCluster): string => [...cluster.machine('n1').datasets.keys()][0] ?? '';
const stateOf = (cluster: MemoryCluster) => cluster.facts('n1').containers[0]?.state;
const volumeOf = (cluster: MemoryCluster) => cluster.facts('n1').volumes[0];

describe('the memory cluster is as strict as Docker', () => {
  it('starts a container only where the directory is that it was created with', async () => {
    const cluster = await running();
    const { containers } = await cluster.node('n1', signal);
    await containers.stop('db', 0, signal);
    const { datasets } = cluster.machine('n1');
    const [moved] = datasets.values();
    if (moved === undefined) throw new Error('no dataset');
    datasets.clear();
    datasets.set('drover/volumes/renamed', { ...moved, name: 'drover/volumes/renamed' });
    await expect(containers.start('db', signal)).rejects.toThrow('bind source path does not exist');
  });

  it('starts a container that has crashed again by its policy only', async () => {
    for (const [policy, state] of [
      ['always', 'running'],
      ['never', 'exited'],
    ] as const) {
      const cluster = await running(policy);
      cluster.crash('n1', 'db', { code: 1, oomKilled: false });
      expect(stateOf(cluster)).toBe(state);
    }
  });
});

describe('the memory cluster is as strict as OpenZFS', () => {
  it('does not unmount what another program has mounted', async () => {
    const cluster = await running();
    const { containers, volumes } = await cluster.node('n1', signal);
    await containers.stop('db', 0, signal);
    cluster.machine('n1').foreignMounts.set(dataset(cluster), 'cadvisor');
    await expect(volumes.unmount(dataset(cluster), signal)).rejects.toThrow('"cadvisor" is using it');
  });
});

describe('a node of the memory cluster that boots', () => {
  it('mounts a volume that never had a copy, and starts what ran, by its policy', async () => {
    for (const [policy, state] of [
      ['always', 'running'],
      ['never', 'exited'],
    ] as const) {
      const cluster = await running(policy);
      cluster.reboot('n1');
      expect(cluster.bootGate('n1')).toBe(true);
      expect(volumeOf(cluster)?.mounted).toBe(true);
      expect(stateOf(cluster)).toBe(state);
    }
  });

  it('waits for a peer that does not answer where the volume had a copy', async () => {
    const cluster = await running('always');
    const { volumes } = await cluster.node('n1', signal);
    await volumes.snapshot(dataset(cluster), 'drover-e1-1', signal);
    cluster.disconnect('n2');
    cluster.reboot('n1');
    expect(cluster.bootGate('n1')).toBe(false);
    expect(stateOf(cluster)).toBe('exited');
    cluster.reconnect('n2');
    expect(cluster.bootGate('n1')).toBe(true);
    expect(stateOf(cluster)).toBe('running');
  });

  it('keeps as diverged what a peer has with a higher epoch', async () => {
    const cluster = await running('always');
    const { volumes } = await cluster.node('n1', signal);
    await volumes.snapshot(dataset(cluster), 'drover-e1-1', signal);
    const [own] = cluster.machine('n1').datasets.values();
    if (own === undefined) throw new Error('no dataset');
    const taken = { ...own, properties: { ...own.properties, epoch: 2, owner: 'id-n2' } };
    cluster.machine('n2').datasets.set(own.name, taken);
    cluster.reboot('n1');
    expect(cluster.bootGate('n1')).toBe(true);
    expect(volumeOf(cluster)).toMatchObject({ role: 'diverged', mounted: false });
    expect(volumeOf(cluster)?.snapshots.map(({ name }) => name)).toContain('diverged-e1');
    expect(stateOf(cluster)).toBe('exited');
  });

  it('does nothing by itself while drover has its lock', async () => {
    const cluster = await running('always');
    cluster.reboot('n1');
    await (await cluster.node('n1', signal)).mutex.acquire('anna', signal);
    expect(cluster.bootGate('n1')).toBe(false);
    expect(volumeOf(cluster)?.mounted).toBe(false);
  });
});

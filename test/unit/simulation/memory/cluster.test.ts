import { describe, expect, it } from 'vitest';
import { createMemoryCluster } from '../../../../src/simulation/memory/cluster.ts';
import { createClock } from '../../../fakes/clock.ts';
import { signal } from '../../../fakes/scene.ts';

const volume = { id: 'v', application: 'a' } as const;
const spec = {
  application: 'a',
  image: 'acme/a:1',
  ports: [{ internal: 80, external: 80, protocol: 'tcp' }],
  environment: {},
  mounts: [{ volume: 'v', mountpoint: '/data' }],
  restartPolicy: { name: 'never' },
} as const;

describe('the memory cluster', () => {
  it('notices two owners of one volume', async () => {
    const cluster = createMemoryCluster({
      nodes: { n1: { volumes: [volume] }, n2: { volumes: [{ ...volume, role: 'replica' }] } },
    });
    const { volumes } = await cluster.node('n2', signal);
    const [seen] = cluster.facts('n2').volumes;
    if (seen === undefined) expect.fail('no volume');
    expect(cluster.violations()).toEqual([]);
    await volumes.setProperties(seen, { role: 'owner' }, signal);
    expect(cluster.violations()).toEqual(['v has owners n1, n2']);
  });

  it('notices a container that runs on data its node does not own, and one volume used twice', async () => {
    const cluster = createMemoryCluster({
      nodes: {
        n1: { volumes: [volume], containers: [{ spec }] },
        n2: { volumes: [{ ...volume, role: 'replica', mounted: true }], images: ['acme/a:1'] },
      },
    });
    const { containers, volumes } = await cluster.node('n2', signal);
    const dataset = cluster.facts('n2').volumes[0]?.dataset ?? '';
    await containers.create(spec, { v: await volumes.directory(dataset, signal) }, signal);
    await containers.start('a', signal);
    expect(cluster.violations()).toEqual([
      '"drover-a" runs on n2 without owning and mounting v',
      'v is used by a on n1 and a on n2',
    ]);
  });

  it('refuses writes where it is unmounted, read-only or full', async () => {
    const cluster = createMemoryCluster({
      nodes: {
        n1: {
          volumes: [
            { id: 'off', mounted: false },
            { id: 'full', limitBytes: 10 },
          ],
        },
        n2: { volumes: [{ id: 'copy', role: 'replica', mounted: true }] },
      },
    });
    expect(() => cluster.write('n1', 'off', 1)).toThrow('not mounted');
    expect(() => cluster.write('n1', 'full', 2 ** 20)).toThrow('quota');
    expect(() => cluster.write('n2', 'copy', 1)).toThrow('read-only');
    expect(cluster.content('n1', 'full')?.bytes).toBe(0);
    // As OpenZFS: what is on its way when the limit is reached goes a little beyond it.
    cluster.write('n1', 'full', 11);
    expect(() => cluster.write('n1', 'full', 1)).toThrow('quota');
  });

  it('distinguishes two histories of the same length', () => {
    const cluster = createMemoryCluster({ nodes: { n1: { volumes: [{ id: 'x' }, { id: 'y' }] } } });
    for (const bytes of [1, 2]) cluster.write('n1', 'x', bytes);
    for (const bytes of [2, 1]) cluster.write('n1', 'y', bytes);
    expect(cluster.content('n1', 'x')?.bytes).toBe(cluster.content('n1', 'y')?.bytes);
    expect(cluster.content('n1', 'x')?.version).not.toBe(cluster.content('n1', 'y')?.version);
  });

  it('refuses a receive that does not fit into the pool', async () => {
    const cluster = createMemoryCluster({
      nodes: { n1: { volumes: [{ id: 'v', bytes: 5000 }] }, n2: { poolBytes: 4000 } },
    });
    const { volumes } = await cluster.node('n1', signal);
    const dataset = volumes.datasetName('v', undefined);
    await volumes.snapshot(dataset, 'drover-e1-1', signal);
    const source = { kind: 'snapshot', dataset, snapshot: '@drover-e1-1' } as const;
    const request = { from: 'n1', to: 'n2', source, dataset, properties: {} };
    await expect(cluster.transfer(request, () => undefined, signal)).rejects.toThrow('out of space');
  });

  it('counts calls that change a node and no others', async () => {
    const cluster = createMemoryCluster({ nodes: { n1: { volumes: [volume] }, n2: {} } });
    const client = await cluster.node('n1', signal);
    await client.observe(signal);
    await client.volumes.list(signal);
    await client.network.read(signal);
    expect(cluster.writes()).toBe(0);
    await client.network.hold([], 1, signal);
    await client.volumes.mount(client.volumes.datasetName('v', 'a'), signal);
    expect([cluster.writes('n1'), cluster.writes('n2'), cluster.writes()]).toEqual([2, 0, 2]);
  });

  it('follows a port through forwards and holds as a client would', async () => {
    const clock = createClock('manual');
    const cluster = createMemoryCluster({
      clock,
      nodes: { n1: { volumes: [volume], containers: [{ spec }] }, n2: {}, n3: {} },
    });
    const port = { port: 80, protocol: 'tcp' } as const;
    const address = cluster.facts('n1').meshAddress;
    const { network } = await cluster.node('n2', signal);
    await network.replace({ proxies: [{ ...port, address }], open: [], peers: [address] }, [], signal);
    expect(['n1', 'n2', 'n3'].map((node) => cluster.connect(node, port))).toEqual(['accepted', 'accepted', 'refused']);
    await network.hold([port], 1000, signal);
    expect(cluster.connect('n2', port)).toBe('held');
    await clock.advance(1001);
    expect(cluster.connect('n2', port)).toBe('accepted');
  });

  it('loses holds, mounts, locks and running containers when a node restarts, and no data', async () => {
    const cluster = createMemoryCluster({
      nodes: { n1: { volumes: [{ ...volume, bytes: 7 }], containers: [{ spec }] } },
    });
    const client = await cluster.node('n1', signal);
    const lock = await client.mutex.acquire('me', signal);
    await client.network.hold([{ port: 1, protocol: 'tcp' }], 1000, signal);
    cluster.reboot('n1');
    const facts = cluster.facts('n1');
    expect(facts.containers[0]).toMatchObject({ state: 'exited', exit: { code: 255 } });
    expect(facts.volumes[0]).toMatchObject({ mounted: false, role: 'owner', referencedBytes: 7 });
    expect(facts.network.holds).toEqual([]);
    expect(lock.lost.aborted).toBe(true);
  });
});

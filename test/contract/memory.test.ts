import { setTimeout as pause } from 'node:timers/promises';
import { createMemoryCluster } from '../../src/simulation/memory/cluster.ts';
import { MemoryKeyStore } from '../../src/simulation/memory/key-store.ts';
import { realClock } from '../../src/simulation/memory/world.ts';
import { containerRuntimeContract } from './container-runtime.contract.ts';
import { deadManContract } from './dead-man.contract.ts';
import { doctorContract } from './doctor.contract.ts';
import { fenceContract } from './fence.contract.ts';
import { figuresContract } from './figures.contract.ts';
import { keyStoreContract } from './key-store.contract.ts';
import { networkControlContract } from './network-table.contract.ts';
import { nodeMutexContract } from './node-mutex.contract.ts';
import { transferContract } from './transfer.contract.ts';
import { volumeStoreContract } from './volume-store.contract.ts';

const signal = new AbortController().signal;
const MiB = 1024 * 1024;

/** The volume behind a dataset's name. */
function writer(cluster: ReturnType<typeof createMemoryCluster>, node: string) {
  return async (dataset: string, bytes: number): Promise<void> => {
    const volume = cluster.facts(node).volumes.find((one) => one.dataset === dataset);
    if (volume === undefined) throw new Error(`no dataset ${dataset}`);
    cluster.write(node, volume.id, bytes);
  };
}

const images = {
  'polite:1': { logs: ['hello'] },
  'stubborn:1': { stopsAfterMs: Number.MAX_SAFE_INTEGER },
};

volumeStoreContract('in memory', async () => {
  const cluster = createMemoryCluster({ nodes: { n1: { images: ['polite:1'] } }, registry: images });
  const client = await cluster.node('n1', signal);
  return {
    store: client.volumes,
    write: writer(cluster, 'n1'),
    occupy: async (dataset) => {
      const volume = cluster.facts('n1').volumes.find((one) => one.dataset === dataset);
      const application = 'occupant';
      const spec = {
        application,
        image: 'polite:1',
        ports: [],
        environment: {},
        mounts: [{ volume: volume?.id ?? '', mountpoint: '/data' }],
        restartPolicy: { name: 'never' },
      } as const;
      await client.containers.create(spec, { [volume?.id ?? '']: `/${dataset}/data` }, signal);
      await client.containers.start(application, signal);
      return {
        name: application,
        leave: async () => {
          await client.containers.stop(application, 0, signal);
          await client.containers.remove(application, signal);
        },
      };
    },
    monitor: async (mount) => {
      const { datasets, foreignMounts } = cluster.machine('n1');
      const held = [...datasets.values()].filter(({ mounted }) => mounted && mount === 'own');
      for (const { name } of held) foreignMounts.set(name, 'monitor');
      return {
        name: 'monitor',
        leave: async () => foreignMounts.clear(),
      };
    },
    foreignMounts: async () => (await client.observe(signal)).foreignMounts ?? [],
    strictNames: false,
    close: () => cluster.close(),
  };
});

transferContract('in memory', async () => {
  const cluster = createMemoryCluster({ nodes: { n1: {}, n2: {} } });
  const [source, target] = [await cluster.node('n1', signal), await cluster.node('n2', signal)];
  const other = cluster.session();
  const spoil = writer(cluster, 'n2');
  return {
    transfer: cluster.transfer,
    from: 'n1',
    to: 'n2',
    source: source.volumes,
    target: target.volumes,
    locks: { from: source.mutex, to: target.mutex },
    otherLocks: { from: (await other.node('n1', signal)).mutex, to: (await other.node('n2', signal)).mutex },
    write: writer(cluster, 'n1'),
    spoil: async (dataset) => {
      const seen = cluster.facts('n2').volumes.find((one) => one.dataset === dataset);
      if (seen === undefined) throw new Error(`no dataset ${dataset}`);
      await target.volumes.setProperties(seen, { role: 'owner' }, signal);
      await target.volumes.mount(dataset, signal);
      await spoil(dataset, 1024);
      await target.volumes.unmount(dataset, signal);
      await target.volumes.setProperties({ ...seen, role: 'owner' }, { role: 'incoming' }, signal);
    },
    mode: 'direct',
    cutBytes: 12 * MiB,
    close: async () => {
      await cluster.close();
      await other.close();
    },
  };
});

networkControlContract('in memory', async () => {
  const names = { ranges: [], entries: [], resolvers: [] };
  const cluster = createMemoryCluster({ nodes: { n1: { boot: {}, network: { present: false, names } } } });
  const { network } = await cluster.node('n1', signal);
  return { network, peers: ['10.99.0.12', '10.99.0.13'], close: () => cluster.close() };
});

nodeMutexContract('in memory', async () => {
  const cluster = createMemoryCluster({ nodes: { n1: {} } });
  const other = cluster.session();
  return {
    one: (await cluster.node('n1', signal)).mutex,
    other: (await other.node('n1', signal)).mutex,
    loseOne: async () => {
      cluster.disconnect('n1');
      cluster.reconnect('n1');
    },
    close: async () => {
      await cluster.close();
      await other.close();
    },
  };
});

fenceContract('in memory', async () => {
  const cluster = createMemoryCluster({ nodes: { n1: {} } });
  const other = cluster.session();
  return {
    one: await cluster.node('n1', signal),
    other: await other.node('n1', signal),
    close: async () => {
      await cluster.close();
      await other.close();
    },
  };
});

containerRuntimeContract('in memory', async () => {
  const seed = { nodes: { n1: { images: ['polite:1', 'stubborn:1'] } }, registry: images };
  const cluster = createMemoryCluster(seed);
  const client = await cluster.node('n1', signal);
  return {
    runtime: client.containers,
    image: { repository: 'polite', tag: '1' },
    absent: { repository: 'nowhere.invalid/nothing', tag: '1' },
    polite: { image: 'polite:1' },
    stubborn: { image: 'stubborn:1' },
    makeDirectory: async (volume) => {
      await client.volumes.create(volume, {}, signal);
      return client.volumes.directory(client.volumes.datasetName(volume, undefined), signal);
    },
    close: () => cluster.close(),
  };
});

figuresContract('in memory', async () => {
  const cluster = createMemoryCluster({ nodes: { n1: { images: ['polite:1'] } }, registry: images });
  return { client: await cluster.node('n1', signal), program: { image: 'polite:1' }, close: () => cluster.close() };
});

deadManContract('in memory', async () => {
  const cluster = createMemoryCluster({ nodes: { n1: { images: ['polite:1'] } }, registry: images });
  const other = cluster.session();
  return {
    client: await cluster.node('n1', signal),
    other: await other.node('n1', signal),
    nodeId: cluster.facts('n1').nodeId,
    program: { image: 'polite:1' },
    slackMs: 200,
    over: () => pause(1_200),
    close: async () => {
      await cluster.close();
      await other.close();
    },
  };
});

doctorContract('in memory', async () => {
  const cluster = createMemoryCluster({ nodes: { n1: {} } });
  return {
    client: await cluster.node('n1', signal),
    provision: '# provision.sh',
    clockMs: 1_000,
    close: () => cluster.close(),
  };
});

keyStoreContract('in memory', async () => {
  const store = new MemoryKeyStore(realClock);
  return { stores: [store, store], seconds: 1, compact: async () => store.compact() };
});

import { createMemoryCluster, type MemoryCluster } from '../../src/simulation/memory/cluster.ts';

/** Nodes with everything that a node can have, for as many texts as possible. */
export function aBusyCluster(): MemoryCluster {
  const spec = { ports: [], environment: { A: 'b' }, mounts: [], restartPolicy: { name: 'never' } } as const;
  const rule = { hook: 'forward', table: 'inet foreign', chain: 'fwd', rule: 'counter drop' } as const;
  const datasets = ['db', 'x'].map((name) => ({
    name: `drover/volumes/${name}`,
    role: 'replica',
    application: 'db',
    readonly: false,
    mounted: true,
    canmount: 'on',
    mountpoint: { value: '/srv', source: 'local' },
    autoSnapshot: 'true',
    hasResumeToken: true,
    createdAt: 0,
    bookmarks: 99,
  }));
  const cluster = createMemoryCluster({
    nodes: {
      '10.0.0.1': {
        containers: [
          {
            name: 'drover-old',
            spec: {
              ...spec,
              application: 'old',
              image: 'old:1',
              ports: [{ internal: 1, external: 1, protocol: 'tcp' }],
            },
          },
          { name: 'other', managed: false, spec: { ...spec, application: 'other', image: 'other:1' } },
        ],
        volumes: [
          { id: 'lost', application: 'lost', role: 'diverged', bytes: 10, snapshots: [{ name: 'drover-e1-1' }] },
          { id: 'mine', role: 'owner', mounted: false, bytes: 10, snapshots: [{ name: 'user-x' }] },
        ],
        listeners: [{ address: '0.0.0.0', port: 27017, protocol: 'tcp', process: 'mongod' }],
        network: { present: true, peers: ['10.99.0.12', '10.99.0.77'] },
        boot: { peers: [{ address: '10.99.0.77', ports: [22], keys: ['ssh-ed25519 AAAA'] }] },
        ailments: {
          provision: [{ state: 'would do', step: 'packages', detail: 'nftables' }],
          system: {
            firewall: { services: [], accepted: ['10.99.0.12'], drops: [{ ...rule, handle: 4 }] },
            snapshotters: [{ tool: 'sanoid', startedBy: 'sanoid.timer' }],
            pool: { health: 'ONLINE', capacity: 10, errors: '1 data errors', scan: 'scrub with 3 errors' },
            timeKeepers: ['chrony'],
            datasets,
            snapshots: [{ dataset: 'drover/volumes/db', name: 'drover-e1-1', createdAt: 0, holds: ['foreign'] }],
          },
        },
      },
      '10.0.0.2': {},
    },
  } as Parameters<typeof createMemoryCluster>[0]);
  return cluster;
}

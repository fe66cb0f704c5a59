import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/model/config.ts';
import { defaultSettings } from '../../../src/model/config.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { createMemoryCluster } from '../../../src/simulation/memory/cluster.ts';
import { aCluster, aConfig, aContainer, anApplication, onNode, tcp } from '../../builders.ts';

const addresses = [
  { interface: 'lo', address: '127.0.0.1' },
  { interface: 'eth0', address: '203.0.113.1' },
  { interface: 'eth1', address: '10.0.0.1' },
];
const web = anApplication('web', { ports: [tcp(8080, 80)] });
const placement = { a: ['web'], b: [] };
const withListen = (listen: readonly string[], app = web): Config => {
  const config = aConfig([app], placement);
  return { ...config, settings: { ...defaultSettings, listen } };
};
const nodes = (ports = web.ports) =>
  aCluster(
    onNode('a', { meshAddress: '10.0.0.1', addresses, containers: [aContainer({ ...web, ports }, '10.0.0.1')] }),
    onNode('b', { meshAddress: '10.0.0.2', addresses: [{ interface: 'eth1', address: '10.0.0.2' }] }),
  );
const tablesOf = (config: Config, state = nodes()) =>
  Object.fromEntries(
    makePlan(config, state).steps.flatMap(({ action }) =>
      action.kind === 'replace-network' ? [[action.node, action]] : [],
    ),
  );

describe('a plan with "listen"', () => {
  it('creates the container again where its addresses change, and says which', () => {
    const { steps } = makePlan(withListen(['eth1']), nodes());
    const start = steps.find(({ action }) => action.kind === 'start-container');
    expect(start?.reason).toBe('port 8080 is published at 10.0.0.1 in place of all addresses');
    expect(start?.action).toMatchObject({ spec: { ports: [{ external: 8080, addresses: ['10.0.0.1'] }] } });
  });

  it('leaves a container alone that is published there already', () => {
    const ports = web.ports.map((port) => ({ ...port, addresses: ['10.0.0.1'] }));
    expect(makePlan(withListen(['mesh']), nodes(ports)).steps.map(({ action }) => action.kind)).not.toContain(
      'start-container',
    );
  });

  it('forwards a port only where it is published at the mesh address', () => {
    // The cluster begins with a forward on b.
    expect(tablesOf(withListen(['mesh'])).b).toBeUndefined();
    expect(tablesOf(withListen(['eth0', '10.0.0.2'])).b?.proxies).toEqual([]);
    const local = anApplication('web', { ports: [{ ...tcp(8080, 80), addresses: ['127.0.0.1'] }] });
    expect(tablesOf(withListen(['mesh'], local)).b?.proxies).toEqual([]);
  });

  it('forwards at the selected addresses alone', () => {
    const { a } = tablesOf(withListen(['eth0', 'mesh']));
    expect(a?.listen).toEqual(['10.0.0.1', '203.0.113.1']);
  });

  it('never publishes at all addresses where "listen" selects none', () => {
    const { blocked, steps } = makePlan(withListen(['eth9']), nodes());
    expect(blocked).toMatchObject([{ reason: expect.stringContaining('"listen" selects none of its addresses') }]);
    expect(steps.filter(({ action }) => action.kind === 'start-container')).toEqual([]);
  });

  it('loads the table again on a node whose program for the network is of an earlier version', () => {
    const state = aCluster(onNode('a', { network: { isOutdated: true } }));
    const { steps } = makePlan(aConfig([], { a: [] }), state);
    expect(steps.map(({ reason }) => reason)).toEqual(['its program for the network is of an earlier version']);
  });
});

describe('the cluster in memory', () => {
  const signal = new AbortController().signal;

  it('publishes at the addresses of the port, and refuses one that the node does not have', async () => {
    const seed = { nodes: { a: { images: ['web:1'] } } };
    const cluster = createMemoryCluster(seed);
    const { containers } = await cluster.node('a', signal);
    const spec = (address: string) => ({
      application: 'web',
      image: 'web:1',
      ports: [{ internal: 80, external: 8080, protocol: 'tcp', addresses: [address] }] as const,
      environment: {},
      mounts: [],
      restartPolicy: { name: 'never' } as const,
    });
    await containers.create(spec('192.0.2.9'), {}, signal);
    await expect(containers.start('web', signal)).rejects.toThrow('cannot assign requested address');
    await containers.remove('web', signal);
    await containers.create(spec('127.0.0.1'), {}, signal);
    await containers.start('web', signal);
    const key = { port: 8080, protocol: 'tcp' } as const;
    expect([cluster.connect('a', key), cluster.connect('a', key, '127.0.0.1')]).toEqual(['refused', 'accepted']);
  });
});

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { NetworkControl } from '../../src/engine/node-client.ts';
import type { PortKey } from '../../src/model/cluster.ts';
import type { NameTable } from '../../src/model/name-table.ts';

/** One node's network, and addresses another node could have. */
export interface NetworkControlSubject {
  readonly network: NetworkControl;
  readonly peers: readonly [string, string];
  close(): Promise<void>;
}

const signal = AbortSignal.timeout(3_600_000);
const tcp = (port: number): PortKey => ({ port, protocol: 'tcp' });
const udp = (port: number): PortKey => ({ port, protocol: 'udp' });
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const none: NameTable = { ranges: [], entries: [], resolvers: [] };

/** Two applications that share a network, one of them on another node, and one of another deployment. */
const namesWith = (at: string): NameTable => ({
  ranges: ['198.18.0.0/15'],
  entries: [
    {
      deployment: 'shop',
      application: 'db',
      address: '198.18.3.7',
      networks: [{ network: 'back', names: ['database', 'db', 'db.example.com'] }],
      ports: [
        { ...tcp(5432), meshPort: 27_101 },
        { ...udp(5432), meshPort: 27_101 },
      ],
      at,
    },
    { deployment: 'shop', application: 'web', address: '198.18.3.8', networks: [], ports: [] },
    {
      deployment: 'wiki',
      application: 'db',
      address: '198.18.3.9',
      networks: [{ network: 'default', names: ['db'] }],
      ports: [{ ...tcp(5432), meshPort: 27_102 }],
    },
  ],
  resolvers: [
    { deployment: 'shop', address: '198.18.250.1', networks: ['back'] },
    { deployment: 'wiki', address: '198.18.250.2', networks: ['default'], upstream: ['192.0.2.53'] },
  ],
});

/** What every NetworkControl promises. */
export function networkControlContract(name: string, make: () => Promise<NetworkControlSubject>): void {
  describe(`network table: ${name}`, () => {
    let subject: NetworkControlSubject;
    let network: NetworkControl;
    beforeAll(async () => {
      subject = await make();
      network = subject.network;
    });
    afterAll(() => subject?.close());

    it('reads back what was put in, TCP and UDP separately', async () => {
      const [first, second] = subject.peers;
      const table = {
        proxies: [
          { ...tcp(27_017), address: first },
          { ...udp(27_017), address: second },
        ],
        open: [udp(27_053), tcp(27_080)],
        peers: [first, second],
      };
      await network.replace(table, [], signal);
      expect(await network.read(signal)).toEqual({ present: true, ...table, holds: [], names: none });
    });

    it('replaces the whole table, also by an empty one', async () => {
      const [first] = subject.peers;
      await network.replace({ proxies: [{ ...tcp(27_020), address: first }], open: [], peers: [first] }, [], signal);
      expect((await network.read(signal)).proxies).toEqual([{ ...tcp(27_020), address: first }]);
      await network.replace({ proxies: [], open: [], peers: [] }, [], signal);
      expect(await network.read(signal)).toMatchObject({ present: true, proxies: [], open: [], peers: [], holds: [] });
    });

    it('keeps other holds over a replacement and ends the named ones with it', async () => {
      const [first] = subject.peers;
      await network.hold([tcp(27_030), tcp(27_031), udp(27_030)], 60_000, signal);
      await network.replace({ proxies: [], open: [], peers: [first] }, [tcp(27_030)], signal);
      expect((await network.read(signal)).holds).toEqual([udp(27_030), tcp(27_031)]);
      await network.dropHolds([tcp(27_031), udp(27_030), tcp(27_099)], signal);
      expect((await network.read(signal)).holds).toEqual([]);
    });

    it('lets a hold expire by itself, and counts again from a second hold', async () => {
      await network.hold([tcp(27_040), tcp(27_041)], 2_500, signal);
      await network.hold([tcp(27_041)], 60_000, signal);
      expect((await network.read(signal)).holds).toEqual([tcp(27_040), tcp(27_041)]);
      await wait(3_000);
      expect((await network.read(signal)).holds).toEqual([tcp(27_041)]);
      await network.dropHolds([tcp(27_041)], signal);
    });

    it('reads back the names, keeps them where only ports change, and replaces all of them', async () => {
      const [first, second] = subject.peers;
      onTestFinished(async () => void (await network.replace({ ...ports, names: none }, [], signal)));
      const ports = { proxies: [], open: [], peers: [first, second] };
      await network.replace({ ...ports, names: namesWith(first) }, [], signal);
      expect((await network.read(signal)).names).toEqual(namesWith(first));
      await network.replace({ ...ports, open: [tcp(27_080)] }, [], signal);
      expect(await network.read(signal)).toMatchObject({ open: [tcp(27_080)], names: namesWith(first) });
      await network.replace({ ...ports, names: namesWith(second) }, [], signal);
      await network.replace({ ...ports, names: namesWith(second) }, [], signal);
      expect((await network.read(signal)).names).toEqual(namesWith(second));
      await network.replace({ ...ports, names: none }, [], signal);
      expect((await network.read(signal)).names).toEqual(none);
    });

    it.each(['db\nserver=/#/192.0.2.1', 'a b', '../db', 'db/', '#', ''])('refuses the name %j', async (name) => {
      const [first] = subject.peers;
      const names = namesWith(first);
      const entries = names.entries.map((one) => ({ ...one, networks: [{ network: 'back', names: [name] }] }));
      const change = network.replace({ proxies: [], open: [], peers: [], names: { ...names, entries } }, [], signal);
      await expect(change).rejects.toMatchObject({ code: 'network-failed' });
      expect((await network.read(signal)).names).toEqual(none);
    });

    it('holds ports at a virtual address and those of the node separately, over a change of either', async () => {
      const [first] = subject.peers;
      const ports = { proxies: [], open: [], peers: [first] };
      onTestFinished(async () => void (await network.replace({ ...ports, names: none }, [], signal)));
      await network.replace({ ...ports, names: namesWith(first) }, [], signal);
      const virtual = (port: PortKey) => ({ ...port, address: '198.18.3.7' });
      const held = [tcp(5432), virtual(tcp(5432)), virtual(udp(5432))];
      await network.hold(held, 60_000, signal);
      expect((await network.read(signal)).holds).toEqual(held);
      await network.replace({ ...ports, names: namesWith(first) }, [tcp(5432)], signal);
      expect((await network.read(signal)).holds).toEqual(held.slice(1));
      await network.replace({ ...ports, names: namesWith(first) }, [virtual(udp(5432))], signal);
      expect((await network.read(signal)).holds).toEqual([virtual(tcp(5432))]);
      await network.replace(ports, [virtual(tcp(5432))], signal);
      expect((await network.read(signal)).holds).toEqual([]);
      await network.hold([virtual(tcp(5432))], 60_000, signal);
      await network.dropHolds([virtual(tcp(5432))], signal);
      expect((await network.read(signal)).holds).toEqual([]);
    });

    it('keeps whom to ask at boot, and replaces all of it', async () => {
      const [first, second] = subject.peers;
      const before = await network.readBootRules(signal);
      onTestFinished(() => network.setBootRules(before, signal));
      const peers = [first, second].map((address) => ({ address, ports: [2222, 22], keys: ['ssh-ed25519 AAAAC3'] }));
      await network.setBootRules({ alone: 'start', peers }, signal);
      expect(await network.readBootRules(signal)).toEqual({ alone: 'start', peers });
      const named = peers.map((peer, at) => ({ ...peer, id: `node-${at}` }));
      const unasked = { address: '192.0.2.77', ports: [], keys: [], id: 'node-9' };
      const all = { alone: 'wait', peers: [...named, unasked], gone: ['node-8'] } as const;
      await network.setBootRules(all, signal);
      expect(await network.readBootRules(signal)).toEqual(all);
      await network.setBootRules({ alone: 'wait', peers: [] }, signal);
      expect(await network.readBootRules(signal)).toEqual({ alone: 'wait', peers: [] });
    });

    it('says that nothing accepts where nothing listens', async () => {
      expect(await network.accepts(27_050, signal)).toBe(false);
    });
  });
}

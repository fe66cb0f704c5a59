import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { NetworkControl } from '../../src/engine/node-client.ts';
import type { PortKey } from '../../src/model/cluster.ts';

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
      expect(await network.read(signal)).toEqual({ present: true, ...table, holds: [] });
    });

    it('replaces the whole table, also by an empty one', async () => {
      const [first] = subject.peers;
      await network.replace({ proxies: [{ ...tcp(27_020), address: first }], open: [], peers: [first] }, [], signal);
      expect((await network.read(signal)).proxies).toEqual([{ ...tcp(27_020), address: first }]);
      await network.replace({ proxies: [], open: [], peers: [] }, [], signal);
      expect(await network.read(signal)).toEqual({ present: true, proxies: [], open: [], peers: [], holds: [] });
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

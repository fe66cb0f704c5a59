import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NodeClient } from '../../src/engine/node-client.ts';

/** One node, as two controllers see it. */
export interface FenceUnderTest {
  readonly one: NodeClient;
  readonly other: NodeClient;
  close(): Promise<void>;
}

/** What changes who owns a volume counts only as long as the lock holds that it was sent under. */
export function fenceContract(name: string, make: () => Promise<FenceUnderTest>): void {
  describe(`commands that come after their lock was lost, ${name}`, () => {
    const signal = new AbortController().signal;
    let under: FenceUnderTest;
    beforeEach(async () => {
      under = await make();
    });
    afterEach(() => under.close());

    const volume = 'contract-fence';
    const copies = async () => (await under.one.volumes.list(signal)).filter(({ id }) => id.startsWith(volume));
    const made = async () => {
      await under.one.volumes.create(volume, {}, signal);
      const [copy] = await copies();
      if (copy === undefined) throw new Error('no volume');
      return copy;
    };
    const late = { code: 'connection-failed', retryable: true };

    test('are refused, also where the volume is as it was, whether another run has the lock or had it', async () => {
      await under.one.volumes.snapshot((await made()).dataset, 'drover-e1-7', signal);
      await under.one.volumes.snapshot((await copies())[0]?.dataset ?? '', 'drover-e1-8', signal);
      const [copy] = await copies();
      const [older, base] = copy?.snapshots ?? [];
      if (copy === undefined || older === undefined || base === undefined) throw new Error('no snapshots');
      await (await under.one.mutex.acquire('anna', signal)).release();
      const lock = await under.other.mutex.acquire('bert', signal);
      const before = await copies();
      const setLate = () => under.one.volumes.setProperties(copy, { role: 'frozen' }, signal);
      const createLate = () => under.one.volumes.create(`${volume}-2`, {}, signal);
      const snapshotLate = () => under.one.volumes.snapshot(copy.dataset, 'drover-e1-1', signal);
      const freezeLate = () => under.one.volumes.freeze(copy, 'drover', signal);
      const next = { owner: copy.owner ?? '', epoch: 2 };
      const acquireLate = () => under.one.volumes.acquire({ ...copy, guid: '1' }, next, signal);
      const confirmLate = () => under.one.volumes.confirm(copy, signal);
      const leftovers = { base, isMarked: true, snapshots: [older], bookmarks: [], released: [] };
      const tidyLate = () => under.one.volumes.tidy(copy, leftovers, 'drover', signal);
      const all = [setLate, createLate, snapshotLate, freezeLate, acquireLate, confirmLate, tidyLate];
      for (const each of all) await expect(each()).rejects.toMatchObject(late);
      await lock.release();
      for (const each of all) await expect(each()).rejects.toMatchObject(late);
      expect(await copies()).toEqual(before);
    });

    test('repeated on their way, change a volume once', async () => {
      const copy = await made();
      const lock = await under.one.mutex.acquire('anna', signal);
      const { copy: frozen } = await under.one.volumes.freeze(copy, 'drover', signal);
      await expect(under.one.volumes.freeze(copy, 'drover', signal)).rejects.toMatchObject({ code: 'volume-conflict' });
      const guid = frozen.snapshots.at(-1)?.guid ?? '';
      const next = { role: 'released', owner: 'another-node', epoch: 2 } as const;
      const release = () => under.one.volumes.setProperties({ ...frozen, guid }, next, signal);
      await release();
      await expect(release()).rejects.toMatchObject({ code: 'volume-conflict' });
      const [released] = await copies();
      if (released === undefined) throw new Error('no volume');
      const take = () =>
        under.one.volumes.acquire({ ...released, guid }, { owner: copy.owner ?? '', epoch: 3 }, signal);
      await take();
      await expect(take()).rejects.toMatchObject({ code: 'volume-conflict' });
      await lock.release();
      expect(await copies()).toMatchObject([{ role: 'owner', epoch: 3, mounted: true, snapshots: [{ guid }] }]);
    });

    test('count again with a lock that was taken again', async () => {
      const copy = await made();
      await (await under.one.mutex.acquire('anna', signal)).release();
      const lock = await under.one.mutex.acquire('anna', signal);
      await under.one.volumes.setProperties(copy, { role: 'frozen' }, signal);
      await under.one.volumes.snapshot(copy.dataset, 'drover-e1-1', signal);
      await lock.release();
      expect(await copies()).toMatchObject([{ role: 'frozen', snapshots: [{ name: 'drover-e1-1' }] }]);
    });
  });
}

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
      const copy = await made();
      await (await under.one.mutex.acquire('anna', signal)).release();
      const lock = await under.other.mutex.acquire('bert', signal);
      const before = await copies();
      const setLate = () => under.one.volumes.setProperties(copy, { role: 'frozen' }, signal);
      const createLate = () => under.one.volumes.create(`${volume}-2`, {}, signal);
      const snapshotLate = () => under.one.volumes.snapshot(copy.dataset, 'drover-e1-1', signal);
      await expect(setLate()).rejects.toMatchObject(late);
      await expect(createLate()).rejects.toMatchObject(late);
      await expect(snapshotLate()).rejects.toMatchObject(late);
      await lock.release();
      await expect(setLate()).rejects.toMatchObject(late);
      await expect(createLate()).rejects.toMatchObject(late);
      await expect(snapshotLate()).rejects.toMatchObject(late);
      expect(await copies()).toEqual(before);
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

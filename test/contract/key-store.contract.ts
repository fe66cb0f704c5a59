import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeyChange, KeyStore } from '../../src/engine/key-store.ts';

/** What every store of shared keys does: etcd, and the one in memory. Each test uses a prefix of its own. */
export function keyStoreContract(
  where: string,
  connect: () => Promise<{
    readonly stores: readonly [KeyStore, KeyStore];
    readonly compact: () => Promise<void>;
    /** Of the leases. */
    readonly seconds: number;
    readonly end?: () => Promise<void>;
  }>,
): void {
  describe(`shared keys ${where}`, () => {
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    let given: Awaited<ReturnType<typeof connect>>;
    let a: KeyStore;
    let b: KeyStore;
    let count = 0;
    let seconds = 0;
    const prefix = (): string => {
      count += 1;
      return `/drover/test-${count}/`;
    };
    beforeAll(async () => {
      given = await connect();
      [a, b] = given.stores;
      seconds = given.seconds;
    });
    afterAll(() => given?.end?.());

    const put = (key: string, value: string) => a.commit([], [{ key, value }], signal);
    const valuesAt = async (at: string) =>
      (await b.read(at, signal)).keys.map(({ key, value }) => [key.slice(at.length), value]);

    it('are read back by another client, sorted, with any text, and only those with the prefix', async () => {
      const at = prefix();
      await put(`${at}b`, 'zwei\n"ü" \u{1F600}');
      await put(`${at}a`, '');
      await put(`${at.slice(0, -1)}0`, 'other');
      expect(await valuesAt(at)).toEqual([
        ['a', ''],
        ['b', 'zwei\n"ü" \u{1F600}'],
      ]);
      expect(await valuesAt(prefix())).toEqual([]);
    });

    it('are written under conditions all at once or not at all', async () => {
      const at = prefix();
      const fresh = { key: `${at}own`, of: 'created', is: undefined } as const;
      const first = await a.commit(
        [fresh],
        [
          { key: `${at}own`, value: '1' },
          { key: `${at}log`, value: 'x' },
        ],
        signal,
      );
      const second = await b.commit(
        [fresh],
        [
          { key: `${at}own`, value: '2' },
          { key: `${at}log`, value: 'y' },
        ],
        signal,
      );
      expect([first.done, second.done]).toEqual([true, false]);
      expect(await valuesAt(at)).toEqual([
        ['log', 'x'],
        ['own', '1'],
      ]);
      const [, own] = (await a.read(at, signal)).keys;
      expect(own?.created).toBe(own?.modified);
      const seen = { key: `${at}own`, of: 'modified', is: own?.modified } as const;
      expect((await a.commit([seen], [{ key: `${at}own`, value: '3' }], signal)).done).toBe(true);
      expect((await b.commit([seen], [{ key: `${at}own`, value: '4' }], signal)).done).toBe(false);
      const [, changed] = (await b.read(at, signal)).keys;
      expect(changed).toMatchObject({ value: '3', created: own?.created });
      expect((await a.commit([], [{ key: `${at}own`, value: undefined }], signal)).done).toBe(true);
      expect((await a.commit([fresh], [{ key: `${at}own`, value: '5' }], signal)).done).toBe(true);
    });

    it('go to exactly one of many writers that saw the same', async () => {
      const at = prefix();
      await put(`${at}n`, '0');
      const seen = (await a.read(at, signal)).keys[0]?.modified;
      const condition = { key: `${at}n`, of: 'modified', is: seen } as const;
      const tries = Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? a : b).commit([condition], [{ key: `${at}n`, value: String(index) }], signal),
      );
      const won = (await Promise.all(tries)).flatMap(({ done }, index) => (done ? [index] : []));
      expect(won).toHaveLength(1);
      expect(await valuesAt(at)).toEqual([['n', String(won[0])]]);
    });

    it('refuse the same key twice in one write, and write nothing', async () => {
      const at = prefix();
      const twice = [
        { key: `${at}k`, value: '1' },
        { key: `${at}k`, value: '2' },
      ];
      await expect(a.commit([], twice, signal)).rejects.toMatchObject({
        code: 'etcd-failed',
        details: { outcome: 'none' },
      });
      expect(await valuesAt(at)).toEqual([]);
    });

    it('end with a lease that is not renewed, and stay while it is', async () => {
      const at = prefix();
      const [kept, lost] = [await a.grantLease(seconds, signal), await a.grantLease(seconds, signal)];
      await a.commit(
        [],
        [
          { key: `${at}kept`, value: '', lease: kept },
          { key: `${at}lost`, value: '', lease: lost },
        ],
        signal,
      );
      const ended = until(b, at, signal, (change) => change.value === undefined);
      const limit = Date.now() + 120_000;
      let isOver = false;
      const over = ended.then((change) => {
        isOver = true;
        return change;
      });
      while (!isOver && Date.now() < limit) {
        expect(await a.renewLease(kept, signal)).toBe(seconds);
        await pause(seconds * 100);
      }
      expect(await over).toMatchObject({ key: `${at}lost` });
      expect(await valuesAt(at)).toEqual([['kept', '']]);
      expect(await a.renewLease(lost, signal)).toBeUndefined();
      const late = a.commit([], [{ key: `${at}late`, value: '', lease: lost }], signal);
      await expect(late).rejects.toMatchObject({ code: 'etcd-failed', details: { outcome: 'none' } });
      await a.endLease(kept, signal);
      await a.endLease(kept, signal);
      expect(await valuesAt(at)).toEqual([]);
    });

    it('tell every change after a revision, in order, those of one write together', async () => {
      const at = prefix();
      await put(`${at}before`, '');
      const { revision } = await a.read(at, signal);
      await put(`${at}one`, '1');
      await a.commit(
        [],
        [
          { key: `${at}two`, value: '2' },
          { key: `${at}three`, value: '3' },
        ],
        signal,
      );
      const stop = new AbortController();
      const seen: string[][] = [];
      const watching = (async () => {
        for await (const changes of b.changes(at, revision, stop.signal)) {
          seen.push((changes ?? []).map(({ key, value }) => `${key.slice(at.length)}=${value}`));
          if (seen.length === 3) stop.abort();
        }
      })();
      await a.commit([], [{ key: `${at}one`, value: undefined }], signal);
      await put(`${prefix()}other`, '');
      await watching;
      expect(seen).toEqual([['one=1'], ['two=2', 'three=3'], ['one=undefined']]);
    });

    it('say when changes are missing', async () => {
      const at = prefix();
      const { revision } = await a.read(at, signal);
      await put(`${at}one`, '1');
      await put(`${at}two`, '1');
      await given.compact();
      const seen: unknown[] = [];
      for await (const changes of b.changes(at, revision, signal)) seen.push(changes);
      expect(seen).toEqual([undefined]);
    });
  });
}

/** The first such change. */
async function until(
  store: KeyStore,
  prefix: string,
  signal: AbortSignal,
  isIt: (change: KeyChange) => boolean,
): Promise<KeyChange | undefined> {
  const stop = new AbortController();
  const { revision } = await store.read(prefix, signal);
  for await (const changes of store.changes(prefix, revision, AbortSignal.any([signal, stop.signal]))) {
    const found = changes?.find(isIt);
    if (found !== undefined) return found;
  }
  return undefined;
}

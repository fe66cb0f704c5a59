import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cluster, NodeMutex, SendSource, TransferResult } from '../../src/engine/node-client.ts';
import type { VolumeStore } from '../../src/engine/volume-store.ts';
import type { Volume } from '../../src/model/cluster.ts';
import { AppError } from '../../src/model/errors.ts';

/** Two nodes, and the means to write on the first one. */
export interface TransferSubject {
  readonly transfer: Cluster['transfer'];
  readonly from: string;
  readonly to: string;
  readonly source: VolumeStore;
  readonly target: VolumeStore;
  /** The locks of both nodes, as the controller that transfers takes them. */
  readonly locks: { readonly from: NodeMutex; readonly to: NodeMutex };
  /** The same locks, as another controller takes them. */
  readonly otherLocks: { readonly from: NodeMutex; readonly to: NodeMutex };
  write(dataset: string, bytes: number): Promise<void>;
  /** Writes into the copy on the target, as a careless user would; absent where that is impossible. */
  spoil?(dataset: string): Promise<void>;
  /** How its transfers travel. */
  readonly mode: 'direct' | 'relay';
  /** What is left of finished transfers on both nodes (keys, directories); empty when all is well. */
  leftovers?(): Promise<readonly string[]>;
  /** Size of the transfer that is cut in the middle. */
  readonly cutBytes: number;
  close(): Promise<void>;
}

const MiB = 1024 * 1024;
/** OpenZFS's default recordsize. */
const recordBytes = 128 * 1024;
const signal = AbortSignal.timeout(3_600_000);

/** What every transfer promises. */
export function transferContract(name: string, make: () => Promise<TransferSubject>): void {
  describe(`transfer: ${name}`, () => {
    let subject: TransferSubject;
    beforeAll(async () => {
      subject = await make();
    });
    afterAll(() => subject?.close());

    const find = async (store: VolumeStore, id: string): Promise<Volume | undefined> =>
      (await store.list(signal)).find((volume) => volume.id === id);
    const made = async (app: string): Promise<{ readonly id: string; readonly dataset: string }> => {
      const id = randomUUID();
      await subject.source.create(id, { application: app }, signal);
      return { id, dataset: subject.source.datasetName(id, app) };
    };
    const send = (
      volume: { readonly id: string; readonly dataset: string },
      source: SendSource,
      progress: (doneBytes: number) => void = () => undefined,
      stop: AbortSignal = signal,
    ): Promise<TransferResult> => {
      const properties = { 'drover:vol': volume.id, 'drover:role': 'incoming', 'drover:epoch': '1' };
      const { from, to } = subject;
      return subject.transfer({ from, to, source, dataset: volume.dataset, properties }, progress, stop);
    };
    const snapshot = (dataset: string, to: string, base?: string): SendSource => ({
      kind: 'snapshot',
      dataset,
      snapshot: to,
      ...(base === undefined ? {} : { base }),
    });
    const failure = (promise: Promise<unknown>): Promise<AppError> =>
      promise.then(
        () => expect.fail('it succeeded'),
        (error: unknown) => {
          expect(error).toBeInstanceOf(AppError);
          return error as AppError; // checked on the line before
        },
      );
    const destroy = async (store: VolumeStore, id: string, name: string, kept: string): Promise<void> => {
      const volume = await find(store, id);
      const base = volume?.snapshots.find((one) => one.name === kept);
      if (volume === undefined || base === undefined) expect.fail(`no ${kept}`);
      const snapshots = volume.snapshots.filter((one) => one.name === name);
      await store.tidy(volume, { base, isMarked: false, snapshots, bookmarks: [], released: [] }, 'drover', signal);
    };
    const guids = async (store: VolumeStore, id: string) =>
      (await find(store, id))?.snapshots.map((one) => [one.name, one.guid]);

    it('sends everything, then only what changed, with the same guids and counted bytes', async () => {
      const volume = await made('moves');
      await subject.write(volume.dataset, 4 * MiB);
      await subject.source.snapshot(volume.dataset, 'drover-e1-1', signal);
      const seen: number[] = [];
      const full = await send(volume, snapshot(volume.dataset, 'drover-e1-1'), (bytes) => seen.push(bytes));
      expect(full.mode).toBe(subject.mode);
      expect(full.bytes).toBeGreaterThanOrEqual(4 * MiB);
      expect(full.bytes).toBeLessThan(5 * MiB);
      expect(seen.at(-1)).toBe(full.bytes);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));

      await subject.write(volume.dataset, MiB);
      await subject.source.snapshot(volume.dataset, 'drover-e1-2', signal);
      const delta = await send(volume, snapshot(volume.dataset, 'drover-e1-2', '@drover-e1-1'));
      expect(delta.bytes).toBeGreaterThanOrEqual(MiB);
      expect(delta.bytes).toBeLessThan(2 * MiB);

      const copy = await find(subject.target, volume.id);
      expect(copy).toMatchObject({ role: 'incoming', mounted: false, writtenBytes: 0, dataset: volume.dataset });
      expect(await guids(subject.target, volume.id)).toEqual(await guids(subject.source, volume.id));
      expect(copy?.resumeToken).toBeUndefined();
    });

    it('gives a new copy the properties of the request', async () => {
      const volume = await made('tuned');
      await subject.source.snapshot(volume.dataset, 'drover-e1-1', signal);
      // Not xattr: what "sa" is called changes from one OpenZFS to the next.
      const tuning = {
        recordsize: '8192',
        compression: 'lz4',
        logbias: 'throughput',
        acltype: 'posix',
        atime: 'off',
        primarycache: 'metadata',
      };
      const { from, to } = subject;
      const properties = { 'drover:vol': volume.id, 'drover:role': 'incoming', 'drover:epoch': '1', ...tuning };
      const source = snapshot(volume.dataset, 'drover-e1-1');
      await subject.transfer({ from, to, source, dataset: volume.dataset, properties }, () => undefined, signal);
      expect((await find(subject.target, volume.id))?.tuning).toEqual(tuning);
    });

    it('gives each copy the record of the request, also one that is there already, and none that a stream brings', async () => {
      const volume = await made('recorded');
      const { from, to } = subject;
      const receive = async (source: SendSource, copies: string | undefined) => {
        const properties = {
          'drover:vol': volume.id,
          'drover:role': 'incoming',
          'drover:epoch': '1',
          ...(copies === undefined ? {} : { 'drover:copies': copies }),
        };
        await subject.transfer({ from, to, source, dataset: volume.dataset, properties }, () => undefined, signal);
        return (await find(subject.target, volume.id))?.copies;
      };
      await subject.source.snapshot(volume.dataset, 'drover-e1-1', signal);
      expect(await receive(snapshot(volume.dataset, 'drover-e1-1'), '1:drover-e1-1:node-a')).toEqual(['node-a']);
      await subject.source.snapshot(volume.dataset, 'drover-e1-2', signal);
      const second = snapshot(volume.dataset, 'drover-e1-2', '@drover-e1-1');
      expect(await receive(second, '1:drover-e1-2:node-a,node-b')).toEqual(['node-a', 'node-b']);
      // As an earlier version sends: what the copy has does not count any more.
      await subject.source.snapshot(volume.dataset, 'drover-e1-3', signal);
      expect(await receive(snapshot(volume.dataset, 'drover-e1-3', '@drover-e1-2'), undefined)).toBeUndefined();
    });

    it('goes on from a bookmark when the snapshot it marked is gone', async () => {
      const volume = await made('marks');
      await subject.write(volume.dataset, MiB);
      await subject.source.snapshot(volume.dataset, 'drover-e1-1', signal);
      await send(volume, snapshot(volume.dataset, 'drover-e1-1'));
      await subject.source.bookmark(volume.dataset, 'drover-e1-1', 'drover-base', signal);
      await subject.source.snapshot(volume.dataset, 'drover-e1-2', signal);
      await destroy(subject.source, volume.id, 'drover-e1-1', 'drover-e1-2');
      const { bytes } = await send(volume, snapshot(volume.dataset, 'drover-e1-2', '#drover-base'));
      expect(bytes).toBeLessThan(MiB);
      expect((await guids(subject.target, volume.id))?.at(-1)).toEqual(
        (await guids(subject.source, volume.id))?.at(-1),
      );
    });

    it('keeps what arrived when it is cut, and goes on at the byte', async () => {
      const volume = await made('cuts');
      await subject.write(volume.dataset, subject.cutBytes);
      await subject.source.snapshot(volume.dataset, 'drover-e1-1', signal);
      const total = await subject.source.estimate(volume.dataset, 'drover-e1-1', undefined, signal);
      const cut = new AbortController();
      const stop = (bytes: number): void => {
        if (bytes > subject.cutBytes / 3) cut.abort();
      };
      const error = await failure(send(volume, snapshot(volume.dataset, 'drover-e1-1'), stop, cut.signal));
      expect(error.code).toBe('cancelled');

      const partial = await find(subject.target, volume.id);
      const token = partial?.resumeToken;
      if (token === undefined || total === undefined) expect.fail('nothing to go on from');
      expect(partial?.snapshots).toEqual([]);
      const rest = await subject.source.readToken(token, signal);
      const guid = (await find(subject.source, volume.id))?.snapshots[0]?.guid;
      expect(rest).toMatchObject({ toGuid: guid, toName: `${volume.dataset}@drover-e1-1` });

      const { bytes } = await send(volume, { kind: 'resume', token });
      expect(bytes).toBeLessThan(total);
      // The estimate leaves stream headers out (some hundred bytes a record), and counts the record that was cut in
      // two as a whole one or not at all; it depends on where the cut fell.
      const expected = rest?.remainingBytes ?? 0;
      expect(Math.abs(bytes - expected)).toBeLessThan(2 * recordBytes + expected / 50);
      expect(await guids(subject.target, volume.id)).toEqual(await guids(subject.source, volume.id));
      expect((await find(subject.target, volume.id))?.resumeToken).toBeUndefined();
    });

    it('gives a partial receive up when asked, and then starts over', async () => {
      const volume = await made('gives-up');
      await subject.write(volume.dataset, subject.cutBytes);
      await subject.source.snapshot(volume.dataset, 'drover-e1-1', signal);
      const cut = new AbortController();
      const stop = (bytes: number): void => (bytes > subject.cutBytes / 3 ? cut.abort() : undefined);
      await failure(send(volume, snapshot(volume.dataset, 'drover-e1-1'), stop, cut.signal));
      await subject.target.abortReceive(volume.dataset, signal);
      await subject.target.abortReceive(volume.dataset, signal);
      expect(await find(subject.target, volume.id)).toBeUndefined();
      await send(volume, snapshot(volume.dataset, 'drover-e1-1'));
      expect(await guids(subject.target, volume.id)).toEqual(await guids(subject.source, volume.id));
    });

    it('keeps the snapshot that a partial receive builds on', async () => {
      const volume = await made('builds-on');
      await subject.source.snapshot(volume.dataset, 'drover-e1-0', signal);
      await send(volume, snapshot(volume.dataset, 'drover-e1-0'));
      await subject.source.snapshot(volume.dataset, 'drover-e1-1', signal);
      await send(volume, snapshot(volume.dataset, 'drover-e1-1', '@drover-e1-0'));
      await subject.write(volume.dataset, subject.cutBytes);
      await subject.source.snapshot(volume.dataset, 'drover-e1-2', signal);
      const cut = new AbortController();
      const stop = (bytes: number): void => (bytes > subject.cutBytes / 3 ? cut.abort() : undefined);
      await failure(send(volume, snapshot(volume.dataset, 'drover-e1-2', '@drover-e1-1'), stop, cut.signal));
      const token = (await find(subject.target, volume.id))?.resumeToken;
      if (token === undefined) expect.fail('nothing to go on from');
      // OpenZFS keeps it, whether it says so or not.
      await destroy(subject.target, volume.id, 'drover-e1-1', 'drover-e1-0');
      const left = (await guids(subject.target, volume.id))?.map(([name]) => name);
      expect(left).toEqual(['drover-e1-0', 'drover-e1-1']);
      await send(volume, { kind: 'resume', token });
      expect(await guids(subject.target, volume.id)).toEqual(await guids(subject.source, volume.id));
    });

    it('never overwrites: a first send to a volume that is there is a conflict', async () => {
      const volume = await made('exists');
      await subject.source.snapshot(volume.dataset, 'drover-e1-1', signal);
      await send(volume, snapshot(volume.dataset, 'drover-e1-1'));
      await subject.source.snapshot(volume.dataset, 'drover-e1-2', signal);
      const before = await guids(subject.target, volume.id);
      const again = await failure(send(volume, snapshot(volume.dataset, 'drover-e1-2')));
      expect(again.code).toBe('volume-conflict');
      expect(await guids(subject.target, volume.id)).toEqual(before);
    });

    it('refuses a target that was written to after the base, with and without a snapshot of that', async (context) => {
      if (subject.spoil === undefined) return context.skip('copies cannot be written to here');
      const volume = await made('spoiled');
      await subject.source.snapshot(volume.dataset, 'drover-e1-1', signal);
      await send(volume, snapshot(volume.dataset, 'drover-e1-1'));
      await subject.spoil(volume.dataset);
      await subject.source.snapshot(volume.dataset, 'drover-e1-2', signal);
      const written = await failure(send(volume, snapshot(volume.dataset, 'drover-e1-2', '@drover-e1-1')));
      expect(written.code).toBe('volume-conflict');
      await subject.target.snapshot(volume.dataset, 'drover-foreign', signal);
      const before = await guids(subject.target, volume.id);
      const diverged = await failure(send(volume, snapshot(volume.dataset, 'drover-e1-2', '@drover-e1-1')));
      expect(diverged.code).toBe('volume-conflict');
      expect(await guids(subject.target, volume.id)).toEqual(before);
    });

    it('holds what has arrived, and says its guid', async () => {
      const volume = await made('holds');
      for (const [name, base] of [['drover-e1-1'], ['drover-e1-2', '@drover-e1-1']] as const) {
        await subject.write(volume.dataset, MiB);
        await subject.source.snapshot(volume.dataset, name, signal);
        const source = snapshot(volume.dataset, name, base);
        const { from, to } = subject;
        const properties = {
          'drover:vol': volume.id,
          'drover:role': 'incoming',
          'drover:owner': 'x',
          'drover:epoch': '1',
        };
        const request = { from, to, source, dataset: volume.dataset, properties, tag: 'drover' };
        const { guid } = await subject.transfer(request, () => undefined, signal);
        expect(guid).toBe((await find(subject.source, volume.id))?.snapshots.at(-1)?.guid);
        expect(await find(subject.target, volume.id)).toMatchObject({ role: 'incoming', owner: 'x', epoch: 1 });
      }
      const seen = (await subject.target.details(signal)).find(({ name }) => name === volume.dataset);
      expect(seen?.snapshots.map(({ holds }) => holds)).toEqual([['drover'], ['drover']]);
    });

    it('refuses to begin after the lock of the source or of the target was lost', async () => {
      const volume = await made('late');
      await subject.write(volume.dataset, MiB);
      await subject.source.snapshot(volume.dataset, 'drover-e1-1', signal);
      const refused = { code: 'connection-failed', retryable: true };
      for (const end of ['from', 'to'] as const) {
        await (await subject.locks[end].acquire('anna', signal)).release();
        const other = await subject.otherLocks[end].acquire('bert', signal);
        expect(await failure(send(volume, snapshot(volume.dataset, 'drover-e1-1')))).toMatchObject(refused);
        await other.release();
        expect(await failure(send(volume, snapshot(volume.dataset, 'drover-e1-1')))).toMatchObject(refused);
        expect(await find(subject.target, volume.id)).toBeUndefined();
        // From here on it has the lock again.
        await subject.locks[end].acquire('anna', signal);
      }
      await send(volume, snapshot(volume.dataset, 'drover-e1-1'));
      expect(await guids(subject.target, volume.id)).toHaveLength(1);
    });

    it('leaves no key and no file behind, not even of the ones that were cut', async (context) => {
      if (subject.leftovers === undefined) return context.skip('nothing could be left here');
      expect(await subject.leftovers()).toEqual([]);
    });
  });
}

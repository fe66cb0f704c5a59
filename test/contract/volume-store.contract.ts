import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Leftovers, Mark } from '../../src/engine/run/leftovers.ts';
import type { VolumeStore } from '../../src/engine/volume-store.ts';
import type { ForeignMount, Volume } from '../../src/model/cluster.ts';
import type { VolumeId } from '../../src/model/config.ts';
import { AppError } from '../../src/model/errors.ts';

/** A node's store, and the means to be a program on that node. */
export interface VolumeStoreSubject {
  readonly store: VolumeStore;
  /** Appends random bytes to the volume's data. */
  write(dataset: string, bytes: number): Promise<void>;
  /** Starts a program that uses the volume until it is stopped; absent where that is impossible. */
  occupy?(dataset: string): Promise<{ readonly name: string; leave(): Promise<void> }>;
  /**
   * A container that is started while the volume is mounted and was given a directory above it, with a mount that is
   * its own, or that follows the node; and what an observation says of mounts in other mount namespaces.
   */
  monitor?(mount: 'own' | 'following'): Promise<{ readonly name: string; leave(): Promise<void> }>;
  foreignMounts?(): Promise<readonly ForeignMount[]>;
  /** Calls with a name no dataset of ours has fail; false for a store that trusts its caller. */
  readonly strictNames: boolean;
  close(): Promise<void>;
}

const MiB = 1024 * 1024;
const signal = AbortSignal.timeout(3_600_000);

/** What every VolumeStore promises, whatever is behind it. */
export function volumeStoreContract(name: string, make: () => Promise<VolumeStoreSubject>): void {
  describe(`volume store: ${name}`, () => {
    let subject: VolumeStoreSubject;
    let store: VolumeStore;
    beforeAll(async () => {
      subject = await make();
      store = subject.store;
    });
    afterAll(() => subject?.close());

    const find = async (id: string): Promise<Volume | undefined> =>
      (await store.list(signal)).find((volume) => volume.id === id);
    const get = async (id: string): Promise<Volume> => {
      const volume = await find(id);
      if (volume === undefined) throw new Error(`no volume ${id}`);
      return volume;
    };
    const made = async (app: string, limitBytes?: number): Promise<Volume> => {
      const id = randomUUID();
      const limit = limitBytes === undefined ? {} : { limitBytes };
      await store.create(id, { name: `${app}.data`, application: app, deployment: 'contract', ...limit }, signal);
      return get(id);
    };
    const failure = (promise: Promise<unknown>): Promise<AppError> =>
      promise.then(
        () => expect.fail('it succeeded'),
        (error: unknown) => {
          expect(error).toBeInstanceOf(AppError);
          return error as AppError; // checked on the line before
        },
      );

    it('creates a mounted, owned, empty volume with a directory for the container', async () => {
      const volume = await made('alpha', 64 * MiB);
      expect(volume).toMatchObject({ application: 'alpha', role: 'owner', epoch: 1, mounted: true });
      expect(volume).toMatchObject({ limitBytes: 64 * MiB, snapshots: [], bookmarks: [] });
      expect(volume.owner).toBeDefined();
      expect(volume.dataset).toBe(store.datasetName(volume.id, 'alpha'));
      expect(await store.directory(volume.dataset, signal)).toMatch(/\/data$/);
    });

    it('gives a volume its deployment, and sees a change that was made for another one', async () => {
      const volume = await made('owned');
      expect(volume.deployment).toBe('contract');
      await store.setProperties(volume, { deployment: 'other' }, signal);
      expect(await get(volume.id)).toMatchObject({ deployment: 'other', role: 'owner', epoch: 1 });
      const error = await failure(store.setProperties(volume, { role: 'frozen' }, signal));
      expect(error.code).toBe('volume-conflict');
      const { deployment: _none, ...unmarked } = volume;
      expect((await failure(store.setProperties(unmarked, { role: 'frozen' }, signal))).code).toBe('volume-conflict');
      expect(await get(volume.id)).toMatchObject({ role: 'owner' });
    });

    it('keeps which nodes may have copies, until the epoch changes or a snapshot is taken without it', async () => {
      const nodes = ['11111111-2222-3333-4444-555555555555', 'node-b'];
      const volume = await made('recorded');
      expect(volume.copies).toEqual([]);
      const record = { epoch: 1, upTo: 'drover-e1-1', nodes };
      await store.setProperties(volume, { record }, signal);
      expect(await get(volume.id)).toMatchObject({ copies: nodes, role: 'owner', epoch: 1, mounted: true });
      await store.snapshot(volume.dataset, 'drover-e1-1', signal);
      await store.snapshot(volume.dataset, 'daily-9', signal);
      expect((await get(volume.id)).copies).toEqual(nodes);
      await store.snapshot(volume.dataset, 'drover-e1-2', signal);
      expect((await get(volume.id)).copies).toBeUndefined();
      await store.setProperties(volume, { record: { ...record, upTo: 'drover-e1-2' } }, signal);
      expect((await get(volume.id)).copies).toEqual(nodes);
      // As every version does that knows nothing of records.
      await store.setProperties(volume, { role: 'owner', epoch: 2 }, signal);
      expect((await get(volume.id)).copies).toBeUndefined();
      const next = { role: 'owner', epoch: 3, record: { epoch: 3, upTo: 'drover-e1-2', nodes: [] } } as const;
      await store.setProperties({ ...volume, epoch: 2 }, next, signal);
      expect((await get(volume.id)).copies).toEqual([]);
    });

    it('has no record where there are more nodes than one has room for: then any node may have a copy', async () => {
      const volume = await made('crowded');
      const nodes = Array.from({ length: 40 }, () => randomUUID());
      await store.setProperties(volume, { record: { epoch: 1, nodes } }, signal);
      expect((await get(volume.id)).copies).toBeUndefined();
    });

    it('takes over a volume with its record, and freezes it without one', async () => {
      const volume = await made('taken');
      await subject.write(volume.dataset, MiB);
      const { copy } = await store.freeze(volume, 'drover', signal);
      expect(copy.copies).toBeUndefined();
      const final = copy.snapshots.at(-1);
      const released = { role: 'released', owner: 'node-b', epoch: 2 } as const;
      const upTo = final?.name ?? '';
      await store.setProperties(copy, { ...released, record: { epoch: 2, upTo, nodes: ['node-b'] } }, signal);
      expect((await get(volume.id)).copies).toEqual(['node-b']);
      const seen = { ...volume, ...released, guid: final?.guid ?? '' };
      const next = { owner: volume.owner ?? '', epoch: 3, record: { epoch: 3, upTo, nodes: ['node-b', 'node-c'] } };
      await store.acquire(seen, next, signal);
      expect(await get(volume.id)).toMatchObject({ role: 'owner', epoch: 3, copies: ['node-b', 'node-c'] });
    });

    it('creates a volume with the name that a Compose file gives it, which can change', async () => {
      const volume = await made('named');
      const { id } = volume;
      expect(volume).toMatchObject({ name: 'named.data', application: 'named' });
      const details = await store.details(signal);
      expect(details.find((one) => one.volume === id)).toMatchObject({ volumeName: 'named.data' });
      await store.setProperties(volume, { name: 'other', deployment: 'contract' }, signal);
      expect(await get(id)).toMatchObject({ name: 'other', role: 'owner', epoch: 1 });
    });

    it('creates a volume without an application and without a limit', async () => {
      const id = randomUUID();
      await store.create(id, {}, signal);
      const volume = await get(id);
      expect(volume.application).toBeUndefined();
      expect(volume.deployment).toBeUndefined();
      expect(volume.limitBytes).toBeUndefined();
    });

    it('sets and lifts the limit', async () => {
      const { id, dataset } = await made('limits');
      await store.setLimit(dataset, 32 * MiB, signal);
      expect((await get(id)).limitBytes).toBe(32 * MiB);
      await store.setLimit(dataset, undefined, signal);
      expect((await get(id)).limitBytes).toBeUndefined();
    });

    it('refuses to write to a full volume, and a limit below what it holds', async () => {
      const { id, dataset } = await made('full', 16 * MiB);
      // A limit counts when data reaches the disk: a little more than it may be written.
      let isFull = false;
      for (let tries = 0; tries < 100 && !isFull; tries += 1) {
        isFull = await subject.write(dataset, MiB / 2).then(
          () => false,
          () => true,
        );
      }
      expect(isFull).toBe(true);
      expect((await get(id)).referencedBytes).toBeGreaterThan(14 * MiB);
      await failure(store.setLimit(dataset, 8 * MiB, signal));
      expect((await get(id)).limitBytes).toBe(16 * MiB);
    });

    it('changes role, owner and epoch together, and only from what was expected', async () => {
      const { id, dataset, owner } = await made('roles');
      if (owner === undefined) expect.fail('no owner');
      const deployment = 'contract';
      const asMade = { id, dataset, role: 'owner', owner, epoch: 1, deployment } as const;
      await store.setProperties(asMade, { role: 'frozen' }, signal);
      const next = { role: 'released', owner: 'another-node', epoch: 2 } as const;
      await store.setProperties({ ...asMade, role: 'frozen' }, next, signal);
      expect(await get(id)).toMatchObject(next);
      const conflict = await failure(store.setProperties(asMade, { role: 'frozen' }, signal));
      expect(conflict.code).toBe('volume-conflict');
      expect(conflict.message).toContain('released');
      const asSeen = { id, dataset, deployment, ...next };
      for (const wrong of [{ id: 'another' }, { role: 'frozen' }, { owner }, { epoch: 1 }] as const) {
        const refused = await failure(store.setProperties({ ...asSeen, ...wrong }, { epoch: 9 }, signal));
        expect(refused.code).toBe('volume-conflict');
      }
      const { owner: _owner, ...ownerless } = asSeen;
      expect((await failure(store.setProperties(ownerless, { epoch: 9 }, signal))).code).toBe('volume-conflict');
      expect(await get(id)).toMatchObject(next);
    });

    it('confirms what it has, and nothing else', async () => {
      const volume = await made('confirms');
      await store.confirm(volume, signal);
      for (const wrong of [{ id: 'another' }, { role: 'frozen' }, { owner: 'another-node' }, { epoch: 7 }] as const) {
        expect((await failure(store.confirm({ ...volume, ...wrong }, signal))).code).toBe('volume-conflict');
      }
      expect(await get(volume.id)).toEqual(volume);
    });

    it('freezes in one command: not mounted, read-only, with a held final snapshot of everything', async () => {
      const volume = await made('freezes');
      await subject.write(volume.dataset, MiB);
      await store.snapshot(volume.dataset, 'drover-e1-7', signal);
      await store.bookmark(volume.dataset, 'drover-e1-7', 'drover-e1-8', signal);
      await subject.write(volume.dataset, 2 * MiB);
      await store.snapshot(volume.dataset, 'nightly', signal);
      await subject.write(volume.dataset, MiB);
      const { copy, finalBytes } = await store.freeze(await get(volume.id), 'drover', signal);
      expect(copy).toMatchObject({ role: 'frozen', owner: volume.owner, epoch: 1, mounted: false, writtenBytes: 0 });
      expect(copy.snapshots.map(({ name }) => name)).toEqual(['drover-e1-7', 'nightly', 'drover-e1-9']);
      expect(finalBytes).toBeGreaterThanOrEqual(MiB);
      expect(finalBytes).toBeLessThan(2 * MiB);
      const { usedBytes: _used, ...now } = await get(volume.id);
      const { usedBytes: _before, ...returned } = copy;
      expect(returned).toEqual(now);
      const held = (await store.details(signal)).find(({ name }) => name === volume.dataset)?.snapshots.at(-1);
      expect(held).toMatchObject({ name: 'drover-e1-9', holds: ['drover'] });
      await failure(subject.write(volume.dataset, 1));

      // Once more: it is whole. With a snapshot of another program on top: it is not.
      expect(await store.freeze(copy, 'drover', signal)).toMatchObject({
        finalBytes: 0,
        copy: { snapshots: copy.snapshots },
      });
      await store.snapshot(volume.dataset, 'hourly', signal);
      const again = await store.freeze(copy, 'drover', signal);
      expect(again.copy.snapshots.map(({ name }) => name).slice(-2)).toEqual(['hourly', 'drover-e1-10']);
    });

    it('takes no final snapshot where nothing was written since the last one', async () => {
      const volume = await made('freezes-idle');
      await store.snapshot(volume.dataset, 'drover-e1-1', signal);
      const { copy, finalBytes } = await store.freeze(volume, 'drover', signal);
      expect([copy.snapshots.map(({ name }) => name), finalBytes]).toEqual([['drover-e1-1'], 0]);
    });

    it('freezes nothing that is not as it was seen, or that is in use, and leaves it mounted', async (context) => {
      const volume = await made('freezes-not');
      for (const wrong of [{ id: 'another' }, { owner: 'another-node' }, { epoch: 7 }] as const) {
        const refused = await failure(store.freeze({ ...volume, ...wrong }, 'drover', signal));
        expect(refused.code).toBe('volume-conflict');
      }
      expect(await get(volume.id)).toEqual(volume);
      const user = await subject.occupy?.(volume.dataset);
      if (user === undefined) return context.skip('nothing can use a volume here');
      const busy = await failure(store.freeze(volume, 'drover', signal));
      expect([busy.code, busy.message.includes(user.name)]).toEqual(['volume-busy', true]);
      expect(await get(volume.id)).toMatchObject({ role: 'owner', mounted: true, snapshots: [] });
      await user.leave();
    });

    it('lets go only of what ends with the snapshot that was sent, and takes over nothing else', async () => {
      const volume = await made('changes-hands');
      await subject.write(volume.dataset, MiB);
      const { copy } = await store.freeze(volume, 'drover', signal);
      const guid = copy.snapshots.at(-1)?.guid ?? '';
      const next = { role: 'released', owner: 'another-node', epoch: 2 } as const;
      expect((await failure(store.setProperties({ ...copy, guid: '123' }, next, signal))).code).toBe('volume-conflict');
      // What a snapshot job takes has nothing in it.
      await store.snapshot(volume.dataset, 'hourly', signal);
      await store.setProperties({ ...copy, guid }, next, signal);
      const released = await get(volume.id);
      expect(released).toMatchObject(next);

      const owner = volume.owner ?? '';
      const wrong = [{ guid: '123' }, { guid, role: 'incoming' }, { guid, epoch: 1 }, { guid, owner }] as const;
      for (const each of wrong) {
        const refused = await failure(store.acquire({ ...released, ...each }, { owner, epoch: 3 }, signal));
        expect(refused.code).toBe('volume-conflict');
      }
      expect(await get(volume.id)).toEqual(released);
      const mounted = await store.acquire({ ...released, guid }, { owner, epoch: 3 }, signal);
      expect(mounted).toEqual({ directory: await store.directory(volume.dataset, signal), isEmpty: false });
      expect(await get(volume.id)).toMatchObject({ role: 'owner', owner, epoch: 3, mounted: true });
      // The same command again, repeated on its way.
      expect((await failure(store.acquire({ ...released, guid }, { owner, epoch: 3 }, signal))).code).toBe(
        'volume-conflict',
      );

      await subject.write(volume.dataset, MiB);
      const written = await get(volume.id);
      expect((await failure(store.setProperties({ ...written, guid }, next, signal))).code).toBe('volume-conflict');
      expect(await get(volume.id)).toMatchObject({ role: 'owner', epoch: 3 });
    });

    it('says that there is nothing in a volume it takes over', async () => {
      const volume = await made('changes-empty');
      const { copy } = await store.freeze(volume, 'drover', signal);
      const seen = { ...copy, guid: copy.snapshots.at(-1)?.guid ?? '' };
      expect(await store.acquire(seen, { owner: volume.owner ?? '', epoch: 2 }, signal)).toMatchObject({
        isEmpty: true,
      });
    });

    it('shows who keeps a volume mounted in a mount namespace that does not follow the node', async ({ skip }) => {
      if (subject.monitor === undefined || subject.foreignMounts === undefined) skip();
      const { id, dataset } = await made('watched');
      const others = async () => (await subject.foreignMounts?.())?.filter((one) => one.dataset === dataset);
      expect(await others()).toEqual([]);
      const holder = await subject.monitor?.('own');
      expect(await others()).toEqual([expect.objectContaining({ dataset, container: holder?.name })]);
      expect((await failure(store.unmount(dataset, signal))).code).toBe('volume-busy');
      expect((await get(id)).mounted).toBe(true);
      await holder?.leave();
      expect(await others()).toEqual([]);
      const follower = await subject.monitor?.('following');
      expect(await others()).toEqual([]);
      await store.unmount(dataset, signal);
      await follower?.leave();
    });

    it('unmounts, mounts again, and has nothing to do the second time', async () => {
      const { id, dataset } = await made('mounts');
      await store.unmount(dataset, signal);
      await store.unmount(dataset, signal);
      expect((await get(id)).mounted).toBe(false);
      await failure(store.directory(dataset, signal));
      await store.mount(dataset, signal);
      await store.mount(dataset, signal);
      expect((await get(id)).mounted).toBe(true);
    });

    it('refuses to unmount what is used, names who uses it, and leaves it mounted', async (context) => {
      const { id, dataset } = await made('busy');
      const user = await subject.occupy?.(dataset);
      if (user === undefined) return context.skip('nothing can use a volume here');
      const error = await failure(store.unmount(dataset, signal));
      expect(error.code).toBe('volume-busy');
      expect(error.message).toContain(user.name);
      expect((await get(id)).mounted).toBe(true);
      await user.leave();
      await store.unmount(dataset, signal);
      expect((await get(id)).mounted).toBe(false);
    });

    it('lists snapshots oldest first with their guids, and what was written since', async () => {
      const { id, dataset } = await made('snapshots');
      await store.snapshot(dataset, 'drover-e1-1', signal);
      await subject.write(dataset, 2 * MiB);
      expect((await get(id)).writtenBytes).toBeGreaterThanOrEqual(2 * MiB);
      await store.snapshot(dataset, 'drover-e1-2', signal);
      await store.snapshot(dataset, 'drover-e1-10', signal);
      const volume = await get(id);
      expect(volume.snapshots.map((one) => one.name)).toEqual(['drover-e1-1', 'drover-e1-2', 'drover-e1-10']);
      expect(new Set(volume.snapshots.map((one) => one.guid)).size).toBe(3);
      expect(volume.snapshots.every((one) => /^\d+$/.test(one.guid) && /^\d+$/.test(one.createTxg))).toBe(true);
      expect(volume.writtenBytes).toBeLessThan(MiB);
      await failure(store.snapshot(dataset, 'drover-e1-2', signal));
    });

    /** These names as the volume has them now; the base is the newest of drover's that stays. */
    const tidied = async (id: string, names: readonly string[], more: Partial<Leftovers> = {}) => {
      const volume = await get(id);
      const [base] = volume.snapshots
        .filter(({ name }) => name.startsWith('drover-') && !names.includes(name))
        .slice(-1);
      if (base === undefined) expect.fail('no base');
      const snapshots = volume.snapshots.filter(({ name }) => names.includes(name));
      const leftovers = { base, isMarked: false, snapshots, bookmarks: [], released: [], ...more };
      return { leftovers, act: (seen: Volume = volume) => store.tidy(seen, leftovers, 'drover', signal) };
    };
    const namesOf = (marks: readonly { readonly name: string }[]) => marks.map(({ name }) => name);
    const holdsOf = async (dataset: string) =>
      (await store.details(signal))
        .find(({ name }) => name === dataset)
        ?.snapshots.flatMap(({ name, holds }) => (holds.length === 0 ? [] : [[name, ...holds]]));
    const withSnapshots = async (app: string, names: readonly string[]) => {
      const volume = await made(app);
      for (const name of names) await store.snapshot(volume.dataset, name, signal);
      return volume;
    };

    it('tidies up in one command: bookmark, holds of its own, snapshots and bookmarks, and again without harm', async () => {
      const names = ['drover-e1-1', 'drover-e1-2', 'nightly', 'drover-e1-3', 'drover-e1-4'];
      const { id, dataset } = await withSnapshots('tidies', names);
      for (const name of ['drover-e1-1', 'drover-e1-3', 'drover-e1-4']) {
        for (const _ of [1, 2]) await store.hold(dataset, name, 'drover', signal);
      }
      await store.bookmark(dataset, 'drover-e1-1', 'drover-e1-1', signal);
      const { bookmarks, snapshots } = await get(id);
      const released = snapshots.filter(({ name }) => name === 'drover-e1-3' || name === 'drover-e1-4');
      const once = await tidied(id, ['drover-e1-1', 'drover-e1-2'], { bookmarks, released, isMarked: true });
      const first = await once.act();
      const tidy = await get(id);
      expect([first, namesOf(tidy.snapshots)]).toEqual([[], ['nightly', 'drover-e1-3', 'drover-e1-4']]);
      expect(tidy.bookmarks).toMatchObject([{ name: 'drover-e1-4', guid: tidy.snapshots.at(-1)?.guid }]);
      expect(await holdsOf(dataset)).toEqual([]);
      expect(await once.act()).toEqual([]);
      expect(await get(id)).toEqual(tidy);
    });

    it('leaves what others hold, and goes on with the rest', async () => {
      const { id, dataset } = await withSnapshots('tidies-held', ['drover-e1-1', 'drover-e1-2', 'drover-e1-3']);
      await store.hold(dataset, 'drover-e1-1', 'drover', signal);
      await store.hold(dataset, 'drover-e1-1', 'zrepl', signal);
      const stays = await (await tidied(id, ['drover-e1-1', 'drover-e1-2'])).act();
      expect(stays).toEqual([expect.stringContaining(`"${dataset}@drover-e1-1"`)]);
      expect(namesOf((await get(id)).snapshots)).toEqual(['drover-e1-1', 'drover-e1-3']);
      expect(await holdsOf(dataset)).toEqual([['drover-e1-1', 'zrepl']]);
    });

    it('destroys nothing that only has the name of what was seen', async () => {
      const { id, dataset } = await withSnapshots('tidies-named', ['drover-e1-1', 'drover-e1-2', 'drover-e1-3']);
      await store.hold(dataset, 'drover-e1-1', 'drover', signal);
      await store.bookmark(dataset, 'drover-e1-1', 'drover-e1-1', signal);
      const before = await get(id);
      const wrong = (one: Mark): Mark => ({ ...one, guid: '4711' });
      const { snapshots, bookmarks } = before;
      const [first, second] = snapshots;
      if (first === undefined || second === undefined) expect.fail('no snapshots');
      const marks = { snapshots: [first, second].map(wrong), bookmarks: bookmarks.map(wrong) };
      const stays = await (await tidied(id, [], marks)).act();
      expect(stays).toHaveLength(3);
      expect(stays.join('\n')).toContain('4711');
      expect(await get(id)).toEqual(before);
      expect(await holdsOf(dataset)).toEqual([['drover-e1-1', 'drover']]);
    });

    it('destroys nothing without what the copies have in common, and never that', async () => {
      const { id, dataset } = await withSnapshots('tidies-base', ['drover-e1-1', 'drover-e1-2', 'nightly']);
      await store.bookmark(dataset, 'drover-e1-2', 'drover-e1-2', signal);
      const before = await get(id);
      const { leftovers } = await tidied(id, ['drover-e1-1']);
      const { base } = leftovers;
      const nightly = before.snapshots.filter(({ name }) => name === 'nightly');
      for (const wrong of [
        { base: { ...base, guid: '4711' } },
        { base: { ...base, name: 'drover-e1-7' } },
        { snapshots: [base] },
        { bookmarks: before.bookmarks },
        { snapshots: nightly },
        { released: nightly },
      ]) {
        const refused = await failure(store.tidy(before, { ...leftovers, ...wrong }, 'drover', signal));
        expect(refused.code).toBe('volume-conflict');
      }
      for (const other of [{ id: 'another' }, { role: 'replica' }, { owner: 'another-node' }, { epoch: 7 }] as const) {
        const refused = await failure(store.tidy({ ...before, ...other }, leftovers, 'drover', signal));
        expect(refused.code).toBe('volume-conflict');
      }
      expect(await get(id)).toEqual(before);
    });

    it('tidies up more than one command has room for', async () => {
      const names = Array.from({ length: 35 }, (_, index) => `drover-e1-${index + 1}`);
      const { id } = await withSnapshots('tidies-many', names);
      expect(await (await tidied(id, names.slice(0, -1))).act()).toEqual([]);
      expect(namesOf((await get(id)).snapshots)).toEqual(names.slice(-1));
    });

    it('keeps a bookmark with its snapshot’s guid after the snapshot is gone', async () => {
      const { id, dataset } = await withSnapshots('bookmarks', ['drover-e1-1', 'drover-e1-2']);
      const guid = (await get(id)).snapshots[0]?.guid;
      await store.bookmark(dataset, 'drover-e1-1', 'drover-base', signal);
      await store.bookmark(dataset, 'drover-e1-1', 'drover-base', signal);
      await (await tidied(id, ['drover-e1-1'])).act();
      const volume = await get(id);
      expect(namesOf(volume.snapshots)).toEqual(['drover-e1-2']);
      expect(volume.bookmarks.map((one) => [one.name, one.guid])).toEqual([['drover-base', guid]]);
    });

    it('estimates full streams, increments, and what is not in a snapshot yet', async () => {
      const { dataset } = await made('estimates');
      await subject.write(dataset, 3 * MiB);
      await store.snapshot(dataset, 'drover-e1-1', signal);
      await subject.write(dataset, MiB);
      expect(await store.estimate(dataset, 'drover-e1-1', undefined, signal)).toBeGreaterThanOrEqual(3 * MiB);
      const unsent = await store.estimate(dataset, undefined, '@drover-e1-1', signal);
      expect(unsent).toBeGreaterThanOrEqual(MiB);
      expect(unsent).toBeLessThan(2 * MiB);
      await store.snapshot(dataset, 'drover-e1-2', signal);
      const delta = await store.estimate(dataset, 'drover-e1-2', '@drover-e1-1', signal);
      expect(delta).toBeGreaterThanOrEqual(MiB);
      expect(delta).toBeLessThan(2 * MiB);
      await store.snapshot(dataset, 'nightly', signal);
      expect(await store.estimate(dataset, undefined, '@drover-e1-2', signal)).toBe(0);
    });

    it('shows datasets with their snapshots, sizes, times and holds', async () => {
      const { id, dataset } = await made('details');
      await subject.write(dataset, MiB);
      await store.snapshot(dataset, 'user-one', signal);
      await store.snapshot(dataset, 'drover-e1-1', signal);
      await store.hold(dataset, 'drover-e1-1', 'drover', signal);
      const found = (await store.details(signal)).find(({ name }) => name === dataset);
      expect(found).toMatchObject({ volume: id, application: 'details', role: 'owner' });
      expect(found?.usedBytes).toBeGreaterThanOrEqual(MiB);
      expect(found?.referencedBytes).toBeGreaterThanOrEqual(MiB);
      expect(found?.compressRatio).toBeGreaterThanOrEqual(1);
      const [one, two] = found?.snapshots ?? [];
      expect([one, two]).toMatchObject([
        { name: 'user-one', holds: [] },
        { name: 'drover-e1-1', holds: ['drover'] },
      ]);
      expect(one?.referencedBytes).toBeGreaterThanOrEqual(MiB);
      expect(Math.abs((one?.createdAt ?? 0) - Date.now())).toBeLessThan(3_600_000);
    });

    it('clones a snapshot to a dataset that is not a volume, and keeps the snapshot for it', async () => {
      const { id, dataset } = await withSnapshots('clones', ['drover-e1-1', 'drover-e1-2', 'drover-e1-3']);
      await store.clone(dataset, 'drover-e1-1', `${dataset}-clone`, signal);
      expect((await store.list(signal)).map((one) => one.dataset)).not.toContain(`${dataset}-clone`);
      const found = (await store.details(signal)).find(({ name }) => name === `${dataset}-clone`);
      expect(found).toMatchObject({ snapshots: [] });
      expect(found).not.toHaveProperty('volume');
      expect(found).not.toHaveProperty('role');
      await failure(store.clone(dataset, 'drover-e1-1', `${dataset}-clone`, signal));
      await failure(store.clone(dataset, 'nowhere', `${dataset}-other`, signal));
      expect(await (await tidied(id, ['drover-e1-1', 'drover-e1-2'])).act()).toEqual([]);
      expect(namesOf((await get(id)).snapshots)).toEqual(['drover-e1-1', 'drover-e1-3']);
    });

    it('swaps a frozen volume for a clone at once: the clone is the volume, with the snapshots up to its own', async () => {
      const { id, dataset, owner } = await made('swaps', 64 * MiB);
      await subject.write(dataset, MiB);
      for (const name of ['drover-e1-1', 'user-good']) await store.snapshot(dataset, name, signal);
      await subject.write(dataset, 3 * MiB);
      await store.snapshot(dataset, 'drover-e1-2', signal);
      const before = await get(id);
      await store.checkSwap(signal);
      await store.clone(dataset, 'user-good', `${dataset}-swap`, signal);
      const swapOf = (seen: Volume, retiredAs: string) => [{ seen, target: `${dataset}-swap`, retiredAs }];
      const early = await failure(store.swap(swapOf(before, `${id}-before`), signal));
      expect([early.code, await get(id)]).toEqual(['volume-conflict', before]);
      await store.unmount(dataset, signal);
      await store.setProperties(before, { role: 'frozen' }, signal);
      const seen = await get(id);
      for (const other of [
        { ...seen, epoch: 7 },
        { ...seen, id: `${id}-other` },
      ]) {
        const late = await failure(store.swap(swapOf(other, `${id}-before`), signal));
        expect([late.code, await get(id)]).toEqual(['volume-conflict', seen]);
      }
      await store.swap(swapOf(seen, `${id}-before`), signal);
      const now = await get(id);
      expect(now).toMatchObject({ dataset: `${dataset}-swap`, role: 'owner', owner, epoch: 2, mounted: false });
      expect(now).toMatchObject({ name: 'swaps.data', application: 'swaps', limitBytes: 64 * MiB });
      expect(now.flags).toBe(before.flags);
      const names = (volume: Volume) => volume.snapshots.map(({ name }) => name);
      expect(now.snapshots).toEqual(before.snapshots.slice(0, 2));
      const kept = await get(`${id}-before`);
      expect([kept.role, kept.dataset, names(kept)]).toEqual(['retired', dataset, ['drover-e1-2']]);
      await store.mount(now.dataset, signal);
      await subject.write(now.dataset, 1024);
      expect((await get(id)).referencedBytes).toBeLessThan(3 * MiB);
      expect(await store.directory(now.dataset, signal)).toMatch(/\/data$/);
      const again = await failure(store.swap(swapOf(seen, `${id}-again`), signal));
      expect(again.code).toBe('volume-conflict');
    });

    it('takes one snapshot of several volumes at one moment, of all of them or of none', async () => {
      const one = await made('together');
      const two = await made('together');
      await store.snapshot([one.dataset, two.dataset], 'user-both', signal);
      const [first, second] = [await get(one.id), await get(two.id)];
      expect([first, second].map(({ snapshots }) => snapshots.map(({ name }) => name))).toEqual([
        ['user-both'],
        ['user-both'],
      ]);
      expect(first.snapshots[0]?.createTxg).toBe(second.snapshots[0]?.createTxg);
      await store.snapshot(two.dataset, 'user-later', signal);
      await failure(store.snapshot([one.dataset, two.dataset], 'user-later', signal));
      expect((await get(one.id)).snapshots.map(({ name }) => name)).toEqual(['user-both']);
    });

    it('swaps several volumes together, or none of them', async () => {
      const volumes = [await made('pair', 64 * MiB), await made('pair')];
      const datasets = volumes.map(({ dataset }) => dataset);
      await store.snapshot(datasets, 'user-good', signal);
      for (const { dataset } of volumes) {
        await subject.write(dataset, MiB);
        await store.clone(dataset, 'user-good', `${dataset}-swap`, signal);
        await store.unmount(dataset, signal);
      }
      const [first, second] = volumes.map(({ dataset }) => dataset);
      if (first === undefined || second === undefined) return expect.fail('two volumes are needed');
      const swapsNow = async () => {
        const seen = await Promise.all(volumes.map(({ id }) => get(id)));
        return seen.map((one) => ({ seen: one, target: `${one.dataset}-swap`, retiredAs: `${one.id}-before` }));
      };
      const freeze = async (volume: VolumeId | undefined): Promise<void> =>
        await store.setProperties(await get(volume ?? ''), { role: 'frozen' }, signal);
      await freeze(volumes[0]?.id);
      // The second is not frozen yet.
      const before = await store.list(signal);
      const refused = await failure(store.swap(await swapsNow(), signal));
      expect([refused.code, refused.message.includes(second)]).toEqual(['volume-conflict', true]);
      expect(await store.list(signal)).toEqual(before);
      await freeze(volumes[1]?.id);
      const swaps = await swapsNow();
      // The second was seen with another epoch.
      const frozen = await store.list(signal);
      const late = swaps.map((swap) =>
        swap.seen.dataset === second ? { ...swap, seen: { ...swap.seen, epoch: 7 } } : swap,
      );
      const overtaken = await failure(store.swap(late, signal));
      expect([overtaken.code, overtaken.message.includes(second)]).toEqual(['volume-conflict', true]);
      expect(await store.list(signal)).toEqual(frozen);
      // The second clone cannot be promoted: it would have two snapshots of one name.
      await store.snapshot(`${second}-swap`, 'user-good', signal);
      const half = await store.list(signal);
      await failure(store.swap(swaps, signal));
      expect(await store.list(signal)).toEqual(half);
      const third = `${second}-swap2`;
      await store.clone(second, 'user-good', third, signal);
      await store.swap(
        swaps.map((swap) => (swap.seen.dataset === second ? { ...swap, target: third } : swap)),
        signal,
      );
      const now = await Promise.all(volumes.map(({ id }) => get(id)));
      expect(now.map(({ dataset, role, epoch, limitBytes }) => ({ dataset, role, epoch, limitBytes }))).toEqual([
        { dataset: `${first}-swap`, role: 'owner', epoch: 2, limitBytes: 64 * MiB },
        { dataset: third, role: 'owner', epoch: 2, limitBytes: undefined },
      ]);
      for (const { id, dataset } of volumes) {
        expect(await get(`${id}-before`)).toMatchObject({ role: 'retired', dataset });
      }
    });

    it('changes nothing at all where a swap cannot be made whole', async () => {
      const { id, dataset } = await made('halves');
      await store.snapshot(dataset, 'user-good', signal);
      await store.clone(dataset, 'user-good', `${dataset}-swap`, signal);
      // The promotion would bring the clone a second snapshot of that name.
      await store.snapshot(`${dataset}-swap`, 'user-good', signal);
      await store.unmount(dataset, signal);
      await store.setProperties(await get(id), { role: 'frozen' }, signal);
      const before = await store.list(signal);
      const swap = { seen: await get(id), target: `${dataset}-swap`, retiredAs: `${id}-before` };
      await failure(store.swap([swap], signal));
      expect(await store.list(signal)).toEqual(before);
      expect(before.find((one) => one.dataset === `${dataset}-swap`)).toBeUndefined();
    });

    it('takes over copies together, with a snapshot of what they begin with, or none of them', async () => {
      const [one, other] = [await made('take-one'), await made('take-other')];
      for (const volume of [one, other]) {
        await subject.write(volume.dataset, MiB);
        await store.freeze(volume, 'drover', signal);
        const given = { role: 'replica', owner: 'node-b', epoch: 1 } as const;
        await store.setProperties({ ...volume, role: 'frozen' }, given, signal);
      }
      const copies = [await get(one.id), await get(other.id)];
      const take = (seen: Volume, epoch = 1001) => ({ seen, epoch, snapshot: `drover-failover-e${epoch}` });
      const next = { owner: 'node-a', deployment: 'contract' };
      const [first, second] = copies;
      if (first === undefined || second === undefined) return expect.fail('no copies');
      const error = await failure(store.takeOver([take(first), take({ ...second, epoch: 7 })], next, signal));
      expect([error.code, error.message]).toEqual(['volume-conflict', expect.stringContaining(second.dataset)]);
      expect([await get(one.id), await get(other.id)]).toEqual(copies);
      await store.takeOver(
        copies.map((copy) => take(copy)),
        next,
        signal,
      );
      for (const { id, snapshots } of copies) {
        const now = await get(id);
        expect(now).toMatchObject({ role: 'owner', owner: 'node-a', epoch: 1001, mounted: false });
        expect(now.snapshots.map(({ name }) => name)).toEqual([
          ...snapshots.map(({ name }) => name),
          'drover-failover-e1001',
        ]);
        await store.mount(now.dataset, signal);
        await subject.write(now.dataset, 1024);
        expect((await get(id)).writtenBytes).toBeGreaterThan(0);
      }
    });

    it('sets a copy aside, and begins a new one with a snapshot of it', async () => {
      const volume = await made('aside');
      await subject.write(volume.dataset, MiB);
      await store.snapshot(volume.dataset, 'drover-e1-1', signal);
      await subject.write(volume.dataset, MiB);
      await store.snapshot(volume.dataset, 'diverged-e1', signal);
      await store.unmount(volume.dataset, signal);
      await store.setProperties(volume, { role: 'diverged' }, signal);
      const seen = await get(volume.id);
      const dataset = `${volume.dataset}-diverged-1`;
      const id = randomUUID();
      const properties = { volume: id, application: 'aside', owner: 'node-b', epoch: 9, deployment: 'contract' };
      const next = {
        dataset: volume.dataset,
        snapshot: 'drover-e1-1',
        properties: { ...properties, volume: volume.id },
      };
      const aside = { dataset, retiredAs: `${volume.id}-diverged-1`, next };
      expect((await failure(store.setAside({ ...seen, epoch: 8 }, aside, signal))).code).toBe('volume-conflict');
      await store.setAside(seen, aside, signal);
      const copy = await get(volume.id);
      expect(copy).toMatchObject({ role: 'replica', owner: 'node-b', epoch: 9, dataset: volume.dataset });
      expect(copy).toMatchObject({ mounted: false, writtenBytes: 0, application: 'aside', deployment: 'contract' });
      expect(copy.snapshots).toEqual(seen.snapshots.slice(0, 1));
      const kept = await get(aside.retiredAs);
      expect(kept).toMatchObject({ role: 'retired', dataset, epoch: 1 });
      expect(kept.snapshots.map(({ guid }) => guid)).toEqual(seen.snapshots.slice(1).map(({ guid }) => guid));
      expect(kept.referencedBytes).toBeGreaterThanOrEqual(2 * MiB);
    });

    it('sets a copy aside without a new one, also where it has its new name already', async () => {
      const volume = await made('aside-alone');
      await store.unmount(volume.dataset, signal);
      await store.setProperties(volume, { role: 'diverged' }, signal);
      const seen = await get(volume.id);
      const aside = { dataset: `${volume.dataset}-diverged-2`, retiredAs: `${volume.id}-diverged-2` };
      await store.setAside(seen, aside, signal);
      expect(await find(volume.id)).toBeUndefined();
      const kept = await get(aside.retiredAs);
      expect(kept).toMatchObject({ role: 'retired', dataset: aside.dataset });
      await store.setProperties(kept, { role: 'diverged', volume: volume.id }, signal);
      await store.setAside(await get(volume.id), aside, signal);
      expect(await get(aside.retiredAs)).toMatchObject({ role: 'retired', dataset: aside.dataset });
    });

    it('touches nothing that is not below its root', async (context) => {
      if (!subject.strictNames) return context.skip('this store trusts its caller');
      for (const dataset of ['drover', 'tank/x', `${store.datasetName('v', 'a')}/../..`, '-r', 'drover/volumes']) {
        expect((await failure(store.mount(dataset, signal))).code).toBe('volume-conflict');
      }
      const { id } = await withSnapshots('names', ['drover-e1-1']);
      for (const bad of ['drover-a b', 'drover-%', 'drover-x@y', '-r', 'drover-x,drover-y', 'drover-$(id)']) {
        const { act } = await tidied(id, [], { snapshots: [{ name: bad, guid: '1' }] });
        expect((await failure(act())).code).toBe('volume-conflict');
      }
    });
  });
}

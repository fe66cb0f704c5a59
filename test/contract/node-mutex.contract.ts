import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NodeMutex } from '../../src/engine/node-client.ts';

/** The lock of one node, as two controllers see it. */
export interface MutexUnderTest {
  readonly one: NodeMutex;
  readonly other: NodeMutex;
  /** Cuts the first controller's connection. */
  loseOne(): Promise<void>;
  close(): Promise<void>;
}

/** The suite that the lock over SSH and the one in memory both pass. */
export function nodeMutexContract(name: string, makeMutex: () => Promise<MutexUnderTest>): void {
  describe(`the lock of a node, ${name}`, () => {
    const signal = new AbortController().signal;
    let under: MutexUnderTest;
    beforeEach(async () => {
      under = await makeMutex();
    });
    afterEach(() => under?.close());

    /** The node may learn of a lost connection a little later. */
    const acquireSoon = async () => {
      for (let attempt = 0; ; attempt += 1) {
        try {
          return await under.other.acquire('bert', signal);
        } catch (error) {
          if (attempt === 50) throw error;
          await pause(100);
        }
      }
    };

    test('a second run learns who holds it and since when', async () => {
      const before = Date.now();
      const handle = await under.one.acquire('anna@laptop pid 4711', signal);
      const error = await under.other.acquire('bert', signal).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'lock-held', details: { owner: 'anna@laptop pid 4711' } });
      const since = (error as { details: { since: string } }).details.since;
      expect(Math.abs(Date.parse(since) - before)).toBeLessThan(60_000);
      expect(handle.lost.aborted).toBe(false);
      await handle.release();
    });

    test('a released lock can be taken by any run, and was not lost', async () => {
      const handle = await under.one.acquire('anna', signal);
      await handle.release();
      expect(handle.lost.aborted).toBe(false);
      const second = await under.other.acquire('bert', signal);
      await second.release();
      await (await under.one.acquire('anna', signal)).release();
    });

    test('releasing twice is not an error and does not release the lock of another run', async () => {
      const handle = await under.one.acquire('anna', signal);
      await handle.release();
      const second = await under.other.acquire('bert', signal);
      await handle.release();
      await expect(under.one.acquire('anna', signal)).rejects.toMatchObject({ code: 'lock-held' });
      await second.release();
    });

    test('the node keeps who ran what, from where, and how it ended, in words that cannot be anything else', async () => {
      const before = (await under.one.audit(signal)).length;
      const note = { run: '20250131-094512-000', deployment: 'shop', verb: 'restart "db"; rm \u001b[2J\n' };
      const first = await under.one.acquire({ owner: 'anna@laptop pid 4711', note: note }, signal);
      await first.release('converged');
      const second = await under.other.acquire(
        { owner: 'b\u202eert@\nx $(id) pid 1', note: { ...note, verb: 'apply' } },
        signal,
      );
      await second.release('failed; x=1\n');
      await (await under.one.acquire('without a note', signal)).release('done');
      const lines = (await under.one.audit(signal)).slice(before);
      const common = { run: note.run, deployment: 'shop', at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+Z$/) };
      expect(lines).toMatchObject([
        { ...common, event: 'began', verb: 'restart_db_rm_2J', by: 'anna@laptop' },
        { ...common, event: 'ended', verb: 'restart_db_rm_2J', by: 'anna@laptop', result: 'converged' },
        { ...common, event: 'began', verb: 'apply', by: 'b_ert@_x' },
        { ...common, event: 'ended', verb: 'apply', result: expect.stringMatching(/^failed/) },
      ]);
      for (const line of lines) for (const text of Object.values(line)) expect(text).toMatch(/^[A-Za-z0-9._:@+%-]+$/);
    });

    test('a run whose controller is gone has ended as lost', async () => {
      const before = (await under.other.audit(signal)).length;
      await under.one.acquire({ owner: 'anna', note: { run: 'r1', deployment: 'shop', verb: 'apply' } }, signal);
      await under.loseOne();
      await (await acquireSoon()).release();
      for (let i = 0; i < 600 && (await under.other.audit(signal)).length < before + 2; i += 1) await pause(100);
      expect((await under.other.audit(signal)).slice(before)).toMatchObject([
        { event: 'began', run: 'r1' },
        { event: 'ended', run: 'r1', result: 'lost' },
      ]);
    });

    test('a lost connection ends the lock on both sides', async () => {
      const handle = await under.one.acquire('anna', signal);
      await under.loseOne();
      for (let i = 0; i < 50 && !handle.lost.aborted; i += 1) await pause(50);
      expect(handle.lost.aborted).toBe(true);
      await (await acquireSoon()).release();
      await handle.release();
    });
  });
}

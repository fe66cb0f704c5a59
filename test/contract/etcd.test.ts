import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EtcdClient } from '../../src/node/etcd/client.ts';
import { type EtcdMembers, startEtcd } from './etcd-members.ts';
import { keyStoreContract } from './key-store.contract.ts';

const answerMs = 20_000;
const connect = (etcd: EtcdMembers, endpoints = etcd.endpoints, limitMs = answerMs): EtcdClient => {
  const { ca, cert, key } = etcd;
  return new EtcdClient({ endpoints, ca, cert, key, answerMs: limitMs });
};

const hasEtcd =
  existsSync('/usr/bin/openssl') && (process.env.DROVER_TEST_ETCD !== undefined || existsSync('/usr/bin/etcd'));

if (hasEtcd)
  keyStoreContract('in etcd, three members', async () => {
    const etcd = await startEtcd();
    const [first, ...rest] = etcd.endpoints;
    return {
      // Each client begins with another member.
      stores: [connect(etcd), connect(etcd, [...rest, first ?? ''])],
      seconds: 10,
      compact: async () => {
        const { revision } = await connect(etcd).read('/drover/', new AbortController().signal);
        await etcd.etcdctl('compact', revision);
      },
      end: etcd.end,
    };
  });

describe.skipIf(!hasEtcd)('etcd when members fail', () => {
  let etcd: EtcdMembers;
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(() => etcd?.end());

  it('goes on within seconds when the leader is killed; no confirmed write is lost, none is done twice', async () => {
    const client = connect(etcd, etcd.endpoints, 5_000);
    const confirmed: number[] = [];
    const unknown: number[] = [];
    let stopped = false;
    let longestMs = 0;
    const writing = (async () => {
      for (let n = 0; !stopped; n += 1) {
        const began = performance.now();
        const key = `/drover/kill/${String(n).padStart(6, '0')}`;
        for (;;) {
          try {
            const { done } = await client.commit(
              [{ key, of: 'created', is: undefined }],
              [{ key, value: String(n) }],
              signal,
            );
            // Only an attempt whose outcome was unknown may have written it before.
            expect(done || unknown.includes(n)).toBe(true);
            confirmed.push(n);
            break;
          } catch (error) {
            const { details } = error as { details?: { outcome?: string } };
            expect(details?.outcome).toMatch(/^(none|unknown)$/);
            if (details?.outcome === 'unknown') unknown.push(n);
            await pause(50);
          }
        }
        longestMs = Math.max(longestMs, performance.now() - began);
      }
    })();
    await pause(1_000);
    const leader = (await etcd.leader()) ?? 0;
    etcd.signal(leader, 'SIGKILL');
    await pause(6_000);
    stopped = true;
    await writing;
    etcd.start(leader);
    await etcd.healthy();
    const { keys } = await client.read('/drover/kill/', signal);
    console.log(`leader killed: ${confirmed.length} writes, the longest took ${Math.round(longestMs)} ms`);
    expect(keys.map(({ value }) => Number(value))).toEqual(confirmed);
    expect(longestMs).toBeGreaterThan(0);
  });

  it('writes and reads nothing without a majority, and says whether a write may have happened', async () => {
    const client = connect(etcd, etcd.endpoints, 1_500);
    await client.commit([], [{ key: '/drover/majority', value: 'before' }], signal);
    const stopped = [1, 2];
    for (const member of stopped) etcd.signal(member, 'SIGSTOP');
    try {
      const write = client.commit([], [{ key: '/drover/majority', value: 'after' }], signal);
      await expect(write).rejects.toMatchObject({ code: 'etcd-failed', details: { outcome: 'unknown' } });
      await expect(client.read('/drover/majority', signal)).rejects.toMatchObject({ code: 'etcd-failed' });
    } finally {
      for (const member of stopped) etcd.signal(member, 'SIGCONT');
    }
    await etcd.healthy();
    expect(['before', 'after']).toContain((await connect(etcd).read('/drover/majority', signal)).keys[0]?.value);
  });

  it('refuses a client without its certificate, and one that does not know who signed the members', async () => {
    const { endpoints, ca, cert, key } = etcd;
    const read = (options: object) => new EtcdClient({ endpoints, answerMs, ...options }).read('/drover/', signal);
    await expect(read({ ca })).rejects.toMatchObject({ code: 'etcd-failed', details: { outcome: 'none' } });
    await expect(read({ cert, key })).rejects.toMatchObject({ code: 'etcd-failed', details: { outcome: 'none' } });
    await expect(read({ ca, cert, key })).resolves.toMatchObject({ keys: expect.anything() });
  });

  it('passes over a member that is not there', async () => {
    const client = connect(etcd, ['https://127.0.0.1:1', ...etcd.endpoints]);
    expect((await client.commit([], [{ key: '/drover/over', value: '1' }], signal)).done).toBe(true);
    const none = connect(etcd, ['https://127.0.0.1:1']);
    const write = none.commit([], [{ key: '/drover/over', value: '2' }], signal);
    await expect(write).rejects.toMatchObject({ details: { outcome: 'none' } });
  });
});

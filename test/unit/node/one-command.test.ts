import { describe, expect, it } from 'vitest';
import type { Volume } from '../../../src/model/cluster.ts';
import { createDeadMan } from '../../../src/node/dead-man.ts';
import { createNetworkControl } from '../../../src/node/network/proxy-table.ts';
import { createZfsStore } from '../../../src/node/zfs/store.ts';
import { type ScriptedConnection, type Sent, scriptedConnection } from '../../fakes/scripted-connection.ts';

const signal = new AbortController().signal;
const dataset = 'drover/volumes/v-1';
const copy: Volume = {
  id: 'v',
  dataset,
  role: 'owner',
  owner: 'n1',
  epoch: 3,
  mounted: true,
  usedBytes: 0,
  referencedBytes: 0,
  writtenBytes: 0,
  snapshots: [],
  bookmarks: [],
};
const facts = [
  ['drover:vol', 'v'],
  ['drover:role', 'owner'],
  ['drover:owner', 'n1'],
  ['drover:epoch', '3'],
].map(([name, value]) => `${dataset}\t${name}\t${value}\tlocal\n`);
const frozen = `${facts.join('')}\x1e\n${dataset}@drover-e3-1\t11\t7\t5\n\x1e\n${dataset}@drover-e3-2\t12\t9\t4096\n`;

/** What a step of a move sends to the node while clients wait. */
describe('one command', () => {
  const one = async (act: (connection: ScriptedConnection) => Promise<unknown>, stdout = ''): Promise<Sent> => {
    const connection = scriptedConnection(() => ({ stdout }));
    await act(connection);
    expect(connection.sent).toHaveLength(1);
    const [sent] = connection.sent;
    if (sent === undefined) throw new Error('nothing was sent');
    return sent;
  };
  const storeOn = (connection: ScriptedConnection) =>
    createZfsStore(connection, { pool: 'drover', datasetRoot: 'volumes' }, { token: 'word' });
  const expected = ['drover:vol=v', 'drover:role=owner', 'drover:owner=n1', 'drover:epoch=3', 'drover:deployment='];

  it('freezes, says what it has left, and is fenced', async () => {
    const { words } = await one(async (connection) => {
      expect(await storeOn(connection).freeze(copy, 'drover', signal)).toMatchObject({
        copy: { role: 'frozen', mounted: false, snapshots: [{ guid: '11' }, { name: 'drover-e3-2', guid: '12' }] },
        finalBytes: 4096,
      });
    }, frozen);
    expect(words.slice(1, 4)).toEqual(['word', dataset, 'drover']);
    expect(words.slice(5)).toEqual([...expected, '--', 'drover:role=frozen', 'readonly=on']);
  });

  it('releases and takes over what ends with a snapshot', async () => {
    const released = await one((connection) =>
      storeOn(connection).setProperties({ ...copy, guid: '12' }, { role: 'released', owner: 'n2', epoch: 4 }, signal),
    );
    const next = ['drover:role=released', 'drover:owner=n2', 'drover:epoch=4', 'readonly=on'];
    expect(released.words.slice(1)).toEqual(['word', dataset, ...expected, 'guid=12', '--', ...next]);
    const taken = await one(async (connection) => {
      const mounted = storeOn(connection).acquire({ ...copy, guid: '12' }, { owner: 'n1', epoch: 4 }, signal);
      expect(await mounted).toEqual({ directory: '/place/data', isEmpty: false });
    }, 'filled\n/place/data');
    const own = ['drover:role=owner', 'drover:owner=n1', 'drover:epoch=4', 'readonly=off'];
    expect(taken.words.slice(1)).toEqual(['word', dataset, ...expected, 'guid=12', '--', ...own]);
    const guid = '12; reboot';
    const broken = storeOn(scriptedConnection()).acquire({ ...copy, guid }, { owner: 'n1', epoch: 4 }, signal);
    await expect(broken).rejects.toMatchObject({ code: 'volume-conflict' });
  });

  it('confirms without a change', async () => {
    const { words } = await one((connection) => storeOn(connection).confirm(copy, signal));
    expect(words.slice(1)).toEqual(['word', dataset, ...expected, '--']);
  });

  it('arms, holds, asks all ports, and loads a table', async () => {
    const ports = [{ port: 7000, protocol: 'tcp' } as const];
    const networkOn = (connection: ScriptedConnection) => createNetworkControl(connection, ['192.0.2.1']);
    await one((connection) => createDeadMan(connection).arm('a', [copy], [], 1_000, signal));
    await one((connection) => networkOn(connection).hold(ports, 1_000, signal));
    await one(async (connection) => {
      expect(await networkOn(connection).closedPorts([7000, 7001], 1_000, signal)).toEqual([7001]);
    }, '7001\n');
    for (const [stdout, agoMs] of [
      ['250\n', 250],
      ['-7\n', 0],
      ['much\n', 0],
    ] as const) {
      const table = { proxies: [], open: ports, peers: [] };
      await one(async (connection) => {
        expect(await networkOn(connection).replace(table, ports, signal)).toBe(agoMs);
      }, stdout);
    }
  });
});

import { describe, expect, it } from 'vitest';
import type { CommandResult } from '../../../../src/node/command.ts';
import { parseDetails } from '../../../../src/node/zfs/details.ts';
import { exits } from '../../../../src/node/zfs/scripts.ts';
import { createZfsStore } from '../../../../src/node/zfs/store.ts';
import { scriptedConnection } from '../../../fakes/scripted-connection.ts';

const root = 'drover/volumes';
const signal = new AbortController().signal;
const seen = (dataset: string) => ({ id: 'v1', dataset, role: 'frozen', owner: 'n1', epoch: 3 }) as const;
const swapOf = (dataset: string, target: string) => ({ seen: seen(dataset), target, retiredAs: 'v1-before' });
const storeOn = (answer: Partial<CommandResult>) => {
  const connection = scriptedConnection(() => answer);
  return { connection, store: createZfsStore(connection, { pool: 'drover', datasetRoot: 'volumes' }) };
};

describe('details of datasets', () => {
  const list = [
    `${root}\t100\t96\t1.00\t1700000000\t-`,
    `${root}/web-1\t4096\t2048\t1.25x\t1700000001\t-`,
    `${root}/web-1@user-good\t512\t1024\t1.00\t1700000002\t0`,
    `${root}/web-1@drover-e1-1\t0\t2048\t1.00\t1700000003\t2`,
    `${root}/clone\t1\t2\t-\t1700000004\t-`,
  ].join('\n');
  const own = `${root}/web-1\tdrover:vol\tv1\n${root}/web-1\tdrover:role\towner\n${root}/web-1\tdrover:app\tweb\n${root}/clone\tdrover:role\tking\n`;
  const holds = `${root}/web-1@drover-e1-1\tdrover\tnow\n${root}/web-1@drover-e1-1\tbackup\tnow\n`;

  it('have sizes, times in milliseconds, snapshots in their order, and holds; the root is left out', () => {
    expect(parseDetails(root, list, own, holds)).toEqual([
      { name: `${root}/clone`, usedBytes: 1, referencedBytes: 2, createdAt: 1_700_000_004_000, snapshots: [] },
      {
        name: `${root}/web-1`,
        volume: 'v1',
        application: 'web',
        role: 'owner',
        usedBytes: 4096,
        referencedBytes: 2048,
        compressRatio: 1.25,
        createdAt: 1_700_000_001_000,
        snapshots: [
          { name: 'user-good', usedBytes: 512, referencedBytes: 1024, createdAt: 1_700_000_002_000, holds: [] },
          {
            name: 'drover-e1-1',
            usedBytes: 0,
            referencedBytes: 2048,
            createdAt: 1_700_000_003_000,
            holds: ['drover', 'backup'],
          },
        ],
      },
    ]);
  });

  it('of nothing are nothing', () => {
    expect(parseDetails(root, '', '', '')).toEqual([]);
  });
});

describe('swapping', () => {
  it('is refused in a sentence where zfs cannot set properties in one transaction', async () => {
    const { store } = storeOn({ code: exits.conflict, stdout: "invalid command 'program'\n" });
    await expect(store.checkSwap(signal)).rejects.toMatchObject({
      message: 'cannot swap datasets on "node1": its zfs cannot set properties at once',
      hint: expect.stringContaining('install OpenZFS'),
    });
  });

  it('gives the evidence where the volume is not as it was to be', async () => {
    const { store } = storeOn({
      code: exits.conflict,
      stdout: `${root}/web-1\nit is not frozen by this node\ndrover:role\towner\tlocal\n`,
    });
    await expect(store.swap([swapOf(`${root}/web-1`, `${root}/web-2`)], signal)).rejects.toMatchObject({
      code: 'volume-conflict',
      message: `cannot swap dataset "${root}/web-1" on "node1": it is not frozen by this node, drover:role owner local`,
    });
  });

  it('and cloning touch nothing outside of the root, and no name a shell or zfs could misread', async () => {
    const { connection, store } = storeOn({});
    for (const bad of ['tank/web', `${root}/../x`, '-r', `${root}/a b`]) {
      const good = swapOf(`${root}/a`, `${root}/b`);
      for (const one of [swapOf(`${root}/web-1`, bad), swapOf(bad, `${root}/web-1`)]) {
        await expect(store.swap([good, one], signal)).rejects.toMatchObject({ code: 'volume-conflict' });
      }
      await expect(store.clone(bad, 's', `${root}/x`, signal)).rejects.toMatchObject({ code: 'volume-conflict' });
      await expect(store.clone(`${root}/x`, 's', bad, signal)).rejects.toMatchObject({ code: 'volume-conflict' });
    }
    await expect(store.clone(`${root}/x`, 'a@b', `${root}/y`, signal)).rejects.toMatchObject({
      code: 'volume-conflict',
    });
    await expect(store.swap([{ ...swapOf(`${root}/a`, `${root}/b`), retiredAs: 'v\n' }], signal)).rejects.toMatchObject(
      {
        code: 'volume-conflict',
      },
    );
    expect(connection.sent).toEqual([]);
  });
});

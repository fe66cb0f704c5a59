import { describe, expect, it } from 'vitest';
import type { ZfsDataset } from '../../../src/engine/volume-store.ts';
import { openZfs, rollBackQuestion, zfsPart } from '../../../src/tui/parts/zfs.ts';
import type { ZfsState } from '../../../src/tui/parts/zfs-view.ts';
import { aCluster, aConfig, aMount, anApplication, onNode } from '../../builders.ts';
import { expectFrames, inputOf, insideOfScreen, linesOf, noon, play } from './overlay-frames.ts';

const [MiB, minute, hour] = [2 ** 20, 60_000, 3_600_000];
const root = 'tank/volumes';

const datasets: readonly ZfsDataset[] = [
  {
    name: `${root}/wiki-7f3a`,
    volume: 'v-wiki',
    application: 'wiki',
    role: 'owner',
    usedBytes: 310 * MiB,
    referencedBytes: 240 * MiB,
    compressRatio: 1.8,
    createdAt: noon - 50 * hour,
    snapshots: [
      {
        name: 'drover-e1-1',
        createdAt: noon - 49 * hour,
        usedBytes: 40 * MiB,
        referencedBytes: 200 * MiB,
        holds: ['drover'],
      },
      {
        name: 'user-before-upgrade',
        createdAt: noon - 8 * minute,
        usedBytes: 3 * MiB,
        referencedBytes: 239 * MiB,
        holds: [],
      },
      {
        name: 'user-monthly',
        createdAt: noon - 3 * hour,
        usedBytes: MiB,
        referencedBytes: 230 * MiB,
        holds: ['backup'],
      },
    ],
  },
  {
    name: `${root}/wiki-7f3a-20261122-113000`,
    usedBytes: 64 * 1024,
    referencedBytes: 200 * MiB,
    createdAt: noon - minute,
    snapshots: [],
  },
  {
    name: `${root}/db-11`,
    volume: 'v-db',
    application: 'db',
    role: 'replica',
    usedBytes: 90 * MiB,
    referencedBytes: 90 * MiB,
    compressRatio: 1,
    createdAt: noon - hour,
    snapshots: [{ name: 'drover-e4-2', createdAt: noon - hour, usedBytes: 0, referencedBytes: 90 * MiB, holds: [] }],
  },
];

const wiki = anApplication('wiki', { volumes: [aMount('v-wiki')] });
const db = anApplication('db', { volumes: [aMount('v-db'), aMount('v-log')] });
const { nodes } = aCluster(onNode('node1'), onNode('node2'));
const input = inputOf({ config: aConfig([wiki, db], { node1: ['wiki'], node2: ['db'] }), nodes });
const state: ZfsState = { kind: 'zfs', node: 'node1', cursor: 0, datasets };
/** Dataset, its snapshots newest first, and so on. */
const [newest, oldest, clone, replica, replicaSnapshot] = [1, 3, 4, 5, 6];
const size = insideOfScreen(80, 24);
const reason = (cursor: number, action: 'open' | 'snapshot' | 'roll-back') =>
  zfsPart.disabledReason?.(input, { ...state, cursor }, action);

describe('the datasets of a node', () => {
  it('are shown with their snapshots, newest first, and with what the one under the cursor means', () => {
    expectFrames('zfs', zfsPart, input, state);
    expectFrames('zfs-held', zfsPart, input, { ...state, cursor: oldest });
  });

  it('are read when they are opened, and again when asked', () => {
    expect(zfsPart.reads?.(openZfs('node1')).begin).toEqual({ type: 'read-zfs', node: 'node1' });
    expect(play(zfsPart, input, state, ['refresh']).effects).toEqual([{ type: 'read-zfs', node: 'node1' }]);
  });

  it('have the cursor on what it was opened for, once they are read', () => {
    const opened = (app: string, what: 'dataset' | 'snapshot', sets: readonly ZfsDataset[] = datasets) => {
      const start: ZfsState = { kind: 'zfs', node: 'node1', cursor: 0, seeks: { app, what } };
      return play(zfsPart, input, start, [{ type: 'zfs-read', node: 'node1', datasets: sets }]);
    };
    const other: ZfsDataset = { name: `${root}/aaa`, usedBytes: 1, referencedBytes: 1, createdAt: noon, snapshots: [] };
    expect(opened('wiki', 'dataset', [other, ...datasets]).state.cursor).toBe(1);
    expect(opened('wiki', 'snapshot', [other, ...datasets]).state.cursor).toBe(2);
    const bare = datasets.map((each) => ({ ...each, snapshots: [] }));
    const step = opened('wiki', 'snapshot', [other, ...bare]);
    expect([step.state.cursor, step.notice?.text]).toEqual([1, '"wiki" has no snapshot']);
    // Read again: the cursor is the user's by then.
    const again = play(zfsPart, input, { ...opened('wiki', 'snapshot').state, cursor: 0 }, [
      { type: 'zfs-read', node: 'node1', datasets: [...datasets] },
    ]);
    expect(again.state.cursor).toBe(0);
  });

  it('say that they are being read, that there are none, and why they cannot be read', () => {
    const { datasets: _none, ...reading } = state;
    expect(linesOf(zfsPart, input, reading)).toContain('reading the datasets');
    expect(linesOf(zfsPart, input, { ...state, datasets: [] })).toContain('this node has no dataset of drover');
    const error = {
      code: 'command-failed',
      message: 'cannot list the datasets on "node1": timed out',
      hint: 'try again',
      retryable: true,
      causes: [],
    } as const;
    const failed = play(zfsPart, input, reading, [{ type: 'zfs-read', node: 'node1', error }]).state;
    expect(linesOf(zfsPart, input, failed).join('\n')).toContain(
      'cannot list the datasets on "node1": timed out\ntry again',
    );
    const again = play(zfsPart, input, failed, [{ type: 'zfs-read', node: 'node1', datasets }]).state;
    expect(again.error).toBeUndefined();
  });

  it('of another node are not taken for these', () => {
    const step = zfsPart.update(input, state, { type: 'zfs-read', node: 'node2', datasets: [] }, size);
    expect(step).toEqual({});
  });

  it('keep the cursor on what it was on when others come and go', () => {
    const read = { type: 'zfs-read', node: 'node1', datasets: datasets.slice(2) } as const;
    expect(play(zfsPart, input, { ...state, cursor: replicaSnapshot }, [read]).state.cursor).toBe(1);
    expect(linesOf(zfsPart, input, play(zfsPart, input, { ...state, cursor: newest }, [read]).state).length).toBe(20);
  });

  it('are read again after they were changed', () => {
    const entry = { at: noon, source: 'act', text: 'snapshot "wiki"' } as const;
    const after = inputOf({ ...input.view, trail: [entry] });
    const message = { type: 'view-changed', before: input.view } as const;
    expect(play(zfsPart, after, state, [message]).effects).toEqual([{ type: 'read-zfs', node: 'node1' }]);
    const plan = inputOf({ ...input.view, trail: [{ ...entry, source: 'plan' }] });
    expect(play(zfsPart, plan, state, [message]).effects).toBeUndefined();
  });
});

describe('what can be done with datasets and snapshots', () => {
  it('a snapshot is cloned after a question', () => {
    const { opens } = play(zfsPart, input, { ...state, cursor: newest }, ['open']);
    const snapshot = { node: 'node1', volume: 'v-wiki', dataset: `${root}/wiki-7f3a`, snapshot: 'user-before-upgrade' };
    expect(opens).toMatchObject({ kind: 'confirm', choice: 'cancel', effect: { type: 'clone-snapshot', snapshot } });
    expect(opens).not.toHaveProperty('word');
    expect(reason(0, 'open')).toBe('select a snapshot to clone');
    expect(reason(replicaSnapshot, 'open')).toBeUndefined();
  });

  it('the data in use are snapshotted at once, other copies not', () => {
    expect(play(zfsPart, input, state, ['snapshot']).effects).toEqual([{ type: 'snapshot', app: 'wiki' }]);
    expect(reason(replica, 'snapshot')).toBe('this copy is replica; the application uses another one');
    expect(reason(clone, 'snapshot')).toBe('this dataset belongs to no application');
    expect(play(zfsPart, input, { ...state, cursor: replica }, ['snapshot']).effects).toBeUndefined();
  });

  it('an application goes back only after its name was typed, and the question says what that means', () => {
    const { opens, effects } = play(zfsPart, input, { ...state, cursor: oldest }, ['roll-back']);
    expect(effects).toBeUndefined();
    const snapshot = { node: 'node1', volume: 'v-wiki', dataset: `${root}/wiki-7f3a`, snapshot: 'drover-e1-1' };
    const effect = { type: 'roll-back', app: 'wiki', snapshot };
    expect(opens).toMatchObject({ kind: 'confirm', word: 'wiki', choice: 'cancel', verb: 'roll back', effect });
    expect(Reflect.get(opens ?? {}, 'lines')).toEqual([
      '"wiki" continues with the data that its volume had 2 d 1 h ago on node1',
      'its present data is kept as a retired dataset with all its snapshots; nothing is destroyed',
      '"wiki" is stopped and started again: it is down for some seconds',
      '2 newer snapshots stay with the retired dataset',
    ]);
  });

  it('says that the other volumes go back as well', () => {
    const ref = { node: 'node2', volume: 'v-db', dataset: `${root}/db-11`, snapshot: 'user-a' };
    const { lines } = rollBackQuestion(
      input,
      'db',
      ref,
      { createdAt: noon - minute },
      { role: 'owner', snapshots: [] },
    );
    expect(lines.at(-1)).toBe('its other 1 volume goes back to the same moment');
  });

  it('going back is refused for datasets, replicas, clones, and during a run; not for what was put aside', () => {
    expect(reason(0, 'roll-back')).toBe('select the snapshot to roll back to');
    expect(reason(replicaSnapshot, 'roll-back')).toBe('this copy is replica; the application uses another one');
    expect(reason(newest, 'roll-back')).toBeUndefined();
    const running = inputOf({ ...input.view, running: true });
    expect(zfsPart.disabledReason?.(running, { ...state, cursor: newest }, 'roll-back')).toBe('a run is in progress');
    expect(play(zfsPart, running, { ...state, cursor: newest }, ['roll-back']).opens).toBeUndefined();
    const aside = {
      ...state,
      datasets: datasets.map((each) => ({ ...each, role: 'retired' as const })),
      cursor: newest,
    };
    expect(zfsPart.disabledReason?.(input, aside, 'roll-back')).toBeUndefined();
    expect(zfsPart.disabledReason?.(input, aside, 'snapshot')).toBe(
      'this copy is retired; the application uses another one',
    );
  });

  it('their full names are copied', () => {
    const text = `${root}/wiki-7f3a@user-monthly`;
    expect(play(zfsPart, input, state, ['down', 'down', 'copy']).effects).toEqual([{ type: 'copy', text }]);
  });

  it('the cursor stays inside, and in sight among thousands', () => {
    expect(play(zfsPart, input, state, ['last', 'down', 'down']).state.cursor).toBe(replicaSnapshot);
    expect(play(zfsPart, input, state, ['page-down', 'first', 'up']).state.cursor).toBe(0);
    const snapshots = Array.from({ length: 3000 }, (_, i) => ({
      name: `s${i}`,
      createdAt: i,
      usedBytes: 0,
      referencedBytes: 0,
      holds: [],
    }));
    const many = { ...state, datasets: datasets.slice(0, 1).map((each) => ({ ...each, snapshots })), cursor: 1500 };
    expect(linesOf(zfsPart, input, many, 60, 16).some((line) => line.startsWith('▸ └ @s1500'))).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/model/config.ts';
import { defaultSettings } from '../../../src/model/config.ts';
import type { RunOutcome } from '../../../src/model/events.ts';
import type { Action } from '../../../src/model/plan.ts';
import {
  count,
  describeAction,
  describeOutcome,
  formatBytes,
  formatDuration,
  listNames,
  namesOf,
  nodeTitle,
  substituteSentences,
  tellOutcome,
} from '../../../src/view/wording.ts';
import { aConfig, anApplication } from '../../builders.ts';

const config: Config = {
  revision: 'r1',
  name: 'default',
  format: 'flocker',
  applications: {
    db: {
      name: 'db',
      image: { repository: 'mongo', tag: '7' },
      ports: [],
      links: [],
      environment: {},
      volumes: [{ id: 'id-db', mountpoint: '/data' }],
      restartPolicy: { name: 'never' },
    },
    two: {
      name: 'two',
      image: { repository: 'two', tag: '1' },
      ports: [],
      links: [],
      environment: {},
      volumes: [
        { id: 'id-a', mountpoint: '/a' },
        { id: 'id-b', mountpoint: '/b' },
      ],
      restartPolicy: { name: 'never' },
    },
  },
  deployment: { '10.0.0.1': ['db', 'two'], '10.0.0.2': [] },
  nodes: { '10.0.0.1': { name: 'node1' }, '10.0.0.2': {}, beta: { host: '10.0.0.3' } },
  settings: defaultSettings,
};
const names = namesOf(config);

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [10 * 1024, '10.0 KiB'],
    [1024 * 1024 - 1, '1.00 MiB'],
    [14.2 * 1024 ** 2, '14.2 MiB'],
    [150 * 1024 ** 3, '150 GiB'],
    [-5, '0 B'],
  ])('prints %d as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

describe('formatDuration', () => {
  it.each([
    [0, '0 ms'],
    [85, '85 ms'],
    [99.6, '0.1 s'],
    [4200, '4.2 s'],
    [9960, '10 s'],
    [59_499, '59 s'],
    [59_600, '1 min 00 s'],
    [72_000, '1 min 12 s'],
    [3_600_000, '1 h 00 min'],
    [7_500_000, '2 h 05 min'],
    [3 * 86_400_000 + 4 * 3_600_000, '3 d 4 h'],
  ])('prints %d ms as %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe('words for things', () => {
  it('counts', () => {
    expect([count(1, 'step'), count(2, 'step'), count(0, 'copy', 'copies')]).toEqual(['1 step', '2 steps', '0 copies']);
  });

  it('lists names', () => {
    expect([listNames([]), listNames(['a']), listNames(['a', 'b', 'c'])]).toEqual(['', '"a"', '"a", "b" and "c"']);
  });

  it('calls a node by its name, and says the address once', () => {
    expect(names.node('10.0.0.1')).toBe('node1');
    expect(nodeTitle(config, '10.0.0.1')).toBe('node1 (10.0.0.1)');
    expect(nodeTitle(config, '10.0.0.2')).toBe('10.0.0.2');
    expect(nodeTitle(config, 'beta')).toBe('beta (10.0.0.3)');
    expect(nodeTitle(undefined, 'x')).toBe('x');
  });

  it('calls a volume by its application, and by its path where there are several', () => {
    expect(names.volume('id-db')).toBe('volume of "db"');
    expect(names.volume('id-b')).toBe('volume "/b" of "two"');
    expect(names.volume('gone')).toBe('volume "gone"');
    expect(names.volume('gone', 'old')).toBe('volume of "old"');
  });
});

describe('describeAction', () => {
  const [n1, n2] = ['10.0.0.1', '10.0.0.2'];
  const move = { from: n1, to: n2, volume: 'id-db' };
  const actions: readonly (readonly [Action, string])[] = [
    [{ kind: 'sync-volume', ...move }, 'copy volume of "db" from node1 to 10.0.0.2 while it is in use'],
    [{ kind: 'release-volume', ...move }, 'release volume of "db" on node1 to 10.0.0.2'],
    [{ kind: 'acquire-volume', ...move }, 'acquire volume of "db" on 10.0.0.2 from node1'],
    [{ kind: 'settle-volume', ...move }, 'keep the old copy of volume of "db" on node1 as a replica'],
    [{ kind: 'stop-container', node: n1, app: 'db' }, 'stop "db" on node1'],
    [{ kind: 'resize-volume', node: n1, volume: 'id-db' }, 'lift the limit of volume of "db" on node1'],
    [
      { kind: 'resize-volume', node: n1, volume: 'id-db', limitBytes: 1024 ** 3 },
      'set the limit of volume of "db" on node1 to 1.00 GiB',
    ],
    [
      {
        kind: 'hold-ports',
        node: n1,
        ports: [
          { port: 80, protocol: 'tcp' },
          { port: 53, protocol: 'udp' },
        ],
      },
      'hold new connections to ports 80, 53/udp on node1',
    ],
    [
      {
        kind: 'replace-network',
        node: n2,
        proxies: [{ port: 80, protocol: 'tcp', address: n1 }],
        open: [],
        peers: [],
        dropHolds: [],
      },
      'set the forwards of 10.0.0.2 (80 to node1)',
    ],
    [
      { kind: 'pull-image', node: n2, image: { repository: 'mongo', tag: '7' }, from: n1 },
      'fetch image "mongo:7" on 10.0.0.2, copied from node1 if need be',
    ],
  ];
  it.each(actions)('says what %o does', (action, text) => expect(describeAction(action, names)).toBe(text));
});

describe('describeOutcome', () => {
  const error = { code: 'lock-held', message: 'cannot lock "n1": anna has it', retryable: true, causes: [] } as const;
  const rows: readonly (readonly [RunOutcome, string])[] = [
    [{ result: 'converged', steps: 0 }, 'converged: nothing to do (2.0 s)'],
    [{ result: 'converged', steps: 9 }, 'converged: 9 steps in 2.0 s'],
    [{ result: 'blocked', steps: 0, blockers: [{ reason: 'x' }] }, '1 change cannot be made now'],
    [{ result: 'failed', failed: ['a'], error }, 'failed after 2.0 s: cannot lock "n1": anna has it'],
    [{ result: 'locked', error }, 'cannot lock "n1": anna has it'],
    [{ result: 'cancelled' }, 'cancelled after 2.0 s; `drover apply` goes on from here'],
  ];
  it.each(rows)('says %o', (outcome, text) => expect(describeOutcome(outcome, 2000)).toBe(text));

  it('is printed with the blocked changes where nothing else names them', () => {
    const [x, y, z] = ['x', 'y', 'z'].map((reason) => ({ reason: `cannot move "${reason}"` }));
    if (x === undefined || y === undefined || z === undefined) throw new Error('there are three');
    const text = (...blockers: (typeof x)[]): string => tellOutcome({ result: 'blocked', steps: 1, blockers }, 2000);
    expect(text(x)).toBe('1 step done in 2.0 s, but 1 change cannot be made now: cannot move "x"');
    expect(text(x, y, z)).toMatch(/3 changes cannot be made now: cannot move "x" \(and 2 others\)$/);
    expect(tellOutcome({ result: 'converged', steps: 9 }, 2000)).toBe('converged: 9 steps in 2.0 s');
  });
});

describe('images in place of others', () => {
  it('says aloud which placed application runs what instead of what', () => {
    const app = {
      ...anApplication('db', { image: { repository: 'drover/mongodb', tag: '1.24' } }),
      insteadOf: { repository: 'mongo', tag: '7' },
    };
    expect(substituteSentences(aConfig([app], { node1: ['db'] }))).toEqual([
      '"db" runs drover/mongodb:1.24 in place of mongo:7, as the nodes file says',
    ]);
    expect(substituteSentences(aConfig([app], { node1: [] }))).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { appOf, complaints, configOf, load, nativeWith } from './loading.ts';

const apps =
  'version: 1\napplications:\n  web: {image: a}\n  db: {image: a, volume: {mountpoint: /d}}\n' +
  '  log: {image: a, volume: {mountpoint: /d}}\n';
const standby = (text: string, ...drover: string[]) =>
  load(apps, `version: 1\nnodes: {n1: [db], n2: []}\nstandby: ${text}`, ...drover);

describe('standbys in deployment.yml', () => {
  it('are read with their defaults', () => {
    const config = configOf(standby('{db: {on: [n2]}, log: {on: auto, every: 30s, lose: 1h, keep: {daily: 30}}}'));
    expect(config.standbys).toEqual({
      db: { on: ['n2'], everyMs: 60_000, loseMs: 300_000 },
      log: { on: 'auto', everyMs: 30_000, loseMs: 3_600_000, keep: { daily: 30 } },
    });
  });

  it('take "*" for every other application with volumes', () => {
    const config = configOf(standby('{db: {on: []}, "*": {on: auto}}'));
    expect(Object.entries(config.standbys ?? {}).map(([app, { on }]) => [app, on])).toEqual([
      ['db', []],
      ['log', 'auto'],
    ]);
  });

  it('name nodes as drover.yml does', () => {
    const config = configOf(standby('{db: {on: [spare]}}', 'version: 1\nnodes: {10.0.0.9: {name: spare}}'));
    expect(config.standbys?.db?.on).toEqual(['10.0.0.9']);
  });

  it('change the revision, and are absent where none is declared', () => {
    const without = configOf(standby('{}'));
    expect(without.standbys).toBeUndefined();
    expect(configOf(standby('{db: {on: [n2]}}')).revision).not.toBe(without.revision);
  });

  it('note an application without volumes', () => {
    const notes = configOf(standby('{web: {on: [n2]}}')).notes ?? [];
    expect(notes.map(({ message }) => message)).toEqual(['the application "web" has no volumes, and so no standbys']);
  });

  it.each([
    ['[db]', 'standby: "standby" must be a mapping'],
    ['{bd: {on: auto}}', 'standby/bd: unknown application "bd"'],
    ['{db: auto}', 'standby/db: a standby must be a mapping'],
    ['{db: {every: 1m}}', 'standby/db: "on" is missing'],
    ['{db: {on: n2}}', 'standby/db/on: "on" must be auto or a list of nodes, not "n2"'],
    ['{db: {on: [n3]}}', 'standby/db/on/0: unknown node "n3"'],
    ['{db: {on: [2]}}', 'standby/db/on/0: a node of "on" must be a string'],
    ['{db: {on: auto, evry: 1m}}', 'standby/db/evry: unknown key "evry"'],
    ['{db: {on: auto, every: 60}}', 'standby/db/every: "every" must be a string'],
    ['{db: {on: auto, every: 9s}}', 'standby/db/every: "every" must be at least 10s'],
    ['{db: {on: auto, every: 2m, lose: 1m}}', 'standby/db/lose: "lose" must not be shorter than "every"'],
    ['{db: {on: auto, keep: {}}}', 'standby/db/keep: "keep" must not be empty'],
  ])('refuses %s', (text, message) => {
    expect(complaints(standby(text)).join('\n')).toContain(message);
  });
});

describe('snapshots of a volume', () => {
  const volume = (text: string) => nativeWith(`volume: {mountpoint: /d, ${text}}`);

  it('are read in the native form', () => {
    const text = 'snapshots: {hourly: 24, weekly: 4}, quiesce: {before: [sync], after: [sh, -c, "echo on"]}';
    expect(appOf(volume(text)).volumes[0]).toMatchObject({
      snapshots: { hourly: 24, weekly: 4 },
      quiesce: { before: ['sync'], after: ['sh', '-c', 'echo on'] },
    });
  });

  it('are read in the Compose form, below x-drover of a named volume', () => {
    const file = (own: string) =>
      load(`services: {a: {image: x, volumes: ["data:/d"]}}\nvolumes: {data: {x-drover: ${own}}}`);
    const [read] = appOf(file('{snapshots: {daily: 7}, quiesce: {before: [sync]}}')).volumes;
    expect(read).toMatchObject({ snapshots: { daily: 7 }, quiesce: { before: ['sync'] } });
    expect(complaints(file('{snapshot: {daily: 7}}'))).toEqual([
      'volumes/data/x-drover/snapshot: unknown key "snapshot"',
    ]);
  });

  it.each([
    ['snapshots: {hourly: 0}', 'hourly: "hourly" must be from 1 to 1000'],
    ['snapshots: {hourly: "24"}', 'hourly: "hourly" must be an integer'],
    ['snapshots: {yearly: 1}', 'unknown key "yearly"'],
    ['snapshots: 24', '"snapshots" must be a mapping'],
    ['quiesce: {before: sync}', '"before" must be a list of strings'],
    ['quiesce: {}', '"quiesce" must not be empty'],
  ])('refuse %s', (text, message) => {
    expect(complaints(volume(text)).join('\n')).toContain(message);
  });

  it('have the programs of "quiesce" only in the slow hash of the revision', () => {
    const revision = (word: string) => configOf(volume(`quiesce: {before: [sh, ${word}]}`)).revision;
    expect(revision('one')).not.toBe(revision('two'));
  });
});

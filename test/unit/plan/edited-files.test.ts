import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { Config } from '../../../src/model/config.ts';
import { defined } from '../../../src/model/defined.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { aCluster, aContainer, aVolume, onNode } from '../../builders.ts';

const deployment = { path: 'deployment.yml', text: 'version: 1\nnodes:\n  10.0.0.1: [db]\n' };

function read(text: string): Config {
  const result = loadConfig({ application: { path: 'application.yml', text }, deployment });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

/** The steps from these files to those, as `kind: reason`, where the application runs as the first ones say. */
function edit(before: string, after: string): readonly string[] {
  const { steps, blocked } = planOf(before, after);
  expect(blocked).toEqual([]);
  return steps.map(({ action, reason }) => `${action.kind}: ${reason}`);
}

function planOf(before: string, after: string, isPlaced = true): ReturnType<typeof makePlan> {
  const { applications } = read(before);
  const { db } = applications;
  if (db === undefined) throw new Error('no "db"');
  const volumes = db.volumes.map(({ id, name }) =>
    aVolume(id, { on: '10.0.0.1', application: 'db', ...defined({ name }) }),
  );
  const node = onNode('10.0.0.1', { containers: isPlaced ? [aContainer(db, '10.0.0.1')] : [], volumes });
  return makePlan(read(after), aCluster(node));
}

const postgres = (tag: string, place: string): string => `services:
  db:
    image: postgres:${tag}
    ports: ["5432:5432"]
    volumes: ["pgdata:${place}"]
volumes:
  pgdata:
`;
const native = (volumes: string): string => `version: 1
applications:
  db:
    image: example/db:1
    ports: [{internal: 5432, external: 5432}]
    ${volumes}
`;

describe('an edit of the application file', () => {
  it('that mounts a named volume in another place keeps its data, as PostgreSQL 18 asks for', () => {
    const steps = edit(postgres('17', '/var/lib/postgresql/data'), postgres('18', '/var/lib/postgresql'));
    const reason =
      'image changes from "postgres:17" to "postgres:18"; ' +
      'mountpoint of its volume changes from /var/lib/postgresql/data to /var/lib/postgresql';
    expect(steps).toEqual([
      'pull-image: "10.0.0.1" does not have it',
      `stop-container: ${reason}`,
      `start-container: ${reason}`,
      'check-container: it must answer before clients are sent there',
    ]);
  });

  it('that adds a second volume keeps the data of the first one', () => {
    const steps = edit(
      native('volume: {mountpoint: /data}'),
      native('volumes:\n      - {mountpoint: /data}\n      - {mountpoint: /config}'),
    );
    expect(steps.filter((step) => step.startsWith('create-volume'))).toHaveLength(1);
    expect(steps.find((step) => step.startsWith('start-container'))).toMatch(
      /it gets a volume at \/config; volume "[^"]+" is new and empty$/,
    );
  });

  it('that removes the first of two volumes does not put its data in the place of the second one', () => {
    const entries = ['- {mountpoint: /data}', '- {mountpoint: /wal}'];
    const list = (items: readonly string[]) => native(['volumes:', ...items].join('\n      '));
    for (const isPlaced of [true, false]) {
      const { steps, blocked } = planOf(list(entries), list(entries.slice(1)), isPlaced);
      expect(steps.map(({ action }) => action.kind)).not.toContain('start-container');
      expect(blocked).toMatchObject([
        {
          reason: expect.stringContaining('cannot start "db" on "10.0.0.1" with its first volume at /wal'),
          hint: expect.stringMatching(/to keep this data write "dataset_id: [^"]+" in the volume of "db" at \/wal/),
        },
      ]);
    }
    const second = planOf(list(entries), list(entries)).steps;
    expect(second.map(({ action }) => action.kind)).not.toContain('start-container');
    const id = read(list(entries)).applications.db?.volumes[1]?.id ?? '';
    const kept = edit(list(entries), list([`- {mountpoint: /wal, dataset_id: "${id}"}`]));
    expect(kept.find((step) => step.startsWith('start-container'))).toContain(
      'its volume at /data is removed from it, the data is kept',
    );
  });

  it('that lists the volumes in another order is blocked with the order that keeps the data', () => {
    const before = native('volumes: [{mountpoint: /data}, {mountpoint: /wal}]');
    const { steps, blocked } = planOf(before, native('volumes: [{mountpoint: /wal}, {mountpoint: /data}]'));
    expect(steps).toEqual([]);
    expect(blocked[0]?.hint).toBe('to keep this data list the volume at /data first');
    const added = planOf(
      native('volume: {mountpoint: /data}'),
      native('volumes: [{mountpoint: /log}, {mountpoint: /data}]'),
    );
    expect(added.blocked.map(({ hint }) => hint)).toEqual(['to keep this data list the volume at /data first']);
  });

  it('that names an external volume never creates it', () => {
    const external = `${postgres('17', '/d').trimEnd()} {external: true}\n`;
    const { steps, blocked } = planOf(postgres('17', '/d').replace('volumes: ["pgdata:/d"]', 'labels: {}'), external);
    expect(steps.map(({ action }) => action.kind)).not.toContain('create-volume');
    expect(blocked).toMatchObject([{ reason: expect.stringContaining('no node has its external volume "pgdata"') }]);
  });

  it('that removes the last of two volumes goes on with the first one', () => {
    const steps = edit(
      native('volumes:\n      - {mountpoint: /data}\n      - {mountpoint: /wal}'),
      native('volume: {mountpoint: /data}'),
    );
    expect(steps.find((step) => step.startsWith('start-container'))).toContain(
      'its volume at /wal is removed from it, the data is kept',
    );
  });
});

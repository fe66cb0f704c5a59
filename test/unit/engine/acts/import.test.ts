import { describe, expect, it } from 'vitest';
import type { ImportEvent, ImportRequest } from '../../../../src/engine/docker-imports.ts';
import type { MemorySeed } from '../../../../src/simulation/memory/types.ts';
import { aConfig, aMount, anApplication } from '../../../builders.ts';
import { directory, shop, shopData, shopDb } from '../../../fakes/found-docker.ts';
import { createScene, MiB, type Scene, signal } from '../../../fakes/scene.ts';

const id = 'ds-data';
const db = anApplication('db', { volumes: [aMount(id, undefined, '/var/lib/data')] });
const config = aConfig([db], { n1: [], n2: [] });
const placed = aConfig([db], { n1: ['db'], n2: [] }, { revision: 'placed' });

const request: ImportRequest = { node: 'n1', containers: [shopDb], volumes: [{ from: shopData, id, app: 'db' }] };
const docker = { ...shop, bytes: { [directory]: 200 * MiB }, writesBytes: MiB };
const seed: MemorySeed = { nodes: { n1: { docker }, n2: {} } };

const scene = (more: Partial<MemorySeed> = {}): Scene => createScene({ seed: { ...seed, ...more }, config });

const run = ({ engine }: Scene, given = signal, onEvent: (event: ImportEvent) => void = () => undefined) =>
  engine.importDocker(request, onEvent, given);

const oldDb = ({ cluster }: Scene) => cluster.machine('n1').docker.containers.get(shopDb.id);
const copyOf = ({ cluster }: Scene) => cluster.facts('n1').volumes.find((one) => one.id === id);

describe('an import', () => {
  it('copies while the container runs, then the rest, and makes the node the owner of an equal copy', async () => {
    const one = scene();
    const order: string[] = [];
    one.cluster.intercept(({ operation, phase, write }) => {
      if (phase === 'after' && write) order.push(operation);
    });
    const report = await run(one);
    expect(order.filter((each) => /imports|createIncoming|setProperties/.test(each))).toEqual([
      'volumes.createIncoming',
      'imports.copy',
      'imports.copy',
      'imports.compare',
      'imports.copy',
      'imports.stop',
      'imports.copy',
      'imports.compare',
      'volumes.setProperties',
      'imports.forget',
    ]);
    expect(report.volumes).toMatchObject([{ volume: 'shop_data', files: 1 }]);
    expect(report.stoppedAtMs).toBeDefined();
    expect(copyOf(one)).toMatchObject({ role: 'owner', epoch: 1, owner: 'id-n1', copies: [], application: 'db' });
    expect(one.cluster.content('n1', id)).toEqual(one.cluster.machine('n1').docker.directories.get(directory));
    expect(oldDb(one)).toMatchObject({ isRunning: false, restart: { name: 'never' } });
    expect(one.cluster.violations()).toEqual([]);
    one.setConfig(placed);
    expect((await one.engine.converge(signal)).result).toBe('converged');
    expect(one.cluster.calls('n1', 'volumes.create')).toBe(0);
  });

  it('keeps every plan from starting the application before the copy is whole', async () => {
    const one = scene();
    one.cluster.fail('n1', 'imports.stop', new Error('docker hangs'));
    await expect(run(one)).rejects.toThrow('shop-db-1 run again');
    expect(copyOf(one)).toMatchObject({ role: 'incoming', epoch: 0 });
    one.setConfig(placed);
    const outcome = await one.engine.converge(signal);
    expect(outcome.result).toBe('blocked');
    expect(one.cluster.facts('n1').containers).toEqual([]);
  });

  it.each(['imports.stop', 'imports.copy', 'imports.compare', 'volumes.createIncoming'])(
    'leaves the old container running after an abort in %s, and goes on when it is run again',
    async (operation) => {
      const one = scene();
      const abort = new AbortController();
      let seen = 0;
      one.cluster.intercept((call) => {
        // The last call of each kind is the one after the stop.
        if (call.operation === operation && call.phase === 'after') seen += 1;
        if (seen > 0 && call.operation === operation) abort.abort();
      });
      await expect(run(one, abort.signal)).rejects.toThrow();
      expect(oldDb(one)).toMatchObject({ isRunning: true, restart: { name: 'always' } });
      one.cluster.intercept(undefined);
      await run(one);
      expect(copyOf(one)).toMatchObject({ role: 'owner', epoch: 1 });
    },
  );

  it('starts the old container again where the copy differs', async () => {
    const one = scene();
    let isStopped = false;
    one.cluster.intercept(({ operation, phase }) => {
      if (operation === 'imports.stop' && phase === 'after') isStopped = true;
      // Another program writes to the volume after the last pass.
      if (isStopped && operation === 'imports.compare' && phase === 'before')
        one.cluster.machine('n1').docker.directories.set(directory, { bytes: 1, written: 1, version: 'other' });
    });
    await expect(run(one)).rejects.toThrow(/differs: data: has another content.*run again/);
    expect(copyOf(one)?.role).toBe('incoming');
    expect(oldDb(one)).toMatchObject({ isRunning: true, restart: { name: 'always' } });
  });

  it('does nothing where another node has the volume or may have it', async () => {
    const taken = scene({ nodes: { n1: { docker }, n2: { volumes: [{ id, application: 'db' }] } } });
    await expect(run(taken)).rejects.toThrow('"n2" has volume "ds-data" already');
    const away = scene();
    away.cluster.disconnect('n2');
    await expect(run(away)).rejects.toThrow('"n2" cannot be reached');
    expect(oldDb(taken)?.isRunning).toBe(true);
    expect(copyOf(away)).toBeUndefined();
  });

  it('never writes into a volume that has other data', async () => {
    const one = scene({ nodes: { n1: { docker, volumes: [{ id, application: 'db', bytes: 5 }] }, n2: {} } });
    await expect(run(one)).rejects.toThrow('differs');
    expect(one.cluster.content('n1', id)?.bytes).toBe(5);
    expect(one.cluster.calls('n1', 'imports.copy')).toBe(0);
  });

  it('finds an earlier import that was cut off after the copy', async () => {
    const one = scene();
    await run(one);
    const again = await run(one);
    expect(again.volumes).toMatchObject([{ volume: 'shop_data' }]);
    expect(again.stoppedAtMs).toBeUndefined();
  });

  it('is refused by a screen or a call that only reads', async () => {
    const one = createScene({ seed, config, deps: { isReadOnly: true } });
    await expect(run(one)).rejects.toThrow('read-only');
  });
});

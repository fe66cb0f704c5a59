import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/model/errors.ts';
import { aConfig, aMount } from '../../builders.ts';
import { createScene, MiB, pg, runningOn, signal, volumeId } from '../../fakes/scene.ts';

const GiB = 1024 * MiB;

function pgWith(limitBytes: number, node: 'n1' | 'n2') {
  const app = { ...pg, volumes: [aMount(volumeId, limitBytes, '/data')] };
  return aConfig([app], { n1: [], n2: [], [node]: ['pg'] }, { revision: `${limitBytes} on ${node}` });
}

/** On n1, with this limit and content; ZFS lets a volume grow a little beyond its limit. */
function sceneWith(limitBytes: number, bytes: number) {
  const volume = { id: volumeId, application: 'pg', bytes, limitBytes, mounted: true };
  return createScene({ seed: { nodes: { n1: { volumes: [volume] }, n2: {} } }, config: pgWith(limitBytes, 'n1') });
}

describe('the limit of a volume', () => {
  it('is in the way of no move where the volume is fuller than its limit', async () => {
    const scene = sceneWith(100 * MiB, 100 * MiB + 300_000);
    for (const node of ['n1', 'n2', 'n1'] as const) {
      scene.setConfig(pgWith(100 * MiB, node));
      expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
      expect(runningOn(scene.cluster, ['n1', 'n2'])).toEqual([node]);
      expect(await scene.engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
    }
    expect(scene.cluster.facts('n2').volumes[0]?.limitBytes).toBe(100 * MiB + 300_000);
  });

  it('is lifted from a copy before it receives, and set again when the copy becomes the owner', async () => {
    const scene = sceneWith(10 * GiB, 5 * GiB);
    await scene.engine.converge(signal);
    for (const [limitBytes, node] of [
      [10 * GiB, 'n2'],
      [50 * GiB, 'n2'],
    ] as const) {
      scene.setConfig(pgWith(limitBytes, node));
      await scene.engine.converge(signal);
    }
    scene.cluster.write('n2', volumeId, 15 * GiB);
    scene.setConfig(pgWith(50 * GiB, 'n1'));
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(scene.cluster.facts('n1').volumes[0]).toMatchObject({ role: 'owner', limitBytes: 50 * GiB });
  });

  it('that cannot be set does not keep an application down, and is reported until it can be', async () => {
    const scene = sceneWith(100 * MiB, 50 * MiB);
    scene.setConfig(pgWith(10 * MiB, 'n1'));
    const reason = expect.stringContaining('cannot limit the volume of "pg" on');
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'blocked', blockers: [{ reason }] });
    expect(runningOn(scene.cluster, ['n1', 'n2'])).toEqual(['n1']);
    scene.setConfig(pgWith(10 * MiB, 'n2'));
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'blocked', blockers: [{ reason }] });
    expect(runningOn(scene.cluster, ['n1', 'n2'])).toEqual(['n1']);
  });

  it('that the new place refuses keeps no application down after the release: it starts without the limit', async () => {
    const scene = sceneWith(100 * MiB, 50 * MiB);
    scene.setConfig(pgWith(100 * MiB, 'n2'));
    // The same data takes more room on another pool, and ZFS refuses a limit below it.
    scene.cluster.fail('n2', 'volumes.setLimit', new AppError('command-failed', 'cannot set the limit'), 99);
    await scene.engine.converge(signal);
    expect(runningOn(scene.cluster, ['n1', 'n2'])).toEqual(['n2']);
    const lines = scene.events.flatMap((event) => (event.type === 'step-output' ? [event.line] : []));
    expect(lines).toContain('cannot set the limit; it starts without that limit');
  });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { moveApplication } from '../../src/config/edit/edit.ts';
import { readConfig } from '../../src/config/read-files.ts';
import { createEngine } from '../../src/engine/engine.ts';
import { watchFiles } from '../../src/engine/watch/watch-files.ts';
import { createMemoryCluster } from '../../src/simulation/memory/cluster.ts';
import { sampleScene } from '../../src/simulation/sample.ts';
import { seedOf } from '../../src/simulation/seed.ts';

export interface SaveTimes {
  /** Milliseconds from the write of the file to the first call of any node. */
  readonly firstCallMs: number;
  /** To the first call that changes something there. */
  readonly firstChangeMs: number;
}

/**
 * Saves a real file, watched by the real watcher, that moves an application to and fro on nodes in memory; what is
 * measured is drover's own part, without any network.
 */
export async function measureSaves(runs: number): Promise<readonly SaveTimes[]> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-bench-'));
  const stop = new AbortController();
  const bench = await open(folder, stop.signal);
  try {
    const times: SaveTimes[] = [];
    for (let run = 0; run < runs; run += 1) times.push(await bench.save(run % 2 === 0 ? 'node2' : 'node1'));
    return times;
  } finally {
    stop.abort();
    await bench.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function open(folder: string, signal: AbortSignal) {
  const paths = { application: join(folder, 'application.yml'), deployment: join(folder, 'deployment.yml') };
  const drover = join(folder, 'drover.yml');
  await writeFile(paths.application, sampleScene.application);
  await writeFile(paths.deployment, sampleScene.deployment);
  await writeFile(drover, sampleScene.inventory);
  const load = () => readConfig({ ...paths, drover: [drover] });
  const loaded = await load();
  if (!loaded.ok) throw new Error('the files of the sample are wrong');
  const cluster = createMemoryCluster(
    seedOf({ ...sampleScene, roundTripMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY }, loaded.config, Date.now()),
  );
  const engine = createEngine({
    load,
    openCluster: () => cluster.session(),
    watchFiles: (changed, over) => watchFiles([paths.application, paths.deployment, drover], changed, over),
    now: Date.now,
    random: Math.random,
    sleep: (ms, over) => sleep(ms, undefined, { signal: over }),
    owner: 'bench',
  });
  const calm = async (): Promise<void> => {
    while (engine.store.getSnapshot().running || engine.store.getSnapshot().outcome === undefined) await sleep(50);
    // The look at what happened meanwhile.
    await sleep(1500);
  };
  const watching = engine.watch(signal);
  await calm();
  const save = async (node: string): Promise<SaveTimes> => {
    const edited = moveApplication(await readFile(paths.deployment, 'utf8'), 'wiki', node);
    if ('problem' in edited) throw new Error(edited.problem);
    const seen: { call?: number; change?: number } = {};
    cluster.intercept(({ write, phase }) => {
      if (phase !== 'before') return;
      seen.call ??= performance.now();
      if (write) seen.change ??= performance.now();
    });
    const began = performance.now();
    await writeFile(paths.deployment, edited.text);
    while (seen.change === undefined) await sleep(1);
    const times = { firstCallMs: (seen.call ?? seen.change) - began, firstChangeMs: seen.change - began };
    await sleep(200);
    await calm();
    cluster.intercept(undefined);
    return times;
  };
  return {
    save,
    close: async () => {
      await watching;
      await engine.close();
    },
  };
}

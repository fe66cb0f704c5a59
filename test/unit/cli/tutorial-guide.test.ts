import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { createGuide } from '../../../src/cli/tutorial/guide.ts';
import { beginOrGoOn, openPlace } from '../../../src/cli/tutorial/place.ts';
import type { TutorialWorld } from '../../../src/cli/tutorial/world.ts';
import { moveApplication } from '../../../src/config/edit/edit.ts';
import { readConfig } from '../../../src/config/read-files.ts';
import { createEngine } from '../../../src/engine/engine.ts';
import { watchFiles } from '../../../src/engine/watch/watch-files.ts';
import { createMemoryCluster } from '../../../src/simulation/memory/cluster.ts';
import { startOf } from '../../../src/tutorial/progress.ts';
import { createTutorialWorld } from '../../../src/tutorial-main.ts';

const project = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
const [node1, node2] = ['172.16.255.250', '172.16.255.251'] as const;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A package of tutorials, and a reader's folder beside it. */
async function reader(name: string) {
  const folder = await mkdtemp(join(tmpdir(), 'drover-guide-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  await cp(join(project, 'tutorials'), join(folder, 'package', 'tutorials'), { recursive: true });
  const shelf: TutorialWorld = {
    ...createTutorialWorld({
      packageFolder: join(folder, 'package'),
      stateFolder: join(folder, 'state'),
      cwd: folder,
      env: process.env,
      start: [process.execPath, 'drover.js'],
      shorten: (path) => path,
    }),
    // There is no lab behind nodes in memory.
    run: async () => ({ code: 0, stdout: '', output: '' }),
  };
  const [tutorial] = (await shelf.read()).tutorials.filter((each) => each.name === name);
  if (tutorial === undefined) throw new Error('no tutorial');
  const resolvePath = (...parts: readonly string[]): string =>
    join(...parts.slice(parts.findLastIndex((each) => each.startsWith('/'))));
  const outside = { cwd: folder, resolvePath };
  const place = await openPlace(tutorial, shelf, outside, undefined);
  return { folder, shelf, tutorial, outside, place };
}

/** The MongoDB tutorial on nodes in memory, with the engine that the screen would have. */
async function opened() {
  const { folder, shelf, tutorial, place } = await reader('mongodb');
  const files = place.folderOf(tutorial.parts[0]?.folder ?? '');
  const paths = { application: join(files, 'application.yml'), deployment: join(files, 'deployment.yml') };
  const cluster = createMemoryCluster({ nodes: { [node1]: {}, [node2]: {} } });
  const engine = createEngine({
    load: () => readConfig(paths),
    openCluster: () => cluster.session(),
    watchFiles: (changed, signal) => watchFiles([paths.application, paths.deployment], changed, signal),
    now: Date.now,
    random: Math.random,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 100))),
    owner: 'test',
  });
  const over = new AbortController();
  const guide = createGuide(engine, {
    tutorial,
    place,
    tutorials: shelf,
    world: {
      now: Date.now,
      readText: (path) => readFile(path, 'utf8'),
      replaceText: (path, text) => writeFile(path, text),
      logBug: async () => '',
    },
    progress: await place.readProgress(),
  });
  closers.push(
    () => engine.close(),
    () => guide.close(),
  );
  const watching = engine.watch(over.signal).catch(() => undefined);
  closers.push(() => {
    over.abort();
    return watching;
  });
  return { guide, engine, place, deployment: paths.deployment, folder };
}

describe('a tutorial that is followed', () => {
  it('ticks a step when the nodes show it, by an edit from outside or done for the reader', async () => {
    const { guide, place, deployment } = await opened();
    const at = () => [guide.getSnapshot().step.id, guide.getSnapshot().over];
    expect(deployment).toContain('drover-tutorial-mongodb/1-move-an-application/deployment.yml');
    await expect.poll(at, { timeout: 60_000 }).toEqual(['1.2', undefined]);
    await expect.poll(async () => (await place.readProgress()).done).toEqual(['1.1']);
    const before = await readFile(deployment, 'utf8');
    const moved = moveApplication(before, 'mongodb-example', node2);
    if (!('text' in moved)) throw new Error(moved.problem);
    await writeFile(deployment, moved.text);
    await expect.poll(at, { timeout: 60_000 }).toEqual(['1.2', 'part']);
    // Back: the file is as the step expects it, and the nodes follow it before the step can count again.
    expect(await guide.request({ kind: 'go', id: '1.2' })).toBe('step 1.2: it moves to node2');
    expect(await readFile(deployment, 'utf8')).toBe(before);
    await expect
      .poll(() => guide.getSnapshot().verdicts.map(({ holds }) => holds), { timeout: 60_000 })
      .toEqual([false, false, true]);
    // What was done for the reader belongs to its step: the next one begins with what to do, and tells of it below.
    await guide.request({ kind: 'go', id: '1.1' });
    await guide.request({ kind: 'do' });
    await expect.poll(at, { timeout: 60_000 }).toEqual(['1.2', undefined]);
    expect(guide.getSnapshot().doing).toEqual([]);
    expect(guide.getSnapshot().before).toMatchObject({
      title: 'an application runs on node1',
      doing: [{ lines: ['applied'] }, { state: 'done' }, { state: 'done' }],
    });
    await guide.request({ kind: 'do' });
    await expect.poll(at, { timeout: 60_000 }).toEqual(['1.2', 'part']);
    expect(guide.getSnapshot().doing.map(({ state }) => state)).toEqual(['done', 'done', 'done']);
    expect(await readFile(deployment, 'utf8')).toBe(moved.text);
    await expect.poll(async () => (await place.readProgress()).done).toEqual(['1.1', '1.2']);
    expect(await guide.request({ kind: 'next' })).toBe('again');
    expect((await place.readProgress()).at).toBe('2.1');
    expect(await place.reset()).toHaveLength(3);
    expect(await readFile(deployment, 'utf8')).toBe(before);
    expect((await place.readProgress()).done).toEqual([]);
  });

  it('stops doing a step whose run is cancelled, and says so', async () => {
    const { guide, engine } = await opened();
    await expect.poll(() => guide.getSnapshot().step.id, { timeout: 60_000 }).toBe('1.2');
    const forget = engine.store.subscribe(() => {
      if (engine.store.getSnapshot().running) engine.send({ type: 'cancel' });
    });
    await expect(guide.request({ kind: 'do' })).rejects.toThrow('cannot do this step: the run was cancelled');
    forget();
    expect(guide.getSnapshot().doing).toMatchObject([{ state: 'failed' }]);
    // The reader is free again.
    expect(await guide.request({ kind: 'go', id: '1.1' })).toBe('step 1.1: an application runs on node1');
  });
});

describe("a reader's copy of the files", () => {
  it('is as the first step wants it when the tutorial begins, and as it was left afterwards', async () => {
    const { tutorial, place } = await reader('mongodb');
    const deployment = join(place.folderOf(tutorial.parts[0]?.folder ?? ''), 'deployment.yml');
    const before = await readFile(deployment, 'utf8');
    const tried = moveApplication(before, 'mongodb-example', node2);
    if (!('text' in tried)) throw new Error(tried.problem);
    await writeFile(deployment, tried.text);
    expect(await beginOrGoOn(tutorial, place)).toEqual(startOf(tutorial));
    expect(await readFile(deployment, 'utf8')).toBe(before);
    await place.writeProgress({ version: 1, done: ['1.1'], at: '1.2' });
    await writeFile(deployment, tried.text);
    expect(await beginOrGoOn(tutorial, place)).toMatchObject({ at: '1.2' });
    expect(await readFile(deployment, 'utf8')).toBe(tried.text);
  });

  it("in a clone is the clone's own, with what was changed in it before, until it is reset", async () => {
    const { shelf, tutorial, outside } = await reader('mongodb');
    const [committed, edited] = ['version: 1\napplications: {}\n', 'version: 1\napplications: {} # mine\n'];
    const clone = { ...shelf, isClone: async () => true, committed: async () => committed };
    const folder = 'tutorials/mongodb/1-move-an-application';
    const file = join(shelf.packageFolder, folder, 'application.yml');
    const texts = async (after: string): Promise<string[]> => {
      await writeFile(file, after);
      await openPlace(tutorial, clone, outside, undefined);
      await writeFile(file, 'tried\n');
      // Opened again in the middle: what was tried is not taken for what was there before.
      const place = await openPlace(tutorial, clone, outside, undefined);
      await place.restore(folder, {});
      const restored = await readFile(file, 'utf8');
      await place.reset();
      return [restored, await readFile(file, 'utf8')];
    };
    expect(await texts(edited)).toEqual([edited, committed]);
    expect(await texts(committed)).toEqual([committed, committed]);
  });

  it("takes the page's settings along, and leaves the reader's own alone", async () => {
    const { folder, shelf, tutorial, outside, place } = await reader('elk');
    const settings = join(folder, 'drover-tutorial-elk', 'drover.yml');
    expect(await readFile(settings, 'utf8')).toContain('timeouts: {health: ');
    expect(await readFile(settings, 'utf8')).toContain(
      `$schema=${folder}/package/src/config/schema/drover.schema.json`,
    );
    await writeFile(settings, 'version: 1\n');
    await openPlace(tutorial, shelf, outside, undefined);
    await place.reset();
    expect(await readFile(settings, 'utf8')).toBe('version: 1\n');
  });
});

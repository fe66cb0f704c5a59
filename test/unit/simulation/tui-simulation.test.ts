import { appendFile, readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  createTuiSimulation,
  type SimulationOptions,
  type TuiSimulation,
} from '../../../src/simulation/tui-simulation.ts';

const signal = new AbortController().signal;
const fast: SimulationOptions = { fast: true };
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function open(options: SimulationOptions = fast): TuiSimulation {
  const simulation = createTuiSimulation(options);
  ends.push(async () => {
    simulation.end();
    await simulation.engine.close();
    expect(simulation.cluster.violations()).toEqual([]);
  });
  return simulation;
}

/** Watches the files as the screen does, until the test ends. */
function watch(simulation: TuiSimulation): void {
  const stop = new AbortController();
  const watching = simulation.engine.watch(stop.signal);
  ends.unshift(async () => {
    stop.abort();
    await watching;
  });
}

const planOf = async ({ engine }: TuiSimulation) => {
  const planned = await engine.plan(signal);
  if (!planned.ok) throw new Error('the files of the simulation are wrong');
  return planned;
};

describe('the simulated cluster of the screen', () => {
  it('is as its files say, but for one drifted application and one that ran out of memory', async () => {
    const { plan, config, state } = await planOf(open());
    expect([...new Set(plan.steps.map(({ group }) => group))].toSorted()).toEqual(['registry', 'reports']);
    expect(plan.blocked).toEqual([]);
    expect(Object.keys(config.applications).length).toBe(9);
    const node3 = state.nodes.node3;
    if (node3?.status !== 'reachable') throw new Error('node3 cannot be reached');
    const { pool, containers } = node3.facts;
    expect(Math.round((1 - pool.freeBytes / pool.sizeBytes) * 100)).toBe(81);
    expect(containers.find(({ application }) => application === 'reports')?.exit).toEqual({
      code: 137,
      oomKilled: true,
    });
  });

  it('shows what is wrong and waits; once approved, it fixes that and has nothing left to do', async () => {
    const simulation = open();
    watch(simulation);
    const { store, send } = simulation.engine;
    const approval = await vi.waitFor(() => {
      const wanted = store.getSnapshot().approval;
      if (wanted === undefined) throw new Error('nothing waits for approval');
      return wanted;
    });
    expect(simulation.cluster.writes()).toBe(0);
    send({ type: 'approve', revision: approval.revision });
    await vi.waitFor(() => expect(store.getSnapshot().outcome?.result).toBe('converged'));
    expect((await planOf(simulation)).plan.steps).toEqual([]);
    expect((await simulation.readHistory()).map(({ result }) => result)).toEqual(['converged']);
  });

  it('moves an application with its data when its file is edited, and undo brings it back', async () => {
    const simulation = open({ fast: true, policy: 'on-save' });
    watch(simulation);
    const nodeOfWiki = (): string | undefined =>
      ['node1', 'node2', 'node3'].find((node) =>
        simulation.cluster
          .facts(node)
          .containers.some((each) => each.application === 'wiki' && each.state === 'running'),
      );
    await vi.waitFor(() => expect(simulation.engine.store.getSnapshot().outcome?.result).toBe('converged'));
    const before = await simulation.readFile('deployment.yml');
    await simulation.move(['wiki'], 'node2');
    expect(await simulation.readFile('deployment.yml')).toContain('node2: [mail, proxy, registry, wiki]');
    await vi.waitFor(() => expect(nodeOfWiki()).toBe('node2'), { timeout: 60_000 });
    await vi.waitFor(async () => expect((await simulation.readHistory()).at(-1)?.receipts.length).toBe(1));
    expect((await simulation.readHistory()).at(-1)?.receipts[0]).toMatchObject({
      app: 'wiki',
      from: 'node1',
      to: 'node2',
    });
    await simulation.undo();
    expect(await simulation.readFile('deployment.yml')).toBe(before);
    await vi.waitFor(() => expect(nodeOfWiki()).toBe('node1'), { timeout: 60_000 });
  });

  it('sends a copy to an editor, and takes what the editor leaves', async () => {
    const simulation = open();
    const seen: unknown[] = [];
    const openEditor = simulation.openEditorWith(async (path, line, column) => {
      seen.push(await readFile(path, 'utf8'), line, column);
      await appendFile(path, '# seen\n');
    });
    const before = await simulation.readFile('application.yml');
    const place = await simulation.placeOf('wiki');
    await openEditor(place.file, place.line, place.column);
    expect(seen).toEqual([before, before.split('\n').indexOf('  wiki:') + 1, 3]);
    expect(await simulation.readFile('application.yml')).toBe(`${before}# seen\n`);
  });

  it('fixes a mistyped name as the problem offers, once', async () => {
    const simulation = open();
    const text = await simulation.readFile('deployment.yml');
    simulation.writeFile('deployment.yml', text.replace('grafana', 'grafanna'));
    const read = await simulation.engine.plan(signal);
    const problem = read.ok ? undefined : read.problems[0];
    if (problem === undefined) throw new Error('the wrong name was not reported');
    expect(await simulation.fix(problem)).toContain('grafana');
    expect(await simulation.readFile('deployment.yml')).toBe(text);
    await expect(simulation.fix(problem)).rejects.toThrow('cannot fix "deployment.yml"');
  });

  it('has logs that go on', async () => {
    const simulation = open();
    const stop = new AbortController();
    const lines: string[] = [];
    for await (const { text } of simulation.engine.logs('proxy', { follow: true, tail: 3 }, stop.signal)) {
      lines.push(text);
      if (lines.length === 5) stop.abort();
    }
    expect(lines.length).toBe(5);
    expect(new Set(lines).size).toBe(5);
    expect(lines[0]).toMatch(/^\d+\.\d+\.\d+\.\d+ - - \[\d\d:\d\d:\d\d\.\d{3}\] "/);
  });

  it('can be as large as wanted, with everything as declared and so much happening', async () => {
    const simulation = open({ ...fast, scale: { nodes: 10, containers: 120, eventsPerSecond: 50 } });
    const { plan, state, config } = await planOf(simulation);
    expect([plan.steps, plan.blocked]).toEqual([[], []]);
    expect([Object.keys(state.nodes).length, Object.keys(config.applications).length]).toEqual([10, 120]);
    const stop = new AbortController();
    const node = await simulation.cluster.node('node001', signal);
    const events = node.containers.events(stop.signal)[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ action: 'health_status: healthy' });
    stop.abort();
  });
});

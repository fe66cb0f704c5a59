import { describe, expect, it } from 'vitest';
import { runStatusOf } from '../../../../src/view/run/run-status-text.ts';
import { aCluster, aContainer, anApplication, onNode } from '../../../builders.ts';
import { aView, begun, failure, kindsOf, runningView } from '../move-view.ts';

/** The standing with this many steps done and the next one running for 300 ms. */
const at = (app: string, done: number) => runStatusOf(runningView(app, done), app, begun + done * 1000 + 300);

describe('the standing of a move, step by step', () => {
  const phases: Readonly<Record<string, readonly [phase: string, stopping: string, isUp: boolean]>> = {
    'sync-volume': ['before', 'safe', true],
    'hold-ports': ['held', 'safe', true],
    'stop-container': ['stopped', 'reversible', false],
    'freeze-volume': ['stopped', 'reversible', false],
    'send-final': ['stopped', 'reversible', false],
    'release-volume': ['released', 'goes-on', false],
    'acquire-volume': ['released', 'goes-on', false],
    'resize-volume': ['acquired', 'goes-on', false],
    'start-container': ['acquired', 'goes-on', false],
    'check-container': ['started', 'goes-on', false],
    'replace-network': ['arrived', 'safe', true],
    'settle-volume': ['arrived', 'safe', true],
  };

  it('knows every kind of step a move has', () => {
    expect([...new Set(kindsOf('db'))].toSorted()).toEqual(Object.keys(phases).toSorted());
  });

  it.each(kindsOf('db').map((kind, done) => ({ kind, done })))('while $kind runs', ({ kind, done }) => {
    const standing = at('db', done);
    expect([standing?.phase, standing?.stopping, standing?.isUp]).toEqual(phases[kind]);
  });

  it.each(kindsOf('db').map((kind, done) => ({ kind, done })))('between two steps, before $kind', ({ kind, done }) => {
    const standing = runStatusOf(runningView('db', done, { state: 'waiting' }), 'db', begun);
    const before = kindsOf('db')[done - 1];
    // What has begun counts, not what comes next; an acquire that is done is over.
    const expected =
      done === 0
        ? 'before'
        : before === 'acquire-volume'
          ? 'acquired'
          : before === 'start-container'
            ? 'started'
            : before === 'check-container'
              ? 'arrived'
              : phases[before ?? '']?.[0];
    expect({ kind, phase: standing?.phase }).toEqual({ kind, phase: expected });
  });

  it('is done when all is', () => {
    expect(at('db', kindsOf('db').length)).toMatchObject({
      phase: 'done',
      isUp: true,
      node: 'node2',
      downtimeMs: 8000,
    });
  });

  it('says at every moment where it is, what it costs and whether to stop', () => {
    const text = (kind: string) => at('db', kindsOf('db').indexOf(kind))?.text;
    expect([
      text('sync-volume'),
      text('hold-ports'),
      text('send-final'),
      text('release-volume'),
      text('start-container'),
      text('check-container'),
      text('settle-volume'),
    ]).toMatchInlineSnapshot(`
      [
        ""db" is UP on node1 · no downtime so far (planned about 4.2 s) · stopping now is safe: nothing is changed on node1, and the copy goes on later where it ended",
        ""db" is UP on node1, and new connections to it wait · no downtime so far (planned about 4.2 s) · stopping now is safe: nothing is changed on node1, and the connections that wait are let in",
        ""db" is DOWN · downtime so far 2.3 s (planned about 4.2 s) · if it ended here, node1 would take it back, and nothing is lost",
        ""db" is DOWN · downtime so far 3.3 s (planned about 4.2 s) · it must go on: node1 has given the data up to node2; the next apply would finish it",
        ""db" is DOWN · downtime so far 6.3 s (planned about 4.2 s) · it must go on: node2 has the data and does not run it yet; the next apply would start it",
        ""db" is starting on node2 · downtime so far 7.3 s (planned about 4.2 s) · it must go on: clients are not sent to node2 before it answers there",
        ""db" is UP on node2 · downtime was 8.0 s (planned about 4.2 s) · stopping now is safe: only forwards and the old copy are left to be set in order",
      ]
    `);
  });

  it('counts the downtime from the stop to the answer, and only then calls it over', () => {
    expect(at('db', 2)?.downtimeMs).toBeUndefined();
    expect(at('db', 3)?.downtimeMs).toBe(300);
    expect(at('db', 10)?.downtimeMs).toBe(7300);
    expect(at('db', 12)?.downtimeMs).toBe(8000);
  });
});

describe('the standing of other changes', () => {
  it('of a replacement: down on its own node, started again by the next apply', () => {
    expect(at('web', 0)?.text).toBe(
      '"web" is DOWN · downtime so far 0.3 s · if it ended here, the next apply would start it again',
    );
  });

  it('of a removal: it is being stopped, and then as wanted', () => {
    expect(at('old', 0)?.text).toBe(
      '"old" is being stopped on node1 · if it ended here, the next apply would finish this',
    );
    expect(at('old', 1)?.text).toBe('"old" is stopped, as the files say · everything is done');
  });

  it('is nothing for an application the plan does not name', () => {
    expect(runStatusOf(aView(), 'nobody', begun)).toBeUndefined();
  });

  it('does not call an application up that was not running before', () => {
    const view = aView({ nodes: aCluster(onNode('node1'), onNode('node2')).nodes, running: true });
    expect(runStatusOf(view, 'db', begun)).toMatchObject({ phase: 'before', isUp: false });
  });
});

describe('the standing after something failed', () => {
  const done = kindsOf('db').indexOf('freeze-volume');
  const failed = runningView('db', done, { state: 'failed', outcome: failure });

  it('says before the release that the old node gets it back', () => {
    expect(runStatusOf(failed, 'db', begun + 9000)).toMatchObject({ phase: 'stopped', hasFailed: true });
    expect(runStatusOf(failed, 'db', begun + 9000)?.text).toContain('a step failed: drover brings it back to node1');
  });

  it('says after the release who the data belongs to', () => {
    const later = runningView('db', kindsOf('db').indexOf('acquire-volume'), { state: 'failed', outcome: failure });
    expect(runStatusOf(later, 'db', begun)?.text).toContain('its data belongs to node2, and the next apply goes on');
  });

  it('believes after the run what is seen on the nodes', () => {
    const over = { ...failed, running: false, runEndedAt: begun + 9000 };
    expect(runStatusOf(over, 'db', begun + 60_000)).toMatchObject({ isUp: true, node: 'node1', downtimeMs: 6000 });
    const gone = { ...over, nodes: aCluster(onNode('node1'), onNode('node2')).nodes };
    expect(runStatusOf(gone, 'db', begun + 60_000)?.text).toContain('"db" is DOWN');
    expect(runStatusOf(gone, 'db', begun + 60_000)?.text).toContain('`apply` goes on from here');
  });

  it('takes a cancelled step for begun only where it was seen to start', () => {
    const stop = kindsOf('db').indexOf('stop-container');
    const view = runningView('db', stop, { state: 'cancelled' });
    expect(runStatusOf(view, 'db', begun)?.phase).toBe('stopped');
    const steps = Object.fromEntries(
      Object.entries(view.steps).map(([id, step]) => [id, step.state === 'cancelled' ? { state: step.state } : step]),
    );
    expect(runStatusOf({ ...view, steps }, 'db', begun)?.phase).toBe('held');
  });
});

it('calls names of nodes as the files do', () => {
  const app = anApplication('db');
  const nodes = aCluster(onNode('node1', { containers: [aContainer(app, 'node1')] }), onNode('node2')).nodes;
  const view = aView({ nodes, running: true });
  const config = view.config && { ...view.config, nodes: { node1: { name: 'alpha' }, node2: { name: 'beta' } } };
  expect(runStatusOf({ ...view, ...(config && { config }) }, 'db', begun)?.text).toContain('"db" is UP on alpha');
});

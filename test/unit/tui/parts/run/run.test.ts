import { describe, expect, it } from 'vitest';
import { openRun, runPart } from '../../../../../src/tui/parts/run/run.ts';
import type { RunState } from '../../../../../src/tui/parts/run/run-rows.ts';
import type { ClusterView, StepView } from '../../../../../src/view/cluster-view.ts';
import { aView, begun, failure, kindsOf, plan, runningView, succeeded } from '../../../view/move-view.ts';
import { expectFrames, play, textOfRow } from '../../overlay-frames.ts';
import { paneInput, paneLines } from '../../pane-frames.ts';

const MiB = 1024 * 1024;
const follows: RunState = openRun();

/** 30 s into a copy of 14.2 MiB that slows down a little. */
const copying: StepView = {
  state: 'running',
  startedAt: begun,
  what: 'round 1',
  doneBytes: 8.58 * MiB,
  totalBytes: 14.2 * MiB,
  samples: Array.from({ length: 31 }, (_, i) => ({
    at: begun + i * 1000,
    doneBytes: Math.round((8.58 * MiB * (i + Math.sin(i))) / (30 + Math.sin(30))),
  })),
  output: ['receiving full stream of drover/volumes/db@drover-e1-1', 'received \u001b[1m8 MiB'],
};

const command = { at: begun + 10, node: 'node1', text: 'zfs send -w drover/volumes/db@drover-e1-1' };
const view: ClusterView = {
  ...runningView('db', 0, copying),
  commands: [{ at: begun - 5000, node: 'node1', text: 'older' }, command, { ...command, node: 'node9' }],
};
const at30s = { now: begun + 30_000 };

const lines = (of: ClusterView, state: RunState = follows, now = begun + 30_000, columns = 100, rows = 40) =>
  paneLines(runPart, paneInput(of, {}, { now }), state, columns, rows);

describe('the run view', () => {
  it('shows steps, the transfer, the sentence and the command', () => {
    expectFrames('run', runPart, paneInput(view, {}, at30s), follows);
  });

  it('shows in the middle of the switch that it must go on', () => {
    const released = runningView('db', kindsOf('db').indexOf('acquire-volume'));
    expectFrames('run-released', runPart, paneInput(released, {}, { now: begun + 7400 }), follows);
  });

  it('is about the run that was asked for, also before it begins, and not about the one before', () => {
    const before: ClusterView = {
      ...aView(),
      run: 3,
      runStartedAt: begun - 9000,
      runEndedAt: begun - 5000,
      outcome: { result: 'converged', steps: 2 },
    };
    const titleOf = (of: ClusterView): string =>
      textOfRow(runPart.draw(paneInput(of), { ...follows, after: 3 }, { columns: 78, rows: 20 }).title ?? []);
    expect(titleOf(before)).toMatch(/ · 0 of \d+ steps · starting$/);
    expect(lines(before, { ...follows, after: 3 }).join('\n')).not.toContain('converged');
    expect(titleOf({ ...view, run: 4 })).toContain('running');
    const approval = { revision: 'r1', because: 'policy', reason: '4 steps to do' } as const;
    expect(titleOf({ ...before, approval })).toMatch(/ · waits for approval: the plan changed$/);
    expect(lines({ ...before, run: 4 }, { ...follows, after: 3 }).join('\n')).toContain('converged');
  });

  it('ends with the outcome and the receipt', () => {
    const receipt = {
      app: 'db',
      volume: 'vol-db',
      from: 'node1',
      to: 'node2',
      startedAt: begun + 1,
      rounds: 2,
      bytes: [14.2 * MiB, 4096],
      mode: 'direct',
      totalMs: 14_000,
      downtimeMs: 8000,
      refused: 0,
    } as const;
    const done = {
      ...runningView('db', kindsOf('db').length),
      running: false,
      runEndedAt: begun + 14_000,
      outcome: { result: 'converged', steps: 14 },
      receipts: [receipt],
    } as const;
    const text = lines(done).join('\n');
    expect(text).toContain('converged: 14 steps in 14 s\n  "db" moved from node1 to node2 in 14 s');
    expect(text).toContain('    downtime  8.0 s');
    expect(text).not.toContain('cancel');
  });

  it('shows an error under the step that failed, and what to do', () => {
    const failed = runningView('db', 5, { state: 'failed', outcome: failure });
    const text = lines(failed).join('\n');
    expect(text).toContain('        cannot unmount "drover/volumes/db" on "node1": pid 4711 (mongod) uses it');
    expect(text).toContain('        hint: stop what uses it, then apply again');
  });

  it('has no share, no bar and no end where the size is not known', () => {
    const { totalBytes: _size, ...unsized } = copying;
    const text = lines(runningView('db', 0, unsized)).join('\n');
    expect(text).toContain('8.58 MiB, size unknown');
    expect(text).not.toMatch(/[0-9]%|left|░/);
  });

  it('says the newest word about a retry', () => {
    const trail = [
      { at: begun + 5, source: 'apply', text: 'tries again in 2.0 s: connection lost', tone: 'warning' },
    ] as const;
    expect(lines({ ...view, trail }).join('\n')).toContain('tries again in 2.0 s: connection lost');
    const older = [{ ...trail[0], at: begun - 5 }];
    expect(lines({ ...view, trail: older }).join('\n')).not.toContain('tries again');
  });

  it('names every application that is down, the one in focus last', () => {
    const web = Object.entries(runningView('web', 0).steps).filter(([id]) => id.includes('web'));
    const both = { ...view, steps: { ...view.steps, ...Object.fromEntries(web) } };
    const said = lines(both).filter((line) => line.startsWith('"'));
    expect(said.map((line) => line.slice(0, 16))).toEqual(['"web" is DOWN · ', '"db" is UP on no']);
  });

  it('says what cancelling means at this moment', () => {
    expect(lines(view).join('\n')).toContain('cancel stops here; copies continue later where they ended');
    expect(lines(runningView('db', 5)).join('\n')).toContain('cancel finishes the change of "db" first, then stops');
  });

  it('says that there was nothing to do', () => {
    const empty = aView({ plan: { ...plan, steps: [] }, steps: {}, outcome: { result: 'converged', steps: 0 } });
    expect(lines(empty)[0]).toBe('✔ no steps: the nodes match the files');
  });

  it('does not fail before there is a plan', () => {
    const { plan: _plan, ...none } = aView();
    expect(lines(none)[0]).toBe('no steps: the nodes match the files');
  });
});

describe('what is in sight of the run', () => {
  const few = 12;

  it.each([0, 3, 8, 13])('is the running step, number %i of its application', (done) => {
    const running = runningView('db', done);
    const drawn = runPart.draw(paneInput(running), follows, { columns: 80, rows: few });
    expect(drawn.rows).toHaveLength(few);
    const texts = drawn.rows.map(textOfRow);
    expect(texts.some((text) => /^ {2}◐/.test(text))).toBe(true);
  });

  it('is the newest of the commands of the nodes of that step, since it began', () => {
    const text = lines(view).join('\n');
    expect(text).toContain('node1 $ zfs send -w drover/volumes/db@drover-e1-1');
    expect(text).not.toContain('older');
    expect(text).not.toContain('node9');
  });

  it('is the output of the step where it is asked for, without control characters', () => {
    const input = paneInput(view, {}, at30s);
    const { state } = play(runPart, input, follows, ['step-log']);
    expect(state.showsOutput).toBe(true);
    expect(lines(view).join('\n')).not.toContain('received');
    expect(lines(view, state).join('\n')).toContain('        | received 8 MiB');
  });
});

describe('the keys of the run', () => {
  const input = paneInput(view, {}, at30s);

  it('move from the step that runs, and follow again', () => {
    expect(play(runPart, input, follows, ['down']).state.cursor).toBe(2);
    expect(play(runPart, input, follows, ['down', 'down', 'up']).state.cursor).toBe(2);
    expect(play(runPart, input, follows, ['last', 'down']).state.cursor).toBe(15);
    expect(play(runPart, input, follows, ['down', 'follow']).state.cursor).toBe(0);
    expect(play(runPart, input, follows, [{ type: 'pick', index: 7 }]).state.cursor).toBe(7);
  });

  it('cancel with what it means, and nothing where no run goes on', () => {
    expect(play(runPart, input, follows, ['cancel'])).toMatchObject({
      effects: [{ type: 'cancel-run' }],
      notice: { tone: 'warn' },
    });
    const over = paneInput(aView({ steps: { a: succeeded(1, 1) } }));
    expect(play(runPart, over, follows, ['cancel']).effects).toBeUndefined();
    expect(runPart.disabledReason?.(over, follows, 'cancel')).toBe('no run is in progress');
  });

  it('close it', () => {
    expect(play(runPart, input, follows, ['back']).closes).toBe(true);
  });
});

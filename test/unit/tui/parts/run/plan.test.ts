import { describe, expect, it } from 'vitest';
import { asciiGlyphs } from '../../../../../src/tui/frame/glyphs.ts';
import { openDiff } from '../../../../../src/tui/parts/diff.ts';
import { planPart } from '../../../../../src/tui/parts/run/plan.ts';
import { openRun } from '../../../../../src/tui/parts/run/run.ts';
import { someFacts } from '../../../../builders.ts';
import { aView, begun, failure, kindsOf, plan, runningView, succeeded } from '../../../view/move-view.ts';
import { expectPanes, paneFrame, paneInput, paneLines } from '../../pane-frames.ts';

const onPlan = { focus: 'plan' } as const;
const blocked = {
  ...plan,
  blocked: [
    {
      app: 'media',
      node: 'node2',
      reason: 'cannot place "media" on "node2": port 80 belongs to nginx',
      hint: 'take another port',
    },
  ],
  notes: ['a replica of "gone" is kept on node1'],
};
const all = Object.fromEntries(plan.steps.map(({ id }) => [id, succeeded(begun, 1000)]));
const size = { columns: 78, rows: 10 };

describe('the plan pane', () => {
  it('shows what changes by application, with costs and reasons', () => {
    const input = paneInput(aView({ plan: blocked }), onPlan);
    expectPanes('plan', planPart, input, input.ui, [
      [60, 8],
      [80, 12],
      [118, 34],
    ]);
  });

  it('shows during a run how far each application is', () => {
    const id = plan.steps[0]?.id ?? '';
    const view = runningView('db', 0, { state: 'running', doneBytes: 6_000_000, totalBytes: 10_000_000 });
    const input = paneInput(view, onPlan);
    expect(view.steps[id]?.state).toBe('running');
    expectPanes('plan-running', planPart, input, input.ui, [
      [60, 8],
      [118, 14],
    ]);
  });

  it('is an overview where it has not the focus and not everything fits', () => {
    const input = paneInput(aView({ plan: blocked }));
    expectPanes('plan-overview', planPart, input, input.ui, [[80, 10]]);
  });

  it('says in one or two rows what there is to do', () => {
    const input = paneInput(aView({ plan: blocked }));
    expectPanes('plan-compact', planPart, input, input.ui, [
      [60, 3],
      [80, 4],
      [118, 4],
    ]);
  });

  it('says when nothing is to do, and how the last run ended', () => {
    const receipt = {
      app: 'db',
      volume: 'vol-db',
      from: 'node1',
      to: 'node2',
      startedAt: begun + 1,
      rounds: 2,
      bytes: [14_900_000, 4096],
      mode: 'direct',
      totalMs: 9000,
      downtimeMs: 3900,
      refused: 0,
    } as const;
    const over = {
      steps: all,
      outcome: { result: 'converged', steps: 18 },
      runStartedAt: begun,
      runEndedAt: begun + 9000,
    } as const;
    const input = paneInput(aView({ ...over, receipts: [receipt] }));
    expect(paneLines(planPart, input, input.ui)).toEqual([
      '✔ nothing to do: the nodes match the files',
      'last run: converged: 18 steps in 9.0 s',
      '  "db" moved from node1 to node2 in 9.0 s',
      '    sent      14.2 MiB node to node in 2 rounds (14.2 MiB + 4.00 KiB)',
      '    downtime  3.9 s',
      '    refused   0 connections',
    ]);
  });

  it('shows what failed, and why', () => {
    const failed = { ...runningView('db', 5, { state: 'failed', outcome: failure }), running: false };
    const input = paneInput(failed, onPlan);
    const text = paneLines(planPart, input, input.ui).join('\n');
    expect(text).toContain('✖ move    db');
    expect(text).toContain('cannot unmount "drover/volumes/db" on "node1"');
  });

  it('says above all that a plan waits for approval', () => {
    const approval = { revision: 'r1', because: 'removal', reason: 'this would stop 7 of 9' } as const;
    const input = paneInput(aView({ approval }));
    expect(paneLines(planPart, input, input.ui)[0]).toBe('◐ waits for approval: this would stop 7 of 9; a shows it');
  });

  it('says why there is no plan', () => {
    const { config: _config, plan: _plan, ...rest } = aView();
    const none = paneInput(rest);
    expect(paneLines(planPart, none, none.ui)).toEqual(['the files have not been read yet']);
    const problems = [{ file: 'a.yml', path: '', message: 'bad' }];
    const wrong = paneInput({ ...rest, problems });
    expect(paneLines(planPart, wrong, wrong.ui)).toEqual(['the files have 1 problem; nothing is changed']);
  });

  it('does the sum of the room on the target, and says so in the title', () => {
    const facts = someFacts('node2');
    const small = { ...facts, pool: { ...facts.pool, freeBytes: 1_000_000 } };
    const view = aView();
    const nodes = { ...view.nodes, node2: { status: 'reachable', observedAt: 0, facts: small } } as const;
    const input = paneInput({ ...view, nodes });
    expect(paneLines(planPart, input, input.ui).join('\n')).toContain(
      '✖ node2 needs 14.2 MiB, has 977 KiB free: it does not fit',
    );
    expect(paneFrame(planPart, input, input.ui, { columns: 80, rows: 9 })).toContain('3 changes, does not fit');
  });

  it('has nothing but its own signs where the font has no others', () => {
    const input = paneInput(aView(), onPlan, { glyphs: asciiGlyphs });
    const text = paneFrame(planPart, input, input.ui, { columns: 90, rows: 20 });
    expect(text.replace(/[\x20-\x7e\n·]/g, '')).toBe('');
  });

  it('draws no control character of a name', () => {
    const evil = { ...plan, notes: ['\u001b[2Jclear\tthe\u0007 screen'] };
    const input = paneInput(aView({ plan: evil }));
    expect(paneLines(planPart, input, input.ui, 100, 60).join('\n')).toContain('· clear  the screen');
  });
});

describe('the cursor of the plan', () => {
  const input = paneInput(aView(), onPlan);
  const press = (ui: typeof input.ui, action: 'up' | 'down' | 'last' | 'first') =>
    planPart.update({ ...input, ui }, ui, { type: 'action', action }, size).state ?? ui;

  it('goes through groups and steps, and shows the steps of the group it is in', () => {
    const dbSteps = kindsOf('db').length;
    let ui = input.ui;
    for (let i = 0; i <= dbSteps; i += 1) ui = press(ui, 'down');
    expect(ui.planCursor).toBe(dbSteps + 1);
    const lines = paneLines(planPart, { ...input, ui }, ui, 78, 10).join('\n');
    expect(lines).toContain('stop "old" on node1');
    expect(lines).not.toContain('freeze volume');
  });

  it('stays within what there is, and in sight', () => {
    const last = press(input.ui, 'last');
    expect(press(last, 'down').planCursor).toBe(last.planCursor);
    const drawn = planPart.draw({ ...input, ui: last }, last, size);
    expect(drawn.rows.some((row) => row.some(({ selected }) => selected))).toBe(true);
    expect(press(press(last, 'first'), 'up').planCursor).toBe(0);
  });

  it('is set by a click, which a second click opens', () => {
    const hits = planPart.draw(input, input.ui, size).hits ?? [];
    const step = hits.find(({ click }) => click.type === 'select' && click.index === 2);
    if (step === undefined) throw new Error('step 2 cannot be clicked');
    expect(planPart.update(input, input.ui, step.click, size).state?.planCursor).toBe(2);
    expect(planPart.update(input, input.ui, step.twice ?? step.click, size).opens?.kind).toBe('diff');
  });
});

describe('the keys of the plan', () => {
  const does = (view: ReturnType<typeof aView>, action: 'open' | 'cancel') => {
    const input = paneInput(view, onPlan);
    return planPart.update(input, input.ui, { type: 'action', action }, size);
  };

  it('open the run while one goes on, and what changes otherwise', () => {
    expect(does(runningView('db', 2), 'open').opens).toEqual(openRun());
    expect(does(aView(), 'open').opens).toEqual(openDiff());
    const over = aView({ steps: all, outcome: { result: 'converged', steps: 3 } });
    expect(does(over, 'open').opens?.kind).toBe('run');
  });

  it('cancel a run and say what that means at this moment', () => {
    expect(does(runningView('db', 0), 'cancel')).toMatchObject({
      effects: [{ type: 'cancel-run' }],
      notice: { text: 'cancel stops here; copies continue later where they ended' },
    });
    expect(does(runningView('db', 6), 'cancel').notice?.text).toBe(
      'cancel finishes the change of "db" first, then stops',
    );
  });

  it('are off with a reason where there is no run', () => {
    const input = paneInput(aView());
    expect(planPart.disabledReason?.(input, input.ui, 'cancel')).toBe('no run is in progress');
    const running = paneInput(runningView('db', 1));
    expect(planPart.disabledReason?.(running, running.ui, 'cancel')).toBeUndefined();
  });
});

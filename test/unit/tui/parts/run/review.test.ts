import { describe, expect, it } from 'vitest';
import { type ReviewState, reviewPart } from '../../../../../src/tui/parts/run/review.ts';
import { aView, plan, runningView } from '../../../view/move-view.ts';
import { expectFrames, play, textOfRow } from '../../overlay-frames.ts';
import { paneInput, paneLines } from '../../pane-frames.ts';

const approval = {
  revision: 'r1',
  because: 'removal',
  reason: 'this would stop 7 of the 9 applications that run',
} as const;
const view = aView({ approval });
const state: ReviewState = { kind: 'review', revision: 'r1', offset: 0, choice: 'cancel' };
const yes: ReviewState = { ...state, choice: 'apply' };
const input = paneInput(view);

describe('the review', () => {
  it('says what happens, what it costs and what is kept', () => {
    expectFrames('review', reviewPart, input, state);
  });

  it('has everything in it, down to what stays where', () => {
    const text = paneLines(reviewPart, input, state, 100, 60).join('\n');
    expect(text).toContain('this would stop 7 of the 9 applications that run');
    expect(text).toContain('would be stopped and not started elsewhere: "old"');
    expect(text).toContain('14.2 MiB to send, 4.00 MiB of it while stopped');
    expect(text).toContain('the copy of volume of "db" on node1 stays as a replica');
    expect(text).toContain('the data of "old" stays on node1');
    expect(text).toContain('no dataset is destroyed');
    for (const { id } of plan.steps) expect(text).toContain(`${plan.steps.findIndex((s) => s.id === id) + 1}. `);
  });

  it('says what is left out, and why', () => {
    const blocked = [{ reason: 'cannot place "media" on "node2": port 80 is taken', hint: 'take another port' }];
    const text = paneLines(reviewPart, paneInput({ ...view, plan: { ...plan, blocked } }), state, 100, 60).join('\n');
    expect(text).toContain('✖ not done: cannot place "media" on "node2": port 80 is taken\n  hint: take another port');
  });

  it('keeps the buttons in sight at every size and every offset', () => {
    for (const rows of [4, 8, 12, 20]) {
      for (const offset of [0, 5, 1000]) {
        const drawn = reviewPart.draw(input, { ...state, offset }, { columns: 58, rows });
        expect(drawn.rows.length).toBe(rows);
        expect(textOfRow(drawn.rows.at(-1) ?? [])).toContain('[ Cancel ]');
      }
    }
  });
});

describe('the answer to a review', () => {
  it('approves what is shown, and nothing else', () => {
    const step = play(reviewPart, input, state, ['right', 'open']);
    expect(step).toMatchObject({ closes: true, effects: [{ type: 'approve', revision: 'r1' }] });
  });

  it('approves what is shown also where nothing waits for approval, so that it is not asked for again', () => {
    const asked = play(reviewPart, paneInput(aView()), yes, ['open']);
    expect(asked.effects).toEqual([{ type: 'approve', revision: 'r1' }]);
  });

  it('is no by default and with escape, and leaves the plan waiting', () => {
    for (const keys of [['open'], ['right', 'back']] as const) {
      const step = play(reviewPart, input, state, keys);
      expect(step.closes).toBe(true);
      expect(step.effects).toBeUndefined();
      expect(step.notice?.text).toBe('nothing was done; the plan still waits; a shows it again');
    }
  });

  it('changes with left, right and tab', () => {
    expect(play(reviewPart, input, state, ['left']).state.choice).toBe('apply');
    expect(play(reviewPart, input, state, ['next-pane', 'previous-pane']).state.choice).toBe('cancel');
  });

  it('is yes with the key that opened the page, and opens the page of the run', () => {
    const step = play(reviewPart, input, yes, ['apply']);
    expect(step.effects).toEqual([{ type: 'approve', revision: 'r1' }]);
    expect(step.opens).toEqual({ kind: 'run', cursor: 0, showsOutput: false, after: input.view.run });
  });

  it('is not given by that key where Cancel is chosen: the plan may be unread', () => {
    const step = play(reviewPart, input, state, ['apply']);
    expect(step.effects).toBeUndefined();
    expect(step.state.choice).toBe('apply');
    const readOnly = paneInput(view, {}, { isReadOnly: true });
    expect(reviewPart.disabledReason?.(readOnly, yes, 'apply')).toBe('read-only');
  });

  it('is not taken for a plan that came after it was read', () => {
    const newer = paneInput(aView({ approval: { ...approval, revision: 'r2' } }));
    const step = play(reviewPart, newer, { ...yes, offset: 9 }, ['open']);
    expect(step.effects).toBeUndefined();
    expect(step.closes).toBeUndefined();
    expect(step.state).toMatchObject({ revision: 'r2', offset: 0 });
    expect(step.notice?.text).toContain('the files have changed');
  });

  it('is refused while a run goes on, and where nothing may be changed', () => {
    const running = paneInput({ ...runningView('db', 1), approval });
    expect(play(reviewPart, running, yes, ['open']).effects).toBeUndefined();
    const readOnly = paneInput(view, {}, { isReadOnly: true });
    expect(play(reviewPart, readOnly, yes, ['open']).effects).toBeUndefined();
    expect(reviewPart.disabledReason?.(readOnly, yes, 'open')).toBe('read-only');
  });

  it('can be clicked', () => {
    const drawn = reviewPart.draw(input, state, { columns: 78, rows: 20 });
    const [cancel, apply] = drawn.hits ?? [];
    const row = textOfRow(drawn.rows.at(-1) ?? []);
    expect([cancel, apply].map((hit) => row.slice(hit?.x, (hit?.x ?? 0) + (hit?.columns ?? 0)).trim())).toEqual([
      '[ Cancel ]',
      'Apply',
    ]);
    expect(apply?.y).toBe(19);
    if (apply === undefined) throw new Error('no button');
    expect(play(reviewPart, input, state, [apply.click]).effects).toEqual([{ type: 'approve', revision: 'r1' }]);
  });
});

it('scrolls no further than its end', () => {
  const size = { columns: 58, rows: 12 };
  const end = play(reviewPart, input, state, ['last'], size).state.offset;
  expect(end).toBeGreaterThan(0);
  expect(
    play(reviewPart, input, state, ['last', 'page-down', { type: 'wheel', pane: 'plan', rows: 3 }], size).state.offset,
  ).toBe(end);
  expect(play(reviewPart, input, state, ['last', 'first'], size).state.offset).toBe(0);
});

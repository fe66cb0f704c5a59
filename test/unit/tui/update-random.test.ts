import { describe, expect, it } from 'vitest';
import { actions } from '../../../src/tui/actions/actions.ts';
import { keyMapOf, messageForKey } from '../../../src/tui/keymap.ts';
import { registry } from '../../../src/tui/parts.ts';
import { partOf, topOf } from '../../../src/tui/routing.ts';
import type { Message, Part, ScreenInput } from '../../../src/tui/screen.ts';
import type { Effect } from '../../../src/tui/state.ts';
import { update } from '../../../src/tui/update.ts';
import type { ClusterView } from '../../../src/view/cluster-view.ts';
import fc from '../../support/random.ts';
import { allShown, anInput, aView, aViewWithWork } from './update-parts.ts';

const problems = [{ file: 'deployment.yml', line: 1, column: 1, path: '', message: 'is wrong' }];
const approval = { revision: 'r2', because: 'policy', reason: 'every plan is asked' } as const;
const views: readonly ClusterView[] = [
  aView,
  aViewWithWork,
  { ...aViewWithWork, running: true },
  { ...aViewWithWork, approval },
  { ...aView, problems },
  { ...aView, nodes: {}, config: { ...(aView.config ?? fail()), deployment: {}, applications: {}, nodes: {} } },
];

function fail(): never {
  throw new Error('the view has no configuration');
}

const size = { columns: 58, rows: 12 };

/** Checks that a part draws the same as long as its slice is the same: only then it need not be drawn again. */
function createSliceCheck() {
  const before = new Map<string, { readonly slice: readonly unknown[]; readonly drawn: unknown }>();
  return <S>(name: string, part: Part<S>, input: ScreenInput, state: S): void => {
    const slice = part.slice?.(input, state);
    if (slice === undefined) return;
    const drawn = part.draw(input, state, size);
    const known = before.get(name);
    if (known?.slice.length === slice.length && known.slice.every((each, i) => each === slice[i])) {
      expect([name, drawn]).toEqual([name, known.drawn]);
    }
    before.set(name, { slice, drawn });
  };
}

const keys = [...new Set(actions.flatMap((each) => each.keys)), 'y', 'i', 'w', 'backspace', 'ctrl+w'];
const step = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...keys).map((key) => ({ key })) },
  { weight: 1, arbitrary: fc.nat(views.length - 1).map((view) => ({ view })) },
  { weight: 1, arbitrary: fc.integer({ min: -3, max: 3 }).map((rows) => ({ rows })) },
);

const harmless = ['refresh', 'read-logs', 'end-logs', 'read-zfs', 'read-history', 'copy', 'screenshot', 'redraw'];
const alsoHarmless = ['suspend', 'leave', 'look-at-simulation'];

/** Everything that was asked for by keys pressed at random while the cluster changes. */
function pressAll(steps: readonly ({ key: string } | { view: number } | { rows: number })[], isReadOnly: boolean) {
  const map = keyMapOf({});
  let view = aView;
  const files = { application: 'application.yml', deployment: 'deployment.yml' };
  let input = anInput({}, view, { isReadOnly, files });
  const effects: Effect[] = [];
  const checkSlice = createSliceCheck();
  for (const each of steps) {
    let message: Message | undefined;
    if ('key' in each) message = messageForKey(map, each, input.ui, registry);
    else if ('rows' in each) message = { type: 'wheel', pane: 'cluster', rows: each.rows };
    else {
      const before = view;
      view = views[each.view] ?? view;
      message = { type: 'view-changed', before };
    }
    input = { ...input, view, now: input.now + 500 };
    if (message === undefined) continue;
    const next = update(input, message, registry, allShown);
    input = { ...input, ui: next.ui };
    effects.push(...next.effects);
    const kinds = input.ui.overlays.map(({ kind }) => kind);
    expect(new Set(kinds).size).toBe(kinds.length);
    const top = topOf(input.ui);
    for (const [id, part] of Object.entries(registry.panes)) checkSlice(id, part, input, input.ui);
    for (const overlay of input.ui.overlays) checkSlice(overlay.kind, partOf(registry, overlay), input, overlay);
    const drawn =
      top === undefined
        ? registry.panes[input.ui.focus].draw(input, input.ui, size)
        : partOf(registry, top).draw(input, top, size);
    expect(drawn.rows.length).toBeGreaterThan(0);
  }
  return { input, effects };
}

describe('keys pressed at random', () => {
  it('change nothing on a read-only screen', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { effects } = pressAll(steps, true);
        const changing = effects.filter(({ type }) => ![...harmless, ...alsoHarmless].includes(type));
        expect(changing).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('never end in a screen that cannot be drawn or left', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { input } = pressAll(steps, false);
        const leave: Message = { type: 'action', action: 'interrupt' };
        const first = update(input, leave, registry, allShown);
        const second = update({ ...input, ui: first.ui }, leave, registry, allShown);
        expect([...first.effects, ...second.effects].some(({ type }) => type === 'leave')).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('read logs exactly while logs are open', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { input, effects } = pressAll(steps, false);
        const isOpen = input.ui.overlays.some(({ kind }) => kind === 'logs');
        const last = effects.findLast(({ type }) => type === 'read-logs' || type === 'end-logs');
        expect(last?.type === 'read-logs').toBe(isOpen);
      }),
      { numRuns: 60 },
    );
  });
});

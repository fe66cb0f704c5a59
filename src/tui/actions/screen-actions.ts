import type { ClusterView } from '../../view/cluster-view.ts';
import { listBlockers } from '../../view/wording.ts';
import { themeNames } from '../frame/theme.ts';
import { openConfirm } from '../parts/confirm.ts';
import { openDiff } from '../parts/diff.ts';
import { openGuide } from '../parts/guide/page.ts';
import { openHelp } from '../parts/help.ts';
import { openHistory, undoQuestion } from '../parts/history.ts';
import { openLeave } from '../parts/leave.ts';
import { openPalette } from '../parts/palette.ts';
import { openProblems } from '../parts/problems.ts';
import { openReview } from '../parts/run/review.ts';
import { openRun } from '../parts/run/run.ts';
import { isFirstPage, type PartSizes, paneIds, type Registry, selectionActions, topOf } from '../routing.ts';
import type { ScreenInput, Update } from '../screen.ts';
import { arrangements, type PaneId, sorts, type ThemeName, type UiState } from '../state.ts';
import type { ActionId } from './actions.ts';
import { actOnApplications } from './app-actions.ts';

interface ActionInput {
  readonly input: ScreenInput;
  readonly registry: Registry;
  readonly sizes: PartSizes;
}

/** What the screen does with an action that the focused part does not take. */
export function doOnScreen(context: ActionInput, action: ActionId): Update<UiState> {
  if (selectionActions.includes(action)) return actOnApplications(context.input, action);
  return { ...lookAround, ...workOn, ...runProgram }[action]?.(context) ?? {};
}

type Handlers = Readonly<Partial<Record<ActionId, (context: ActionInput) => Update<UiState>>>>;

/** Panes, filter and order: changes nothing outside of the screen. */
const lookAround: Handlers = {
  'next-pane': ({ input: { ui }, sizes }) => focusOn(ui, neighbour(ui, sizes, 1), sizes),
  'previous-pane': ({ input: { ui }, sizes }) => focusOn(ui, neighbour(ui, sizes, -1), sizes),
  'pane-1': ({ input, sizes }) => focusOn(input.ui, 'cluster', sizes),
  'pane-2': ({ input, sizes }) => focusOn(input.ui, 'plan', sizes),
  'focus-plan': ({ input, sizes }) => focusOn(input.ui, 'plan', sizes),
  'pane-3': ({ input, sizes }) => focusOn(input.ui, 'detail', sizes),
  'pane-4': ({ input, sizes }) => focusOn(input.ui, 'events', sizes),
  'zoom-in': ({ input: { ui } }) => ({ state: { ...ui, zoomed: true } }),
  'zoom-out': ({ input: { ui } }) => ({ state: { ...ui, zoomed: false } }),
  open: ({ input, sizes }) => open(input, sizes),
  back: ({ input, registry }) => goBack(input.ui, registry),
  filter: ({ input: { ui } }) => ({
    state: { ...ui, filtering: true, focus: ui.focus === 'events' ? 'events' : 'cluster' },
  }),
  faults: ({ input: { ui } }) => ({ state: { ...ui, faultsOnly: !ui.faultsOnly } }),
  sort: ({ input: { ui } }) => ({ state: { ...ui, sort: after(sorts, ui.sort) } }),
  arrange: ({ input: { ui } }) => ({ state: { ...ui, arrangement: after(arrangements, ui.arrangement) } }),
  theme: ({ input: { ui } }) => setTheme(ui, after(themeNames, ui.theme)),
  mouse: ({ input: { ui } }) => ({
    state: { ...ui, mouse: !ui.mouse },
    notice: { text: mouseText(!ui.mouse), tone: 'plain' },
  }),
  mark: ({ input }) => mark(input.ui),
  'clear-marks': ({ input: { ui } }) => ({ state: { ...ui, marks: new Set() } }),
};

const setTheme = (ui: UiState, theme: ThemeName): Update<UiState> => ({
  state: { ...ui, theme },
  notice: { text: `theme ${theme}`, tone: 'plain' },
});

const mouseText = (isOn: boolean): string =>
  isOn ? 'mouse on: hold shift to select text' : 'mouse off: the terminal selects text';

function after<T>(all: readonly T[], present: T): T {
  return all[(all.indexOf(present) + 1) % all.length] ?? present;
}

/** A pane without room among the others is shown alone. Pages over the panes close. */
export function focusOn(ui: UiState, focus: PaneId, sizes: PartSizes): Update<UiState> {
  const zoomed = ui.zoomed || sizes.panes[focus] === undefined;
  return { state: { ...ui, focus, zoomed, filtering: false, overlays: [] } };
}

function neighbour(ui: UiState, sizes: PartSizes, step: 1 | -1): PaneId {
  const shown = ui.zoomed ? paneIds : paneIds.filter((pane) => sizes.panes[pane] !== undefined);
  const at = shown.indexOf(ui.focus);
  return shown[(at + step + shown.length) % shown.length] ?? ui.focus;
}

function open({ ui, view }: ScreenInput, sizes: PartSizes): Update<UiState> {
  if (ui.focus === 'cluster') return focusOn(ui, 'detail', sizes);
  if (ui.focus !== 'plan') return {};
  return { opens: view.running ? openRun() : openDiff('steps') };
}

/** One layer at a time, and never out of the program. */
function goBack(ui: UiState, registry: Registry): Update<UiState> {
  const top = topOf(ui);
  if (top !== undefined && isFirstPage(registry, top)) return {};
  if (top !== undefined) return { state: { ...ui, overlays: ui.overlays.slice(0, -1) } };
  // Details open from the cluster pane, so back leads there.
  if (ui.zoomed) return { state: { ...ui, zoomed: false, focus: ui.focus === 'detail' ? 'cluster' : ui.focus } };
  if (ui.filter !== '' || ui.filtering) return { state: { ...ui, filter: '', filtering: false } };
  if (ui.faultsOnly) return { state: { ...ui, faultsOnly: false } };
  return ui.focus === 'cluster' ? {} : { state: { ...ui, focus: 'cluster' } };
}

function mark(ui: UiState): Update<UiState> {
  const { app } = ui.cursor;
  if (app === undefined) return { notice: { text: 'mark: no application is under the cursor', tone: 'warn' } };
  const marks = new Set(ui.marks);
  if (!marks.delete(app)) marks.add(app);
  return { state: { ...ui, marks } };
}

/** Plan, run and history. */
const workOn: Handlers = {
  apply: ({ input }) => apply(input.view),
  diff: () => ({ opens: openDiff() }),
  policy: ({ input }) => ({
    effects: [{ type: 'set-policy', policy: input.view.policy === 'ask' ? 'on-save' : 'ask' }],
  }),
  undo: ({ input }) => ({ opens: openConfirm(undoQuestion(input.view, 'the last apply')) }),
  history: () => ({ opens: openHistory() }),
  cancel: () => ({ effects: [{ type: 'cancel-run' }] }),
  refresh: () => ({ effects: [{ type: 'refresh' }], notice: { text: 'reading the nodes', tone: 'plain' } }),
};

function apply(view: ClusterView): Update<UiState> {
  if (view.running && view.approval === undefined) return { opens: openRun() };
  if (view.approval !== undefined || (view.plan?.steps.length ?? 0) > 0) return { opens: openReview(view, true) };
  if (view.problems.length > 0) return { opens: openProblems() };
  const blocked = view.plan?.blocked ?? [];
  if (blocked.length > 0) return { notice: { text: `not now: ${listBlockers(blocked)}`, tone: 'warn' } };
  if (view.plan === undefined) return { notice: { text: 'there is no plan yet', tone: 'warn' } };
  return { notice: { text: 'nothing to do', tone: 'ok' } };
}

/** The program itself. */
const runProgram: Handlers = {
  palette: () => ({ opens: openPalette() }),
  help: () => ({ opens: openHelp() }),
  guide: () => ({ opens: openGuide() }),
  'guide-do': () => ({ effects: [{ type: 'guide', request: { kind: 'do' } }] }),
  'guide-next': () => ({ effects: [{ type: 'guide', request: { kind: 'next' } }] }),
  'guide-back': () => ({ effects: [{ type: 'guide', request: { kind: 'back' } }] }),
  redraw: () => ({ effects: [{ type: 'redraw' }] }),
  suspend: () => ({ effects: [{ type: 'suspend' }] }),
  screenshot: () => ({ effects: [{ type: 'screenshot' }] }),
  quit: ({ input }) => quit(input),
  interrupt: ({ input }) => interrupt(input),
};

function quit({ view }: ScreenInput): Update<UiState> {
  return view.running ? { opens: openLeave() } : { effects: [{ type: 'leave', how: 'now' }] };
}

/** A second ctrl+c within this time leaves at the next safe point, whatever is on the screen. */
export const interruptMs = 2000;

function interrupt(input: ScreenInput): Update<UiState> {
  const { ui, now } = input;
  if (ui.interruptedAt !== undefined && now - ui.interruptedAt <= interruptMs) {
    return {
      effects: [{ type: 'leave', how: 'after-safe-point' }],
      notice: { text: 'leaving at the next safe point', tone: 'plain' },
    };
  }
  return { ...quit(input), state: { ...ui, interruptedAt: now } };
}

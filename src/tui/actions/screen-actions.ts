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
  const { input } = context;
  if (selectionActions.includes(action)) return actOnApplications(input, action);
  return lookAround(context, action) ?? workOn(input, action) ?? runProgram(input, action) ?? {};
}

/** Panes, filter and order: changes nothing outside of the screen. */
function lookAround({ input, registry, sizes }: ActionInput, action: ActionId): Update<UiState> | undefined {
  const { ui } = input;
  switch (action) {
    case 'next-pane':
      return focusOn(ui, neighbour(ui, sizes, 1), sizes);
    case 'previous-pane':
      return focusOn(ui, neighbour(ui, sizes, -1), sizes);
    case 'pane-1':
      return focusOn(ui, 'cluster', sizes);
    case 'pane-2':
    case 'focus-plan':
      return focusOn(ui, 'plan', sizes);
    case 'pane-3':
      return focusOn(ui, 'detail', sizes);
    case 'pane-4':
      return focusOn(ui, 'events', sizes);
    case 'zoom-in':
      return { state: { ...ui, zoomed: true } };
    case 'zoom-out':
      return { state: { ...ui, zoomed: false } };
    case 'open':
      return open(input, sizes);
    case 'back':
      return goBack(ui, registry);
    case 'filter':
      return { state: { ...ui, filtering: true, focus: ui.focus === 'events' ? 'events' : 'cluster' } };
    case 'faults':
      return { state: { ...ui, faultsOnly: !ui.faultsOnly } };
    case 'sort':
      return { state: { ...ui, sort: after(sorts, ui.sort) } };
    case 'arrange':
      return { state: { ...ui, arrangement: after(arrangements, ui.arrangement) } };
    case 'theme':
      return setTheme(ui, after(themeNames, ui.theme));
    case 'mouse':
      return { state: { ...ui, mouse: !ui.mouse }, notice: { text: mouseText(!ui.mouse), tone: 'plain' } };
    case 'mark':
      return mark(ui);
    case 'clear-marks':
      return { state: { ...ui, marks: new Set() } };
    default:
      return undefined;
  }
}

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
function workOn(input: ScreenInput, action: ActionId): Update<UiState> | undefined {
  const { view } = input;
  switch (action) {
    case 'apply':
      return apply(view);
    case 'diff':
      return { opens: openDiff() };
    case 'policy':
      return { effects: [{ type: 'set-policy', policy: view.policy === 'ask' ? 'on-save' : 'ask' }] };
    case 'undo':
      return { opens: openConfirm(undoQuestion(view, 'the last apply')) };
    case 'history':
      return { opens: openHistory() };
    case 'cancel':
      return { effects: [{ type: 'cancel-run' }] };
    case 'refresh':
      return { effects: [{ type: 'refresh' }], notice: { text: 'reading the nodes', tone: 'plain' } };
    default:
      return undefined;
  }
}

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
function runProgram(input: ScreenInput, action: ActionId): Update<UiState> | undefined {
  switch (action) {
    case 'palette':
      return { opens: openPalette() };
    case 'help':
      return { opens: openHelp() };
    case 'guide':
      return { opens: openGuide() };
    case 'guide-do':
      return { effects: [{ type: 'guide', request: { kind: 'do' } }] };
    case 'guide-next':
      return { effects: [{ type: 'guide', request: { kind: 'next' } }] };
    case 'guide-back':
      return { effects: [{ type: 'guide', request: { kind: 'back' } }] };
    case 'redraw':
    case 'suspend':
    case 'screenshot':
      return { effects: [{ type: action }] };
    case 'quit':
      return quit(input);
    case 'interrupt':
      return interrupt(input);
    default:
      return undefined;
  }
}

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

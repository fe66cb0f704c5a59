import type { ConfigProblem } from '../model/config.ts';
import type { Approval } from '../model/events.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import { count, tellOutcome } from '../view/wording.ts';
import { firstItem } from './initial-state.ts';
import { reviewOverlay } from './overlays.ts';
import { isDialog } from './routing.ts';
import type { ScreenInput, Step } from './screen.ts';
import type { Overlay, UiState } from './state.ts';

/** What the screen does by itself when the cluster changed: reviews and problems come and go, a run's end is told. */
export function followView(input: ScreenInput, before: ClusterView): Step<UiState> {
  const { ui, view } = input;
  let overlays = ui.overlays;
  if (before.config === undefined && view.config !== undefined) overlays = without(overlays, 'welcome', 'stages');
  if (before.running && !view.running) overlays = without(overlays, 'leave');
  overlays = followProblems(overlays, view, before);
  const review = followApproval({ ...input, ui: { ...ui, overlays } }, before);
  const marks = keptMarks(ui, view, before);
  const notice = review.notice ?? noticeOfEnd(view, before);
  const cursor = Object.keys(ui.cursor).length === 0 ? firstItem(view) : ui.cursor;
  const isSame =
    review.overlays === ui.overlays &&
    marks === ui.marks &&
    Object.keys(cursor).length === Object.keys(ui.cursor).length;
  return {
    ...(isSame ? {} : { state: { ...ui, overlays: review.overlays, marks, cursor } }),
    ...(notice === undefined ? {} : { notice }),
  };
}

function without(overlays: readonly Overlay[], ...kinds: readonly Overlay['kind'][]): readonly Overlay[] {
  return overlays.some(({ kind }) => kinds.includes(kind))
    ? overlays.filter(({ kind }) => !kinds.includes(kind))
    : overlays;
}

/** Below a question that is open: nothing may get between a person and the answer that is being given. */
function slipIn(overlays: readonly Overlay[], added: Overlay): readonly Overlay[] {
  const others = overlays.filter(({ kind }) => kind !== added.kind);
  const top = others.at(-1);
  return top !== undefined && isDialog(top) ? [...others.slice(0, -1), added, top] : [...others, added];
}

function followProblems(
  overlays: readonly Overlay[],
  { problems }: ClusterView,
  before: ClusterView,
): readonly Overlay[] {
  if (problems === before.problems) return overlays;
  if (problems.length === 0) return without(overlays, 'problems');
  // Without files there is a page that says so better.
  if (overlays.some(({ kind }) => kind === 'welcome' || kind === 'stages')) return overlays;
  const open = overlays.find((each) => each.kind === 'problems');
  if (isSameSet(problems, before.problems)) return overlays;
  if (open === undefined) return slipIn(overlays, { kind: 'problems', index: 0 });
  const index = Math.min(open.index, problems.length - 1);
  return overlays.map((each) => (each === open ? { ...open, index } : each));
}

const isSameSet = (a: readonly ConfigProblem[], b: readonly ConfigProblem[]): boolean =>
  a.length === b.length && a.every((each, i) => identityOf(each) === identityOf(b[i]));

const identityOf = (problem: ConfigProblem | undefined): string =>
  problem === undefined ? '' : [problem.file, problem.line, problem.column, problem.message].join(':');

interface Review {
  readonly overlays: readonly Overlay[];
  readonly notice?: Step<UiState>['notice'];
}

function followApproval({ ui, view, about }: ScreenInput, before: ClusterView): Review {
  const { overlays } = ui;
  const wanted = view.approval;
  if (wanted === undefined) {
    const isOver = before.approval !== undefined || view.running || (view.plan?.steps.length ?? 0) === 0;
    return { overlays: isOver ? without(overlays, 'review') : renewReview(overlays, view) };
  }
  if (wanted === before.approval) return { overlays };
  const isOpen = overlays.some(({ kind }) => kind === 'review');
  const isNewer = before.approval?.revision !== wanted.revision;
  const notice = { text: waitsText(view, wanted, about.keyOf('apply')), tone: 'warn' } as const;
  // Whoever asked to be asked finds it in the plan; a page by itself is for what nobody expects.
  const isExpected = wanted.because === 'policy';
  if (ui.filtering || !(isOpen || (isNewer && !isExpected))) return { overlays, notice };
  const review = reviewOverlay(view, 'by itself');
  // The same revision can have other steps by now, so that an open review always starts again.
  const next = isOpen ? overlays.map((each) => (each.kind === 'review' ? review : each)) : slipIn(overlays, review);
  return { overlays: next, ...(next.at(-1) === review ? {} : { notice }) };
}

/** Short enough to stand beside keys: what it would do is in the plan, and on the page that is named. */
function waitsText({ plan }: ClusterView, { because, reason }: Approval, key: string | undefined): string {
  const what = because === 'policy' ? `a plan of ${count(plan?.steps.length ?? 0, 'step')} waits for approval` : reason;
  return key === undefined ? what : `${what}: ${key} shows it`;
}

/** Another plan than the one that was read: Cancel is chosen again. */
function renewReview(overlays: readonly Overlay[], view: ClusterView): readonly Overlay[] {
  const next = reviewOverlay(view, 'by itself');
  return overlays.some((each) => each.kind === 'review' && each.revision !== next.revision)
    ? overlays.map((each) => (each.kind === 'review' ? next : each))
    : overlays;
}

/** Applications that are no longer in the files are no longer marked. */
function keptMarks({ marks }: UiState, { config }: ClusterView, before: ClusterView): UiState['marks'] {
  if (config === undefined || config === before.config) return marks;
  const kept = [...marks].filter((app) => config.applications[app] !== undefined);
  return kept.length === marks.size ? marks : new Set(kept);
}

function noticeOfEnd(view: ClusterView, before: ClusterView): Step<UiState>['notice'] {
  const { outcome, runStartedAt, runEndedAt } = view;
  if (!before.running || view.running || outcome === undefined) return undefined;
  const took = runStartedAt === undefined || runEndedAt === undefined ? 0 : runEndedAt - runStartedAt;
  const tone = outcome.result === 'converged' ? 'ok' : outcome.result === 'failed' ? 'bad' : 'warn';
  return { text: tellOutcome(outcome, took), tone };
}

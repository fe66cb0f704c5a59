import type { ConfigProblem } from '../model/config.ts';
import type { Approval } from '../model/events.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import { count, tellOutcome } from '../view/wording.ts';
import { firstItem } from './initial-state.ts';
import { isProblems, openProblems } from './parts/problems.ts';
import { isReview, openReview } from './parts/run/review.ts';
import { isDialog, isFirstPage, type Registry } from './routing.ts';
import type { ScreenInput, Update } from './screen.ts';
import type { Overlay, UiState } from './state.ts';

/** Follows a change of the cluster: reviews and problems open and close, the end of a run becomes a notice. */
export function followView(input: ScreenInput, before: ClusterView, registry: Registry): Update<UiState> {
  const { ui, view } = input;
  let overlays = ui.overlays;
  if (before.config === undefined && view.config !== undefined) {
    overlays = overlays.filter((each) => !isFirstPage(registry, each));
  }
  if (before.running && !view.running) overlays = without(overlays, 'leave');
  overlays = followProblems(overlays, view, before, registry);
  const review = followApproval({ ...input, ui: { ...ui, overlays } }, before, registry);
  const marks = keptMarks(ui, view, before);
  const notice = review.notice ?? noticeOfEnd(view, before);
  const cursor = Object.keys(ui.cursor).length === 0 ? firstItem(view) : ui.cursor;
  const isSame =
    isSameList(review.overlays, ui.overlays) &&
    marks === ui.marks &&
    Object.keys(cursor).length === Object.keys(ui.cursor).length;
  return {
    ...(isSame ? {} : { state: { ...ui, overlays: review.overlays, marks, cursor } }),
    ...(notice === undefined ? {} : { notice }),
  };
}

const isSameList = (a: readonly Overlay[], b: readonly Overlay[]): boolean =>
  a.length === b.length && a.every((each, i) => each === b[i]);

const without = (overlays: readonly Overlay[], kind: Overlay['kind']): readonly Overlay[] =>
  overlays.filter((each) => each.kind !== kind);

/** Adds an overlay below a question that is open: nothing may come between a user and the answer being given. */
function slipIn(overlays: readonly Overlay[], added: Overlay, registry: Registry): readonly Overlay[] {
  const others = without(overlays, added.kind);
  const top = others.at(-1);
  return top !== undefined && isDialog(registry, top) ? [...others.slice(0, -1), added, top] : [...others, added];
}

function followProblems(
  overlays: readonly Overlay[],
  { problems }: ClusterView,
  before: ClusterView,
  registry: Registry,
): readonly Overlay[] {
  if (problems === before.problems) return overlays;
  if (problems.length === 0) return without(overlays, 'problems');
  // In a folder without files, the first page explains that better.
  if (overlays.some((each) => isFirstPage(registry, each))) return overlays;
  if (isSameSet(problems, before.problems)) return overlays;
  const open = overlays.find(isProblems);
  if (open === undefined) return slipIn(overlays, openProblems(), registry);
  const index = Math.min(open.index, problems.length - 1);
  return overlays.map((each) => (each === open ? openProblems(index) : each));
}

const isSameSet = (a: readonly ConfigProblem[], b: readonly ConfigProblem[]): boolean =>
  a.length === b.length && a.every((each, i) => identityOf(each) === identityOf(b[i]));

const identityOf = (problem: ConfigProblem | undefined): string =>
  problem === undefined ? '' : [problem.file, problem.line, problem.column, problem.message].join(':');

interface Review {
  readonly overlays: readonly Overlay[];
  readonly notice?: Update<UiState>['notice'];
}

function followApproval({ ui, view, about }: ScreenInput, before: ClusterView, registry: Registry): Review {
  const { overlays } = ui;
  const wanted = view.approval;
  if (wanted === undefined) {
    const isOver = before.approval !== undefined || view.running || (view.plan?.steps.length ?? 0) === 0;
    return { overlays: isOver ? without(overlays, 'review') : renewReview(overlays, view) };
  }
  if (wanted === before.approval) return { overlays };
  const isOpen = overlays.some(isReview);
  const isNewer = before.approval?.revision !== wanted.revision;
  const notice = { text: waitsText(view, wanted, about.keyOf('apply')), tone: 'warn' } as const;
  // A user who asked for approvals finds the plan in its pane; the page opens only for approvals that are unexpected.
  const isExpected = wanted.because === 'policy';
  if (ui.filtering || !(isOpen || (isNewer && !isExpected))) return { overlays, notice };
  const review = openReview(view, false);
  // The same revision can have other steps by now, so an open review always starts again.
  const next = isOpen ? overlays.map((each) => (isReview(each) ? review : each)) : slipIn(overlays, review, registry);
  return { overlays: next, ...(next.at(-1) === review ? {} : { notice }) };
}

/** Short enough for the footer; the plan itself is in its pane and on the page that the key opens. */
function waitsText({ plan }: ClusterView, { because, reason }: Approval, key: string | undefined): string {
  const what = because === 'policy' ? `a plan of ${count(plan?.steps.length ?? 0, 'step')} waits for approval` : reason;
  return key === undefined ? what : `${what}: ${key} shows it`;
}

/** Where the plan on the page is no longer the present one, the page starts again, with Cancel chosen. */
function renewReview(overlays: readonly Overlay[], view: ClusterView): readonly Overlay[] {
  const next = openReview(view, false);
  return overlays.map((each) => (isReview(each) && each.revision !== next.revision ? next : each));
}

/** Applications that are no longer in the files are no longer marked. */
function keptMarks({ marks }: UiState, { config }: ClusterView, before: ClusterView): UiState['marks'] {
  if (config === undefined || config === before.config) return marks;
  const kept = [...marks].filter((app) => config.applications[app] !== undefined);
  return kept.length === marks.size ? marks : new Set(kept);
}

function noticeOfEnd(view: ClusterView, before: ClusterView): Update<UiState>['notice'] {
  const { outcome, runStartedAt, runEndedAt } = view;
  if (!before.running || view.running || outcome === undefined) return undefined;
  const took = runStartedAt === undefined || runEndedAt === undefined ? 0 : runEndedAt - runStartedAt;
  const tone = outcome.result === 'converged' ? 'ok' : outcome.result === 'failed' ? 'bad' : 'warn';
  return { text: tellOutcome(outcome, took), tone };
}

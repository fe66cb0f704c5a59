import type { Blocker } from '../../../model/plan.ts';
import type { ChangeKind } from '../../../view/run/plan-groups.ts';
import {
  activityOf,
  estimateMs,
  type GroupState,
  type RunGroup,
  type RunStep,
  type RunView,
  stepText,
} from '../../../view/run/run-view.ts';
import { formatBytes, formatDuration, namesOf } from '../../../view/wording.ts';
import type { Glyphs } from '../../frame/glyphs.ts';
import { type Row, type Size, type Span, span, type Token } from '../../frame/rows.ts';
import type { ScreenInput } from '../../screen.ts';
import { widthOf, widthOfRow } from '../../text/fit.ts';
import { columns, ends, wrapRows } from '../drawing.ts';

/** Rows are drawn when they are in sight: a plan may have thousands. */
export type LazyRow = (heads: Heads) => Row;
type Heads = ReadonlyMap<RunGroup, Row>;

/** Something the plan's cursor can be on. */
export interface PlanEntry {
  readonly group: string;
  /** The head of this group: more than its first row is shown only where the group is open. */
  readonly head?: RunGroup;
  /** Belongs to the head above, and is shown with it only. */
  readonly isInside: boolean;
  readonly rows: readonly LazyRow[];
}

/** Every group with its steps, then what is blocked. */
export function planEntries(input: ScreenInput, run: RunView, size: Size): readonly PlanEntry[] {
  if (run.isSettled) return [];
  const groups = run.groups.flatMap((group) => groupEntries(input, group, size));
  const blocked = (input.view.plan?.blocked ?? []).map((blocker, i) => blockedEntry(input, blocker, i, size));
  return [...groups, ...blocked];
}

/** The heads of these groups in the same columns; with fewer words where the long ones do not fit. */
export function headRows(input: ScreenInput, run: RunView, groups: readonly RunGroup[], width: number): Heads {
  const rows = (isTerse: boolean) => columns(groups.map((group) => headSpans(input, run, group, isTerse)));
  const long = rows(false);
  const fitting = long.every((row) => widthOfRow(row) <= width) ? long : rows(true);
  return new Map(groups.map((group, i) => [group, fitting[i] ?? []]));
}

const words: Readonly<Record<ChangeKind, string>> = {
  move: 'move',
  replace: 'update',
  start: 'start',
  stop: 'stop',
  volume: 'volume',
  network: 'network',
};

const changeTokens: Readonly<Record<ChangeKind, Token>> = {
  move: 'change',
  replace: 'change',
  start: 'add',
  stop: 'remove',
  volume: 'change',
  network: 'change',
};

/** The sign of a kind of change, with its token. */
export function changeSign(kind: ChangeKind, glyphs: Glyphs): readonly [string, Token] {
  const sign =
    kind === 'move' ? glyphs.goes : kind === 'start' ? glyphs.add : kind === 'stop' ? glyphs.remove : glyphs.change;
  return [sign, changeTokens[kind]];
}

/** The sign of a state, with its token. */
export function stateSign(state: GroupState | RunStep['at']['state'], glyphs: Glyphs): readonly [string, Token] {
  switch (state) {
    case 'running':
      return [glyphs.changing, 'accent'];
    case 'done':
    case 'succeeded':
      return [glyphs.done, 'ok'];
    case 'failed':
      return [glyphs.failed, 'bad'];
    case 'skipped':
    case 'cancelled':
      return [glyphs.skipped, 'warn'];
    case 'waiting':
      return [glyphs.waiting, 'dim'];
  }
}

function headSpans(input: ScreenInput, run: RunView, group: RunGroup, isTerse: boolean): readonly Span[] {
  const { glyphs, view } = input;
  const [sign, token] =
    run.running || group.state !== 'waiting' ? stateSign(group.state, glyphs) : changeSign(group.kind, glyphs);
  // Once it goes on, what it does now says more than what was predicted.
  const isAhead = !run.running || group.state === 'waiting';
  const estimate = isAhead ? estimateMs(view, group.plan) : undefined;
  return [
    span(`${sign} ${words[group.kind]}`, token),
    span(group.title, 'strong'),
    span(wayOf(input, group)),
    span(group.totalBytes === undefined ? '' : formatBytes(group.totalBytes)),
    span(estimate === undefined ? '' : `about ${formatDuration(estimate)}`),
    span(isAhead ? downtimeOf(group, isTerse) : ''),
    span(activityText(group), token),
  ];
}

/** `node1 ⇢ node2`, or the one node it happens on. */
export function wayOf({ view, glyphs }: ScreenInput, { from, to }: Pick<RunGroup, 'from' | 'to'>): string {
  const { node } = namesOf(view.config);
  if (from === undefined || to === undefined || from === to) return node(to ?? from ?? '');
  return `${node(from)} ${glyphs.goes} ${node(to)}`;
}

/** What an application's change costs it, in words; empty where nothing of it stops. */
export function downtimeOf({ kind, downtimeMs, forecasts }: RunGroup, isTerse = false): string {
  if (downtimeMs === 0) return 'no downtime';
  if (downtimeMs !== undefined) return `${isTerse ? 'down' : 'downtime about'} ${formatDuration(downtimeMs)}`;
  if (forecasts.length > 0) return isTerse ? '' : 'downtime not known yet';
  return kind === 'replace' && !isTerse ? 'a short downtime' : '';
}

/** What the group does now; empty while it waits. */
function activityText({ state, steps }: RunGroup): string {
  const running = steps.find(({ at }) => at.state === 'running');
  if (running !== undefined) return activityOf(running);
  const failed = steps.find(({ at }) => at.outcome?.result === 'failed');
  if (failed?.at.outcome?.result === 'failed') return failed.at.outcome.error.message;
  return state === 'done' ? 'done' : state === 'cancelled' ? 'cancelled' : '';
}

function groupEntries(input: ScreenInput, group: RunGroup, size: Size): readonly PlanEntry[] {
  const because = (): Row => [span(`    because ${group.reason}`, 'dim')];
  return [
    { group: group.group, head: group, isInside: false, rows: [(heads) => heads.get(group) ?? [], because] },
    ...group.steps.map((step) => ({
      group: group.group,
      isInside: true,
      rows: [() => stepRow(input, group, step, size)],
    })),
  ];
}

function stepRow({ glyphs, view }: ScreenInput, group: RunGroup, step: RunStep, { columns: width }: Size): Row {
  const [sign, token] = stateSign(step.at.state, glyphs);
  const number = `${step.number}.`.padStart(5);
  const left = [
    span(`${number} `, 'dim'),
    ...(view.running || step.at.state !== 'waiting' ? [span(`${sign} `, token)] : []),
    span(stepText(view, step)),
  ];
  return ends(left, [besideStep(group, step)], width, glyphs.ellipsis);
}

/** What is to be known of a step at the end of its row: its time, or whether the application is down during it. */
function besideStep(group: RunGroup, step: RunStep): Span {
  const { elapsedMs, at } = step;
  if (at.state === 'running') return span(activityOf(step), 'accent');
  if (elapsedMs !== undefined) return span(formatDuration(elapsedMs), 'dim');
  if (at.state !== 'waiting') return span(at.state, 'warn');
  return isDownDuring(group, step) ? span('downtime', 'warn') : span('');
}

/** Between the stop and the answer of an application that is started again. */
export function isDownDuring({ steps, kind }: RunGroup, { number }: RunStep): boolean {
  if (kind !== 'move' && kind !== 'replace') return false;
  const stop = steps.find(({ step }) => step.action.kind === 'stop-container');
  const end =
    steps.find(({ step }) => step.action.kind === 'check-container') ??
    steps.find(({ step }) => step.action.kind === 'start-container');
  return stop !== undefined && end !== undefined && number >= stop.number && number <= end.number;
}

function blockedEntry({ glyphs, view }: ScreenInput, blocker: Blocker, index: number, size: Size): PlanEntry {
  const { app, node, reason, hint } = blocker;
  const at = node === undefined ? '' : ` on ${namesOf(view.config).node(node)}`;
  const who = app === undefined ? '' : `"${app}"${at}: `;
  const rows = [
    ...wrapRows(`${glyphs.failed} blocked: ${who}${reason}`, size.columns, 'bad', '  '),
    ...(hint === undefined ? [] : wrapRows(`  hint: ${hint}`, size.columns, 'plain', '    ')),
  ];
  return { group: `blocked ${index}`, isInside: false, rows: rows.map((row) => () => row) };
}

/** The whole plan in one or two rows, for panes that have no more. */
export function compactRows(input: ScreenInput, run: RunView, size: Size): readonly Row[] {
  const blocked = input.view.plan?.blocked.length ?? 0;
  if (run.isSettled) return [[span(`${input.glyphs.done} nothing to do: the nodes match the files`, 'ok')]];
  const parts = [
    ...run.groups.map((group) => () => compactGroup(input, run, group)),
    ...(blocked === 0 ? [] : [(): Row => [span(`${input.glyphs.failed} ${blocked} blocked`, 'bad')]]),
  ];
  return flow(parts, size);
}

function compactGroup(input: ScreenInput, run: RunView, group: RunGroup): Row {
  const [sign, token] =
    run.running || group.state !== 'waiting'
      ? stateSign(group.state, input.glyphs)
      : changeSign(group.kind, input.glyphs);
  const facts = run.running
    ? [activityText(group)]
    : [
        wayOf(input, group),
        group.totalBytes === undefined ? '' : formatBytes(group.totalBytes),
        group.downtimeMs === undefined ? '' : `down ${formatDuration(group.downtimeMs)}`,
      ];
  const text = facts.filter((each) => each !== '').join(' ');
  return [
    span(`${sign} ${words[group.kind]} `, token),
    span(group.title, 'strong'),
    span(text === '' ? '' : ` ${text}`),
  ];
}

/** Parts one after the other, in as many rows as there are; what does not fit is counted. */
function flow(parts: readonly (() => Row)[], { columns: width, rows: height }: Size): readonly Row[] {
  const rows: Span[][] = [[]];
  let used = 0;
  for (const [i, draw] of parts.entries()) {
    const part = draw();
    const wide = part.reduce((sum, { text }) => sum + widthOf(text), 0);
    const left = `+${parts.length - i}`;
    const last = rows.length >= height;
    const room = last && i < parts.length - 1 ? width - left.length - 1 : width;
    if (used > 0 && used + 3 + wide > room) {
      if (last) {
        rows.at(-1)?.push(span(` ${left}`, 'dim'));
        return rows;
      }
      rows.push([]);
      used = 0;
    }
    const row = rows.at(-1);
    if (used > 0) row?.push(span('   '));
    row?.push(...part);
    used += (used > 0 ? 3 : 0) + wide;
  }
  return rows;
}

import { capacities, capacityText } from '../../../view/capacity.ts';
import type { ClusterView } from '../../../view/cluster-view.ts';
import { type RunGroup, runView, stepText, stoppedBy } from '../../../view/run/run-view.ts';
import { count, formatBytes, formatDuration, listNames, namesOf } from '../../../view/wording.ts';
import type { ActionId } from '../../actions/actions.ts';
import { type Row, type Size, type Span, span } from '../../frame/rows.ts';
import type { Drawn, Message, OverlayPart, ScreenInput, Update } from '../../screen.ts';
import type { Overlay } from '../../state.ts';
import { columns, wrapRows } from '../drawing.ts';
import { movingActions, pageAt, rowsOn, scrolled } from '../page.ts';
import { changeSign, downtimeOf, isDownDuring, wayOf } from './plan-entries.ts';
import { openRun } from './run.ts';

/** The plan that waits for approval. */
export interface ReviewState {
  readonly kind: 'review';
  /** Of the plan that is shown: only that one can be approved. */
  readonly revision: string;
  readonly offset: number;
  readonly choice: 'cancel' | 'apply';
}

/**
 * The plan that waits, or the one that would be made. Cancel is chosen where the page was not asked for, so that an
 * Enter meant for something else approves nothing, and where the plan would stop much of what runs.
 */
export function openReview(view: ClusterView, isAsked: boolean): ReviewState {
  const revision = view.approval?.revision ?? view.plan?.revision ?? '';
  const isCareful = !isAsked || view.approval?.because === 'removal';
  return { kind: 'review', revision, offset: 0, choice: isCareful ? 'cancel' : 'apply' };
}

export const isReview = (overlay: Overlay): overlay is ReviewState => overlay.kind === 'review';

/** What the plan does, what it costs and what is kept, before it is approved. */
export const reviewPart: OverlayPart<ReviewState> = {
  kind: 'review',
  isDialog: true,
  actions: ['open', 'left', 'right', ...movingActions, 'apply', 'next-pane', 'previous-pane', 'back'],
  inFooter: 5,
  labelOf: ({ choice }, action) => (action === 'open' ? choice : labelsOf[action]),
  draw,
  disabledReason: ({ view, about }, state, action) => {
    const applies = action === 'apply' || (action === 'open' && state.choice === 'apply');
    if (!applies) return undefined;
    return about.isReadOnly ? 'read-only' : reasonAgainst(view, state);
  },
  update,
};

const labelsOf: Readonly<Partial<Record<ActionId, string>>> = {
  left: '',
  right: 'choose',
  up: '',
  down: 'scroll',
  back: 'cancel',
};

function reasonAgainst(view: ClusterView, { revision }: ReviewState): string | undefined {
  if (view.running) return 'a run is in progress';
  if (view.plan === undefined) return 'there is no plan yet';
  return currentRevision(view) === revision ? undefined : 'the files have changed; read the new plan first';
}

const currentRevision = (view: ClusterView): string | undefined => view.approval?.revision ?? view.plan?.revision;

function draw(input: ScreenInput, state: ReviewState, size: Size): Drawn {
  const rows = contentRows(input, size.columns);
  const foot = footRows(input, state, size.columns);
  const scroll = pageAt(state.offset, shownRows(size, foot), rows.length);
  const body = rowsOn(scroll, rows);
  const gap = Array.from({ length: scroll.shown - body.length }, (): Row => []);
  const y = scroll.shown + foot.length - 1;
  return {
    title: [span('review', 'title'), span(titleText(input))],
    rows: [...body, ...gap, ...foot],
    hits: buttons.map(({ x, columns: wide, index }) => ({
      x,
      y,
      columns: wide,
      rows: 1,
      click: { type: 'pick' as const, index },
    })),
    scroll,
  };
}

/** The rows above the buttons. */
const shownRows = ({ rows }: Size, foot: readonly Row[]): number => Math.max(1, rows - foot.length);

function titleText({ view }: ScreenInput): string {
  const steps = view.plan?.steps.length ?? 0;
  return ` · ${count(steps, 'step')} · nothing is done before you approve`;
}

function contentRows(input: ScreenInput, width: number): readonly Row[] {
  const { view, glyphs } = input;
  const run = runView(view, input.now);
  if (run.groups.length === 0) return [[span('nothing to do', 'dim')]];
  const { approval } = view;
  const stopped = stoppedBy(view);
  return [
    ...(approval === undefined
      ? []
      : wrapRows(approval.reason, width, approval.because === 'removal' ? 'bad' : 'warn')),
    ...(stopped.length === 0
      ? []
      : wrapRows(
          `${glyphs.remove} would be stopped and not started elsewhere: ${listNames(stopped)}`,
          width,
          'remove',
          '  ',
        )),
    ...(approval === undefined && stopped.length === 0 ? [] : [[]]),
    [span('what happens', 'strong')],
    ...run.groups.flatMap((group) => groupRows(input, group, width)),
    ...capacityRows(input, width),
    ...blockedRows(input, width),
    [],
    [span('what is kept', 'strong')],
    ...keptSentences(input).flatMap((text) => wrapRows(`${glyphs.done} ${text}`, width, 'ok', '  ')),
    [],
    [span('the steps', 'strong')],
    ...stepRows(view, run.groups),
  ];
}

function groupRows(input: ScreenInput, group: RunGroup, width: number): readonly Row[] {
  const facts = [
    wayOf(input, group),
    group.totalBytes === undefined
      ? ''
      : `${formatBytes(group.totalBytes)} to send, ${formatBytes(group.finalBytes ?? 0)} of it while stopped`,
    downtimeOf(group),
  ].filter((text) => text !== '');
  const [sign, token] = changeSign(group.kind, input.glyphs);
  return [
    [span(`${sign} `, token), span(group.title, 'strong')],
    ...wrapRows(`    ${facts.join(' · ')}`, width, 'accent', '    '),
    ...wrapRows(`    because ${group.reason}`, width, 'dim', '    '),
  ];
}

function stepRows(view: ClusterView, groups: readonly RunGroup[]): readonly Row[] {
  return columns(
    groups.flatMap((group) =>
      group.steps.map((step) => [
        span(`${step.number}.`.padStart(4), 'dim'),
        span(isDownDuring(group, step) ? 'down' : '', 'warn'),
        span(stepText(view, step)),
      ]),
    ),
  );
}

function capacityRows({ view }: ScreenInput, width: number): readonly Row[] {
  return capacities(view).flatMap((each) =>
    wrapRows(
      capacityText(each, view),
      width,
      each.verdict === 'full' ? 'bad' : each.verdict === 'tight' ? 'warn' : 'dim',
    ),
  );
}

function blockedRows({ view, glyphs }: ScreenInput, width: number): readonly Row[] {
  return (view.plan?.blocked ?? []).flatMap(({ reason, hint }) => [
    ...wrapRows(`${glyphs.failed} not done: ${reason}`, width, 'bad', '  '),
    ...(hint === undefined ? [] : wrapRows(`  hint: ${hint}`, width, 'plain', '  ')),
  ]);
}

/** No plan destroys data. What is kept, and where. */
function keptSentences({ view }: ScreenInput): readonly string[] {
  const names = namesOf(view.config);
  const steps = view.plan?.steps ?? [];
  const removed = new Set(stoppedBy(view));
  const of = steps.flatMap(({ action, group }) => {
    if (action.kind === 'settle-volume') {
      return [`the copy of ${names.volume(action.volume)} on ${names.node(action.from)} stays as a replica`];
    }
    if (action.kind === 'retire-volume')
      return [`${names.volume(action.volume)} on ${names.node(action.node)} stays on its disk, retired`];
    if (action.kind === 'stop-container' && removed.has(group)) {
      return [`the data of "${action.app}" stays on ${names.node(action.node)}`];
    }
    return [];
  });
  return of.length === 0 ? ['nothing is removed'] : [...new Set(of), 'no dataset is destroyed'];
}

const labels = { cancel: '  Cancel  ', apply: '  Apply  ' } as const;

function footRows(input: ScreenInput, state: ReviewState, width: number): readonly Row[] {
  const reason = reasonAgainst(input.view, state);
  const total = runView(input.view, input.now).groups;
  const worst = Math.max(0, ...total.map(({ downtimeMs = 0 }) => downtimeMs));
  const bytes = total.reduce((sum, { totalBytes = 0 }) => sum + totalBytes, 0);
  const sum = [
    ...(bytes > 0 ? [`${formatBytes(bytes)} to send`] : []),
    ...(worst > 0 ? [`downtime at most ${formatDuration(worst)}`] : []),
  ].join(' · ');
  const remark = reason ?? sum;
  return [
    [],
    ...(remark === '' ? [] : wrapRows(remark, width, reason === undefined ? 'plain' : 'warn').slice(0, 1)),
    buttonRow(state),
  ];
}

function buttonRow({ choice }: ReviewState): Row {
  const button = (name: keyof typeof labels): Span => ({
    text: choice === name ? `[${labels[name].slice(1, -1)}]` : labels[name],
    token: name === 'apply' ? 'change' : 'plain',
    ...(choice === name ? { selected: true } : {}),
  });
  return [span(' '), button('cancel'), span('  '), button('apply')];
}

/** Where the buttons are in the last row. */
const secondAt = 1 + labels.cancel.length + 2;
const buttons = [
  { x: 1, columns: labels.cancel.length, index: 0 },
  { x: secondAt, columns: labels.apply.length, index: 1 },
];

function update(input: ScreenInput, state: ReviewState, message: Message, size: Size): Update<ReviewState> {
  if (message.type === 'pick') return decide(input, { ...state, choice: message.index === 0 ? 'cancel' : 'apply' });
  const shown = shownRows(size, footRows(input, state, size.columns));
  const offset = scrolled(message, state.offset, shown, () => contentRows(input, size.columns).length);
  if (offset !== undefined) return { state: { ...state, offset } };
  if (message.type !== 'action') return {};
  switch (message.action) {
    case 'left':
    case 'right':
    case 'next-pane':
    case 'previous-pane':
      return { state: { ...state, choice: state.choice === 'apply' ? 'cancel' : 'apply' } };
    case 'back':
      return decide(input, { ...state, choice: 'cancel' });
    case 'open':
      return decide(input, state);
    // The key that opened the page also approves, but not at once where Cancel is chosen: the page may be unread.
    case 'apply':
      return state.choice === 'apply' ? decide(input, state) : { state: { ...state, choice: 'apply' } };
    default:
      return {};
  }
}

/** Cancel leaves the plan waiting. A plan that has changed since is shown first. */
function decide({ view, about }: ScreenInput, state: ReviewState): Update<ReviewState> {
  if (state.choice === 'cancel') {
    if (view.approval === undefined) return { closes: true };
    const key = about.keyOf('apply');
    const again = key === undefined ? '' : `; ${key} shows it again`;
    return { closes: true, notice: { text: `nothing was done; the plan still waits${again}`, tone: 'plain' } };
  }
  if (about.isReadOnly) return { notice: { text: 'read-only', tone: 'warn' } };
  const reason = reasonAgainst(view, state);
  if (reason !== undefined) {
    const revision = currentRevision(view);
    const fresh = revision === undefined ? {} : { state: { ...state, revision, offset: 0 } };
    return { ...fresh, notice: { text: reason, tone: 'warn' } };
  }
  return {
    closes: true,
    opens: openRun(view.run),
    // Sent even where the plan does not wait for approval: what was shown here is not asked for again.
    effects: [{ type: 'approve', revision: state.revision }],
  };
}

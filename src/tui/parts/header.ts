import { plainText } from '../../model/plain-text.ts';
import type { ClusterView } from '../../view/cluster-view.ts';
import { count, formatClock, formatDuration } from '../../view/wording.ts';
import { changesOf } from '../actions/selection.ts';
import { type Row, type Span, span } from '../frame/rows.ts';
import type { ScreenInput } from '../screen.ts';
import { fitRow, widthOfRow } from '../text/fit.ts';

/** Something the header says, in ever shorter forms; the last may be empty. */
interface Segment {
  /** The higher, the sooner it is said shorter. */
  readonly yields: number;
  readonly side: 'left' | 'right';
  readonly forms: readonly Row[];
}

/** What is in force, who is up, what is to be done, and what is being done: one row of exactly `columns` cells. */
export function drawHeader(input: ScreenInput, columns: number): Row {
  const segments = segmentsOf(input).filter(({ forms }) => widthOfRow(forms[0] ?? []) > 0);
  const chosen = segments.map(() => 0);
  const row = (): { readonly left: Row; readonly right: Row } => {
    const side = (which: Segment['side']): Row =>
      segments.flatMap(({ side, forms }, i) => {
        const form = side === which ? (forms[chosen[i] ?? 0] ?? []) : [];
        return widthOfRow(form) === 0 ? [] : [span('  '), ...form];
      });
    return { left: side('left').slice(1), right: side('right') };
  };
  let { left, right } = row();
  while (1 + widthOfRow(left) + widthOfRow(right) + 1 > columns) {
    const next = mostYielding(segments, chosen);
    if (next === undefined) break;
    chosen[next] = (chosen[next] ?? 0) + 1;
    ({ left, right } = row());
  }
  const gap = Math.max(0, columns - 2 - widthOfRow(left) - widthOfRow(right));
  return fitRow([span(' '), ...left, span(' '.repeat(gap)), ...right, span(' ')], columns, input.glyphs.ellipsis);
}

function mostYielding(segments: readonly Segment[], chosen: readonly number[]): number | undefined {
  const able = segments.flatMap(({ yields, forms }, i) => {
    const at = chosen[i] ?? 0;
    // A second form yields less than the first one of something else.
    return at + 1 < forms.length ? [{ i, weight: yields - at * 3 }] : [];
  });
  return able.toSorted((a, b) => b.weight - a.weight)[0]?.i;
}

function segmentsOf(input: ScreenInput): readonly Segment[] {
  const { about, view, now } = input;
  const label = about.label === undefined ? [] : [span(plainText(about.label).toUpperCase(), 'warn')];
  return [
    { yields: 0, side: 'left', forms: [[span('drover', 'title')]] },
    { yields: 1, side: 'left', forms: [label] },
    { yields: 9, side: 'left', forms: filesForms(input) },
    { yields: 4, side: 'left', forms: runForms(input) },
    { yields: 6, side: 'left', forms: busyForms(input) },
    { yields: 5, side: 'right', forms: nodesForms(input) },
    { yields: 3, side: 'right', forms: changesForms(view) },
    { yields: 8, side: 'right', forms: policyForms(input) },
    { yields: about.isReadOnly ? 2 : 7, side: 'right', forms: accessForms(about.isReadOnly) },
    { yields: 7, side: 'right', forms: [[span(formatClock(now, 'minutes'), 'dim')], []] },
  ];
}

/** The newest save is in force, or it has problems and an older one is. */
function filesForms({ view, about, glyphs, stages }: ScreenInput): readonly Row[] {
  const { files } = about;
  if (stages !== undefined) return [[span('waits for the lab', 'dim')], []];
  const missing = about.offer === undefined ? 'no files' : 'no deployment.yml';
  if (files === undefined) return [[span(`${missing} in this folder`, 'warn')], [span(missing, 'warn')], []];
  const name = `${plainText(files.application)}, ${plainText(files.deployment)} `;
  const at = view.configLoadedAt === undefined ? '' : formatClock(view.configLoadedAt);
  if (view.problems.length > 0) {
    const problems = span(`${glyphs.failed} ${count(view.problems.length, 'problem')}`, 'bad');
    const still = view.config === undefined ? ' nothing is in force' : ` that of ${at} is in force`;
    return [[span(name), problems, span(at === '' ? '' : still, 'dim')], [problems, span(still, 'dim')], [problems]];
  }
  if (view.config === undefined) return [[span(`${name}are being read`, 'dim')], [span('reading files', 'dim')], []];
  const done = span(`${glyphs.done}`, 'ok');
  const since = span(at === '' ? '' : ` ${at}`, 'dim');
  return [[span(name), done, since], [span('files '), done, since], [span('files '), done], []];
}

function runForms({ view, now, glyphs, about }: ScreenInput): readonly Row[] {
  if (view.approval !== undefined && !view.running) {
    const key = about.keyOf('apply');
    const waits = span(`${glyphs.waiting} waits for approval`, 'warn');
    return key === undefined
      ? [[waits]]
      : [[waits, span(': press '), span(key, 'key')], [waits, span(': '), span(key, 'key')], [waits]];
  }
  if (!view.running) return [[]];
  const states = Object.values(view.steps);
  const done = states.filter(({ state }) => state !== 'waiting' && state !== 'running').length;
  const sign = span(`${glyphs.changing} `, 'accent');
  const steps = states.length === 0 ? '' : ` ${done}/${states.length}`;
  const elapsed = view.runStartedAt === undefined ? '' : ` ${formatDuration(secondsOnly(now - view.runStartedAt))}`;
  return [
    [sign, span(`applying${steps}${elapsed}`, 'accent')],
    [sign, span(`apply${steps}`, 'accent')],
  ];
}

/** A clock that ticks shows no fractions. */
const secondsOnly = (ms: number): number => Math.max(0, Math.floor(ms / 1000)) * 1000;

function busyForms({ ui, glyphs }: ScreenInput): readonly Row[] {
  const [first] = ui.busy;
  if (first === undefined) return [[]];
  const more = ui.busy.length > 1 ? ` +${ui.busy.length - 1}` : '';
  const sign = span(`${glyphs.changing} `, 'accent');
  return [
    [sign, span(`${plainText(first)}${more}`)],
    [sign, span(count(ui.busy.length, 'act'))],
  ];
}

function nodesForms({ view, glyphs }: ScreenInput): readonly Row[] {
  const names = new Set([...Object.keys(view.config?.nodes ?? {}), ...Object.keys(view.nodes)]);
  const states = [...names].map((node) => view.nodes[node]?.status);
  const tally = (status: string | undefined): number => states.filter((each) => each === status).length;
  const [up, lost, unseen] = [tally('reachable'), tally('unreachable'), tally(undefined)];
  const signs: Span[] = [
    ...(up > 0 ? [span(` ${glyphs.up}${up}`, 'ok')] : []),
    ...(lost > 0 ? [span(` ${glyphs.failed}${lost}`, 'bad')] : []),
    ...(unseen > 0 ? [span(` ${glyphs.unknown}${unseen}`, 'warn')] : []),
  ];
  const lostText = lost === 0 ? [] : [span(` ${lost} unreachable`, 'bad')];
  const total = span(count(names.size, 'node'));
  return [[total, ...signs.filter(({ token }) => token !== 'bad'), ...lostText], [total, ...signs], signs];
}

function changesForms(view: ClusterView): readonly Row[] {
  if (view.plan === undefined) return [[]];
  const blocked = view.plan.blocked.length;
  const has = view.plan.steps.some(({ id }) => view.steps[id]?.state !== 'succeeded');
  const changes = has && !view.running ? [span(changesOf(view), 'change')] : [];
  const what = blocked === 0 ? [] : [span(`${changes.length > 0 ? ', ' : ''}${blocked} blocked`, 'bad')];
  if (changes.length + what.length > 0) return [[...changes, ...what]];
  return view.running ? [[]] : [[span('matches the files', 'ok')], [span('ok', 'ok')]];
}

/** Not said where nothing is ever applied, nor where what waits says it. */
function policyForms({ view, about }: ScreenInput): readonly Row[] {
  if (about.isReadOnly || view.approval?.because === 'policy') return [[]];
  return view.policy === 'ask'
    ? [[span('asks before applying', 'change')], [span('asks first', 'change')], [span('asks', 'change')]]
    : [[span('applies on save')], [span('on save')], []];
}

const accessForms = (isReadOnly: boolean): readonly Row[] =>
  isReadOnly ? [[span('READ-ONLY', 'warn')], [span('RO', 'warn')]] : [[span('RW', 'dim')], []];

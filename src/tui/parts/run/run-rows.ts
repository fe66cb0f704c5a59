import type { RunGroup, RunStep } from '../../../view/run/run-view.ts';
import { percentText, stepText } from '../../../view/run/run-view.ts';
import type { TransferRate } from '../../../view/run/transfer-rate.ts';
import { describeError, formatBytes, formatDuration } from '../../../view/wording.ts';
import { type Row, type Size, span } from '../../frame/rows.ts';
import type { ScreenInput } from '../../screen.ts';
import { barSpans, clamp, ends, sparkText, wrapRows } from '../drawing.ts';
import { stateSign, wayOf } from './plan-entries.ts';

export interface RunState {
  readonly kind: 'run';
  /** 0 follows the running step; n is step n. */
  readonly cursor: number;
  readonly showsOutput: boolean;
  /** Number of the run before the one that was approved just now. */
  readonly after?: number;
}

/** One row of the list; `step` is set on the first row of a step. */
export interface RunRow {
  /** Called only when the row is in sight: a run may have thousands. */
  readonly draw: () => Row;
  readonly step?: number;
}

/** The row of an application, above those of its steps. */
export function headRow(input: ScreenInput, group: RunGroup): Row {
  const [sign, token] = stateSign(group.state, input.glyphs);
  const way = wayOf(input, group);
  return [span(`${sign} `, token), span(group.title, 'strong'), span(way === '' ? '' : `  ${way}`, 'dim')];
}

/** A row that is drawn already. */
export const ready = (row: Row): RunRow => ({ draw: () => row });

/** A step, and below it its transfer, its failure and, on request, its output. */
export function stepRows(
  input: ScreenInput,
  step: RunStep,
  isFocus: boolean,
  { showsOutput }: RunState,
  size: Size,
): readonly RunRow[] {
  return [
    { draw: () => stepRow(input, step, size), step: step.number },
    ...(step.transfer === undefined ? [] : transferRows(step, step.transfer, input.glyphs, size)).map(ready),
    ...failureRows(step, size).map(ready),
    ...(isFocus && showsOutput ? outputRows(step, size) : []).map(ready),
  ];
}

function stepRow({ view, glyphs }: ScreenInput, step: RunStep, { columns }: Size): Row {
  const [sign, token] = stateSign(step.at.state, glyphs);
  const time = step.elapsedMs === undefined ? '' : formatDuration(step.elapsedMs);
  const left = [
    span('  '),
    span(`${sign} `, token),
    span(`${step.number}. `.padStart(4), 'dim'),
    span(stepText(view, step)),
  ];
  return ends(left, [span(time, step.at.state === 'running' ? 'accent' : 'dim')], columns, glyphs.ellipsis);
}

const indent = 8;

function transferRows(
  step: RunStep,
  transfer: TransferRate,
  glyphs: ScreenInput['glyphs'],
  { columns, rows }: Size,
): readonly Row[] {
  const pad = span(' '.repeat(indent));
  const what = step.at.what === undefined ? '' : `${step.at.what}  `;
  const { share, doneBytes, totalBytes } = transfer;
  const bytes =
    totalBytes === undefined ? formatBytes(doneBytes) : `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`;
  const facts = share === undefined ? `${bytes}, size unknown` : `${percentText(share).padStart(4)}  ${bytes}`;
  const wide = clamp(columns - indent - facts.length - what.length - 4, 0, 50);
  const bar = share === undefined || wide < 6 ? [] : [span('['), ...barSpans(share, wide, glyphs), span('] ')];
  return [
    [pad, span(what, 'dim'), ...bar, span(facts, 'accent')],
    ...rateRows(step, transfer, glyphs, columns - indent, rows >= roomy).map((row) => [pad, ...row]),
  ];
}

/** From this height on, the rates of the last minute get a row of their own where they do not fit the other one. */
const roomy = 18;

/** `now 131 MiB/s  average 127 MiB/s  left 45 s ± 4 s  ▃▅▆  resumable`; each only where it is known and fits. */
function rateRows(
  step: RunStep,
  { nowRate, averageRate, leftMs, spreadMs = 0, history }: TransferRate,
  glyphs: ScreenInput['glyphs'],
  width: number,
  hasRoom: boolean,
): readonly Row[] {
  const spread = spreadMs < 1000 ? '' : ` ± ${formatDuration(spreadMs)}`;
  const parts = [
    ...(nowRate === undefined ? [] : [`now ${formatBytes(nowRate)}/s`]),
    ...(averageRate === undefined ? [] : [`average ${formatBytes(averageRate)}/s`]),
    ...(leftMs === undefined ? [] : [`left ${formatDuration(leftMs)}${spread}`]),
  ];
  const text = parts.length === 0 ? 'measuring the rate' : parts.join('  ');
  // A sync that is cut off continues later at the same byte.
  const resumes = step.step.action.kind === 'sync-volume' ? '  resumable' : '';
  const spark = sparkText(history, Math.min(60, width), glyphs);
  if (text.length + resumes.length + spark.length + 2 <= width && spark !== '') {
    return [[span(text), span(`  ${spark}`, 'accent'), span(resumes, 'dim')]];
  }
  return [[span(text), span(resumes, 'dim')], ...(hasRoom && spark !== '' ? [[span(spark, 'accent')]] : [])];
}

function failureRows(step: RunStep, { columns }: Size): readonly Row[] {
  const { outcome } = step.at;
  const pad = ' '.repeat(indent);
  if (outcome?.result === 'skipped') return [[span(`${pad}skipped, because an earlier step did not succeed`, 'dim')]];
  if (outcome?.result !== 'failed') return [];
  return describeError(outcome.error).flatMap((text, i) =>
    wrapRows(text, columns - indent, i === 0 ? 'bad' : 'plain').map((row) => [span(pad), ...row]),
  );
}

const outputShown = 8;

function outputRows({ at }: RunStep, { columns }: Size): readonly Row[] {
  const lines = (at.output ?? []).slice(-outputShown);
  const texts = lines.length === 0 ? ['this step has printed nothing'] : lines;
  const pad = ' '.repeat(indent);
  return texts.flatMap((text) =>
    wrapRows(text, columns - indent - 2, 'dim').map((row) => [span(`${pad}| `, 'dim'), ...row]),
  );
}

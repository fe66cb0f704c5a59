import type { Stage } from '../../view/stages.ts';
import { formatDuration } from '../../view/wording.ts';
import type { Glyphs } from '../frame/glyphs.ts';
import { type Row, type Size, type Span, span, type Token } from '../frame/rows.ts';
import type { About, Drawn, Message, OverlayPart, ScreenInput, Update } from '../screen.ts';
import type { Effect } from '../state.ts';
import { fitText } from '../text/fit.ts';
import { cursorAfter, drawList } from './list.ts';
import { pageAt, rowsMoved, rowsOn } from './page.ts';

export interface StagesState {
  readonly kind: 'stages';
  /** Rows scrolled back from the newest stage. */
  readonly offset: number;
  /** The chosen thing to do until the lab is up. */
  readonly cursor: number;
}

/** The page that shows the lab coming up. */
export const openStages = (): StagesState => ({ kind: 'stages', offset: 0, cursor: 0 });

/** The lab coming up: what is done, what is running and for how long, and what can be done until then. */
export const stagesPart: OverlayPart<StagesState> = {
  kind: 'stages',
  isFirstPage: true,
  actions: ['open', 'up', 'down', 'page-up', 'page-down', 'edit'],
  inFooter: 3,
  labelOf: (_state, action) => (action === 'open' || action === 'down' ? 'choose' : action === 'up' ? '' : undefined),
  disabledReason: ({ about }, _state, action) =>
    action === 'edit' && about.files === undefined ? 'this folder has no files' : undefined,
  draw,
  update,
};

function draw(input: ScreenInput, state: StagesState, size: Size): Drawn {
  const stages = input.stages ?? [];
  const choices = choicesOf(input.about);
  const room = Math.max(1, size.rows - choices.length - 3);
  const all = stages.flatMap((stage) => stageRows(stage, input, size.columns));
  const scroll = pageAt(all.length - room - state.offset, room, all.length);
  const above = [
    headRow(stages, input.about),
    ...(all.length === 0 ? [[span('starting…', 'dim')]] : rowsOn(scroll, all)),
    [],
    [span(hasFailed(stages) ? 'you can still' : 'in the meantime', 'dim')],
  ];
  return {
    title: [span('the lab is starting', 'title')],
    aside: [span(elapsedOf(stages, input.now), 'dim')],
    ...drawList({
      size: { ...size, rows: above.length + choices.length },
      cursor: state.cursor,
      head: above,
      lines: choices.length,
      draw: () =>
        choices.map(({ text }, i) => [span(`${i === state.cursor ? input.glyphs.cursor : ' '} ${text}`, 'accent')]),
    }),
    scroll,
  };
}

function update({ about }: ScreenInput, state: StagesState, message: Message, size: Size): Update<StagesState> {
  const choices = choicesOf(about);
  if (message.type === 'pick') return choose(about, message.index);
  if (message.type === 'action' && message.action === 'open') return choose(about, state.cursor);
  if (message.type === 'action' && message.action === 'edit') return choose(about, 2);
  const isArrow = message.type === 'action' && (message.action === 'up' || message.action === 'down');
  if (isArrow) return { state: { ...state, cursor: cursorAfter(message, state.cursor, choices.length, 1) ?? 0 } };
  const rows = rowsMoved(message, size.rows - 5);
  return rows === undefined ? {} : { state: { ...state, offset: Math.max(0, state.offset - rows) } };
}

interface Choice {
  readonly text: string;
  readonly effect: Effect;
}

/** What can be done while the lab starts. */
function choicesOf({ files }: About): readonly Choice[] {
  const simulation: Choice = { text: 'look at a simulated cluster', effect: { type: 'look-at-simulation' } };
  if (files === undefined) return [simulation];
  const read = (file: string, what: string): Choice => ({
    text: `read ${file}: ${what}`,
    effect: { type: 'edit', file },
  });
  return [simulation, read(files.application, 'what will run'), read(files.deployment, 'where it will run')];
}

function choose(about: About, index: number): Update<StagesState> {
  const choice = choicesOf(about)[index];
  return choice === undefined ? {} : { effects: [choice.effect] };
}

const hasFailed = (stages: readonly Stage[]): boolean => stages.some(({ state }) => state === 'failed');

/** What is being started, or that it failed. */
function headRow(stages: readonly Stage[], { keyOf }: About): Row {
  const key = keyOf('quit') ?? 'q';
  if (hasFailed(stages)) return [span(`the lab did not start; ${key} quits and prints the reason`, 'bad')];
  return [span(`virtual machines on this computer; ${key} stops, the next start continues`, 'dim')];
}

function elapsedOf(stages: readonly Stage[], now: number): string {
  const began = stages[0]?.startedAt;
  if (began === undefined) return '';
  const ends = stages.map(({ state, endedAt }) => (state === 'running' ? now : (endedAt ?? now)));
  return formatDuration(Math.max(0, Math.max(...ends) - began));
}

/** One row; a second one has the bar and the words of a running stage, or the reason of a failed one. */
function stageRows(stage: Stage, input: ScreenInput, columns: number): readonly Row[] {
  const { glyphs, now } = input;
  const [glyph, token] = signOf(stage, glyphs);
  const took = formatElapsed(stage, now);
  const name = fitText(stage.name, Math.max(1, columns - took.length - 3), 'left', glyphs.ellipsis);
  const row: Row = [
    span(glyph, token),
    span(` ${name} `, stage.state === 'running' ? 'strong' : 'plain'),
    span(took, 'dim'),
  ];
  const more = stage.state === 'running' ? runningRow(stage, input, columns) : endedRow(stage);
  return more === undefined ? [row] : [row, more];
}

function signOf({ state }: Stage, glyphs: Glyphs): readonly [string, Token] {
  if (state === 'done') return [glyphs.done, 'ok'];
  if (state === 'failed') return [glyphs.failed, 'bad'];
  return state === 'running' ? [glyphs.changing, 'warn'] : [glyphs.waiting, 'dim'];
}

function formatElapsed({ startedAt, endedAt }: Stage, now: number): string {
  return startedAt === undefined ? '' : formatDuration(Math.max(0, (endedAt ?? now) - startedAt));
}

function endedRow({ state, text }: Stage): Row | undefined {
  return state === 'failed' && text !== undefined ? [span(`  ${text}`, 'bad')] : undefined;
}

const barCells = 16;

function runningRow(stage: Stage, { glyphs, now }: ScreenInput, columns: number): Row | undefined {
  const gauge = gaugeOf(stage, glyphs, now);
  const used = gauge.reduce((sum, { text }) => sum + text.length, 2);
  const words =
    stage.text === undefined ? '' : fitText(stage.text, Math.max(0, columns - used), 'left', glyphs.ellipsis);
  return gauge.length === 0 && words.trim() === '' ? undefined : [span('  '), ...gauge, span(words, 'dim')];
}

/** The bar is never full before the end: the expected time is an estimate. */
function gaugeOf({ startedAt, expectedMs }: Stage, glyphs: Glyphs, now: number): readonly Span[] {
  if (startedAt === undefined || expectedMs === undefined || expectedMs <= 0) return [];
  const elapsed = Math.max(0, now - startedAt);
  const share = Math.min(0.98, elapsed / expectedMs);
  const full = Math.floor(share * barCells);
  const left = expectedMs - elapsed;
  const words = left > 0 ? `about ${formatDuration(Math.max(1000, left))} left` : 'longer than usual';
  return [
    span(glyphs.barFull.repeat(full), 'accent'),
    span(glyphs.barEmpty.repeat(barCells - full), 'dim'),
    span(` ${String(Math.floor(share * 100)).padStart(2)} %  ${words}  `, 'plain'),
  ];
}

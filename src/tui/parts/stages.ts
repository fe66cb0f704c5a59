import type { Stage } from '../../view/stages.ts';
import { formatDuration } from '../../view/wording.ts';
import type { ActionId } from '../actions/actions.ts';
import type { Glyphs } from '../frame/glyphs.ts';
import { type Row, type Size, type Span, span, type Token } from '../frame/rows.ts';
import type { About, HitArea, OverlayPart, ScreenInput, Step } from '../screen.ts';
import type { Effect, StagesState } from '../state.ts';
import { fitText } from '../text/fit.ts';

const actions: readonly ActionId[] = ['open', 'up', 'down', 'page-up', 'page-down', 'edit'];

/** The lab on its way up: what is done, what goes on and how long that takes, and what to look at meanwhile. */
export const stagesPart: OverlayPart<'stages'> = {
  actions,
  inFooter: 3,
  labelOf: (_state, action) => (action === 'open' || action === 'down' ? 'choose' : action === 'up' ? '' : undefined),
  offBecause: ({ about }, _state, action) =>
    action === 'edit' && about.files === undefined ? 'this folder has no files' : undefined,
  draw: (input, state, size) => {
    const stages = input.stages ?? [];
    const choices = choicesOf(input.about);
    const below = [
      [],
      [span(isOver(stages) ? 'until then' : 'meanwhile', 'dim')],
      ...choiceRows(choices, state, input.glyphs),
    ];
    const room = Math.max(1, size.rows - below.length - 1);
    const all = stages.flatMap((stage) => stageRows(stage, input, size.columns));
    const back = Math.min(Math.max(0, state.offset), Math.max(0, all.length - room));
    const first = Math.max(0, all.length - room - back);
    const shown = all.slice(first, first + room);
    const rows = [headRow(stages, input.about), ...(shown.length === 0 ? [[span('begins…', 'dim')]] : shown), ...below];
    return {
      rows,
      title: [span('the lab is on its way', 'title')],
      aside: [span(elapsedOf(stages, input.now), 'dim')],
      hits: choiceHits(choices, rows.length - choices.length, size),
      ...(all.length > room ? { scroll: { offset: first, shown: room, total: all.length } } : {}),
    };
  },
  update: (input, state, message, size) => {
    if (message.type === 'pick') return choose(input.about, message.index);
    if (message.type === 'wheel') return { state: scrolled(state, -message.rows) };
    return message.type === 'action' ? act(input.about, state, message.action, size) : {};
  },
};

function act(about: About, state: StagesState, action: ActionId, size: Size): Step<StagesState> {
  const last = choicesOf(about).length - 1;
  const at = state.cursor ?? 0;
  switch (action) {
    case 'up':
      return { state: { ...state, cursor: Math.max(0, at - 1) } };
    case 'down':
      return { state: { ...state, cursor: Math.min(last, at + 1) } };
    case 'page-up':
      return { state: scrolled(state, Math.max(1, size.rows - 6)) };
    case 'page-down':
      return { state: scrolled(state, -Math.max(1, size.rows - 6)) };
    case 'open':
      return choose(about, at);
    case 'edit':
      return choose(about, 2);
    default:
      return {};
  }
}

const scrolled = (state: StagesState, rows: number): StagesState => ({
  ...state,
  offset: Math.max(0, state.offset + rows),
});

interface Choice {
  readonly text: string;
  readonly effect: Effect;
}

/** Worth a look while one waits. */
function choicesOf({ files }: About): readonly Choice[] {
  const simulation: Choice = { text: 'look at a simulated cluster', effect: { type: 'look-at-simulation' } };
  if (files === undefined) return [simulation];
  const read = (file: string, what: string): Choice => ({
    text: `read ${file}: ${what}`,
    effect: { type: 'edit', file },
  });
  return [simulation, read(files.application, 'what will run'), read(files.deployment, 'where it will run')];
}

function choose(about: About, index: number): Step<StagesState> {
  const choice = choicesOf(about)[index];
  return choice === undefined ? {} : { effects: [choice.effect] };
}

function choiceRows(choices: readonly Choice[], state: StagesState, glyphs: Glyphs): readonly Row[] {
  return choices.map(({ text }, index) => {
    const isAt = index === (state.cursor ?? 0);
    return [{ ...span(`${isAt ? glyphs.cursor : ' '} ${text}`, 'accent'), ...(isAt ? { selected: true } : {}) }];
  });
}

const choiceHits = (choices: readonly Choice[], first: number, { columns }: Size): readonly HitArea[] =>
  choices.map((_choice, index) => ({
    x: 0,
    y: first + index,
    columns,
    rows: 1,
    click: { type: 'pick', index },
  }));

const isOver = (stages: readonly Stage[]): boolean => stages.some(({ state }) => state === 'failed');

/** What the whole thing is, or why it ended early. */
function headRow(stages: readonly Stage[], { keyOf }: About): Row {
  if (isOver(stages)) return [span(`the lab did not come up; ${keyOf('quit') ?? 'q'} ends, and says why`, 'bad')];
  const key = keyOf('quit') ?? 'q';
  return [span(`virtual machines on this computer; ${key} stops that, and the next start goes on`, 'dim')];
}

function elapsedOf(stages: readonly Stage[], now: number): string {
  const began = stages[0]?.startedAt;
  if (began === undefined) return '';
  const ends = stages.map(({ state, endedAt }) => (state === 'running' ? now : (endedAt ?? now)));
  return formatDuration(Math.max(0, Math.max(...ends) - began));
}

/** One row, and a second one with bar and words while it goes on, or with the reason where it failed. */
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

/** Never a full bar before the end: an estimate is not a promise. */
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

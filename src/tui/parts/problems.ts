import type { ConfigProblem } from '../../model/config.ts';
import { count, formatClock } from '../../view/wording.ts';
import type { ActionId } from '../actions/actions.ts';
import { type Row, type Size, span } from '../frame/rows.ts';
import type { About, Drawn, HitArea, OverlayPart, ScreenInput, Step } from '../screen.ts';
import type { ProblemsState } from '../state.ts';
import { clamp, fitOffset, rowsMoved, said, wrapRows } from './drawing.ts';

/** A problem, and where it stands in the view: what an effect names. */
interface Shown {
  readonly problem: ConfigProblem;
  readonly at: number;
}

/** Everything that is wrong with the newest save, worst first; one of them with its lines and its fix. */
export const problemsPart: OverlayPart<'problems'> = {
  actions: [
    'fix',
    'edit',
    'next-tab',
    'previous-tab',
    'sort',
    'open',
    'copy',
    'up',
    'down',
    'page-up',
    'page-down',
    'first',
    'last',
  ],
  inFooter: 5,
  labelOf: (_state, action) => labels[action],
  offBecause,
  draw,
  update,
};

const labels: Readonly<Partial<Record<ActionId, string>>> = {
  'next-tab': '',
  'previous-tab': 'next, previous',
  sort: 'other file',
};

/** What makes the rest of a file unread comes first: its other problems may only follow from it. */
export function worstFirst(problems: readonly ConfigProblem[]): readonly Shown[] {
  return problems
    .map((problem, at) => ({ problem, at }))
    .toSorted((a, b) => rankOf(a.problem) - rankOf(b.problem) || a.at - b.at);
}

function rankOf({ path, line, message }: ConfigProblem): number {
  if (/^has (?:at least )?\d+ more problems$/.test(message)) return 3;
  if (path !== '') return 2;
  return line === undefined ? 0 : 1;
}

const placeOf = ({ file, line, column }: ConfigProblem): string =>
  line === undefined ? file : `${file}:${line}:${column ?? 1}`;

function selected(
  input: ScreenInput,
  state: ProblemsState,
): { readonly all: readonly Shown[]; readonly index: number } {
  const all = worstFirst(input.view.problems);
  return { all, index: clamp(state.index, 0, Math.max(0, all.length - 1)) };
}

function offBecause(input: ScreenInput, state: ProblemsState, action: ActionId): string | undefined {
  const { all, index } = selected(input, state);
  const shown = all[index];
  if (shown === undefined) return 'there is no problem any more';
  if (action === 'open' && input.about.isReadOnly) return 'read-only';
  if (action === 'fix' && shown.problem.fix === undefined) return noFix(all);
  if (isStep(action) && all.length < 2) return 'it is the only one';
  if (action === 'sort' && new Set(all.map(({ problem }) => problem.file)).size < 2) return 'one file has them all';
  return undefined;
}

const isStep = (action: ActionId): boolean => action === 'next-tab' || action === 'previous-tab';

/** Where another one has a fix, this one may only follow from it. */
function noFix(all: readonly Shown[]): string {
  const at = all.findIndex(({ problem }) => problem.fix !== undefined);
  return at < 0
    ? 'what is meant is not certain here'
    : `what is meant is not certain here; ${at + 1} of ${all.length} can be fixed`;
}

function draw(input: ScreenInput, state: ProblemsState, size: Size): Drawn {
  const { all, index } = selected(input, state);
  const files = new Set(all.map(({ problem }) => problem.file));
  const head = forceRows(input, size);
  const blocks = all.map((each, at) =>
    at === index ? openRows(input, each, size) : [[span('  '), ...lineOf(input, each)]],
  );
  const starts = blocks.map((_, at) => blocks.slice(0, at).reduce((sum, block) => sum + block.length, 0));
  const total = blocks.reduce((sum, block) => sum + block.length, 0);
  const room = Math.max(1, size.rows - head.length);
  const start = starts[index] ?? 0;
  const end = start + (blocks[index]?.length ?? 0);
  // The whole block where it fits, and what comes before it where there is room for that as well.
  const offset = fitOffset(Math.min(start, Math.max(end - room, start - Math.floor(room / 4))), room, total);
  const body = blocks.flat().slice(offset, offset + room);
  const foot = offset + room >= total + 2 ? footRows(files.size, input.about) : [];
  return {
    title: [
      span(count(all.length, 'problem'), 'bad'),
      span(` in ${[...files].map((file) => said(file).text).join(', ')}`),
    ],
    aside: all.length < 2 ? [] : [span(`${index + 1} of ${all.length}`, 'dim')],
    rows: [...head, ...body, ...foot],
    hits: starts.flatMap((at, which) => hitsOf(which, head.length + at - offset, blocks[which]?.length ?? 1, size)),
    scroll: { offset, shown: room, total },
  };
}

function hitsOf(index: number, y: number, rows: number, { columns, rows: last }: Size): readonly HitArea[] {
  const top = Math.max(2, y);
  const height = Math.min(last, y + rows) - top;
  if (height <= 0) return [];
  return [
    { x: 0, y: top, columns, rows: height, click: { type: 'pick', index }, twice: { type: 'action', action: 'edit' } },
  ];
}

/** Which configuration is in force meanwhile. */
function forceRows({ view }: ScreenInput, { columns, rows }: Size): readonly Row[] {
  const text =
    view.config === undefined
      ? 'no configuration is in force yet, and nothing is applied before the files are right'
      : `${view.configLoadedAt === undefined ? 'the last good configuration' : `the configuration of ${formatClock(view.configLoadedAt)}`} stays in force; nothing of this save is applied`;
  return [...wrapRows(text, columns, 'warn'), ...(rows > 14 ? [[]] : [])];
}

function lineOf({ glyphs }: ScreenInput, { problem }: Shown): Row {
  return [span(`${glyphs.failed} `, 'bad'), said(`${placeOf(problem)}  `, 'dim'), said(problem.message)];
}

function openRows(input: ScreenInput, { problem }: Shown, { columns, rows }: Size): readonly Row[] {
  const { glyphs, about } = input;
  const isTall = rows > 14;
  const [first = '', ...more] = wrapRows(problem.message, columns - 6).map((row) => row[0]?.text ?? '');
  const place = said(placeOf(problem)).text;
  const fits = place.length + first.length + 6 <= columns && more.length === 0;
  const head: readonly Row[] = fits
    ? [
        [
          span(`${glyphs.cursor} `, 'accent'),
          span(`${glyphs.failed} `, 'bad'),
          span(`${place}  `, 'strong'),
          span(first, 'strong'),
        ],
      ]
    : [
        [span(`${glyphs.cursor} `, 'accent'), span(`${glyphs.failed} `, 'bad'), span(place, 'strong')],
        ...[first, ...more].map((text) => [span(`    ${text}`, 'strong')]),
      ];
  const indented = (text: string, token: 'dim' | 'plain' | 'accent'): readonly Row[] =>
    wrapRows(text, columns - 4, token).map((row) => [span('    '), ...row]);
  return [
    ...head,
    ...(isTall && problem.path !== '' ? indented(`at ${problem.path}`, 'dim') : []),
    ...frameRows(problem, columns),
    ...(problem.hint === undefined ? [] : indented(problem.hint, 'plain')),
    ...(problem.fix === undefined
      ? []
      : [[span(`    ${about.keyOf('fix') ?? ':fix'}  `, 'key'), said(problem.fix.label, 'accent')]]),
    ...(isTall ? [[]] : []),
  ];
}

/** The lines as everywhere, the one in question strong; cut on the left where the caret would not be seen. */
function frameRows({ frame }: ConfigProblem, columns: number): readonly Row[] {
  if (frame === undefined) return [];
  const lines = frame.split('\n');
  const caret = lines.find((line) => /^ *\| *\^$/.test(line));
  const room = columns - 4;
  const hidden = caret === undefined ? 0 : Math.max(0, caret.length - room + 8);
  const gutter = (caret?.indexOf('|') ?? 0) + 2;
  return lines.map((line) => {
    const text = hidden === 0 ? line : `${line.slice(0, gutter)}${line.slice(gutter + hidden)}`;
    const token = line === caret ? 'bad' : line.startsWith('>') ? 'strong' : 'dim';
    return [span('    '), said(text, token)];
  });
}

function footRows(files: number, { keyOf }: About): readonly Row[] {
  const other = files > 1 ? `; ${keyOf('sort') ?? ':sort'} goes to the other file` : '';
  return [[], [span(`\`drover validate\` prints the same${other}`, 'dim')]];
}

function update(
  input: ScreenInput,
  state: ProblemsState,
  message: Parameters<typeof problemsPart.update>[2],
  size: Size,
): Step<ProblemsState> {
  if (message.type === 'pick') return { state: { ...state, index: message.index } };
  if (message.type === 'view-changed') return input.view.problems.length === 0 ? { closes: true } : {};
  if (message.type !== 'action') return {};
  const { all, index } = selected(input, state);
  const shown = all[index];
  if (shown === undefined) return {};
  const to = targetOf(message.action, all, index, size);
  return to === undefined ? act(message.action, shown) : { state: { ...state, index: to } };
}

function targetOf(action: ActionId, all: readonly Shown[], index: number, size: Size): number | undefined {
  // Next and previous go around; the arrows stop at the ends, as in every list.
  if (action === 'next-tab') return (index + 1) % all.length;
  if (action === 'previous-tab') return (index - 1 + all.length) % all.length;
  if (action === 'sort') {
    const file = all[index]?.problem.file;
    const order = [...all.keys()].map((i) => (index + i) % all.length);
    return order.find((at) => all[at]?.problem.file !== file) ?? index;
  }
  const rows = rowsMoved(action, Math.floor(size.rows / 2));
  return rows === undefined ? undefined : clamp(index + rows, 0, all.length - 1);
}

function act(action: ActionId, { problem, at }: Shown): Step<ProblemsState> {
  const { file, line, column, fix, message } = problem;
  switch (action) {
    case 'fix':
      return fix === undefined ? {} : { effects: [{ type: 'fix', problem: at }] };
    case 'edit':
    case 'open':
      return {
        effects: [
          { type: 'edit', file, ...(line === undefined ? {} : { line }), ...(column === undefined ? {} : { column }) },
        ],
      };
    case 'copy':
      return { effects: [{ type: 'copy', text: `${placeOf(problem)}: ${message}` }] };
    default:
      return {};
  }
}

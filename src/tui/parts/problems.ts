import type { ConfigProblem } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { count, formatClock } from '../../view/wording.ts';
import type { ActionId } from '../actions/actions.ts';
import { type Row, type Size, span } from '../frame/rows.ts';
import type { About, Drawn, Message, OverlayPart, ScreenInput, Update } from '../screen.ts';
import type { Overlay } from '../state.ts';
import { wrapRows } from './drawing.ts';
import { cursorAfter, drawList, inList } from './list.ts';
import { movingActions, pageAt } from './page.ts';

export interface ProblemsState {
  readonly kind: 'problems';
  readonly index: number;
}

/** The problems of the newest save. */
export const openProblems = (index = 0): ProblemsState => ({ kind: 'problems', index });

export const isProblems = (overlay: Overlay): overlay is ProblemsState => overlay.kind === 'problems';

/** A problem with its index in the view, by which an effect names it. */
interface Shown {
  readonly problem: ConfigProblem;
  readonly at: number;
}

/** Everything that is wrong with the newest save, worst first; the selected one with its lines and its fix. */
export const problemsPart: OverlayPart<ProblemsState> = {
  kind: 'problems',
  actions: ['fix', 'edit', 'next-tab', 'previous-tab', 'sort', 'open', 'copy', ...movingActions],
  inFooter: 5,
  labelOf: (_state, action) => labels[action],
  disabledReason,
  draw,
  slice: ({ view, about }, state) => [view.problems, view.config, view.configLoadedAt, about, state],
  update,
};

const labels: Readonly<Partial<Record<ActionId, string>>> = {
  'next-tab': '',
  'previous-tab': 'next, previous',
  sort: 'other file',
};

/** A problem that keeps drover from reading the rest of a file comes first: the others may only follow from it. */
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
  return { all, index: inList(state.index, all.length) };
}

function disabledReason(input: ScreenInput, state: ProblemsState, action: ActionId): string | undefined {
  const { all, index } = selected(input, state);
  const shown = all[index];
  if (shown === undefined) return 'there are no problems any more';
  if (action === 'open' && input.about.isReadOnly) return 'read-only';
  if (action === 'fix' && shown.problem.fix === undefined) return noFix(all);
  if (isStep(action) && all.length < 2) return 'there is only one problem';
  if (action === 'sort' && new Set(all.map(({ problem }) => problem.file)).size < 2)
    return 'all problems are in one file';
  return undefined;
}

const isStep = (action: ActionId): boolean => action === 'next-tab' || action === 'previous-tab';

/** Where another problem has a fix, this one may only follow from that. */
function noFix(all: readonly Shown[]): string {
  const at = all.findIndex(({ problem }) => problem.fix !== undefined);
  return at < 0
    ? 'drover cannot tell what is meant here'
    : `drover cannot tell what is meant here; problem ${at + 1} of ${all.length} has a fix`;
}

function draw(input: ScreenInput, state: ProblemsState, size: Size): Drawn {
  const { all, index } = selected(input, state);
  const files = new Set(all.map(({ problem }) => problem.file));
  const head = forceRows(input, size);
  const blocks = all.map((each, at) =>
    at === index ? openRows(input, each, size) : [[span('  '), ...lineOf(input, each)]],
  );
  const lines = blocks.flatMap((block, at) => block.map(() => at));
  const total = lines.length;
  const room = Math.max(1, size.rows - head.length);
  const start = lines.indexOf(index);
  const end = lines.lastIndexOf(index) + 1;
  // The whole block where it fits, and what comes before it where there is room for that as well.
  const from = pageAt(Math.min(start, Math.max(end - room, start - Math.floor(room / 4))), room, total).offset;
  return {
    title: [
      span(count(all.length, 'problem'), 'bad'),
      span(` in ${[...files].map((file) => span(file).text).join(', ')}`),
    ],
    aside: all.length < 2 ? [] : [span(`${index + 1} of ${all.length}`, 'dim')],
    ...drawList({
      size,
      cursor: index,
      lines,
      head,
      below: room >= total + 2 ? footRows(files.size, input.about) : [],
      from,
      isSelected: false,
      draw: ({ offset, shown }) => blocks.flat().slice(offset, offset + shown),
      twice: { type: 'action', action: 'edit' },
    }),
  };
}

/** The configuration that drover keeps using. */
function forceRows({ view }: ScreenInput, { columns, rows }: Size): readonly Row[] {
  const text =
    view.config === undefined
      ? 'no configuration is in force; nothing is applied until the problems are fixed'
      : `${view.configLoadedAt === undefined ? 'the last good configuration' : `the configuration of ${formatClock(view.configLoadedAt)}`} stays in force; this save is not applied`;
  return [...wrapRows(text, columns, 'warn'), ...(rows > 14 ? [[]] : [])];
}

function lineOf({ glyphs }: ScreenInput, { problem }: Shown): Row {
  return [span(`${glyphs.failed} `, 'bad'), span(`${placeOf(problem)}  `, 'dim'), span(problem.message)];
}

function openRows(input: ScreenInput, { problem }: Shown, { columns, rows }: Size): readonly Row[] {
  const { glyphs, about } = input;
  const isTall = rows > 14;
  const [first = '', ...more] = wrapRows(problem.message, columns - 6).map((row) => row[0]?.text ?? '');
  const place = span(placeOf(problem)).text;
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
    ...(problem.also === undefined ? [] : indented(alsoText(problem.also), 'dim')),
    ...(problem.hint === undefined ? [] : indented(problem.hint, 'plain')),
    ...(problem.fix === undefined
      ? []
      : [[span(`    ${about.keyOf('fix') ?? ':fix'}  `, 'key'), span(problem.fix.label, 'accent')]]),
    ...(isTall ? [[]] : []),
  ];
}

/** Lines of the file, the faulty one in bold; cut on the left where the caret would be out of sight. */
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
    return [span('    '), span(text, token)];
  });
}

/** The same problem elsewhere: the lines of the file. */
function alsoText(also: NonNullable<ConfigProblem['also']>): string {
  const shown = also.slice(0, 8).map(({ line, path }) => (line === undefined ? path : `line ${line}`));
  const rest = also.length - shown.length;
  return `also at ${shown.join(', ')}${rest === 0 ? '' : ` and ${rest} more`}`;
}

function footRows(files: number, { keyOf }: About): readonly Row[] {
  const other = files > 1 ? `; ${keyOf('sort') ?? ':sort'} goes to the other file` : '';
  return [[], [span(`\`drover validate\` prints the same${other}`, 'dim')]];
}

function update(input: ScreenInput, state: ProblemsState, message: Message, size: Size): Update<ProblemsState> {
  if (message.type === 'view-changed') return input.view.problems.length === 0 ? { closes: true } : {};
  const { all, index } = selected(input, state);
  const shown = all[index];
  if (shown === undefined) return {};
  const to = targetOf(message, all, index, size);
  if (to !== undefined) return { state: { ...state, index: to } };
  return message.type === 'action' ? act(message.action, shown) : {};
}

function targetOf(message: Message, all: readonly Shown[], index: number, size: Size): number | undefined {
  const action = message.type === 'action' ? message.action : undefined;
  // Next and previous go around; the arrows stop at the ends, as in every list.
  if (action === 'next-tab') return (index + 1) % all.length;
  if (action === 'previous-tab') return (index - 1 + all.length) % all.length;
  if (action === 'sort') {
    const file = all[index]?.problem.file;
    const order = [...all.keys()].map((i) => (index + i) % all.length);
    return order.find((at) => all[at]?.problem.file !== file) ?? index;
  }
  return cursorAfter(message, index, all.length, Math.floor(size.rows / 2));
}

function act(action: ActionId, { problem, at }: Shown): Update<ProblemsState> {
  const { file, line, column, fix, message } = problem;
  switch (action) {
    case 'fix':
      return fix === undefined ? {} : { effects: [{ type: 'fix', problem: at }] };
    case 'edit':
    case 'open':
      return {
        effects: [{ type: 'edit', file, ...defined({ line, column }) }],
      };
    case 'copy':
      return { effects: [{ type: 'copy', text: `${placeOf(problem)}: ${message}` }] };
    default:
      return {};
  }
}

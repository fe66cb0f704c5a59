import type { AppName, NodeName } from '../../model/config.ts';
import { type Fit, fitsOf } from '../../view/move-fit.ts';
import { formatBytes, listNames, nodeTitle, shortBytes } from '../../view/wording.ts';
import { type Row, type Size, type Span, span } from '../frame/rows.ts';
import type { Drawn, HitArea, Message, OverlayPart, ScreenInput, Step } from '../screen.ts';
import type { MoveState } from '../state.ts';
import { clamp, columns, keepInSight, movingActions, rowsMoved, said, select, wrapRows } from './drawing.ts';

/** Where these applications could go: every node with what speaks for and against it. The cursor is on those that can. */
export const movePart: OverlayPart<'move'> = {
  actions: ['open', ...movingActions],
  inFooter: 1,
  labelOf: (_state, action) => (action === 'open' ? 'move it there' : undefined),
  offBecause: (input, state, action) => (action === 'open' ? reasonAgainst(input, state) : undefined),
  draw,
  update,
};

/** Nodes one can choose first, in the files' order both. */
const inOrder = (fits: readonly Fit[]): readonly Fit[] => [
  ...fits.filter(({ against }) => against === undefined),
  ...fits.filter(({ against }) => against !== undefined),
];

function choices({ view, now }: ScreenInput, { apps, cursor }: MoveState) {
  const fits = inOrder(fitsOf(view, apps, now));
  const offered = fits.filter(({ against }) => against === undefined).length;
  return { fits, offered, at: clamp(cursor, 0, Math.max(0, offered - 1)) };
}

function reasonAgainst(input: ScreenInput, state: MoveState): string | undefined {
  if (input.about.isReadOnly) return 'read-only';
  if (input.view.problems.length > 0) return 'the files have problems, which come first';
  return choices(input, state).offered === 0 ? 'there is no node to move to' : undefined;
}

function draw(input: ScreenInput, state: MoveState, size: Size): Drawn {
  const { fits, offered, at } = choices(input, state);
  const head = placeRows(input, state.apps, size);
  const below = [...remarkRows(fits[at], offered, size), ...consequenceRows(input, size)];
  const table = columns(fits.map((fit, index) => cellsOf(input, fit, index === at && index < offered, size)));
  const room = Math.max(1, size.rows - head.length - below.length);
  const offset = keepInSight(0, at, room, table.length);
  const shown = table.slice(offset, offset + room);
  return {
    title: [span('move ', 'title'), said(listNames(state.apps), 'title')],
    rows: [...head, ...shown.map((row, i) => (i + offset === at && offered > 0 ? select(row) : row)), ...below],
    hits: shown.map((_, i) => hitOf(i + offset, head.length + i, size)),
    scroll: { offset, shown: room, total: table.length },
  };
}

const hitOf = (index: number, y: number, size: Size): HitArea => ({
  x: 0,
  y,
  columns: size.columns,
  rows: 1,
  click: { type: 'pick', index },
  twice: { type: 'action', action: 'open' },
});

/** Where they are now, and how much goes along. */
function placeRows({ view }: ScreenInput, apps: readonly AppName[], size: Size): readonly Row[] {
  const places = apps.map((app) => {
    const from = fitsOf(view, [app], 0).find(({ present }) => present.length > 0);
    const bytes = from?.dataBytes ?? 0;
    const data = bytes === 0 ? '' : ` with ${formatBytes(bytes)} of data`;
    return `"${app}" is on ${from === undefined ? 'no node' : nodeTitle(view.config, from.node)}${data}`;
  });
  const most = size.rows > 14 ? 6 : 2;
  const more = places.length > most ? [`and ${places.length - most + 1} more`] : [];
  const shown = more.length === 0 ? places : places.slice(0, most - 1);
  return [...[...shown, ...more].map((text): Row => [said(text)]), ...(size.rows > 10 ? [[]] : [])];
}

function cellsOf({ view, glyphs }: ScreenInput, fit: Fit, isAt: boolean, size: Size): readonly Span[] {
  const { node, against, warnings, freeBytes, neededBytes } = fit;
  const isOff = against !== undefined;
  const sign = isOff ? span(glyphs.skipped, 'dim') : warnings.length > 0 ? span('!', 'warn') : span(glyphs.done, 'ok');
  const title = said(`${isAt ? glyphs.cursor : ' '} ${nodeTitle(view.config, node)}`, isOff ? 'dim' : 'strong');
  if (size.columns < 72) {
    const sum = `${shortBytes(freeBytes ?? 0)} free, needs ${shortBytes(neededBytes)}`;
    return [title, sign, said(against ?? [sum, ...warnings].join('; '), isOff ? 'dim' : 'plain')];
  }
  const free = freeBytes === undefined ? '' : `${formatBytes(freeBytes)} free`;
  // Why it cannot be is said in full, where the rest would only be in its way.
  if (isOff) return [title, sign, said(against, 'dim')];
  const needs = neededBytes === 0 ? '' : `needs ${formatBytes(neededBytes)}`;
  return [
    title,
    sign,
    said(
      [`${free}${free === '' || needs === '' ? '' : ', '}${needs}`, warnings[0] ?? 'fits']
        .filter((text) => text !== '')
        .join('  '),
    ),
  ];
}

/** Of the node under the cursor, in full: the table may have cut it. */
function remarkRows(fit: Fit | undefined, offered: number, size: Size): readonly Row[] {
  if (offered === 0) return [[], [span('there is no node to move to', 'warn')]];
  if (fit === undefined || fit.warnings.length === 0) return [];
  const rows = fit.warnings.flatMap((text) => wrapRows(`! ${text}`, size.columns, 'warn', '  '));
  return [[], ...rows.slice(0, size.rows > 14 ? rows.length : 2)];
}

function consequenceRows({ view, about }: ScreenInput, size: Size): readonly Row[] {
  const file = about.files?.deployment ?? 'deployment.yml';
  const then =
    view.policy === 'ask' ? 'the plan is shown before anything is done' : 'the move begins at once, and can be undone';
  return [[], ...wrapRows(`Enter edits ${file}; ${then}`, size.columns, 'dim')];
}

function update(input: ScreenInput, state: MoveState, message: Message, size: Size): Step<MoveState> {
  const { fits, offered, at } = choices(input, state);
  if (message.type === 'pick') {
    const fit = fits[message.index];
    if (fit?.against === undefined) return fit === undefined ? {} : { state: { ...state, cursor: message.index } };
    return { notice: { text: fit.against, tone: 'warn' } };
  }
  if (message.type !== 'action') return {};
  const rows = rowsMoved(message.action, size.rows);
  if (rows !== undefined) return { state: { ...state, cursor: clamp(at + rows, 0, Math.max(0, offered - 1)) } };
  return message.action === 'open' ? go(input, state, fits[at]) : {};
}

function go(input: ScreenInput, state: MoveState, fit: Fit | undefined): Step<MoveState> {
  const reason = reasonAgainst(input, state) ?? fit?.against;
  if (reason !== undefined || fit === undefined) {
    return { notice: { text: reason ?? 'there is no node to move to', tone: 'warn' } };
  }
  const apps = state.apps.filter((app) => !fit.present.includes(app));
  return { closes: true, effects: [moveTo(apps, fit.node)] };
}

const moveTo = (apps: readonly AppName[], node: NodeName) => ({ type: 'move', apps, node }) as const;

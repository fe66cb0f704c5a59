import type { AppName, NodeName } from '../../model/config.ts';
import { movesWith } from '../../model/shared-volumes.ts';
import type { ClusterView } from '../../view/cluster-view.ts';
import { type Fit, fitsOf } from '../../view/move-fit.ts';
import { formatBytes, listNames, nodeTitle, shortBytes } from '../../view/wording.ts';
import { type Row, type Size, type Span, span } from '../frame/rows.ts';
import type { Drawn, Message, OverlayPart, ScreenInput, Update } from '../screen.ts';
import { columns, wrapRows } from './drawing.ts';
import { cursorAfter, drawList, inList } from './list.ts';
import { movingActions, rowsOn } from './page.ts';

export interface MoveState {
  readonly kind: 'move';
  readonly apps: readonly AppName[];
  readonly cursor: number;
}

/** The choice of a node for these applications. */
export const openMove = (apps: readonly AppName[]): MoveState => ({ kind: 'move', apps, cursor: 0 });

/** The applications, and those that share a volume with them: they move together. */
export const allMoving = ({ config }: ClusterView, apps: readonly AppName[]): readonly AppName[] =>
  config === undefined ? apps : [...new Set(apps.flatMap((app) => movesWith(config, app)))].sort();

/** Every node with its room, and why it cannot take the applications. The cursor goes through those that can. */
export const movePart: OverlayPart<MoveState> = {
  kind: 'move',
  isDialog: true,
  actions: ['open', ...movingActions],
  inFooter: 1,
  labelOf: (_state, action) => (action === 'open' ? 'move it there' : undefined),
  disabledReason: (input, state, action) => (action === 'open' ? reasonAgainst(input, state) : undefined),
  draw,
  update,
};

/** Nodes that can be chosen come first; otherwise in the order of the files. */
const inOrder = (fits: readonly Fit[]): readonly Fit[] => [
  ...fits.filter(({ against }) => against === undefined),
  ...fits.filter(({ against }) => against !== undefined),
];

function choices({ view, now }: ScreenInput, { apps, cursor }: MoveState) {
  const fits = inOrder(fitsOf(view, apps, now));
  const offered = fits.filter(({ against }) => against === undefined).length;
  return { fits, offered, at: inList(cursor, offered) };
}

function reasonAgainst(input: ScreenInput, state: MoveState): string | undefined {
  if (input.about.isReadOnly) return 'read-only';
  if (input.view.problems.length > 0) return 'fix the problems in the files first';
  return choices(input, state).offered === 0 ? 'no node can take it' : undefined;
}

function draw(input: ScreenInput, state: MoveState, size: Size): Drawn {
  const { fits, offered, at } = choices(input, state);
  const head = placeRows(input, state.apps, size);
  const below = [...remarkRows(fits[at], offered, size), ...consequenceRows(input, size)];
  const table = columns(fits.map((fit, index) => cellsOf(input, fit, index === at && index < offered, size)));
  return {
    title: [span('move ', 'title'), span(listNames(state.apps), 'title')],
    ...drawList({
      size,
      cursor: at,
      lines: table.length,
      head,
      below,
      isSelected: offered > 0,
      draw: (shown) => rowsOn(shown, table),
      twice: { type: 'action', action: 'open' },
    }),
  };
}

/** Where the applications are now, and how much data they have. */
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
  return [...[...shown, ...more].map((text): Row => [span(text)]), ...(size.rows > 10 ? [[]] : [])];
}

function cellsOf({ view, glyphs }: ScreenInput, fit: Fit, isAt: boolean, size: Size): readonly Span[] {
  const { node, against, warnings, freeBytes, neededBytes } = fit;
  const isOff = against !== undefined;
  const sign = isOff ? span(glyphs.skipped, 'dim') : warnings.length > 0 ? span('!', 'warn') : span(glyphs.done, 'ok');
  const title = span(`${isAt ? glyphs.cursor : ' '} ${nodeTitle(view.config, node)}`, isOff ? 'dim' : 'strong');
  if (size.columns < 72) {
    const sum = `${shortBytes(freeBytes ?? 0)} free, needs ${shortBytes(neededBytes)}`;
    return [title, sign, span(against ?? [sum, ...warnings].join('; '), isOff ? 'dim' : 'plain')];
  }
  const free = freeBytes === undefined ? '' : `${formatBytes(freeBytes)} free`;
  // The reason gets all the room: how much is free does not matter here.
  if (isOff) return [title, sign, span(against, 'dim')];
  const needs = neededBytes === 0 ? '' : `needs ${formatBytes(neededBytes)}`;
  return [
    title,
    sign,
    span(
      [`${free}${free === '' || needs === '' ? '' : ', '}${needs}`, warnings[0] ?? 'fits']
        .filter((text) => text !== '')
        .join('  '),
    ),
  ];
}

/** The warnings of the node under the cursor in full: the table may have cut them. */
function remarkRows(fit: Fit | undefined, offered: number, size: Size): readonly Row[] {
  if (offered === 0) return [[], [span('no node can take it', 'warn')]];
  if (fit === undefined || fit.warnings.length === 0) return [];
  const rows = fit.warnings.flatMap((text) => wrapRows(`! ${text}`, size.columns, 'warn', '  '));
  return [[], ...rows.slice(0, size.rows > 14 ? rows.length : 2)];
}

function consequenceRows({ view, about }: ScreenInput, size: Size): readonly Row[] {
  const file = about.files?.deployment ?? 'deployment.yml';
  const then =
    view.policy === 'ask' ? 'drover shows the plan first and waits' : 'the move begins at once and can be undone';
  return [[], ...wrapRows(`Enter edits ${file}; ${then}`, size.columns, 'dim')];
}

function update(input: ScreenInput, state: MoveState, message: Message, size: Size): Update<MoveState> {
  const { fits, offered, at } = choices(input, state);
  if (message.type === 'pick') {
    const fit = fits[message.index];
    if (fit?.against === undefined) return fit === undefined ? {} : { state: { ...state, cursor: message.index } };
    return { notice: { text: fit.against, tone: 'warn' } };
  }
  const cursor = cursorAfter(message, at, offered, size.rows);
  if (cursor !== undefined) return { state: { ...state, cursor } };
  if (message.type !== 'action') return {};
  return message.action === 'open' ? go(input, state, fits[at]) : {};
}

function go(input: ScreenInput, state: MoveState, fit: Fit | undefined): Update<MoveState> {
  const reason = reasonAgainst(input, state) ?? fit?.against;
  if (reason !== undefined || fit === undefined) {
    return { notice: { text: reason ?? 'no node can take it', tone: 'warn' } };
  }
  const apps = state.apps.filter((app) => !fit.present.includes(app));
  return { closes: true, effects: [moveTo(apps, fit.node)] };
}

const moveTo = (apps: readonly AppName[], node: NodeName) => ({ type: 'move', apps, node }) as const;

import { plainText } from '../../model/plain-text.ts';
import { type ActionId, shortLabelOf } from '../actions/actions.ts';
import { footerRowsOf } from '../frame/layout.ts';
import { type Row, type Span, span } from '../frame/rows.ts';
import type { ScreenInput } from '../screen.ts';
import type { Notice } from '../state.ts';
import { fitRow, widthOfRow } from '../text/fit.ts';

/** How long a notice is shown. */
export const noticeMs = 6000;

export interface FooterKeys {
  /** Those of the part with the keys that are worth naming. */
  readonly actions: readonly ActionId[];
  readonly disabledReason: (action: ActionId) => string | undefined;
  /** What it does there, in place of its usual label; empty: it shares the label of the next one. */
  readonly labelOf?: (action: ActionId) => string | undefined;
  /** Letters are text now, so keys that are letters are not named. */
  readonly isTyping?: boolean;
  /** There is something to go back to. */
  readonly isAway?: boolean;
}

/**
 * One or two rows (as many as the layout has) of exactly `columns` cells: the filter while it is typed, else a fresh
 * notice, else keys. Where there are two rows the keys keep theirs.
 */
export function drawFooter(input: ScreenInput, keys: FooterKeys, columns: number): readonly Row[] {
  const { ui, glyphs } = input;
  const notice = noticeRow(input);
  const said = ui.filtering ? filterRow(input) : notice;
  const names = keysRow(input, keys, columns - 2);
  const isOne = footerRowsOf(ui.size) === 1;
  const only = said === notice && notice !== undefined ? besideKeys(input, notice, keys, columns - 2) : said;
  const rows = isOne ? [only ?? names] : [names, said ?? []];
  return rows.map((row) => fitRow([span(' '), ...row], columns, glyphs.ellipsis));
}

/** The notice, cut only as far as the keys for leaving and for the help need it, then the keys that fit. */
function besideKeys(input: ScreenInput, notice: Row, given: FooterKeys, columns: number): Row {
  // The way back is named whatever else finds no room.
  const keys = { ...given, actions: given.actions.filter((action) => action !== 'back') };
  const tail = widthOfRow(tailOf(input, keys).slice(0, -1));
  const most = columns - tail - between.length;
  if (tail === 0 || most < leastNotice) return notice;
  const shown = widthOfRow(notice) <= most ? notice : fitRow(notice, most, input.glyphs.ellipsis);
  return [...shown, span(between), ...keysRow(input, keys, columns - widthOfRow(shown) - between.length, 'first')];
}

/** A shorter piece of a notice is not worth showing. */
const leastNotice = 30;
const between = '   ';

function filterRow({ ui, glyphs }: ScreenInput): Row {
  const hint = '   name  !name  node:beta  state:failed  /pattern/   enter keeps it, esc ends it';
  return [span('/', 'key'), span(plainText(ui.filter)), span(glyphs.eighths[0] ?? '_', 'accent'), span(hint, 'dim')];
}

function noticeRow({ ui, now, glyphs }: ScreenInput): Row | undefined {
  const { notice } = ui;
  if (notice === undefined || now - notice.at >= noticeMs) return undefined;
  const sign = { ok: glyphs.done, warn: '!', bad: glyphs.failed, plain: glyphs.skipped }[notice.tone];
  const tokens = { ok: 'ok', warn: 'warn', bad: 'bad', plain: 'plain' } as const;
  const token = tokens[notice.tone];
  return [span(`${sign} `, token), span(oneLine(notice), token)];
}

const oneLine = ({ text }: Notice): string => plainText(text);

/** As many as fit; the ways to all others are always there. */
function keysRow(input: ScreenInput, keys: FooterKeys, columns: number, which: 'first' | 'any' = 'any'): Row {
  const tail = tailOf(input, keys);
  const row: Span[] = [];
  for (const actions of groupsOf(keys)) {
    const spans = separated(groupSpans(input, actions, keys));
    if (widthOfRow(row) + widthOfRow(spans) + widthOfRow(tail) <= columns + gap.length) row.push(...spans);
    // A key that does not fit makes room for a shorter one further on.
    else if (which === 'first') break;
  }
  return [...row, ...tail].slice(0, -1);
}

/** The key that leads back, where there is something to go back to, and the keys that lead to all others. */
function tailOf(input: ScreenInput, keys: FooterKeys): Row {
  const { overlays } = input.ui;
  const { isAway = false } = keys;
  const general: readonly ActionId[] = [
    ...(isAway ? (['back'] as const) : []),
    ...(overlays.length === 0 ? (['palette'] as const) : []),
    ...(keys.isTyping === true ? [] : (['help'] as const)),
    ...(isAway ? [] : (['quit'] as const)),
  ];
  const named = general.filter((action) => !keys.actions.includes(action));
  return named.flatMap((action) => separated(groupSpans(input, [action], keys)));
}

/** Actions that share a label form a group. */
function groupsOf({ actions, labelOf }: FooterKeys): readonly (readonly ActionId[])[] {
  const groups: ActionId[][] = [];
  let isOpen = false;
  for (const action of actions) {
    if (isOpen) groups.at(-1)?.push(action);
    else groups.push([action]);
    isOpen = labelOf?.(action) === '';
  }
  return groups;
}

const gap = '  ';
const separated = (spans: Row): Row => (spans.length === 0 ? [] : [...spans, span(gap)]);

/** The keys of a group with the label of the last one. */
function groupSpans({ about, glyphs }: ScreenInput, actions: readonly ActionId[], keys: FooterKeys): Row {
  const shown = actions.flatMap((action) => about.keyOf(action) ?? []);
  const last = actions.at(-1);
  if (shown.length === 0 || last === undefined) return [];
  const label = ` ${keys.labelOf?.(last) ?? shortLabelOf(last)}`;
  // One cell with a single dot would say nothing.
  const said = glyphs.ellipsis === '…' ? label : label.replaceAll('…', '...');
  const key = shown.join(' ');
  return keys.disabledReason(last) === undefined ? [span(key, 'key'), span(said)] : [span(`${key}${said}`, 'dim')];
}

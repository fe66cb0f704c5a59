import { plainText } from '../../view/lines.ts';
import { type ActionId, infoOf } from '../actions.ts';
import { footerRowsOf } from '../layout.ts';
import { type Row, type Span, span } from '../rows.ts';
import type { ScreenInput } from '../screen.ts';
import type { Notice } from '../state.ts';
import { fitRow, widthOfRow } from '../text/fit.ts';

/** How long a notice is shown. */
export const noticeMs = 6000;

export interface FooterKeys {
  /** Those of the part with the keys that are worth naming. */
  readonly actions: readonly ActionId[];
  readonly offBecause: (action: ActionId) => string | undefined;
}

/**
 * One or two rows (as many as the layout has) of exactly `columns` cells: the filter while it is typed, else a fresh
 * notice, else keys. Where there are two rows the keys keep theirs.
 */
export function drawFooter(input: ScreenInput, keys: FooterKeys, columns: number): readonly Row[] {
  const { ui, glyphs } = input;
  const said = ui.filtering ? filterRow(input) : noticeRow(input);
  const names = keysRow(input, keys, columns - 2);
  const isOne = footerRowsOf(ui.size) === 1;
  const rows = isOne ? [said ?? names] : [names, said ?? []];
  return rows.map((row) => fitRow([span(' '), ...row], columns, glyphs.ellipsis));
}

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

const oneLine = ({ text }: Notice): string => plainText(text.replace(/[\t\r\n]+/g, ' '));

/** As many as fit; the ways to all others are always there. */
function keysRow(input: ScreenInput, { actions, offBecause }: FooterKeys, columns: number): Row {
  const general: readonly ActionId[] = input.ui.overlays.length === 0 ? ['palette', 'help'] : ['help'];
  const last = general.filter((action) => !actions.includes(action));
  const tail = last.flatMap((action) => separated(keySpans(input, action, offBecause)));
  const row: Span[] = [];
  for (const action of actions) {
    const spans = separated(keySpans(input, action, offBecause));
    // A key that does not fit leaves its place to a shorter one.
    if (widthOfRow(row) + widthOfRow(spans) + widthOfRow(tail) > columns + gap.length) continue;
    row.push(...spans);
  }
  return [...row, ...tail].slice(0, -1);
}

const gap = '  ';
const separated = (spans: Row): Row => (spans.length === 0 ? [] : [...spans, span(gap)]);

function keySpans({ about, glyphs }: ScreenInput, action: ActionId, offBecause: FooterKeys['offBecause']): Row {
  const key = about.keyOf(action);
  if (key === undefined) return [];
  const label = ` ${shortLabels[action] ?? (infoOf(action)?.label ?? action).replace(/[,:(].*$/, '')}`;
  // One cell with a single dot would say nothing.
  const said = glyphs.ellipsis === '…' ? label : label.replaceAll('…', '...');
  return offBecause(action) === undefined ? [span(key, 'key'), span(said)] : [span(`${key}${said}`, 'dim')];
}

/** Where the label in the help is too long for a footer. */
const shortLabels: Readonly<Partial<Record<ActionId, string>>> = {
  apply: 'apply…',
  diff: 'diff',
  move: 'move…',
  shell: 'shell',
  snapshot: 'snapshot',
  zfs: 'zfs',
  edit: 'edit',
  faults: 'faults',
  arrange: 'view',
  'zoom-in': 'zoom',
  'roll-back': 'roll back…',
  'stop-start': 'stop, start…',
  fix: 'fix',
  cancel: 'cancel',
  'step-log': 'output',
  policy: 'on save, or ask',
  'focus-plan': 'plan',
};

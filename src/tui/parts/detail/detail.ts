import { namesOf } from '../../../view/wording.ts';
import type { ActionId } from '../../actions/actions.ts';
import { type Row, type Size, span } from '../../frame/rows.ts';
import type { Drawn, Message, Part, ScreenInput, Update } from '../../screen.ts';
import type { DetailTab, UiState } from '../../state.ts';
import { movingActions, pageAt, rowsOn, scrolled } from '../page.ts';
import { appSummary } from './app.ts';
import { nodeSummary } from './node.ts';
import { commandRows, fileRows, foreignSummary, historyRows, volumeSummary, zfsRows } from './tabs.ts';

/** Everything about what the cursor of the cluster pane is on, in tabs. Values of environment variables stay hidden. */
export const detailPart: Part<UiState> = {
  // The screen does most of these, to what the pane shows.
  actions: ['previous-tab', 'next-tab', 'logs', 'shell', 'move', 'edit', 'zfs', ...movingActions],
  inFooter: 7,
  labelOf: (_ui, action) => tabLabels[action],
  draw,
  update,
};

const tabLabels: Readonly<Partial<Record<ActionId, string>>> = { 'previous-tab': '', 'next-tab': 'tabs' };

const tabs: readonly DetailTab[] = ['summary', 'files', 'zfs', 'history', 'commands'];

function draw(input: ScreenInput, ui: UiState, size: Size): Drawn {
  const rows = contentRows(input, ui, size.columns);
  const scroll = pageAt(ui.offsets.detail, size.rows, rows.length);
  return {
    title: titleRow(input, ui),
    aside: asideRow(ui.detailTab, size.columns),
    rows: rowsOn(scroll, rows),
    scroll,
  };
}

function titleRow({ view, about }: ScreenInput, { cursor }: UiState): Row {
  const key = about.keyOf('pane-3');
  const names = namesOf(view.config);
  const { app, volume, foreign, node } = cursor;
  const what =
    app ?? foreign ?? (volume === undefined ? undefined : names.volume(volume)) ?? (node && names.node(node));
  return [
    ...(key === undefined ? [] : [span(`${key} `, 'key')]),
    span('detail', 'title'),
    span(what === undefined ? '' : ` · ${what}`),
  ];
}

/** All tabs where there is room, else the present one with its number. */
function asideRow(tab: DetailTab, width: number): Row {
  if (width < 60) return [span(`${tab} ${tabs.indexOf(tab) + 1}/${tabs.length}`, 'dim')];
  return tabs.map((each) => (each === tab ? span(`[${each}]`, 'strong') : span(` ${each} `, 'dim')));
}

function contentRows(input: ScreenInput, ui: UiState, width: number): readonly Row[] {
  const { cursor } = ui;
  if (Object.keys(cursor).length === 0) {
    return [[span('nothing selected: move the cursor to an application or a node', 'dim')]];
  }
  switch (ui.detailTab) {
    case 'summary':
      return summaryRows(input, ui, width);
    case 'files':
      return fileRows(input, cursor, width);
    case 'zfs':
      return zfsRows(input, cursor, width);
    case 'history':
      return historyRows(input, cursor, width);
    case 'commands':
      return commandRows(input, cursor, width);
  }
}

function summaryRows(input: ScreenInput, { cursor }: UiState, width: number): readonly Row[] {
  const { app, foreign, volume, node } = cursor;
  if (app !== undefined) return appSummary(input, app, node, width);
  if (foreign !== undefined) return foreignSummary(input, foreign, node, width);
  if (volume !== undefined) return volumeSummary(input, volume, width);
  return node === undefined ? [] : nodeSummary(input, node, width);
}

function update(input: ScreenInput, ui: UiState, message: Message, size: Size): Update<UiState> {
  if (message.type === 'action' && message.action === 'next-tab') return tabBy(ui, 1);
  if (message.type === 'action' && message.action === 'previous-tab') return tabBy(ui, -1);
  const countRows = (): number => contentRows(input, ui, size.columns).length;
  const detail = scrolled(message, ui.offsets.detail, size.rows, countRows);
  return detail === undefined ? {} : { state: { ...ui, offsets: { ...ui.offsets, detail } } };
}

function tabBy(ui: UiState, by: number): Update<UiState> {
  const detailTab = tabs[(tabs.indexOf(ui.detailTab) + by + tabs.length) % tabs.length] ?? 'summary';
  return { state: { ...ui, detailTab, offsets: { ...ui.offsets, detail: 0 } } };
}

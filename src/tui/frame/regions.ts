import type { AppName } from '../../model/config.ts';
import { count } from '../../view/wording.ts';
import type { ActionId } from '../actions/actions.ts';
import { disabledReason } from '../actions/disabled-reason.ts';
import { drawFooter } from '../parts/footer.ts';
import { drawGuidePane } from '../parts/guide/pane.ts';
import {
  isFirstPage,
  isTyping,
  ownLabel,
  type PartSizes,
  partOf,
  partTakes,
  type Registry,
  topOf,
} from '../routing.ts';
import type { Drawn, HitArea, ScreenInput } from '../screen.ts';
import type { PaneId, UiState } from '../state.ts';
import { framePane } from './frame.ts';
import { insideOf, type Layout, layoutOf, type PaneRect } from './layout.ts';
import type { Rect, Row } from './rows.ts';
import type { Theme } from './theme.ts';

/** Everything the screen is drawn from. */
export interface FrameInput extends ScreenInput {
  readonly theme: Theme;
  readonly registry: Registry;
}

/** The rows of a region with its border, and what the mouse can do there, in cells of the screen. */
export interface Region {
  readonly rows: readonly Row[];
  readonly hits: readonly HitArea[];
}

/** Where everything is on the screen. */
export function layoutFor(input: FrameInput): Layout {
  const { ui, view } = input;
  return layoutOf(ui.size, {
    ui: hidesGuide(ui) ? { ...ui, isGuided: undefined } : ui,
    nodes: nodeCount(view),
    counters: countersOf(view),
  });
}

/** What the layout depends on. */
export const layoutSlice = ({ ui, view }: FrameInput): readonly unknown[] => [
  ui.size,
  ui.focus,
  ui.zoomed,
  ui.arrangement,
  ui.isGuided,
  topOf(ui)?.kind,
  nodeCount(view),
  countersOf(view),
];

const nodeCount = ({ nodes, config }: ScreenInput['view']): number =>
  Math.max(Object.keys(nodes).length, Object.keys(config?.nodes ?? {}).length);

/** The tutorial's pane goes where a page over the panes would have too little room, and where it has a page itself. */
function hidesGuide({ overlays, size }: UiState): boolean {
  const top = overlays.at(-1);
  return top?.kind === 'guide' || (top !== undefined && size.rows < 28 && size.columns < 118);
}

/** The room inside the borders of what is shown. */
export function sizesOf(layout: Layout, { size }: UiState): PartSizes {
  if ('tooSmall' in layout) return { panes: {}, overlay: size };
  const insides = Object.entries(layout.panes).map(([id, rect]) => [id, insideOf(rect)]);
  return { panes: Object.fromEntries(insides), overlay: insideOf(layout.body) };
}

export function drawPane(input: FrameInput, id: PaneId, rect: PaneRect): Region {
  const inside = insideOf(rect);
  const drawn = input.registry.panes[id].draw(input, input.ui, inside);
  const rows = framePane(drawn, rect, { focused: input.ui.focus === id, glyphs: input.glyphs, joins: rect.joins });
  const focus: HitArea = { ...rect, click: { type: 'select', pane: id } };
  return { rows, hits: [focus, ...onScreen(drawn, inside)] };
}

/** The overlay on top; nothing where none is open. */
export function drawOverlay(input: FrameInput, rect: Rect): Region {
  const overlay = topOf(input.ui);
  if (overlay === undefined) return { rows: [], hits: [] };
  const inside = insideOf(rect);
  const drawn = partOf(input.registry, overlay).draw(input, overlay, inside);
  const rows = framePane({ title: [], ...drawn }, rect, { focused: true, glyphs: input.glyphs });
  return { rows, hits: onScreen(drawn, inside) };
}

/** The tutorial never has the focus: its keys work next to those of the panes. */
export const drawGuide = (input: FrameInput, rect: Rect): readonly Row[] =>
  framePane(drawGuidePane(input, insideOf(rect)), rect, { focused: false, glyphs: input.glyphs });

export const drawTooSmall = ({ ui }: FrameInput, lines: readonly string[]): readonly Row[] =>
  lines.map((text): Row => [{ text: text.slice(0, ui.size.columns) }]);

const onScreen = ({ hits = [] }: Drawn, inside: Rect): readonly HitArea[] =>
  hits
    .filter(({ y }) => y >= 0 && y < inside.rows)
    .map((hit) => ({ ...hit, x: hit.x + inside.x, y: hit.y + inside.y }));

export function footerRows(input: FrameInput, { columns }: Rect): readonly Row[] {
  const { ui, registry } = input;
  const overlay = topOf(ui);
  const part = overlay === undefined ? registry.panes[ui.focus] : partOf(registry, overlay);
  return drawFooter(
    input,
    {
      actions: [...guideKeys(ui), ...partTakes(ui, registry).slice(0, part.inFooter)],
      disabledReason: (action) => disabledReason(input, registry, action),
      labelOf: (action) => ownLabel(ui, registry, action),
      isTyping: isTyping(ui, registry),
      isAway: ui.zoomed || ui.overlays.some((each) => !isFirstPage(registry, each)),
    },
    columns,
  );
}

/** The keys of a tutorial next to the panes. */
const guideKeys = ({ isGuided, overlays }: UiState): readonly ActionId[] =>
  isGuided === true && overlays.length === 0 ? ['guide-do', 'guide-next', 'guide-back', 'guide'] : [];

/** What still fits on a screen that is too small for anything else. */
function countersOf(view: ScreenInput['view']): string {
  const states = Object.values(view.nodes);
  const down = states.filter(({ status }) => status === 'unreachable').length;
  return [
    count(states.length, 'node'),
    ...(down > 0 ? [`${down} unreachable`] : []),
    ...(view.problems.length > 0 ? [count(view.problems.length, 'problem')] : []),
    view.running ? 'applying' : count(view.plan?.steps.length ?? 0, 'step'),
  ].join(', ');
}

/** The pane in a cell of the screen; undefined under an overlay and outside of all panes. */
export function paneAt(input: FrameInput, x: number, y: number): PaneId | undefined {
  const layout = layoutFor(input);
  if ('tooSmall' in layout || topOf(input.ui) !== undefined) return undefined;
  const found = Object.entries(layout.panes).find(([, rect]) => contains(rect, x, y));
  // The keys are those of PaneId.
  return found?.[0] as PaneId | undefined;
}

/** What the mouse can do in a cell of the screen. Draws the region again: clicks are rare, and frames are not. */
export function hitAt(input: FrameInput, x: number, y: number): HitArea | undefined {
  const layout = layoutFor(input);
  if ('tooSmall' in layout) return undefined;
  if (topOf(input.ui) !== undefined) return drawOverlay(input, layout.body).hits.findLast((hit) => contains(hit, x, y));
  const pane = paneAt(input, x, y);
  const rect = pane === undefined ? undefined : layout.panes[pane];
  if (pane === undefined || rect === undefined) return undefined;
  return drawPane(input, pane, rect).hits.findLast((hit) => contains(hit, x, y));
}

const contains = (area: Rect, x: number, y: number): boolean =>
  x >= area.x && x < area.x + area.columns && y >= area.y && y < area.y + area.rows;

/** The applications that a pane shows: those of its rows, or the one whose details it shows. */
export function appsOn(pane: PaneId, hits: readonly HitArea[], { cursor }: UiState): readonly AppName[] {
  if (pane === 'detail') return cursor.app === undefined ? [] : [cursor.app];
  const apps = hits.flatMap(({ click }) => (click.type === 'select' && click.item?.app ? [click.item.app] : []));
  return [...new Set(apps)];
}

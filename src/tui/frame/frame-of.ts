import type { AppName } from '../../model/config.ts';
import { count } from '../../view/wording.ts';
import type { ActionId } from '../actions/actions.ts';
import { disabledReason } from '../actions/disabled-reason.ts';
import { drawFooter } from '../parts/footer.ts';
import { drawGuidePane } from '../parts/guide/pane.ts';
import { drawHeader } from '../parts/header.ts';
import {
  isFirstPage,
  isTyping,
  ownLabel,
  type PartSizes,
  paneIds,
  partOf,
  partTakes,
  type Registry,
  topOf,
} from '../routing.ts';
import type { Drawn, HitArea, ScreenInput } from '../screen.ts';
import type { PaneId, UiState } from '../state.ts';
import { framePane } from './frame.ts';
import { insideOf, type Layout, layoutOf, type PaneRect } from './layout.ts';
import type { Rect, Row, Size } from './rows.ts';
import { paintRow, type Theme } from './theme.ts';

export interface FrameInput extends ScreenInput {
  readonly theme: Theme;
  readonly registry: Registry;
}

/** Painted text for one rectangle; lines are as wide as it. */
export interface PlacedText {
  readonly key: string;
  readonly rect: Rect;
  readonly text: string;
}

/** One whole screen: the same input gives the same frame. */
export interface Frame {
  readonly size: Size;
  readonly texts: readonly PlacedText[];
  /** In cells of the screen; the last one that contains a cell counts. */
  readonly hits: readonly HitArea[];
  readonly sizes: PartSizes;
  readonly panes: Readonly<Partial<Record<PaneId, Rect>>>;
  /** Applications that can be seen in the cluster's pane. */
  readonly apps: readonly AppName[];
}

export function frameOf(input: FrameInput): Frame {
  const { ui, view } = input;
  const nodes = Math.max(Object.keys(view.nodes).length, Object.keys(view.config?.nodes ?? {}).length);
  const layout = layoutOf(ui.size, {
    ui: hidesGuide(ui) ? { ...ui, isGuided: undefined } : ui,
    nodes,
    counters: countersOf(input),
  });
  if ('tooSmall' in layout) return smallFrame(input, layout.tooSmall);
  const bars = [
    place('header', layout.header, [drawHeader(input, layout.header.columns)], input),
    place('footer', layout.footer, footerOf(input, layout.footer), input),
  ];
  const overlay = topOf(ui);
  const guide = layout.guide === undefined ? [] : [drawGuide(input, layout.guide)];
  const body = overlay === undefined ? drawPanes(input, layout) : drawOverlay(input, layout);
  return {
    size: ui.size,
    texts: [...bars, ...body.texts, ...guide],
    hits: body.hits,
    sizes: sizesOf(layout),
    panes: overlay === undefined ? layout.panes : {},
    apps: overlay === undefined ? appsIn(body, layout, ui) : [],
  };
}

/** Where a page over the panes would be left with too little, and where that page is the tutorial's own. */
function hidesGuide({ overlays, size }: UiState): boolean {
  const top = overlays.at(-1);
  return top?.kind === 'guide' || (top !== undefined && size.rows < 28 && size.columns < 118);
}

/** Those of the cluster's rows, and the one whose details are shown. */
function appsIn({ hits }: Body, { panes }: Regular, { cursor }: UiState): readonly AppName[] {
  const detailed = panes.detail === undefined || cursor.app === undefined ? [] : [cursor.app];
  const rows = hits.flatMap(({ click }) => (click.type === 'select' && click.item?.app ? [click.item.app] : []));
  return [...new Set([...rows, ...detailed])];
}

type Regular = Exclude<Layout, { readonly tooSmall: unknown }>;
type Body = Pick<Frame, 'texts' | 'hits'>;

function drawPanes(input: FrameInput, layout: Regular): Body {
  const bodies = paneIds.flatMap((id) => {
    const rect = layout.panes[id];
    return rect === undefined ? [] : [drawPane(id, rect, input)];
  });
  return { texts: bodies.flatMap(({ texts }) => texts), hits: bodies.flatMap(({ hits }) => hits) };
}

function drawPane(id: PaneId, rect: PaneRect, input: FrameInput): Body {
  const inside = insideOf(rect);
  const drawn = input.registry.panes[id].draw(input, input.ui, inside);
  const focused = input.ui.focus === id;
  const rows = framePane(drawn, rect, { focused, glyphs: input.glyphs, joins: rect.joins });
  const focus: HitArea = { ...rect, click: { type: 'select', pane: id } };
  return { texts: [place(id, rect, rows, input)], hits: [focus, ...absolute(drawn, inside)] };
}

function drawOverlay(input: FrameInput, { body }: Regular): Body {
  const overlay = topOf(input.ui);
  if (overlay === undefined) return { texts: [], hits: [] };
  const inside = insideOf(body);
  const drawn = partOf(input.registry, overlay).draw(input, overlay, inside);
  const rows = framePane({ title: [], ...drawn }, body, { focused: true, glyphs: input.glyphs });
  return { texts: [place('overlay', body, rows, input)], hits: absolute(drawn, inside) };
}

/** Has no focus: its keys work beside those of the panes. */
function drawGuide(input: FrameInput, rect: Rect): PlacedText {
  const drawn = drawGuidePane(input, insideOf(rect));
  return place('guide', rect, framePane(drawn, rect, { focused: false, glyphs: input.glyphs }), input);
}

const absolute = ({ hits = [] }: Drawn, inside: Rect): readonly HitArea[] =>
  hits
    .filter(({ y }) => y >= 0 && y < inside.rows)
    .map((hit) => ({ ...hit, x: hit.x + inside.x, y: hit.y + inside.y }));

function footerOf(input: FrameInput, { columns }: Rect): readonly Row[] {
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

/** Of a tutorial that stands beside the panes. */
const guideKeys = ({ isGuided, overlays }: UiState): readonly ActionId[] =>
  isGuided === true && overlays.length === 0 ? ['guide-do', 'guide-next', 'guide-back', 'guide'] : [];

function place(key: string, rect: Rect, rows: readonly Row[], { theme }: FrameInput): PlacedText {
  const text = rows
    .slice(0, rect.rows)
    .map((row) => paintRow(row, theme))
    .join('\n');
  return { key, rect, text };
}

/** Insides of panes and overlay, for whoever scrolls. */
function sizesOf({ panes, body }: Regular): PartSizes {
  const insides = Object.entries(panes).map(([id, rect]) => [id, insideOf(rect)]);
  return { panes: Object.fromEntries(insides), overlay: insideOf(body) };
}

function smallFrame(input: FrameInput, lines: readonly string[]): Frame {
  const { size } = input.ui;
  const rows = lines.map((text): Row => [{ text: text.slice(0, size.columns) }]);
  const rect = { x: 0, y: 0, ...size };
  return {
    size,
    texts: [place('too-small', rect, rows, input)],
    hits: [],
    sizes: { panes: {}, overlay: size },
    panes: {},
    apps: [],
  };
}

/** What still counts on a screen too small for anything else. */
function countersOf({ view }: FrameInput): string {
  const states = Object.values(view.nodes);
  const down = states.filter(({ status }) => status === 'unreachable').length;
  return [
    count(states.length, 'node'),
    ...(down > 0 ? [`${down} unreachable`] : []),
    ...(view.problems.length > 0 ? [count(view.problems.length, 'problem')] : []),
    view.running ? 'applying' : count(view.plan?.steps.length ?? 0, 'step'),
  ].join(', ');
}

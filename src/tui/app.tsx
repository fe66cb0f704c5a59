import { Box, Transform } from 'ink';
import { memo, type ReactNode, useEffect, useRef, useSyncExternalStore } from 'react';
import type { AppName } from '../model/config.ts';
import type { PaneRect } from './frame/layout.ts';
import {
  appsOn,
  drawGuide,
  drawOverlay,
  drawPane,
  drawTooSmall,
  type FrameInput,
  footerRows,
  layoutFor,
  layoutSlice,
} from './frame/regions.ts';
import type { Rect, Row } from './frame/rows.ts';
import { paintRow } from './frame/theme.ts';
import { drawHeader } from './parts/header.ts';
import { paneIds, partOf, topOf } from './routing.ts';
import type { PaneId } from './state.ts';

/** What the screen shows: a new object for each frame. */
export interface ScreenSource {
  readonly getScreen: () => FrameInput;
  readonly subscribe: (listener: () => void) => () => void;
  /** Reports the applications that a pane shows now. */
  readonly onShown: (pane: PaneId, apps: readonly AppName[]) => void;
}

interface SourceProps {
  readonly source: ScreenSource;
}

interface RegionProps extends SourceProps {
  readonly rect: Rect;
}

type Slice = readonly unknown[];

/** The screen of the first frame that has this slice: a component is drawn again only where its slice changes. */
function useScreen(source: ScreenSource, sliceOf: (input: FrameInput) => Slice): FrameInput {
  const latest = useRef<{ readonly input: FrameInput; readonly slice: Slice }>(undefined);
  return useSyncExternalStore(source.subscribe, () => {
    const input = source.getScreen();
    const slice = [input.theme, ...sliceOf(input)];
    const { current } = latest;
    if (current?.slice.length === slice.length && current.slice.every((each, i) => each === slice[i])) {
      return current.input;
    }
    latest.current = { input, slice };
    return input;
  });
}

/** The slice of what shows ages, or anything of the screen. */
const everything = (input: FrameInput): Slice => [input];

/** The screen: the panes between header and footer, or the overlay that covers them. */
export function App({ source }: SourceProps): ReactNode {
  const input = useScreen(source, layoutSlice);
  const layout = layoutFor(input);
  const { size } = input.ui;
  if ('tooSmall' in layout) {
    return (
      <Box width={size.columns} height={size.rows}>
        <TooSmall source={source} rect={{ x: 0, y: 0, ...size }} lines={layout.tooSmall} />
      </Box>
    );
  }
  return (
    <Box width={size.columns} height={size.rows}>
      <Header source={source} rect={layout.header} />
      {topOf(input.ui) === undefined ? (
        paneIds.map((id) => {
          const rect = layout.panes[id];
          return rect === undefined ? null : <Pane key={id} id={id} source={source} rect={rect} />;
        })
      ) : (
        <Overlay source={source} rect={layout.body} />
      )}
      {layout.guide === undefined ? null : <Guide source={source} rect={layout.guide} />}
      <Footer source={source} rect={layout.footer} />
    </Box>
  );
}

function Header({ source, rect }: RegionProps): ReactNode {
  const input = useScreen(source, everything);
  return <Painted input={input} rect={rect} rows={[drawHeader(input, rect.columns)]} />;
}

function Footer({ source, rect }: RegionProps): ReactNode {
  const input = useScreen(source, everything);
  return <Painted input={input} rect={rect} rows={footerRows(input, rect)} />;
}

function Guide({ source, rect }: RegionProps): ReactNode {
  const input = useScreen(source, ({ guide, about, glyphs }) => [guide, about, glyphs]);
  return <Painted input={input} rect={rect} rows={drawGuide(input, rect)} />;
}

function TooSmall({ source, rect, lines }: RegionProps & { readonly lines: readonly string[] }): ReactNode {
  const input = useScreen(source, everything);
  return <Painted input={input} rect={rect} rows={drawTooSmall(input, lines)} />;
}

interface PaneProps extends SourceProps {
  readonly id: PaneId;
  readonly rect: PaneRect;
}

function Pane({ id, source, rect }: PaneProps): ReactNode {
  const input = useScreen(source, (each) => [
    each.ui.focus === id,
    ...(each.registry.panes[id].slice?.(each, each.ui) ?? everything(each)),
  ]);
  const { rows, hits } = drawPane(input, id, rect);
  const names = appsOn(id, hits, input.ui).join('\n');
  useEffect(() => {
    source.onShown(id, names === '' ? [] : names.split('\n'));
    return () => source.onShown(id, []);
  }, [source, id, names]);
  return <Painted input={input} rect={rect} rows={rows} />;
}

function Overlay({ source, rect }: RegionProps): ReactNode {
  const input = useScreen(source, (each) => {
    const overlay = topOf(each.ui);
    const slice = overlay && partOf(each.registry, overlay).slice?.(each, overlay);
    return [overlay?.kind, ...(slice ?? everything(each))];
  });
  return <Painted input={input} rect={rect} rows={drawOverlay(input, rect).rows} />;
}

interface PaintedProps {
  readonly input: FrameInput;
  readonly rect: Rect;
  readonly rows: readonly Row[];
}

/** Rows as text for the terminal. They are as wide as the rectangle already. */
function Painted({ input, rect, rows }: PaintedProps): ReactNode {
  const text = rows
    .slice(0, rect.rows)
    .map((row) => paintRow(row, input.theme))
    .join('\n');
  return <Placed x={rect.x} y={rect.y} columns={rect.columns} rows={rect.rows} text={text} />;
}

/**
 * The text replaces blank rows: it is as wide as its rectangle already, and Ink would measure it cell by cell and keep
 * it, with its size, for as long as the program runs.
 */
const Placed = memo(function Placed({ x, y, columns, rows, text }: Rect & { readonly text: string }): ReactNode {
  const lines = text.split('\n');
  return (
    <Box position="absolute" marginLeft={x} marginTop={y} width={columns} height={rows}>
      <Transform transform={(_, row) => lines[row] ?? ''}>{blankRows(lines.length)}</Transform>
    </Box>
  );
});

const blankRows = (count: number): string => Array.from({ length: count }, () => ' ').join('\n');

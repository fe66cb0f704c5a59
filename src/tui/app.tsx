import { Box, Transform } from 'ink';
import { memo, type ReactNode, useEffect, useSyncExternalStore } from 'react';
import type { AppName } from '../model/config.ts';
import { fill } from './frame/frame.ts';
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

/** The screen: the panes between header and footer, or the overlay that covers them. */
export function App({ source }: { readonly source: ScreenSource }): ReactNode {
  const input = useSyncExternalStore(source.subscribe, source.getScreen);
  const layout = layoutFor(input);
  const { size } = input.ui;
  if ('tooSmall' in layout) {
    return (
      <Box width={size.columns} height={size.rows}>
        <TooSmall input={input} rect={{ x: 0, y: 0, ...size }} lines={layout.tooSmall} />
      </Box>
    );
  }
  return (
    <Box width={size.columns} height={size.rows}>
      <Header input={input} rect={layout.header} />
      {topOf(input.ui) === undefined ? (
        paneIds.map((id) => {
          const rect = layout.panes[id];
          return rect === undefined ? null : <Pane key={id} id={id} input={input} rect={rect} source={source} />;
        })
      ) : (
        <Overlay input={input} rect={layout.body} />
      )}
      {layout.guide === undefined ? null : <Guide input={input} rect={layout.guide} />}
      <Footer input={input} rect={layout.footer} />
    </Box>
  );
}

interface RegionProps {
  readonly input: FrameInput;
  readonly rect: Rect;
}

/** A component that draws its rectangle again only where the slice of the screen that it shows has changed. */
function region<P extends RegionProps>(sliceOf: (props: P) => readonly unknown[], Component: (props: P) => ReactNode) {
  const whole = (props: P): readonly unknown[] => [...rectOf(props.rect), props.input.theme, ...sliceOf(props)];
  return memo(Component, (before: P, after: P) => {
    const [old, present] = [whole(before), whole(after)];
    return old.length === present.length && old.every((each, i) => each === present[i]);
  });
}

const rectOf = ({ x, y, columns, rows }: Rect): readonly unknown[] => [x, y, columns, rows];

/** Everything, for regions that show ages or could show anything. */
const everything = ({ input }: RegionProps): readonly unknown[] => [input];

const Header = region(everything, ({ input, rect }: RegionProps) => (
  <Painted input={input} rect={rect} rows={[drawHeader(input, rect.columns)]} />
));

const Footer = region(everything, ({ input, rect }: RegionProps) => (
  <Painted input={input} rect={rect} rows={footerRows(input, rect)} />
));

const Guide = region(
  ({ input: { guide, about, glyphs } }) => [guide, about, glyphs],
  ({ input, rect }: RegionProps) => <Painted input={input} rect={rect} rows={drawGuide(input, rect)} />,
);

const TooSmall = region(everything, ({ input, rect, lines }: RegionProps & { readonly lines: readonly string[] }) => (
  <Painted input={input} rect={rect} rows={drawTooSmall(input, lines)} />
));

interface PaneProps extends RegionProps {
  readonly id: PaneId;
  readonly rect: PaneRect;
  readonly source: ScreenSource;
}

const Pane = region(
  ({ id, input, rect: { joins } }: PaneProps) => [
    JSON.stringify(joins),
    input.ui.focus === id,
    ...(input.registry.panes[id].slice?.(input, input.ui) ?? [input]),
  ],
  ({ id, input, rect, source }: PaneProps) => {
    const { rows, hits } = drawPane(input, id, rect);
    const apps = appsOn(id, hits, input.ui);
    const names = apps.join('\n');
    useEffect(() => {
      source.onShown(id, names === '' ? [] : names.split('\n'));
      return () => source.onShown(id, []);
    }, [source, id, names]);
    return <Painted input={input} rect={rect} rows={rows} />;
  },
);

const Overlay = region(
  ({ input }: RegionProps) => {
    const overlay = topOf(input.ui);
    return [overlay, ...((overlay && partOf(input.registry, overlay).slice?.(input, overlay)) ?? [input])];
  },
  ({ input, rect }: RegionProps) => <Painted input={input} rect={rect} rows={drawOverlay(input, rect).rows} />,
);

/** Rows as text for the terminal, cut and padded to the rectangle. */
function Painted({ input, rect, rows }: RegionProps & { readonly rows: readonly Row[] }): ReactNode {
  const text = fill(rows, rect, input.glyphs)
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

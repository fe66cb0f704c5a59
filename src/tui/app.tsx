import { Box, Transform } from 'ink';
import { memo, type ReactNode, useSyncExternalStore } from 'react';
import type { Frame, PlacedText } from './frame/frame-of.ts';

/** What of a frame is seen. */
export type Screen = Pick<Frame, 'size' | 'texts'>;

/** Where frames come from; the snapshot is the same object until something can be seen that could not before. */
export interface FrameSource {
  readonly getScreen: () => Screen;
  readonly subscribe: (listener: () => void) => () => void;
}

/** The same object where the next frame looks the same: then React and Ink have nothing to do. */
export function screenAfter(before: Screen, { size, texts }: Screen): Screen {
  const isSame =
    size.columns === before.size.columns &&
    size.rows === before.size.rows &&
    texts.length === before.texts.length &&
    texts.every((each, i) => isSamePlaced(each, before.texts[i]));
  return isSame ? before : { size, texts };
}

/** Places the texts of the present frame; what they say was decided before, so that a frame costs one layout. */
export function App({ source }: { readonly source: FrameSource }): ReactNode {
  const { size, texts } = useSyncExternalStore(source.subscribe, source.getScreen);
  return (
    <Box width={size.columns} height={size.rows}>
      {texts.map((each) => (
        <Placed key={each.key} placed={each} />
      ))}
    </Box>
  );
}

/**
 * The rows are put in place of blank ones: they are as wide as their rectangle already, and Ink measures every text
 * that it lays out cell by cell, and keeps it, with its size, for as long as the program runs.
 */
const Placed = memo(
  function Placed({ placed: { rect, text } }: { readonly placed: PlacedText }): ReactNode {
    const rows = text.split('\n');
    return (
      <Box position="absolute" marginLeft={rect.x} marginTop={rect.y} width={rect.columns} height={rect.rows}>
        <Transform transform={(_, row) => rows[row] ?? ''}>{blankRows(rows.length)}</Transform>
      </Box>
    );
  },
  ({ placed: a }, { placed: b }) => isSamePlaced(a, b),
);

const blankRows = (count: number): string => Array.from({ length: count }, () => ' ').join('\n');

const isSamePlaced = (a: PlacedText, b: PlacedText | undefined): boolean =>
  a.key === b?.key &&
  a.text === b.text &&
  a.rect.x === b.rect.x &&
  a.rect.y === b.rect.y &&
  a.rect.columns === b.rect.columns &&
  a.rect.rows === b.rect.rows;

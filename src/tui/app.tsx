import { Box, Text } from 'ink';
import { memo, type ReactNode, useSyncExternalStore } from 'react';
import type { Frame, PlacedText } from './frame-of.ts';

/** Where frames come from; the snapshot is the same object until the screen changed. */
export interface FrameSource {
  readonly getFrame: () => Frame;
  readonly subscribe: (listener: () => void) => () => void;
}

/** Places the texts of the present frame; what they say was decided before, so that a frame costs one layout. */
export function App({ source }: { readonly source: FrameSource }): ReactNode {
  const { size, texts } = useSyncExternalStore(source.subscribe, source.getFrame);
  return (
    <Box width={size.columns} height={size.rows}>
      {texts.map((each) => (
        <Placed key={each.key} placed={each} />
      ))}
    </Box>
  );
}

const Placed = memo(
  function Placed({ placed: { rect, text } }: { readonly placed: PlacedText }): ReactNode {
    return (
      <Box position="absolute" marginLeft={rect.x} marginTop={rect.y} width={rect.columns} height={rect.rows}>
        <Text wrap="truncate">{text}</Text>
      </Box>
    );
  },
  ({ placed: a }, { placed: b }) =>
    a.text === b.text &&
    a.rect.x === b.rect.x &&
    a.rect.y === b.rect.y &&
    a.rect.columns === b.rect.columns &&
    a.rect.rows === b.rect.rows,
);

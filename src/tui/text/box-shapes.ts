/** Cells that are drawn and not written, so that lines meet whatever the font. All lengths in parts of the cell. */

/** A path of lines from the middle of the cell, or a filled rectangle. */
export type CellShape =
  | { readonly kind: 'lines'; readonly to: readonly Side[]; readonly rounded?: true; readonly heavy?: true }
  | {
      readonly kind: 'fill';
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      /** Of the colour, for shades. */
      readonly opacity?: number;
    };

export type Side = 'left' | 'right' | 'up' | 'down';

const lines = (...to: readonly Side[]): CellShape => ({ kind: 'lines', to });
const corner = (...to: readonly Side[]): CellShape => ({ kind: 'lines', to, rounded: true });
const heavy = (...to: readonly Side[]): CellShape => ({ kind: 'lines', to, heavy: true });
const fill = (x: number, y: number, width: number, height: number, opacity = 1): CellShape => ({
  kind: 'fill',
  x,
  y,
  width,
  height,
  opacity,
});

const shapes: ReadonlyMap<string, CellShape> = new Map([
  ['─', lines('left', 'right')],
  ['│', lines('up', 'down')],
  ['┌', lines('right', 'down')],
  ['┐', lines('left', 'down')],
  ['└', lines('right', 'up')],
  ['┘', lines('left', 'up')],
  ['╭', corner('right', 'down')],
  ['╮', corner('left', 'down')],
  ['╰', corner('right', 'up')],
  ['╯', corner('left', 'up')],
  ['├', lines('up', 'down', 'right')],
  ['┤', lines('up', 'down', 'left')],
  ['┬', lines('left', 'right', 'down')],
  ['┴', lines('left', 'right', 'up')],
  ['┼', lines('left', 'right', 'up', 'down')],
  ['━', heavy('left', 'right')],
  ['┃', heavy('up', 'down')],
  ['░', fill(0, 0, 1, 1, 0.25)],
  ['▒', fill(0, 0, 1, 1, 0.5)],
  ['▓', fill(0, 0, 1, 1, 0.75)],
  ['▀', fill(0, 0, 1, 0.5)],
  ...[...'▏▎▍▌▋▊▉█'].map((glyph, i): [string, CellShape] => [glyph, fill(0, 0, (i + 1) / 8, 1)]),
  ...[...'▁▂▃▄▅▆▇'].map((glyph, i): [string, CellShape] => [glyph, fill(0, 1 - (i + 1) / 8, 1, (i + 1) / 8)]),
]);

/** How a character is drawn; undefined for those that are written. */
export const shapeOf = (character: string): CellShape | undefined => shapes.get(character);

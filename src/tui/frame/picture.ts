import { plainText } from '../../model/plain-text.ts';
import type { AnsiStyle } from '../text/ansi.ts';
import { parseAnsi, stripAnsi } from '../text/ansi.ts';
import { ansiColour, darkColours, lightColours } from '../text/ansi-colours.ts';
import type { CellShape, Side } from '../text/box-shapes.ts';
import { shapeOf } from '../text/box-shapes.ts';
import { graphemesOf, widthOf } from '../text/fit.ts';

/** Size of a cell in units of the picture. */
const cell = { width: 9, height: 20, fontSize: 15, baseline: 15 } as const;
const margin = 12;
const titleHeight = 34;

export interface PictureOptions {
  readonly title: string;
  /** Cells a row has; the longest row decides where it is absent. */
  readonly columns?: number;
  readonly isLight?: boolean;
}

/** A frame as plain text: no styles, no spaces at the ends of lines. */
export const frameText = (rows: readonly string[]): string =>
  rows.map((row) => `${stripAnsi(row).trimEnd()}\n`).join('');

/** A frame that `cat` shows in its colours. */
export const frameAnsi = (rows: readonly string[]): string => rows.map((row) => `${row}\u001b[0m\n`).join('');

/** A frame as a picture that needs nothing but itself; its text can be selected. */
export function frameSvg(rows: readonly string[], { title: given, columns, isLight = false }: PictureOptions): string {
  const title = plainText(given);
  const colours = isLight ? lightColours : darkColours;
  const across = columns ?? Math.max(1, ...rows.map((row) => widthOf(stripAnsi(row))));
  const width = across * cell.width + 2 * margin;
  const height = rows.length * cell.height + titleHeight + margin;
  const lights = [colours.palette[9], colours.palette[11], colours.palette[10]]
    .map((colour, i) => `<circle cx="${20 + 20 * i}" cy="${titleHeight / 2}" r="6" fill="${colour}"/>`)
    .join('');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<style>text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:${cell.fontSize}px;white-space:pre}</style>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${colours.background}" stroke="${colours.frame}"/>`,
    lights,
    `<text x="${width / 2}" y="${titleHeight / 2 + 5}" text-anchor="middle" fill="${colours.foreground}">${escapeXml(title)}</text>`,
    `<g transform="translate(${margin} ${titleHeight})" xml:space="preserve">`,
    ...rows.map((row, i) => drawRow(row, i, isLight)).filter((drawn) => drawn !== ''),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

/** Characters that stand together: of one style, and either written or drawn, and each of one width. */
interface Piece {
  readonly x: number;
  readonly cells: number;
  readonly text: string;
  readonly style: AnsiStyle;
  readonly kind: 'narrow' | 'wide' | 'drawn';
}

function drawRow(painted: string, row: number, isLight: boolean): string {
  const pieces = piecesOf(painted);
  const y = row * cell.height;
  return [
    ...pieces.map((piece) => drawBackground(piece, y, isLight)),
    ...pieces.map((piece) => drawPiece(piece, y, isLight)),
  ].join('');
}

function piecesOf(painted: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let x = 0;
  for (const { text, style } of parseAnsi(painted)) {
    let open: Piece | undefined;
    for (const grapheme of graphemesOf(text)) {
      const cells = widthOf(grapheme);
      const kind = shapeOf(grapheme) !== undefined ? 'drawn' : cells > 1 ? 'wide' : 'narrow';
      // Each wide character has a place of its own: fonts disagree about what twice as wide is.
      if (open?.kind === kind && kind !== 'wide') {
        open = { ...open, cells: open.cells + cells, text: open.text + grapheme };
        pieces[pieces.length - 1] = open;
      } else {
        open = { x, cells, text: grapheme, style, kind };
        pieces.push(open);
      }
      x += cells;
    }
  }
  return pieces;
}

function coloursOf(style: AnsiStyle, isLight: boolean): { readonly ink: string; readonly ground: string | undefined } {
  const { foreground, background } = isLight ? lightColours : darkColours;
  const ink = style.foreground === undefined ? foreground : ansiColour(style.foreground, isLight);
  const ground = style.background === undefined ? undefined : ansiColour(style.background, isLight);
  return style.inverse === true ? { ink: ground ?? background, ground: ink } : { ink, ground };
}

function drawBackground({ x, cells, style }: Piece, y: number, isLight: boolean): string {
  const { ground } = coloursOf(style, isLight);
  if (ground === undefined || cells === 0) return '';
  return `<rect x="${x * cell.width}" y="${y}" width="${cells * cell.width}" height="${cell.height}" fill="${ground}"/>`;
}

function drawPiece(piece: Piece, y: number, isLight: boolean): string {
  const { x, cells, text, style, kind } = piece;
  const { ink } = coloursOf(style, isLight);
  const isBlank = text.trim() === '' && style.underline !== true;
  if (cells === 0 || (isBlank && kind === 'narrow')) return '';
  const opacity = style.dim === true ? ' opacity="0.65"' : '';
  const weight = style.bold === true ? ' font-weight="bold"' : '';
  const underline = style.underline === true ? ' text-decoration="underline"' : '';
  const [left, length] = [x * cell.width, cells * cell.width];
  // What is drawn is also there as text, so that it can be selected and copied.
  const fill = kind === 'drawn' ? 'transparent' : ink;
  const words = `<text x="${left}" y="${y + cell.baseline}" textLength="${length}" lengthAdjust="spacingAndGlyphs" fill="${fill}"${weight}${underline}${opacity}>${escapeXml(text)}</text>`;
  if (kind !== 'drawn') return words;
  const shapes = graphemesOf(text).map((each, i) => drawShape(shapeOf(each), left + i * cell.width, y, ink));
  return `<g${opacity}>${mergeLines(shapes, ink)}</g>${words}`;
}

interface DrawnShape {
  /** Of thin lines, to be joined with those of the neighbours. */
  readonly path?: string;
  readonly element?: string;
}

function mergeLines(shapes: readonly DrawnShape[], ink: string): string {
  const path = shapes.map((shape) => shape.path ?? '').join('');
  const elements = shapes.map((shape) => shape.element ?? '').join('');
  return (path === '' ? '' : `<path d="${path}" stroke="${ink}" fill="none"/>`) + elements;
}

function drawShape(shape: CellShape | undefined, x: number, y: number, ink: string): DrawnShape {
  if (shape === undefined) return {};
  if (shape.kind === 'fill') {
    const opacity = shape.opacity === undefined || shape.opacity === 1 ? '' : ` fill-opacity="${shape.opacity}"`;
    const [width, height] = [shape.width * cell.width, shape.height * cell.height];
    const [left, top] = [x + shape.x * cell.width, y + shape.y * cell.height];
    return { element: `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="${ink}"${opacity}/>` };
  }
  const middle = { x: x + cell.width / 2, y: y + cell.height / 2 };
  const ends: Readonly<Record<Side, string>> = {
    left: `${x} ${middle.y}`,
    right: `${x + cell.width} ${middle.y}`,
    up: `${middle.x} ${y}`,
    down: `${middle.x} ${y + cell.height}`,
  };
  const [one, other] = shape.to;
  const path =
    shape.rounded === true && one !== undefined && other !== undefined
      ? `M${ends[one]}Q${middle.x} ${middle.y} ${ends[other]}`
      : shape.to.map((side) => `M${middle.x} ${middle.y}L${ends[side]}`).join('');
  return shape.heavy === true
    ? { element: `<path d="${path}" stroke="${ink}" stroke-width="3" fill="none"/>` }
    : { path };
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(
      /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      '',
    );
}

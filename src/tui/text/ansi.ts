/** Painted text that looks the same from its first to its last character. */
export interface AnsiRun {
  readonly text: string;
  readonly style: AnsiStyle;
}

/** What SGR sequences have set; a colour is one of the 256 or `#rrggbb`. */
export interface AnsiStyle {
  readonly foreground?: number | string;
  readonly background?: number | string;
  readonly bold?: true;
  readonly dim?: true;
  readonly underline?: true;
  readonly inverse?: true;
}

const sequence = /\u001b\[([0-9;:]*)m/g;

/** The text without its SGR sequences. */
export const stripAnsi = (text: string): string => text.replace(sequence, '');

/** The runs of a painted row; neighbours of the same style are one. */
export function parseAnsi(painted: string): readonly AnsiRun[] {
  const runs: AnsiRun[] = [];
  let style: AnsiStyle = {};
  let at = 0;
  const take = (text: string): void => {
    if (text === '') return;
    const last = runs.at(-1);
    if (last !== undefined && sameStyle(last.style, style)) runs[runs.length - 1] = { text: last.text + text, style };
    else runs.push({ text, style });
  };
  for (const match of painted.matchAll(sequence)) {
    take(painted.slice(at, match.index));
    at = match.index + match[0].length;
    style = applyCodes(style, (match[1] ?? '').split(/[;:]/).map(Number));
  }
  take(painted.slice(at));
  return runs;
}

function sameStyle(a: AnsiStyle, b: AnsiStyle): boolean {
  return (
    a.foreground === b.foreground &&
    a.background === b.background &&
    a.bold === b.bold &&
    a.dim === b.dim &&
    a.underline === b.underline &&
    a.inverse === b.inverse
  );
}

function applyCodes(before: AnsiStyle, codes: readonly number[]): AnsiStyle {
  let style = before;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0;
    if (code === 38 || code === 48) {
      const { colour, length } = longColour(codes.slice(i + 1));
      i += length;
      if (colour !== undefined) style = { ...style, [code === 38 ? 'foreground' : 'background']: colour };
    } else style = applyCode(style, code);
  }
  return style;
}

/** `5;208` or `2;255;128;0`. */
function longColour(codes: readonly number[]): { readonly colour?: number | string; readonly length: number } {
  const [kind, red = 0, green = 0, blue = 0] = codes;
  if (kind === 5) return { colour: red, length: 2 };
  if (kind !== 2) return { length: 1 };
  return { colour: `#${[red, green, blue].map((value) => value.toString(16).padStart(2, '0')).join('')}`, length: 4 };
}

function applyCode(style: AnsiStyle, code: number): AnsiStyle {
  const { foreground: _foreground, ...noForeground } = style;
  const { background: _background, ...noBackground } = style;
  const { bold: _bold, dim: _dim, ...noWeight } = style;
  const { underline: _underline, ...noUnderline } = style;
  const { inverse: _inverse, ...noInverse } = style;
  if (code === 0) return {};
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 4) return { ...style, underline: true };
  if (code === 7) return { ...style, inverse: true };
  if (code === 22) return noWeight;
  if (code === 24) return noUnderline;
  if (code === 27) return noInverse;
  if (code === 39) return noForeground;
  if (code === 49) return noBackground;
  const [tens, colour] = [Math.floor(code / 10), code % 10];
  if (colour > 7) return style;
  if (tens === 3 || tens === 9) return { ...style, foreground: colour + (tens === 9 ? 8 : 0) };
  if (tens === 4 || tens === 10) return { ...style, background: colour + (tens === 10 ? 8 : 0) };
  return style;
}

import { plainText } from '../../model/plain-text.ts';
import type { ThemeName } from '../state.ts';
import type { Row, Span, Token } from './rows.ts';

/** How many colours the terminal knows; 0 is none at all. */
export type ColourDepth = 0 | 16 | 256 | 16777216;

/** One of the terminal's own 16 colours, or `#rrggbb`. */
export type Colour = number | `#${string}`;

export interface Style {
  readonly foreground?: Colour;
  readonly background?: Colour;
  readonly bold?: true;
  readonly dim?: true;
  readonly underline?: true;
  readonly inverse?: true;
}

export interface Theme {
  readonly name: ThemeName;
  readonly depth: ColourDepth;
  /** Meant for a light background; pictures need to know. */
  readonly isLight: boolean;
  /** SGR sequences of a token, empty where it looks like plain text. */
  readonly sgr: Readonly<Record<Token, string>>;
  /** Goes before the token's own. */
  readonly selected: string;
  /** Signs in the text are painted in ASCII. */
  readonly isAscii: boolean;
}

type Styles = Readonly<Record<Token, Style>>;

const monoStyles: Styles = {
  plain: {},
  dim: { dim: true },
  strong: { bold: true },
  ok: {},
  warn: { bold: true },
  bad: { bold: true, underline: true },
  add: {},
  remove: { dim: true },
  change: { bold: true },
  accent: { bold: true },
  title: { bold: true },
  key: { bold: true },
};

/** Colours of a theme, on top of what marks a token without any. */
interface Colours {
  readonly dim?: Colour;
  readonly ok: Colour;
  readonly warn: Colour;
  readonly bad: Colour;
  readonly accent: Colour;
}

function coloured({ dim, ok, warn, bad, accent }: Colours, strong = false): Styles {
  const loud: Style = strong ? { bold: true } : {};
  return {
    plain: {},
    dim: dim !== undefined ? { foreground: dim } : strong ? {} : { dim: true },
    strong: { bold: true },
    ok: { ...loud, foreground: ok },
    warn: { ...loud, foreground: warn },
    bad: { bold: true, foreground: bad },
    add: { ...loud, foreground: ok },
    remove: { ...loud, foreground: bad },
    change: { ...loud, foreground: warn },
    accent: { ...loud, foreground: accent },
    title: { bold: true },
    key: { bold: true, foreground: accent },
  };
}

interface Look {
  readonly styles: Styles;
  /** Behind the row under the cursor; absent: its colours are exchanged. */
  readonly selected?: Colour;
  readonly isLight?: true;
}

const looks: Readonly<Record<ThemeName, Look>> = {
  auto: { styles: coloured({ ok: 2, warn: 3, bad: 1, accent: 6 }) },
  dark: {
    styles: coloured({ dim: '#8a8f98', ok: '#7ec97e', warn: '#e5c07b', bad: '#f07178', accent: '#6cb6ff' }),
    selected: '#2d4f76',
  },
  light: {
    styles: coloured({ dim: '#6a6f78', ok: '#1a6e2b', warn: '#8a5a00', bad: '#b3131b', accent: '#0b57a8' }),
    selected: '#cfe3fb',
    isLight: true,
  },
  // Nothing faint, everything bold, and the cursor exchanges the colours.
  'high-contrast': { styles: coloured({ ok: 10, warn: 11, bad: 9, accent: 14 }, true) },
  // Blue and orange of Okabe and Ito's palette, which deuteranopes, protanopes and tritanopes can distinguish.
  'colour-blind': { styles: coloured({ ok: '#56b4e9', warn: '#f0e442', bad: '#e69f00', accent: '#cc79a7' }) },
  mono: { styles: monoStyles },
};

/** The order in which the key for themes goes through them. */
export const themeNames: readonly ThemeName[] = ['auto', 'dark', 'light', 'high-contrast', 'colour-blind', 'mono'];

export interface ThemeOptions {
  /** Bold, faint and inverse stay. */
  readonly noColour?: boolean;
  readonly depth: ColourDepth;
  readonly isAscii?: boolean;
}

/** Everything that is needed to paint rows; deterministic. */
export function createTheme(name: ThemeName, { noColour = false, depth, isAscii = false }: ThemeOptions): Theme {
  const colours: ColourDepth = noColour || name === 'mono' ? 0 : depth;
  const look = colours === 0 ? looks.mono : looks[name];
  const painted = Object.entries(look.styles).map(([token, style]) => [token, sgrOf(style, colours)] as const);
  const sgr = Object.fromEntries(painted) as Theme['sgr'];
  // 16 colours have no quiet background.
  const selected: Style =
    look.selected === undefined || colours <= 16 ? { inverse: true } : { background: look.selected };
  return {
    name,
    depth: colours,
    isLight: looks[name].isLight ?? false,
    sgr,
    selected: sgrOf(selected, colours),
    isAscii,
  };
}

/** What COLORTERM and TERM say; 16 where they say nothing. */
export function colourDepth(env: Readonly<Record<string, string | undefined>>): ColourDepth {
  const term = env.TERM ?? '';
  if (term === 'dumb') return 0;
  if (/^(?:truecolor|24bit)$/i.test(env.COLORTERM ?? '') || /-direct$|kitty|alacritty|ghostty|wezterm/.test(term))
    return 16777216;
  return /256/.test(term) ? 256 : 16;
}

/** One string for the terminal; nothing of its style is left over at its end. */
export function paintRow(row: Row, theme: Theme): string {
  let painted = '';
  let before = '';
  for (const span of row) {
    if (span.text === '') continue;
    const style = styleOf(span, theme);
    if (style !== before) painted += before === '' ? style : `${reset}${style}`;
    // Spans are clean when they are made; whatever was put into one since goes no further than here.
    const text = plainText(span.text);
    painted += theme.isAscii ? asciiSigns(text) : text;
    before = style;
  }
  return before === '' ? painted : painted + reset;
}

const reset = '\u001b[0m';

function styleOf({ token = 'plain', selected }: Span, theme: Theme): string {
  const style = theme.sgr[token];
  return selected === true ? theme.selected + style : style;
}

/** One sequence for each property: not everything that cuts painted text into pieces knows compound ones. */
function sgrOf(style: Style, depth: ColourDepth): string {
  const codes = [
    ...(style.bold ? ['1'] : []),
    ...(style.dim ? ['2'] : []),
    ...(style.underline ? ['4'] : []),
    ...(style.inverse ? ['7'] : []),
    ...colourCodes(style.foreground, depth, 30),
    ...colourCodes(style.background, depth, 40),
  ];
  return codes.map((code) => `\u001b[${code}m`).join('');
}

function colourCodes(colour: Colour | undefined, depth: ColourDepth, base: 30 | 40): readonly string[] {
  if (colour === undefined || depth === 0) return [];
  if (typeof colour === 'number') return [String(colour < 8 ? base + colour : base + 52 + colour)];
  const [red, green, blue] = rgbOf(colour);
  if (depth === 16777216) return [`${base + 8};2;${red};${green};${blue}`];
  if (depth === 256) return [`${base + 8};5;${cubeIndex(red, green, blue)}`];
  const nearest = nearestOf16(red, green, blue);
  return [String(nearest < 8 ? base + nearest : base + 52 + nearest)];
}

/** Red, green and blue of `#rrggbb`, each 0 to 255. */
export function rgbOf(colour: string): readonly [number, number, number] {
  const at = (from: number): number => Number.parseInt(colour.slice(from, from + 2), 16);
  return [at(1), at(3), at(5)];
}

/** In xterm's cube of 6 x 6 x 6 colours, whose steps are 0, 95, 135, 175, 215, 255. */
function cubeIndex(red: number, green: number, blue: number): number {
  const step = (value: number): number => (value < 48 ? 0 : value < 115 ? 1 : Math.round((value - 55) / 40));
  return 16 + 36 * step(red) + 6 * step(green) + step(blue);
}

/** The hue decides: on 16 colours the shades are the terminal's affair. */
function nearestOf16(red: number, green: number, blue: number): number {
  const most = Math.max(red, green, blue);
  const least = Math.min(red, green, blue);
  if (most - least < 40) return 8;
  const bit = (value: number): 0 | 1 => (value - least > (most - least) / 2 ? 1 : 0);
  return bit(red) + 2 * bit(green) + 4 * bit(blue);
}

/** Signs in sentences and in what other folders word, each with one of ASCII that takes the same single cell. */
const asciiOf: Readonly<Record<string, string>> = {
  '·': '-',
  '–': '-',
  '—': '-',
  '×': 'x',
  '±': '~',
  '≈': '~',
  '≤': '<',
  '≥': '>',
  '→': '>',
  '⇢': '>',
  '▸': '>',
  '←': '<',
  '⇠': '<',
  '↑': '^',
  '⇧': '^',
  '↓': 'v',
  '…': '.',
  '●': '*',
  '◆': '#',
  '○': 'o',
  '◐': '~',
  '◌': '?',
  '✔': 'v',
  '✖': 'x',
  '✘': 'x',
  '─': '-',
  '━': '=',
  '│': '|',
  '┃': '|',
  '└': '`',
  '█': '#',
  '░': '.',
  '’': "'",
  '‘': "'",
  '“': '"',
  '”': '"',
};

const signs = new RegExp(`[${Object.keys(asciiOf).join('')}]`, 'g');

/** The text without signs that a font may not have; letters of any language stay as they are, and so does the width. */
const asciiSigns = (text: string): string => text.replace(signs, (sign) => asciiOf[sign] ?? sign);

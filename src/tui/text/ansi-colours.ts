/** What a picture shows for the colours that a terminal chooses itself. */
export interface PictureColours {
  readonly foreground: string;
  readonly background: string;
  readonly frame: string;
  /** The 16. */
  readonly palette: readonly string[];
}

export const darkColours: PictureColours = {
  foreground: '#d4d7dd',
  background: '#16181d',
  frame: '#3a3f4a',
  palette: [
    '#2a2e37',
    '#f07178',
    '#7ec97e',
    '#e5c07b',
    '#6cb6ff',
    '#d2a6ff',
    '#5ccfe6',
    '#c8ccd4',
    '#6b7280',
    '#ff8b92',
    '#98e098',
    '#ffd88a',
    '#8fc7ff',
    '#dfbfff',
    '#8be4f5',
    '#ffffff',
  ],
};

export const lightColours: PictureColours = {
  foreground: '#24272e',
  background: '#fdfdfb',
  frame: '#c9ccd3',
  palette: [
    '#24272e',
    '#b3131b',
    '#1a6e2b',
    '#8a5a00',
    '#0b57a8',
    '#7a3aa8',
    '#00707f',
    '#d5d8de',
    '#6a6f78',
    '#d4363e',
    '#2c8f41',
    '#a87400',
    '#2a76cc',
    '#9a5cc8',
    '#1a93a3',
    '#ffffff',
  ],
};

/** The colour as `#rrggbb`: one of 256, as xterm numbers them, or already so. */
export function ansiColour(colour: number | string, isLight: boolean): string {
  if (typeof colour === 'string') return colour;
  const { palette, foreground } = isLight ? lightColours : darkColours;
  if (colour < 16) return palette[colour] ?? foreground;
  if (colour >= 232) return hex([0, 0, 0].map(() => 8 + 10 * (colour - 232)));
  const step = (value: number): number => (value === 0 ? 0 : 55 + 40 * value);
  const at = colour - 16;
  return hex([step(Math.floor(at / 36)), step(Math.floor(at / 6) % 6), step(at % 6)]);
}

const hex = (values: readonly number[]): string =>
  `#${values.map((value) => Math.min(255, value).toString(16).padStart(2, '0')).join('')}`;

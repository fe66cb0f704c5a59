/** Every sign the screen uses, each one cell wide; colour is never the only sign of a state. */
export interface Glyphs {
  readonly up: string;
  readonly changing: string;
  readonly stopped: string;
  readonly failed: string;
  /** Unknown or stale. */
  readonly unknown: string;
  readonly add: string;
  readonly remove: string;
  readonly change: string;
  /** Not drover's. */
  readonly foreign: string;
  readonly goes: string;
  readonly comes: string;
  /** From one value to another. */
  readonly arrow: string;
  readonly done: string;
  readonly skipped: string;
  readonly waiting: string;
  readonly cursor: string;
  readonly marked: string;
  readonly ellipsis: string;
  readonly branch: string;
  readonly barFull: string;
  readonly barEmpty: string;
  /** Eighths of a cell, emptiest first; the last is full. */
  readonly eighths: readonly string[];
  /** Heights, lowest first. */
  readonly spark: readonly string[];
  readonly thumb: string;
  readonly border: {
    readonly horizontal: string;
    readonly vertical: string;
    readonly topLeft: string;
    readonly topRight: string;
    readonly bottomLeft: string;
    readonly bottomRight: string;
    readonly teeDown: string;
    readonly teeUp: string;
    readonly teeRight: string;
    readonly teeLeft: string;
    readonly cross: string;
  };
}

export const unicodeGlyphs: Glyphs = {
  up: '●',
  changing: '◐',
  stopped: '○',
  failed: '✖',
  unknown: '◌',
  add: '+',
  remove: '-',
  change: '~',
  foreign: '?',
  goes: '⇢',
  comes: '⇠',
  arrow: '→',
  done: '✔',
  skipped: '·',
  waiting: '○',
  cursor: '▸',
  marked: '◆',
  ellipsis: '…',
  branch: '└',
  barFull: '█',
  barEmpty: '░',
  eighths: ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'],
  spark: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
  thumb: '┃',
  border: {
    horizontal: '─',
    vertical: '│',
    topLeft: '╭',
    topRight: '╮',
    bottomLeft: '╰',
    bottomRight: '╯',
    teeDown: '┬',
    teeUp: '┴',
    teeRight: '├',
    teeLeft: '┤',
    cross: '┼',
  },
};

/** For fonts without the signs above, and for terminals where they are two cells wide. */
export const asciiGlyphs: Glyphs = {
  up: '*',
  changing: '~',
  stopped: 'o',
  failed: 'x',
  unknown: '?',
  add: '+',
  remove: '-',
  change: '~',
  foreign: '?',
  goes: '>',
  comes: '<',
  arrow: '>',
  done: 'v',
  skipped: '.',
  waiting: 'o',
  cursor: '>',
  marked: '#',
  ellipsis: '.',
  branch: '`',
  barFull: '#',
  barEmpty: '.',
  eighths: ['.', '.', '.', '-', '-', '=', '=', '#'],
  spark: ['_', '_', '.', '.', '-', '-', '=', '#'],
  thumb: '#',
  border: {
    horizontal: '-',
    vertical: '|',
    topLeft: '+',
    topRight: '+',
    bottomLeft: '+',
    bottomRight: '+',
    teeDown: '+',
    teeUp: '+',
    teeRight: '+',
    teeLeft: '+',
    cross: '+',
  },
};

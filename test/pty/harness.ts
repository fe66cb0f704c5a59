import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { IPty } from '@lydell/node-pty';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);
// Both are CommonJS, and say in their types what they export.
const loadPty = (): typeof import('@lydell/node-pty') =>
  require('@lydell/node-pty') as typeof import('@lydell/node-pty');
const { Terminal } = require('@xterm/headless') as typeof import('@xterm/headless');

/** Why no pseudo-terminal can be opened here, for `describe.skipIf`; undefined where one can. */
export const ptyMissing: string | undefined = whyMissing();

function whyMissing(): string | undefined {
  if (process.platform === 'win32') return 'no stty on Windows';
  try {
    loadPty();
    return undefined;
  } catch (error) {
    return `@lydell/node-pty does not load: ${error instanceof Error ? error.message.split('\n')[0] : error}`;
  }
}

export interface PtyOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly cwd?: string;
  /** On top of a small environment with TERM=xterm-256color; undefined takes away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface ScreenCell {
  /** Empty: the right half of a wide character. */
  readonly text: string;
  readonly width: number;
  /** One of the 256, or `#rrggbb`; undefined: the terminal's own. */
  readonly foreground?: number | string;
  readonly background?: number | string;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly inverse: boolean;
  readonly underline: boolean;
}

export interface PtyExit {
  /** As in a shell: 128 plus the number of the signal where one ended the program. */
  readonly code: number;
}

/** What has to appear: a text somewhere on the screen, or what a function says of its rows. */
export type Wanted = string | RegExp | ((rows: readonly string[]) => boolean);

/** A program in a pseudo-terminal, and what its screen shows. */
export interface PtyProgram {
  /** Sends the characters as they are. */
  readonly type: (text: string) => void;
  /** Sends keys by name: `up`, `enter`, `ctrl+c`, `A`. */
  readonly press: (...keys: readonly string[]) => void;
  /** Rejects with what is on the screen after `ms` (8 s by default). */
  readonly waitFor: (wanted: Wanted, ms?: number) => Promise<readonly string[]>;
  /** Nothing was written for `ms`. */
  readonly settled: (ms?: number) => Promise<void>;
  /** The rows as they are seen, without spaces at their ends. */
  readonly screen: () => readonly string[];
  readonly cells: (row: number) => readonly ScreenCell[];
  /** Every line of the normal screen, those that scrolled away included. */
  readonly history: () => readonly string[];
  readonly isAlternate: () => boolean;
  readonly cursor: () => { readonly x: number; readonly y: number };
  readonly modes: () => { readonly mouse: string; readonly bracketedPaste: boolean; readonly focus: boolean };
  readonly title: () => string;
  readonly bells: () => number;
  /** Everything the program wrote. */
  readonly output: () => string;
  readonly bytes: () => number;
  readonly resize: (columns: number, rows: number) => void;
  /** The terminal takes nothing until `resume`. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** To the program itself, not to the shell around it. */
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly pid: () => number;
  /** The terminal goes away, as when a window is closed or a connection breaks. */
  readonly hangUp: () => void;
  readonly exit: Promise<PtyExit>;
  /** `stty -a` without the size; `after` once the program ended. */
  readonly sttyBefore: () => string;
  readonly sttyAfter: () => string;
  /** Ends what still runs; call it in `afterEach`. */
  readonly close: () => Promise<void>;
}

const escapes: Readonly<Record<string, string>> = {
  up: '\u001b[A',
  down: '\u001b[B',
  right: '\u001b[C',
  left: '\u001b[D',
  home: '\u001b[H',
  end: '\u001b[F',
  pageup: '\u001b[5~',
  pagedown: '\u001b[6~',
  delete: '\u001b[3~',
  enter: '\r',
  escape: '\u001b',
  tab: '\t',
  'shift+tab': '\u001b[Z',
  backspace: '\u007f',
  space: ' ',
  f1: '\u001bOP',
};

/** The bytes of a key as xterm sends them. */
export function bytesOfKey(key: string): string {
  if (key.startsWith('ctrl+')) return String.fromCharCode(key.toUpperCase().charCodeAt(5) & 0x1f);
  return escapes[key] ?? key;
}

/** Keeps the shell around the program, which can report the terminal's state after the program has ended. */
const wrapper = `
stty -a >"$DROVER_PTY/before"
sh -c 'echo $$ >"$DROVER_PTY/pid"; exec "$@"' sh "$@"
code=$?
stty -a >"$DROVER_PTY/after"
exit $code`;

/** Starts the command in a pseudo-terminal; 80 columns and 24 rows by default. */
export function startPty(command: readonly string[], options: PtyOptions = {}): PtyProgram {
  const { columns = 80, rows = 24, cwd = tmpdir() } = options;
  const folder = mkdtempSync(join(tmpdir(), 'drover-pty-'));
  const pty = loadPty().spawn('/bin/sh', ['-c', wrapper, 'sh', ...command], {
    name: 'xterm-256color',
    cols: columns,
    rows,
    cwd,
    env: environment(folder, options.env ?? {}),
  });
  const terminal = new Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 5000 });
  return connect(pty, terminal, folder);
}

function environment(folder: string, more: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const all: Record<string, string | undefined> = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    LANG: 'C.UTF-8',
    TERM: 'xterm-256color',
    DROVER_PTY: folder,
    ...more,
  };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

type Screen = InstanceType<typeof Terminal>;

function connect(pty: IPty, terminal: Screen, folder: string): PtyProgram {
  const listeners = new Set<() => void>();
  let output = '';
  let bells = 0;
  let title = '';
  let hasExited = false;
  let wroteAt = Date.now();
  const changed = (): void => {
    for (const listener of [...listeners]) listener();
  };
  terminal.onBell(() => {
    bells += 1;
  });
  terminal.onTitleChange((text) => {
    title = text;
  });
  // Answers of the terminal, such as its attributes.
  terminal.onData((answer) => pty.write(answer));
  pty.onData((data) => {
    output += data;
    wroteAt = Date.now();
    terminal.write(data, changed);
  });
  const exit = new Promise<PtyExit>((resolve) => {
    pty.onExit(({ exitCode }) => {
      hasExited = true;
      // What is still to be drawn goes first.
      terminal.write('', () => {
        changed();
        resolve({ code: exitCode });
      });
    });
  });
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8').trim();
  const screen = (): readonly string[] => linesOf(terminal, terminal.buffer.active.viewportY, terminal.rows);
  const pid = (): number => Number(read('pid'));

  return {
    type: (text) => pty.write(text),
    press: (...keys) => pty.write(keys.map(bytesOfKey).join('')),
    waitFor: (wanted, ms = 8000) =>
      new Promise((resolve, reject) => {
        const end = (): void => {
          clearTimeout(timer);
          listeners.delete(check);
        };
        const check = (): void => {
          const now = screen();
          if (!holds(wanted, now)) return;
          end();
          resolve(now);
        };
        const timer = setTimeout(() => {
          end();
          const state = hasExited ? 'the program has ended' : 'the program runs';
          reject(new Error(`${wanted} is not on the screen after ${ms} ms (${state}):\n${screen().join('\n')}`));
        }, ms);
        listeners.add(check);
        check();
      }),
    settled: async (ms = 150) => {
      while (Date.now() - wroteAt < ms) await new Promise((resolve) => setTimeout(resolve, ms / 3));
    },
    screen,
    cells: (row) => cellsOf(terminal, row),
    history: () => linesOf({ rows: 0, buffer: { active: terminal.buffer.normal } }, 0, terminal.buffer.normal.length),
    isAlternate: () => terminal.buffer.active.type === 'alternate',
    cursor: () => ({ x: terminal.buffer.active.cursorX, y: terminal.buffer.active.cursorY }),
    modes: () => ({
      mouse: terminal.modes.mouseTrackingMode,
      bracketedPaste: terminal.modes.bracketedPasteMode,
      focus: terminal.modes.sendFocusMode,
    }),
    title: () => title,
    bells: () => bells,
    output: () => output,
    bytes: () => Buffer.byteLength(output),
    resize: (columns, rows) => {
      terminal.resize(columns, rows);
      pty.resize(columns, rows);
    },
    pause: () => pty.pause(),
    resume: () => pty.resume(),
    kill: (signal) => process.kill(pid(), signal),
    pid,
    hangUp: () => {
      // Not in its types: closes our end of the pseudo-terminal.
      const destroy: unknown = Reflect.get(pty, 'destroy');
      if (typeof destroy === 'function') Reflect.apply(destroy, pty, []);
    },
    exit,
    sttyBefore: () => withoutSize(read('before')),
    sttyAfter: () => withoutSize(read('after')),
    close: async () => {
      if (!hasExited) {
        killQuietly(pid);
        killQuietly(() => pty.pid);
        await exit;
      }
      terminal.dispose();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const withoutSize = (stty: string): string => stty.replace(/rows \d+; columns \d+;/, '');

function killQuietly(pid: () => number): void {
  try {
    process.kill(pid(), 'SIGKILL');
  } catch {
    // It has ended already, or never began.
  }
}

function holds(wanted: Wanted, rows: readonly string[]): boolean {
  if (typeof wanted === 'function') return wanted(rows);
  const text = rows.join('\n');
  return typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text);
}

function linesOf(
  { buffer }: { readonly rows: number; readonly buffer: { readonly active: Screen['buffer']['active'] } },
  from: number,
  count: number,
): readonly string[] {
  return Array.from({ length: count }, (_, i) => buffer.active.getLine(from + i)?.translateToString(true) ?? '');
}

function cellsOf(terminal: Screen, row: number): readonly ScreenCell[] {
  const line = terminal.buffer.active.getLine(terminal.buffer.active.viewportY + row);
  return Array.from({ length: terminal.cols }, (_, x): ScreenCell => {
    const cell = line?.getCell(x);
    const foreground = colour(cell?.getFgColor() ?? -1, cell?.isFgRGB() ?? false, cell?.isFgDefault() ?? true);
    const background = colour(cell?.getBgColor() ?? -1, cell?.isBgRGB() ?? false, cell?.isBgDefault() ?? true);
    return {
      text: cell?.getChars() ?? '',
      width: cell?.getWidth() ?? 1,
      bold: (cell?.isBold() ?? 0) !== 0,
      dim: (cell?.isDim() ?? 0) !== 0,
      inverse: (cell?.isInverse() ?? 0) !== 0,
      underline: (cell?.isUnderline() ?? 0) !== 0,
      ...(foreground === undefined ? {} : { foreground }),
      ...(background === undefined ? {} : { background }),
    };
  });
}

function colour(value: number, isRgb: boolean, isDefault: boolean): number | string | undefined {
  if (isDefault) return undefined;
  return isRgb ? `#${value.toString(16).padStart(6, '0')}` : value;
}

const project = fileURLToPath(new URL('../..', import.meta.url));
const bundles = new Map<string, Promise<string>>();

/** Makes a program of `test/pty/fixtures/NAME.ts` (or .tsx); returns its path, for `node`. */
export function bundleFixture(name: string): Promise<string> {
  const known = bundles.get(name);
  if (known !== undefined) return known;
  const folder = join(project, 'node_modules', '.cache', 'pty');
  mkdirSync(folder, { recursive: true });
  // One for each worker: two that write the same file would read halves.
  const outfile = join(folder, `${name}-${process.pid}-${process.env.VITEST_WORKER_ID ?? 0}.mjs`);
  const made = build({
    entryPoints: [join(project, 'test', 'pty', 'fixtures', name)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'warning',
  }).then(() => {
    process.once('exit', () => rmSync(outfile, { force: true }));
    return outfile;
  });
  bundles.set(name, made);
  return made;
}

import { EventEmitter } from 'node:events';
import type { TtyOutput } from '../deps.ts';
import type { Size } from '../frame/rows.ts';
import { stripAnsi } from '../text/ansi.ts';
import { widthOf } from '../text/fit.ts';
import { beginFrame, endFrame, enterScreen, leaveScreen, mouseOff, mouseOn } from './modes.ts';
import type { TerminalWriter } from './writer.ts';
import { createWriter } from './writer.ts';

export interface PresenterOptions {
  /** Frames a second at most; 12 by default. */
  readonly maxFps?: number;
  readonly mouse?: boolean;
  /** Frames are shown whole (DEC 2026) unless this is false; a terminal that does not know it ignores it. */
  readonly synchronised?: boolean;
  /** Made from `out` unless given. */
  readonly writer?: TerminalWriter;
}

export interface PresenterStatistics {
  readonly frames: number;
  readonly lines: number;
  /** Everything that went to the terminal. */
  readonly bytes: number;
}

/** Puts whole frames on the terminal, writing only lines that changed. */
export interface Presenter {
  /** For Ink's `render`, with `debug: true`: then each write is one whole frame. */
  readonly stream: NodeJS.WriteStream;
  readonly size: () => Size;
  /** Painted rows, from the first line of the screen on. */
  readonly show: (rows: readonly string[]) => void;
  readonly enter: () => void;
  /** `now`: the program ends and cannot wait. Does nothing where the screen is not entered. */
  readonly leave: (how?: 'in-order' | 'now') => void;
  readonly isEntered: () => boolean;
  /** Writes the whole frame again, at once. */
  readonly repaint: () => void;
  readonly setMaxFps: (fps: number) => void;
  readonly setMouse: (on: boolean) => void;
  /** The newest frame, shown or not yet. */
  readonly lastFrame: () => readonly string[];
  readonly statistics: () => PresenterStatistics;
  readonly onResize: (listener: (size: Size) => void) => () => void;
}

/** The output to one terminal. At most one frame waits for it, however slow it is. */
export function createPresenter(out: TtyOutput, options: PresenterOptions = {}): Presenter {
  const { writer = createWriter(out) } = options;
  const emitter = new EventEmitter();
  let mouse = options.mouse ?? false;
  const size = (): Size => ({ columns: out.columns || 80, rows: out.rows || 24 });
  const frames = createFrameWriter(writer, size, options);
  const resized = (): void => {
    frames.forgetShown();
    emitter.emit('resize', size());
    frames.schedule();
  };

  return {
    stream: createStream(emitter, size, frames.show),
    size,
    show: frames.show,
    enter: () => {
      if (frames.isOn()) return;
      out.on('resize', resized);
      writer.write(enterScreen + (mouse ? mouseOn : ''));
      frames.start();
    },
    leave: (how = 'in-order') => {
      if (!frames.isOn()) return;
      frames.stop();
      out.off('resize', resized);
      // A frame that is still being written would otherwise be drawn over what the terminal showed before.
      writer.writeLast(leaveScreen, how);
    },
    isEntered: frames.isOn,
    repaint: () => {
      frames.forgetShown();
      frames.flush();
    },
    setMaxFps: frames.setMaxFps,
    setMouse: (on) => {
      if (mouse !== on && frames.isOn()) writer.write(on ? mouseOn : mouseOff);
      mouse = on;
    },
    lastFrame: () => frames.newest().slice(0, size().rows),
    statistics: () => ({ ...frames.statistics(), bytes: writer.bytes() }),
    onResize: (listener) => {
      emitter.on('resize', listener);
      return () => {
        emitter.off('resize', listener);
      };
    },
  };
}

/** Writes frames one after the other while it is on, and each no sooner than the frame rate allows. */
function createFrameWriter(writer: TerminalWriter, size: () => Size, options: PresenterOptions) {
  const screen = createShownScreen(options.synchronised ?? true);
  let fps = options.maxFps ?? 12;
  let isOn = false;
  let newest: readonly string[] = [];
  /** The newest one that was compared with the terminal. */
  let taken = newest;
  let isWriting = false;
  let lastAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  const unschedule = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  const schedule = (): void => {
    if (!isOn || isWriting || timer !== undefined) return;
    timer = setTimeout(flush, Math.max(0, lastAt + 1000 / fps - performance.now()));
  };
  const flush = (): void => {
    unschedule();
    if (!isOn || isWriting) return;
    const { columns, rows } = size();
    taken = newest;
    const text = screen.changeTo(newest.slice(0, rows), columns);
    if (text === '') return;
    lastAt = performance.now();
    isWriting = true;
    writer.write(text, () => {
      isWriting = false;
      if (!screen.isKnown() || newest !== taken) schedule();
    });
  };

  return {
    isOn: () => isOn,
    newest: () => newest,
    statistics: screen.statistics,
    forgetShown: screen.forget,
    schedule,
    flush,
    start: () => {
      isOn = true;
      screen.forget();
      lastAt = Number.NEGATIVE_INFINITY;
      if (newest.length > 0) flush();
    },
    stop: () => {
      isOn = false;
      unschedule();
    },
    show: (rows: readonly string[]) => {
      newest = rows;
      schedule();
    },
    setMaxFps: (value: number) => {
      fps = value;
      if (timer === undefined) return;
      unschedule();
      schedule();
    },
  };
}

/** Remembers the lines that the terminal shows. */
function createShownScreen(synchronised: boolean) {
  /** Undefined where it is unknown what the terminal shows. */
  let shown: readonly string[] | undefined;
  const statistics = { frames: 0, lines: 0 };
  return {
    isKnown: () => shown !== undefined,
    /** The next frame is written whole. */
    forget: () => {
      shown = undefined;
    },
    /** The text to write so that the terminal shows the frame; empty where it does already. */
    changeTo: (frame: readonly string[], columns: number): string => {
      const { text, lines } = changes(frame, shown, columns);
      shown = frame;
      if (text === '') return '';
      statistics.frames += 1;
      statistics.lines += lines;
      return synchronised ? beginFrame + text + endFrame : text;
    },
    statistics: () => statistics,
  };
}

/** What has to be written so that the terminal shows the frame; empty where it does already. */
function changes(
  frame: readonly string[],
  shown: readonly string[] | undefined,
  columns: number,
): { readonly text: string; readonly lines: number } {
  let text = shown === undefined ? '\u001b[0m\u001b[2J' : '';
  let lines = 0;
  for (let row = 0; row < Math.max(frame.length, shown?.length ?? 0); row++) {
    const line = frame[row] ?? '';
    if (line === (shown?.[row] ?? '')) continue;
    text += `\u001b[${row + 1};1H${line}\u001b[0m`;
    // After a full line the cursor stands on its last cell, which would be erased.
    if (shown !== undefined && widthOf(stripAnsi(line)) < columns) text += '\u001b[K';
    lines += 1;
  }
  return { text, lines };
}

/** As much of a terminal as Ink asks for. */
function createStream(
  emitter: EventEmitter,
  size: () => Size,
  show: (rows: readonly string[]) => void,
): NodeJS.WriteStream {
  const write = (frame: unknown, encoding?: unknown, callback?: unknown): boolean => {
    const text = String(frame);
    // The presenter hides and shows the cursor itself.
    if (!/^(?:\u001b\[\?\d+[hl])*$/.test(text)) show(text.split('\n'));
    const done = typeof encoding === 'function' ? encoding : callback;
    if (typeof done === 'function') done();
    return true;
  };
  const stream = Object.defineProperties(Object.assign(emitter, { write, isTTY: true, writable: true }), {
    columns: { get: () => size().columns },
    rows: { get: () => size().rows },
  });
  // Ink's type asks for a whole socket; it uses write, on, off, columns, rows and isTTY.
  return stream as unknown as NodeJS.WriteStream;
}

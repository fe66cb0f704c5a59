// @ts-check
/**
 * Progress of long work: a moving line on a terminal, plain lines elsewhere. It uses Node.js's own modules alone, because
 * it runs before the packages are installed.
 *
 *   const stage = progress.stage('building the node image', { expectedMs: 300_000 });
 *   stage.update('compiling the ZFS module');
 *   stage.done();            // or stage.fail('no space left')
 *
 * Where DROVER_PROGRESS_FILE names a file, every event is appended to it as one line of JSON (`recorder` below), for a
 * program that shows progress in its own way. Child processes inherit the variable and append to the same file.
 */
import { appendFileSync } from 'node:fs';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const PLAIN_EVERY_MS = 15_000;
const SAME_AGAIN_MS = 60_000;
const REDRAW_MS = 120;
const BAR_CELLS = 20;
/** Fast enough to watch, slow enough to keep the file small. */
const RECORD_EVERY_MS = 250;

export const PROGRESS_FILE = 'DROVER_PROGRESS_FILE';

/**
 * 72_400 -> "1 min 12 s"
 * @param {number} ms
 */
export function formatElapsed(ms) {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.round(seconds % 60)).padStart(2, '0')} s`;
}

/**
 * Never shows a full bar before the work is done: an estimate is not a promise.
 * @param {number} elapsedMs @param {number} expectedMs
 */
export function bar(elapsedMs, expectedMs) {
  const share = Math.min(0.98, elapsedMs / expectedMs);
  const filled = Math.round(share * BAR_CELLS);
  return `${'━'.repeat(filled)}${'─'.repeat(BAR_CELLS - filled)} ${String(Math.floor(share * 100)).padStart(2)} %`;
}

/**
 * Where the lines are written, such as standard error.
 * @typedef {{ write(text: string): unknown, isTTY?: boolean, columns?: number }} Sink
 * @typedef {{ green(text: string): string, red(text: string): string, dim(text: string): string }} Paint
 */

/**
 * @param {Sink} stream
 * @param {NodeJS.ProcessEnv} env
 * @returns {Paint}
 */
function painter(stream, env) {
  const colour = stream.isTTY && !('NO_COLOR' in env && env.NO_COLOR !== '') && env.TERM !== 'dumb';
  /** @param {number} code @returns {(text: string) => string} */
  const paint = (code) => (text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  return { green: paint(32), red: paint(31), dim: paint(2) };
}

/**
 * Appends `{event, id, name, time, text?, expectedMs?}` to the file; `event` is started, updated, done, failed,
 * note, error or ended (with `code`).
 * A line is one write, so lines of several processes do not mix. The work goes on where the file cannot be written.
 * @param {NodeJS.ProcessEnv} env
 * @returns {(event: object) => void}
 */
function recorder(env) {
  const file = env[PROGRESS_FILE];
  if (file === undefined || file === '') return () => {};
  return (event) => {
    try {
      appendFileSync(file, `${JSON.stringify({ ...event, time: Date.now() })}\n`);
    } catch {
      // The work goes on without the file.
    }
  };
}

let stages = 0;
/**
 * Stages that run at the same time share one line of the terminal: the one that began last has it.
 * @type {Stage[]}
 */
const moving = [];

/**
 * For stages that go to the file alone.
 * @type {Sink}
 */
const silent = { write() {} };

/** One piece of work, from its creation until `done` or `fail`. */
export class Stage {
  #record;
  #id;
  #recordedAt = 0;
  /** @type {NodeJS.Timeout | undefined} */
  #unrecorded;
  #stream;
  #paint;
  #name;
  #expectedMs;
  #isMoving;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #frame = 0;
  #text = '';
  #ended = false;
  #began = Date.now();
  #lastPlain = Date.now();
  #lastPlainText = '';

  /**
   * @param {{
   *   stream: Sink, paint: Paint, isMoving: boolean, name: string, expectedMs: number | undefined,
   *   record: (event: object) => void,
   * }} options
   */
  constructor({ stream, paint, isMoving, name, expectedMs, record }) {
    stages += 1;
    this.#id = `${process.pid}.${stages}`;
    /** @type {(event: string, text: string) => void} */
    this.#record = (event, text) => record({ event, id: this.#id, name, ...(text ? { text } : {}) });
    record({ event: 'started', id: this.#id, name, ...(expectedMs ? { expectedMs } : {}) });
    this.#stream = stream;
    this.#paint = paint;
    this.#name = name;
    this.#expectedMs = expectedMs;
    this.#isMoving = isMoving;
    if (stream === silent) return;
    if (isMoving) {
      moving.push(this);
      this.#timer = setInterval(() => moving.at(-1) === this && this.#draw(), REDRAW_MS);
    } else {
      const about = expectedMs !== undefined && expectedMs > 5000 ? ` (about ${formatElapsed(expectedMs)})` : '';
      stream.write(`  ${name}${about} …\n`);
      this.#timer = setInterval(() => this.#plain(), 1000);
    }
    this.#timer.unref();
  }

  /**
   * Shows what the work is doing now.
   * @param {unknown} text
   */
  update(text) {
    this.#text = String(text).replace(/\s+/g, ' ').trim();
    this.#recordText();
  }

  done(text = '') {
    this.#end(this.#paint.green('✔'), text, 'done');
  }

  fail(text = '') {
    this.#end(this.#paint.red('✘'), text, 'failed');
  }

  get elapsedMs() {
    return Date.now() - this.#began;
  }

  #draw() {
    this.#frame = (this.#frame + 1) % FRAMES.length;
    const gauge = this.#expectedMs ? ` ${bar(this.elapsedMs, this.#expectedMs)}` : '';
    const head = `${FRAMES[this.#frame]} ${this.#name}${gauge} ${formatElapsed(this.elapsedMs)}`;
    const room = Math.max(0, (this.#stream.columns ?? 80) - head.length - 3);
    const tail = this.#text.slice(0, room);
    this.#stream.write(`\r\u001b[2K${head}  ${this.#paint.dim(tail)}`);
  }

  #plain() {
    const pause = this.#text === this.#lastPlainText ? SAME_AGAIN_MS : PLAIN_EVERY_MS;
    if (Date.now() - this.#lastPlain < pause) return;
    this.#lastPlain = Date.now();
    this.#lastPlainText = this.#text;
    this.#stream.write(`    ${formatElapsed(this.elapsedMs)}  ${this.#text || 'still running'}\n`);
  }

  /** Now or a little later: a program that prints a thousand lines a second would only fill the file. */
  #recordText() {
    if (this.#unrecorded !== undefined || this.#ended) return;
    const waits = this.#recordedAt + RECORD_EVERY_MS - Date.now();
    const write = () => {
      this.#unrecorded = undefined;
      this.#recordedAt = Date.now();
      this.#record('updated', this.#text);
    };
    if (waits <= 0) return write();
    this.#unrecorded = setTimeout(write, waits);
    this.#unrecorded.unref();
  }

  /** @param {string} mark @param {string} text @param {string} event */
  #end(mark, text, event) {
    if (this.#ended) return;
    this.#ended = true;
    if (moving.includes(this)) moving.splice(moving.indexOf(this), 1);
    clearInterval(this.#timer);
    clearTimeout(this.#unrecorded);
    this.#record(event, text);
    const line = `${mark} ${this.#name}${text ? `: ${text}` : ''} ${this.#paint.dim(`(${formatElapsed(this.elapsedMs)})`)}\n`;
    this.#stream.write(this.#isMoving ? `\r\u001b[2K${line}` : line);
  }
}

/**
 * Progress on `stream`: standard error, because standard output is for results. With `quiet` events go to the file alone.
 * @param {{ stream?: Sink, env?: NodeJS.ProcessEnv, quiet?: boolean }} options
 */
export function createProgress({ stream = process.stderr, env = process.env, quiet = false } = {}) {
  /** @type {Sink} */
  const sink = quiet ? { write() {}, isTTY: false } : stream;
  const paint = painter(sink, env);
  const isMoving = Boolean(sink.isTTY) && env.TERM !== 'dumb';
  const record = recorder(env);
  /**
   * A stage that goes to the file alone: a screen has room for it, a scrolling log does not.
   * @param {string} name @param {{ expectedMs?: number }} options
   */
  const detail = (name, { expectedMs } = {}) =>
    new Stage({ stream: silent, paint, isMoving: false, name, expectedMs, record });
  return {
    detail,
    /**
     * Records why the whole work cannot go on. The caller prints it.
     * @param {string} text
     */
    failure: (text) => record({ event: 'error', text }),
    /**
     * Records that the work has ended with this exit status: the last line of the file.
     * @param {number} code
     */
    ended: (code) => record({ event: 'ended', code }),
    /** @param {string} name @param {{ expectedMs?: number | undefined }} options */
    stage: (name, { expectedMs } = {}) => new Stage({ stream: sink, paint, isMoving, name, expectedMs, record }),
    /** @param {string} text */
    note: (text) => {
      record({ event: 'note', text: text.trim() });
      sink.write(`${text}\n`);
    },
  };
}

export const progress = createProgress();

/**
 * Runs `work` as a stage: it is done when `work` is, and fails where `work` throws.
 * @template T
 * @param {string} name
 * @param {number | undefined} expectedMs
 * @param {(stage: Stage) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withStage(name, expectedMs, work) {
  const stage = progress.stage(name, { expectedMs });
  try {
    const result = await work(stage);
    stage.done();
    return result;
  } catch (error) {
    stage.fail();
    throw error;
  }
}

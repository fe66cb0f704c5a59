/**
 * Progress of long work: a moving line on a terminal, plain lines elsewhere.
 * Needs nothing but Node's own modules, because it runs before the dependencies are installed.
 *
 *   const stage = progress.stage('building the node image', { expectedMs: 300_000 });
 *   stage.update('compiling the ZFS module');
 *   stage.done();            // or stage.fail('no space left')
 *
 * Where DROVER_PROGRESS_FILE names a file, every event goes there too, one JSON object a line (`recorder` below), for a
 * program that shows them in its own way. Child processes inherit the variable and append to the same file.
 */
import { appendFileSync } from 'node:fs';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const PLAIN_EVERY_MS = 15_000;
const SAME_AGAIN_MS = 60_000;
const REDRAW_MS = 120;
const BAR_CELLS = 20;
/** Often enough for a person, seldom enough for a file. */
const RECORD_EVERY_MS = 250;

export const PROGRESS_FILE = 'DROVER_PROGRESS_FILE';

/** 72_400 -> "1 min 12 s" */
export function formatElapsed(ms) {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.round(seconds % 60)).padStart(2, '0')} s`;
}

/** Never shows a full bar before the work is done: an estimate is not a promise. */
export function bar(elapsedMs, expectedMs) {
  const share = Math.min(0.98, elapsedMs / expectedMs);
  const filled = Math.round(share * BAR_CELLS);
  return `${'━'.repeat(filled)}${'─'.repeat(BAR_CELLS - filled)} ${String(Math.floor(share * 100)).padStart(2)} %`;
}

function painter(stream, env) {
  const colour = stream.isTTY && !('NO_COLOR' in env && env.NO_COLOR !== '') && env.TERM !== 'dumb';
  const paint = (code) => (text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  return { green: paint(32), red: paint(31), dim: paint(2) };
}

/**
 * Appends `{event, id, name, time, text?, expectedMs?}` to the file; `event` is started, updated, done, failed,
 * note, error or ended (with `code`).
 * A line is one write, so lines of several processes do not mix. A file that cannot be written is nobody's failure:
 * the work itself goes on.
 */
function recorder(env) {
  const file = env[PROGRESS_FILE];
  if (file === undefined || file === '') return () => {};
  return (event) => {
    try {
      appendFileSync(file, `${JSON.stringify({ ...event, time: Date.now() })}\n`);
    } catch {
      // As said above.
    }
  };
}

let stages = 0;
/** Stages that run at once share one line of the terminal: the one that began last has it. */
const moving = [];

/** For what goes to the file alone. */
const silent = { write() {} };

class Stage {
  #record;
  #id;
  #recordedAt = 0;
  #unrecorded;
  #stream;
  #paint;
  #name;
  #expectedMs;
  #isMoving;
  #timer;
  #frame = 0;
  #text = '';
  #ended = false;
  #began = Date.now();
  #lastPlain = Date.now();
  #lastPlainText = '';

  constructor({ stream, paint, isMoving, name, expectedMs, record }) {
    stages += 1;
    this.#id = `${process.pid}.${stages}`;
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
      const about = expectedMs > 5000 ? ` (about ${formatElapsed(expectedMs)})` : '';
      stream.write(`  ${name}${about} …\n`);
      this.#timer = setInterval(() => this.#plain(), 1000);
    }
    this.#timer.unref();
  }

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
    this.#stream.write(`    ${formatElapsed(this.elapsedMs)}  ${this.#text || 'still at it'}\n`);
  }

  /** At once, or a little later: a program that prints a thousand lines a second would only fill the file. */
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

/** Progress on `stream` (standard error, so that standard output stays for results). */
export function createProgress({ stream = process.stderr, env = process.env, quiet = false } = {}) {
  const sink = quiet ? { write() {}, isTTY: false } : stream;
  const paint = painter(sink, env);
  const isMoving = Boolean(sink.isTTY) && env.TERM !== 'dumb';
  const record = recorder(env);
  /** Only in the file: what a screen has room for and a scrolling log has not. */
  const detail = (name, { expectedMs } = {}) =>
    new Stage({ stream: silent, paint, isMoving: false, name, expectedMs, record });
  return {
    detail,
    /** Why the whole work cannot go on; whoever calls prints it too. */
    failure: (text) => record({ event: 'error', text }),
    /** The work is over, and this was its exit status: the last line of the file. */
    ended: (code) => record({ event: 'ended', code }),
    stage: (name, { expectedMs } = {}) => new Stage({ stream: sink, paint, isMoving, name, expectedMs, record }),
    note: (text) => {
      record({ event: 'note', text: text.trim() });
      sink.write(`${text}\n`);
    },
  };
}

export const progress = createProgress();

/**
 * Progress of long work: a moving line on a terminal, plain lines elsewhere.
 * Needs nothing but Node's own modules, because it runs before the dependencies are installed.
 *
 *   const stage = progress.stage('building the node image', { expectedMs: 300_000 });
 *   stage.update('compiling the ZFS module');
 *   stage.done();            // or stage.fail('no space left')
 */
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const PLAIN_EVERY_MS = 15_000;
const SAME_AGAIN_MS = 60_000;
const REDRAW_MS = 120;
const BAR_CELLS = 20;

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

class Stage {
  #stream;
  #paint;
  #name;
  #expectedMs;
  #moving;
  #timer;
  #frame = 0;
  #text = '';
  #ended = false;
  #began = Date.now();
  #lastPlain = Date.now();
  #lastPlainText = '';

  constructor({ stream, paint, moving, name, expectedMs }) {
    this.#stream = stream;
    this.#paint = paint;
    this.#name = name;
    this.#expectedMs = expectedMs;
    this.#moving = moving;
    if (moving) {
      this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
    } else {
      const about = expectedMs > 5000 ? ` (about ${formatElapsed(expectedMs)})` : '';
      stream.write(`  ${name}${about} …\n`);
      this.#timer = setInterval(() => this.#plain(), 1000);
    }
    this.#timer.unref();
  }

  update(text) {
    this.#text = String(text).replace(/\s+/g, ' ').trim();
  }

  done(text = '') {
    this.#end(this.#paint.green('✔'), text);
  }

  fail(text = '') {
    this.#end(this.#paint.red('✘'), text);
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

  #end(mark, text) {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#timer);
    const line = `${mark} ${this.#name}${text ? `: ${text}` : ''} ${this.#paint.dim(`(${formatElapsed(this.elapsedMs)})`)}\n`;
    this.#stream.write(this.#moving ? `\r\u001b[2K${line}` : line);
  }
}

/** Progress on `stream` (standard error, so that standard output stays for results). */
export function createProgress({ stream = process.stderr, env = process.env, quiet = false } = {}) {
  const sink = quiet ? { write() {}, isTTY: false } : stream;
  const paint = painter(sink, env);
  const moving = Boolean(sink.isTTY) && env.TERM !== 'dumb';
  return {
    stage: (name, { expectedMs } = {}) => new Stage({ stream: sink, paint, moving, name, expectedMs }),
    note: (text) => sink.write(`${text}\n`),
  };
}

export const progress = createProgress();

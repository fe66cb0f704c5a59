import { PassThrough, Writable } from 'node:stream';

/** A terminal's output that accepts what is written only when a test says so. */
export interface FakeOutput extends Writable {
  columns: number;
  rows: number;
  readonly isTTY: true;
  /** Everything that was accepted so far, one piece for each write. */
  readonly taken: string[];
  /** Accepts nothing more until `go`. */
  hold(): void;
  go(): void;
  resizeTo(columns: number, rows: number): void;
}

export function createFakeOutput(columns = 20, rows = 5): FakeOutput {
  const taken: string[] = [];
  let isHeld = false;
  let waiting: (() => void)[] = [];
  const out = new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => {
      const take = (): void => {
        taken.push(String(chunk));
        done();
      };
      if (isHeld) waiting.push(take);
      else take();
    },
  });
  const fake: FakeOutput = Object.assign(out, {
    columns,
    rows,
    isTTY: true as const,
    taken,
    hold: () => {
      isHeld = true;
    },
    go: () => {
      isHeld = false;
      const all = waiting;
      waiting = [];
      for (const take of all) take();
    },
    resizeTo: (width: number, height: number) => {
      fake.columns = width;
      fake.rows = height;
      fake.emit('resize');
    },
  });
  return fake;
}

/** A terminal's input; `write` types text. */
export interface FakeInput extends PassThrough {
  readonly isTTY: true;
  /** Every change of raw mode. */
  readonly raw: boolean[];
  setRawMode(on: boolean): unknown;
}

export function createFakeInput(): FakeInput {
  const raw: boolean[] = [];
  return Object.assign(new PassThrough(), { isTTY: true as const, raw, setRawMode: (on: boolean) => raw.push(on) });
}

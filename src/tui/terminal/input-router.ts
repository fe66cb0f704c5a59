import type { TtyInput } from '../deps.ts';
import { createInputDecoder } from './input-decoder.ts';
import type { InputEvent } from './input-event.ts';

/** Leaves a remote shell: ctrl+]. */
const detachKey = 0x1d;
/** The same where the remote program has switched the terminal to another way of telling keys. */
const detachForms: readonly string[] = ['\u001b[93;5u', '\u001b[27;5;93~'];

/** Turns the terminal's bytes into events, or hands them to a remote program as they are. */
export interface InputRouter {
  readonly start: () => void;
  readonly stop: () => void;
  /** Every byte goes to `sink` until ctrl+] is pressed (then `onDetach`) or the returned function is called. */
  readonly passThrough: (sink: (bytes: Uint8Array) => void, onDetach: () => void) => () => void;
}

interface Passage {
  readonly sink: (bytes: Uint8Array) => void;
  readonly onDetach: () => void;
}

export function createInputRouter(input: TtyInput, onEvent: (event: InputEvent) => void): InputRouter {
  let decoder = createInputDecoder();
  let timer: NodeJS.Timeout | undefined;
  let passage: Passage | undefined;

  const wait = (): void => {
    clearTimeout(timer);
    const ms = decoder.waitMs();
    timer = ms === undefined ? undefined : setTimeout(() => tell(decoder.expire()), ms);
  };
  const tell = (events: readonly InputEvent[]): void => {
    wait();
    for (const event of events) onEvent(event);
  };
  const receive = (chunk: unknown): void => {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (!(bytes instanceof Uint8Array)) return;
    if (passage === undefined) tell(decoder.feed(bytes));
    else pass(bytes, passage);
  };
  const pass = (bytes: Uint8Array, { sink, onDetach }: Passage): void => {
    const found = findDetach(Buffer.from(bytes));
    if (found === undefined) {
      sink(bytes);
      return;
    }
    if (found.from > 0) sink(bytes.subarray(0, found.from));
    passage = undefined;
    onDetach();
    if (found.to < bytes.length) receive(bytes.subarray(found.to));
  };
  const forget = (): void => {
    clearTimeout(timer);
    decoder = createInputDecoder();
  };

  return {
    start: () => {
      input.on('data', receive);
      input.resume();
    },
    stop: () => {
      input.off('data', receive);
      input.pause();
      forget();
    },
    passThrough: (sink, onDetach) => {
      forget();
      const mine: Passage = { sink, onDetach };
      passage = mine;
      return () => {
        if (passage === mine) passage = undefined;
      };
    },
  };
}

function findDetach(bytes: Buffer): { readonly from: number; readonly to: number } | undefined {
  const plain = bytes.indexOf(detachKey);
  const places = [
    ...(plain < 0 ? [] : [{ from: plain, to: plain + 1 }]),
    ...detachForms.map((form) => ({ from: bytes.indexOf(form), to: bytes.indexOf(form) + form.length })),
  ].filter(({ from }) => from >= 0);
  return places.toSorted((a, b) => a.from - b.from)[0];
}

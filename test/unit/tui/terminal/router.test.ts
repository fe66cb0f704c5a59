import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { InputEvent } from '../../../../src/tui/terminal/input-event.ts';
import { createInputRouter } from '../../../../src/tui/terminal/input-router.ts';
import { clipboardSequence, notificationSequence, titleSequence } from '../../../../src/tui/terminal/terminal.ts';
import { createFakeInput } from '../../../fakes/tty.ts';

describe('the input router', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function open() {
    const input = createFakeInput();
    const keys: string[] = [];
    const router = createInputRouter(input, (event: InputEvent) => {
      keys.push(event.type === 'key' ? event.key : event.type);
    });
    router.start();
    const type = async (text: string | Uint8Array, ms = 0): Promise<void> => {
      input.write(text);
      await vi.advanceTimersByTimeAsync(ms);
    };
    return { input, keys, router, type };
  }

  it('takes a lone escape for Esc after 40 ms', async () => {
    const { keys, type } = open();
    await type('\u001b', 39);
    expect(keys).toEqual([]);
    await vi.advanceTimersByTimeAsync(2);
    expect(keys).toEqual(['escape']);
  });

  it('puts a sequence together that comes in two pieces, even 300 ms later', async () => {
    const { keys, type } = open();
    await type('\u001b[', 300);
    await type('A');
    await type('\u001b', 30);
    await type('[B', 500);
    expect(keys).toEqual(['up', 'down']);
  });

  it('puts a character together that comes in two pieces', async () => {
    const { keys, type } = open();
    const bytes = Buffer.from('字');
    await type(bytes.subarray(0, 1), 500);
    await type(bytes.subarray(1));
    expect(keys).toEqual(['字']);
  });

  it('hears nothing after it was stopped, and forgets what was unfinished', async () => {
    const { keys, router, input, type } = open();
    await type('\u001b[');
    router.stop();
    await type('j', 500);
    expect(keys).toEqual([]);
    router.start();
    await vi.advanceTimersByTimeAsync(1);
    expect(keys).toEqual(['j']);
    expect(input.listenerCount('data')).toBe(1);
  });

  it('hands every byte to a remote program, until ctrl+] in any of its forms', async () => {
    for (const form of ['\u001d', '\u001b[93;5u', '\u001b[27;5;93~']) {
      const { keys, router, type } = open();
      const got: string[] = [];
      let detached = 0;
      router.passThrough(
        (bytes) => got.push(Buffer.from(bytes).toString('latin1')),
        () => {
          detached += 1;
        },
      );
      await type(Buffer.from([0x03, 0x1b, 0x5b, 0x41, 0xe5]), 500);
      await type(`ls\r${form}j`, 500);
      expect([got, detached, keys]).toEqual([['\u0003\u001b[A\u00e5', 'ls\r'], 1, ['j']]);
    }
  });

  it('takes the keys back when the remote program ends', async () => {
    const { keys, router, type } = open();
    const got: Uint8Array[] = [];
    const end = router.passThrough(
      (bytes) => got.push(bytes),
      () => undefined,
    );
    end();
    await type('j');
    expect([got, keys]).toEqual([[], ['j']]);
  });
});

describe('what the terminal’s window shows', () => {
  it('has no control characters of the text in it', () => {
    expect(titleSequence('a\u0007b\u001b]0;x\u0007')).toBe('\u001b]2;ab\u0007');
    expect(notificationSequence('a;b', 'c\nd', {})).toBe('\u001b]9;a,b: c d\u0007');
  });

  it('is sent once, in the form that the terminal knows', () => {
    expect(notificationSequence('t', 'x', { VTE_VERSION: '7600' })).toBe('\u001b]777;notify;t;x\u0007');
    expect(notificationSequence('t', 'x', { TERM_PROGRAM: 'iTerm.app' })).toBe('\u001b]9;t: x\u0007');
    expect(notificationSequence('t', 'x', { TMUX: '1' })).toBe('\u001bPtmux;\u001b\u001b]9;t: x\u0007\u001b\\');
  });

  it('is copied up to 100 kB, as terminals count them', () => {
    expect(clipboardSequence('é', {})).toBe('\u001b]52;c;w6k=\u0007');
    expect(clipboardSequence('x'.repeat(75_000), {})).toBeDefined();
    expect(clipboardSequence('x'.repeat(75_001), {})).toBeUndefined();
    expect(clipboardSequence('a', { TMUX: '1' })).toBe(
      '\u001b]52;c;YQ==\u0007\u001bPtmux;\u001b\u001b]52;c;YQ==\u0007\u001b\\',
    );
  });
});

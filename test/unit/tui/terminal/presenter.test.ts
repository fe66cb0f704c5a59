import { Text } from 'ink';
import { createElement } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPresenter } from '../../../../src/tui/terminal/presenter.ts';
import { createFakeOutput } from '../../../fakes/tty.ts';

/** Without the marks of a whole frame, and with escapes that can be read. */
const readable = (written: string): string =>
  written.replaceAll('\u001b[?2026h', '').replaceAll('\u001b[?2026l', '').replaceAll('\u001b', 'ESC');

describe('the presenter', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

  it('writes nothing before it is entered, and everything then', async () => {
    const out = createFakeOutput();
    const presenter = createPresenter(out);
    presenter.show(['one', 'two']);
    await settle(1000);
    expect(out.taken).toEqual([]);
    presenter.enter();
    await settle();
    expect(out.taken).toHaveLength(2);
    expect(out.taken[0]).toContain('\u001b[?1049h');
    expect(readable(out.taken[1] ?? '')).toBe('ESC[0mESC[2JESC[1;1HoneESC[0mESC[2;1HtwoESC[0m');
  });

  it('writes only lines that changed, each whole frame between the marks of DEC 2026', async () => {
    const out = createFakeOutput();
    const presenter = createPresenter(out);
    presenter.enter();
    presenter.show(['one', 'two', 'three']);
    await settle(100);
    presenter.show(['one', 'TWO']);
    await settle(100);
    expect(out.taken.at(-1)).toMatch(/^\u001b\[\?2026h.*\u001b\[\?2026l$/);
    expect(readable(out.taken.at(-1) ?? '')).toBe('ESC[2;1HTWOESC[0mESC[KESC[3;1HESC[0mESC[K');
  });

  it('erases nothing after a line that fills its row, which would erase its last cell', async () => {
    const out = createFakeOutput(5);
    const presenter = createPresenter(out);
    presenter.enter();
    presenter.show(['a']);
    await settle(100);
    presenter.show(['\u001b[1m12字5\u001b[0m']);
    await settle(100);
    expect(readable(out.taken.at(-1) ?? '')).toBe('ESC[1;1HESC[1m12字5ESC[0mESC[0m');
  });

  it('writes nothing for a frame that is already there', async () => {
    const out = createFakeOutput();
    const presenter = createPresenter(out);
    presenter.enter();
    presenter.show(['one']);
    await settle(100);
    const before = out.taken.length;
    presenter.show(['one']);
    await settle(100);
    expect(out.taken).toHaveLength(before);
  });

  it('draws no more frames a second than it may, and the newest one last', async () => {
    const out = createFakeOutput();
    const presenter = createPresenter(out, { maxFps: 10 });
    presenter.enter();
    for (let i = 0; i < 100; i++) {
      presenter.show([`${i}`]);
      await settle(10);
    }
    await settle(200);
    expect(presenter.statistics().frames).toBeGreaterThanOrEqual(9);
    expect(presenter.statistics().frames).toBeLessThanOrEqual(12);
    expect(out.taken.at(-1)).toContain('99');
    presenter.setMaxFps(100);
    presenter.show(['a']);
    await settle(10);
    presenter.show(['b']);
    await settle(11);
    expect(out.taken.at(-1)).toContain('b');
  });

  it('keeps one frame for a terminal that is slow: the newest', async () => {
    const out = createFakeOutput();
    const presenter = createPresenter(out);
    presenter.enter();
    await settle();
    out.hold();
    for (let i = 0; i < 30; i++) {
      presenter.show([`frame ${i}`]);
      await settle(100);
    }
    expect(out.writableLength).toBeLessThan(100);
    out.go();
    await settle(100);
    const frames = out.taken.filter((text) => text.includes('frame'));
    expect(frames.map((text) => /frame \d+/.exec(text)?.[0])).toEqual(['frame 0', 'frame 29']);
  });

  it('draws everything again after a change of the size, and on demand', async () => {
    const out = createFakeOutput();
    const presenter = createPresenter(out);
    const sizes: unknown[] = [];
    presenter.onResize((size) => sizes.push(size));
    presenter.enter();
    presenter.show(['one', 'two']);
    await settle(100);
    out.resizeTo(30, 1);
    await settle(100);
    expect(sizes).toEqual([{ columns: 30, rows: 1 }]);
    expect(readable(out.taken.at(-1) ?? '')).toBe('ESC[0mESC[2JESC[1;1HoneESC[0m');
    presenter.repaint();
    await settle();
    expect(readable(out.taken.at(-1) ?? '')).toBe('ESC[0mESC[2JESC[1;1HoneESC[0m');
    expect(out.taken.filter((text) => text.includes('\u001b[2J'))).toHaveLength(4);
  });

  it('takes 80 columns and 24 rows for a terminal that does not know its size', () => {
    expect(createPresenter(createFakeOutput(0, 0)).size()).toEqual({ columns: 80, rows: 24 });
  });

  it('gives the screen back once, and draws nothing after that', async () => {
    const out = createFakeOutput();
    const presenter = createPresenter(out, { mouse: true });
    presenter.enter();
    presenter.show(['one']);
    presenter.leave();
    presenter.leave();
    presenter.show(['two']);
    await settle(1000);
    expect(out.taken).toHaveLength(2);
    for (const mode of ['?1000l', '?1006l', '?1004l', '?2004l', '?7h', '?25h', '?2026l', '?1049l'])
      expect(out.taken[1]).toContain(`\u001b[${mode}`);
    expect(out.listenerCount('resize')).toBe(0);
  });

  it('switches the mouse on and off', async () => {
    const out = createFakeOutput();
    const presenter = createPresenter(out);
    presenter.enter();
    presenter.setMouse(true);
    presenter.setMouse(true);
    presenter.setMouse(false);
    await settle();
    expect(out.taken.slice(1)).toEqual(['\u001b[?1000h\u001b[?1006h', '\u001b[?1006l\u001b[?1000l']);
  });
});

describe('Ink', () => {
  it('draws through the presenter, whole frames with their styles', async () => {
    const { render } = await import('ink');
    const out = createFakeOutput(20, 3);
    const presenter = createPresenter(out);
    presenter.enter();
    const row = (text: string) => createElement(Text, { wrap: 'truncate' }, `\u001b[1m\u001b[32m${text}\u001b[0m end`);
    const ink = render(row('up'), { stdout: presenter.stream, debug: true, patchConsole: false, exitOnCtrlC: false });
    expect(presenter.lastFrame()[0]).toMatch(/^\u001b\[1m\u001b\[32mup\u001b\[.*m end$/);
    ink.rerender(row('down'));
    expect(presenter.lastFrame()[0]).toContain('down');
    // What Ink writes when it is unmounted depends on $CI; it is not drawn, because the screen has been left by then.
    presenter.leave();
    ink.unmount();
    await ink.waitUntilExit();
  });
});

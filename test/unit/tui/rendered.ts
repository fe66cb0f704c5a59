import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { render } from 'ink';
import { createElement } from 'react';
import { App, type ScreenSource } from '../../../src/tui/app.tsx';
import type { FrameInput } from '../../../src/tui/frame/regions.ts';
import { stripAnsi } from '../../../src/tui/text/ansi.ts';

/** The screen as Ink writes it. */
export function rendered(first: FrameInput) {
  let input = first;
  const listeners = new Set<() => void>();
  const frames: string[] = [];
  const source: ScreenSource = {
    getScreen: () => input,
    subscribe: (each) => {
      listeners.add(each);
      return () => listeners.delete(each);
    },
    onShown: () => undefined,
  };
  const { columns, rows } = first.ui.size;
  const write = (text: string): boolean => frames.push(text) > 0;
  const stdout = Object.assign(new EventEmitter(), { columns, rows, write, isTTY: true, writable: true });
  const app = render(createElement(App, { source }), {
    stdout: stdout as unknown as NodeJS.WriteStream,
    stdin: new PassThrough() as unknown as NodeJS.ReadStream,
    debug: true,
    patchConsole: false,
    exitOnCtrlC: false,
  });
  return {
    /** Frames that were written so far. */
    count: (): number => frames.length,
    lines: (): readonly string[] => stripAnsi(frames.at(-1) ?? '').split('\n'),
    /** Shows this screen next. React subscribes and draws in turns of the event loop of its own. */
    become: async (next: FrameInput): Promise<void> => {
      await setImmediate();
      input = next;
      for (const listener of [...listeners]) listener();
      await setImmediate();
    },
    close: app.unmount,
  };
}

import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { render } from 'ink';
import { createElement } from 'react';
import { App, type ScreenSource } from '../../../src/tui/app.tsx';
import type { FrameInput } from '../../../src/tui/frame/regions.ts';
import { stripAnsi } from '../../../src/tui/text/ansi.ts';

/** The screen as Ink writes it. */
export function rendered(first: FrameInput) {
  let input = first;
  let listener = (): void => undefined;
  const frames: string[] = [];
  const source: ScreenSource = {
    getScreen: () => input,
    subscribe: (each) => {
      listener = each;
      return () => undefined;
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
    become: (next: FrameInput): void => {
      input = next;
      listener();
    },
    close: app.unmount,
  };
}

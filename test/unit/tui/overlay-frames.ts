import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { framePane } from '../../../src/tui/frame/frame.ts';
import { unicodeGlyphs } from '../../../src/tui/frame/glyphs.ts';
import type { Row, Size } from '../../../src/tui/frame/rows.ts';
import { initialState } from '../../../src/tui/initial-state.ts';
import type { About, Message, Part, ScreenInput, Update } from '../../../src/tui/screen.ts';
import { widthOfRow } from '../../../src/tui/text/fit.ts';
import type { ClusterView } from '../../../src/view/cluster-view.ts';
import { emptyView } from '../../../src/view/reduce.ts';

/** Local time, so that the same text comes out in every time zone. */
export const noon = new Date(2026, 10, 22, 12, 0, 0).getTime();

const keys: Readonly<Record<string, string>> = { fix: 'f', sort: 'o', follow: 'f', filter: '/' };

export function inputOf(
  view: Partial<ClusterView> = {},
  overrides: Partial<ScreenInput> & Pick<Partial<About>, 'isReadOnly' | 'offer'> = {},
): ScreenInput {
  const { isReadOnly = false, offer, ...rest } = overrides;
  const whole: ClusterView = { ...emptyView, ...view };
  const about: About = {
    version: '1.0.0',
    isReadOnly,
    folder: '/srv/shop',
    ...(offer === undefined ? {} : { offer }),
    keyOf: (action) => keys[action],
  };
  const settings = { theme: 'auto', mouse: true, arrangement: 'auto' } as const;
  return {
    view: whole,
    ui: initialState({ columns: 80, rows: 24 }, settings, whole),
    now: noon,
    glyphs: unicodeGlyphs,
    about,
    ...rest,
  };
}

/** The inside of an overlay on a screen of this size: without header, footer and border. */
export const insideOfScreen = (columns: number, rows: number): Size => ({
  columns: columns - 2,
  rows: rows - 4,
});

/** The part in its border as it covers a screen of this size; every row is as wide as it has to be. */
export function frameOf<S>(part: Part<S>, input: ScreenInput, state: S, columns: number, rows: number): string {
  const drawn = part.draw(input, state, insideOfScreen(columns, rows));
  const rect = { x: 0, y: 1, columns, rows: rows - 2 };
  const framed = framePane(drawn, rect, { focused: true, glyphs: input.glyphs });
  expect(framed.map(widthOfRow)).toEqual(framed.map(() => columns));
  return `${framed.map(textOfRow).join('\n')}\n`;
}

export const textOfRow = (row: Row): string => row.map(({ text }) => text).join('');

/** Lines of the inside, without spaces at their ends. */
export function linesOf<S>(part: Part<S>, input: ScreenInput, state: S, columns = 80, rows = 24): readonly string[] {
  return part.draw(input, state, insideOfScreen(columns, rows)).rows.map((row) => textOfRow(row).trimEnd());
}

/** Compares with `test/golden/tui/<name>.txt`; `UPDATE_GOLDEN=1` writes it. */
export function expectGolden(name: string, text: string): void {
  const file = new URL(`../../golden/tui/${name}.txt`, import.meta.url);
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, 'utf8'));
}

/** One frame each at the smallest screen, the usual one and a wide one. */
export function expectFrames<S>(name: string, part: Part<S>, input: ScreenInput, state: S): void {
  const frames = [
    [60, 16],
    [80, 24],
    [118, 28],
  ].map(([columns = 0, rows = 0]) => `${columns}×${rows}\n${frameOf(part, input, state, columns, rows)}`);
  expectGolden(name, frames.join('\n'));
}

/** What follows from some messages one after the other: the last state, and everything asked for. */
export function play<S>(
  part: Part<S>,
  input: ScreenInput,
  state: S,
  messages: readonly (Message | Extract<Message, { type: 'action' }>['action'])[],
  size: Size = insideOfScreen(80, 24),
): Update<S> & { readonly state: S } {
  let last: Update<S> & { readonly state: S } = { state };
  for (const each of messages) {
    const message: Message = typeof each === 'string' ? { type: 'action', action: each } : each;
    const step = part.update(input, last.state, message, size);
    const effects = [...(last.effects ?? []), ...(step.effects ?? [])];
    last = { ...step, state: step.state ?? last.state, ...(effects.length === 0 ? {} : { effects }) };
  }
  return last;
}

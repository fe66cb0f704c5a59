import { expect } from 'vitest';
import { framePane } from '../../../src/tui/frame/frame.ts';
import { unicodeGlyphs } from '../../../src/tui/frame/glyphs.ts';
import type { Size } from '../../../src/tui/frame/rows.ts';
import { initialState } from '../../../src/tui/initial-state.ts';
import type { Part, ScreenInput } from '../../../src/tui/screen.ts';
import type { UiState } from '../../../src/tui/state.ts';
import { widthOfRow } from '../../../src/tui/text/fit.ts';
import type { ClusterView } from '../../../src/view/cluster-view.ts';
import { begun } from '../view/move-view.ts';
import { expectGolden, textOfRow } from './overlay-frames.ts';

const keys: Readonly<Record<string, string>> = {
  'pane-2': '2',
  'pane-3': '3',
  'pane-4': '4',
  apply: 'a',
  cancel: 'c',
};

/** The input for a frame of this view, with this state of the screen. */
export function paneInput(
  view: ClusterView,
  ui: Partial<UiState> = {},
  overrides: Partial<ScreenInput> & { readonly isReadOnly?: boolean } = {},
): ScreenInput {
  const { isReadOnly = false, ...rest } = overrides;
  const settings = { theme: 'auto', mouse: true, arrangement: 'auto' } as const;
  const files = { application: 'application.yml', deployment: 'deployment.yml' };
  return {
    view,
    ui: { ...initialState({ columns: 80, rows: 24 }, settings, view), ...ui },
    now: begun + 1300,
    glyphs: unicodeGlyphs,
    about: { version: '1.0.0', isReadOnly, folder: '/srv/shop', files, keyOf: (action) => keys[action] },
    ...rest,
  };
}

/** The part in a border of this size (the border included), as text; every row is as wide as it has to be. */
export function paneFrame<S>(part: Part<S>, input: ScreenInput, state: S, { columns, rows }: Size): string {
  const drawn = part.draw(input, state, { columns: columns - 2, rows: rows - 2 });
  const framed = framePane(drawn, { x: 0, y: 0, columns, rows }, { focused: true, glyphs: input.glyphs });
  expect(framed.map(widthOfRow)).toEqual(framed.map(() => columns));
  return framed.map(textOfRow).join('\n');
}

/** Golden frames at each size, in one file. */
export function expectPanes<S>(
  name: string,
  part: Part<S>,
  input: ScreenInput,
  state: S,
  sizes: readonly (readonly [columns: number, rows: number])[],
): void {
  const frames = sizes.map(
    ([columns, rows]) => `${columns}×${rows}\n${paneFrame(part, input, state, { columns, rows })}\n`,
  );
  expectGolden(name, frames.join('\n'));
}

/** Rows of the inside without the spaces at their ends. */
export function paneLines<S>(part: Part<S>, input: ScreenInput, state: S, columns = 100, rows = 30): readonly string[] {
  return part.draw(input, state, { columns, rows }).rows.map((row) => textOfRow(row).trimEnd());
}

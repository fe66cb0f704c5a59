import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { fill, framePane } from '../../../src/tui/frame/frame.ts';
import { insideOf, layoutOf, type PaneRect } from '../../../src/tui/frame/layout.ts';
import { type Row, span } from '../../../src/tui/frame/rows.ts';
import { clusterPart } from '../../../src/tui/parts/cluster/cluster.ts';
import { drawFooter } from '../../../src/tui/parts/footer.ts';
import { drawHeader } from '../../../src/tui/parts/header.ts';
import type { Drawn, ScreenInput } from '../../../src/tui/screen.ts';
import type { PaneId } from '../../../src/tui/state.ts';
import { boardOf } from '../../../src/view/board/board.ts';
import { textOf } from './cluster-scenes.ts';

/** The whole screen as lines of text; panes that are not the cluster's are empty. */
export function frameLines(input: ScreenInput): readonly string[] {
  const { ui, view, now, glyphs } = input;
  const layout = layoutOf(ui.size, { ui, nodes: boardOf(view, now).nodes.length, counters: 'counters' });
  if ('tooSmall' in layout) return layout.tooSmall;
  const footer = drawFooter(
    input,
    { actions: clusterPart.actions.slice(0, clusterPart.inFooter), disabledReason: () => undefined, isAway: ui.zoomed },
    layout.footer.columns,
  );
  const panes = Object.entries(layout.panes).map(([id, rect]) => ({ rect, rows: paneRows(input, id, rect) }));
  const body = Array.from({ length: layout.body.rows }, (_, i) => {
    const y = layout.body.y + i;
    const here = panes
      .filter(({ rect }) => y >= rect.y && y < rect.y + rect.rows)
      .toSorted((a, b) => a.rect.x - b.rect.x);
    return here.map(({ rect, rows }) => textOf(rows[y - rect.y] ?? [])).join('');
  });
  const bars = fill([drawHeader(input, layout.header.columns)], layout.header, glyphs).map(textOf);
  return [...bars, ...body, ...footer.map(textOf)];
}

function paneRows(input: ScreenInput, id: string, rect: PaneRect): readonly Row[] {
  const drawn: Drawn =
    id === 'cluster' ? clusterPart.draw(input, input.ui, insideOf(rect)) : { title: [span(id, 'title')], rows: [] };
  const focus: PaneId = input.ui.focus;
  return framePane(drawn, rect, { focused: id === focus, glyphs: input.glyphs, joins: rect.joins });
}

/**
 * Compares a screen with `test/golden/tui/<name>.txt`. The files are reviewed like code; `UPDATE_GOLDEN=1` writes them.
 */
export function expectFrame(name: string, lines: readonly string[]): void {
  const file = new URL(`../../golden/tui/${name}.txt`, import.meta.url);
  const text = `${lines.join('\n')}\n`;
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, 'utf8'));
}

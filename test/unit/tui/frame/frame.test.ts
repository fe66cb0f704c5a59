import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { fill, framePane } from '../../../../src/tui/frame/frame.ts';
import { asciiGlyphs, unicodeGlyphs } from '../../../../src/tui/frame/glyphs.ts';
import { appsOn, drawPane, layoutFor } from '../../../../src/tui/frame/regions.ts';
import { span } from '../../../../src/tui/frame/rows.ts';
import { createTheme } from '../../../../src/tui/frame/theme.ts';
import { registry } from '../../../../src/tui/parts.ts';
import { paneIds } from '../../../../src/tui/routing.ts';
import type { UiState } from '../../../../src/tui/state.ts';
import type { ClusterView } from '../../../../src/view/cluster-view.ts';
import { emptyView } from '../../../../src/view/reduce.ts';
import { aConfig, onNode } from '../../../builders.ts';
import { bigView, hostileView, inputOf, now, sampleView, textOf, uiOf } from '../cluster-scenes.ts';
import { expectFrame, frameLines } from '../golden-frame.ts';

const sizes = [
  { columns: 60, rows: 16 },
  { columns: 80, rows: 24 },
  { columns: 118, rows: 28 },
  { columns: 160, rows: 50 },
  { columns: 240, rows: 70 },
];

const views = {
  sample: sampleView(),
  hostile: hostileView(),
  many: bigView(100, 20),
  'no-nodes': { ...emptyView, config: aConfig([], {}) },
  'no-apps': { ...emptyView, config: aConfig([], { alpha: [] }), nodes: Object.fromEntries([onNode('alpha')]) },
};

describe('the whole screen', () => {
  for (const [name, view] of Object.entries(views)) {
    for (const size of sizes) {
      it(`shows ${name} on ${size.columns} x ${size.rows} as it was reviewed`, () => {
        const lines = frameLines(inputOf(view, uiOf(size)));
        expect(lines.length).toBe(size.rows);
        expect(new Set(lines.map((line) => stringWidth(line)))).toEqual(new Set([size.columns]));
        expectFrame(`${name}-${size.columns}x${size.rows}`, lines);
      });
    }
  }

  it('knows whose figures can be seen: those of the rows, and that of the details', () => {
    const small = { columns: 80, rows: 24 };
    const cursor = { node: 'alpha', app: 'wiki' };
    const theme = createTheme('mono', { depth: 0 });
    const appsOf = (ui: Partial<UiState>) => {
      const input = { ...inputOf(views.sample, uiOf(small, { cursor, ...ui })), registry, theme };
      const layout = layoutFor(input);
      if ('tooSmall' in layout) throw new Error('the screen is too small');
      return paneIds.flatMap((id) => {
        const rect = layout.panes[id];
        return rect === undefined ? [] : appsOn(id, drawPane(input, id, rect).hits, input.ui);
      });
    };
    expect(appsOf({})).toEqual(expect.arrayContaining(['wiki', 'db', 'mail']));
    expect(appsOf({ focus: 'detail', zoomed: true })).toEqual(['wiki']);
  });

  it('shows the sample in signs that every font has', () => {
    const lines = frameLines(inputOf(views.sample, uiOf({ columns: 118, rows: 28 }), { glyphs: asciiGlyphs }));
    const others = [...lines.join('')].filter((letter) => letter > '~');
    expect(new Set(others)).toEqual(new Set());
    expectFrame('sample-ascii-118x28', lines);
  });

  it('shows many nodes as a matrix, each cell with its own sign', () => {
    const ui: Partial<UiState> = { arrangement: 'matrix', zoomed: true };
    expectFrame('many-matrix-118x28', frameLines(inputOf(views.many, uiOf({ columns: 118, rows: 28 }, ui))));
    expectFrame('sample-matrix-80x24', frameLines(inputOf(views.sample, uiOf({ columns: 80, rows: 24 }, ui))));
  });

  it('shows what a run does, where it does it', () => {
    const ids = (kind: string): readonly string[] =>
      (views.sample.plan?.steps ?? []).filter(({ action }) => action.kind === kind).map(({ id }) => id);
    const error = { code: 'unhealthy', message: 'cannot start "db" on alpha: no answer', retryable: true, causes: [] };
    const failed = { result: 'failed', durationMs: 900, error } as const;
    const view: ClusterView = {
      ...views.sample,
      running: true,
      runStartedAt: now - 72_000,
      steps: Object.fromEntries([
        ...ids('sync-volume').map((id) => [id, { state: 'running', doneBytes: 604, totalBytes: 1000 }]),
        ...ids('start-container')
          .filter((id) => id.includes('db'))
          .map((id) => [id, { state: 'failed', outcome: failed }]),
        ...ids('start-container')
          .filter((id) => id.includes('web'))
          .map((id) => [id, { state: 'running' }]),
      ]),
    };
    const ui = uiOf({ columns: 118, rows: 28 }, { marks: new Set(['wiki']), cursor: { node: 'beta', app: 'wiki' } });
    expectFrame('sample-running-118x28', frameLines(inputOf(view, ui)));
    const table = uiOf({ columns: 118, rows: 28 }, { arrangement: 'table', filter: 'state:working', filtering: true });
    expectFrame('sample-running-table-118x28', frameLines(inputOf(view, table)));
  });

  it('never lets a name end in the terminal as anything but letters', () => {
    for (const arrangement of ['board', 'table', 'matrix'] as const) {
      const lines = frameLines(inputOf(views.hostile, uiOf({ columns: 160, rows: 50 }, { arrangement })));
      expect(lines.join('\n')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      expect(lines.join('\n')).toContain('日本語');
    }
  });

  it('says what it needs on a screen that is too small', () => {
    const lines = frameLines(inputOf(views.sample, uiOf({ columns: 52, rows: 14 })));
    expect(lines).toEqual(['needs 60×16, has 52×14', 'counters']);
  });

  it('has the time, and says what a run does', () => {
    const [id = ''] = views.sample.plan?.steps.map((step) => step.id) ?? [];
    const steps = { ...views.sample.steps, [id]: { state: 'running' as const } };
    const view = { ...views.sample, running: true, runStartedAt: now - 12_400, steps };
    expect(frameLines(inputOf(view, uiOf({ columns: 160, rows: 50 })))[0]).toMatch(/applying 0\/1 12 s.*14:08 $/);
  });
});

describe('a pane in its border', () => {
  const options = { focused: true, glyphs: unicodeGlyphs };
  const rect = { x: 0, y: 0, columns: 20, rows: 4 };

  it('has its title and aside in the upper border', () => {
    const drawn = { title: [span('plan')], aside: [span('3')], rows: [[span('a')], [span('b')]] };
    expect(framePane(drawn, rect, options).map(textOf)).toEqual([
      '╭─ plan ─────── 3 ─╮',
      '│a                 │',
      '│b                 │',
      '╰──────────────────╯',
    ]);
  });

  it('leaves the aside out where the title needs the room, and cuts the title where it does not fit', () => {
    const drawn = { title: [span('a very long title indeed')], aside: [span('aside')], rows: [] };
    expect(textOf(framePane(drawn, rect, options)[0] ?? [])).toBe('╭─ a very long t… ─╮');
  });

  it('cuts what is too long and too much', () => {
    const drawn = { title: [span('t')], rows: Array.from({ length: 9 }, () => [span('日本語'.repeat(9))]) };
    const rows = framePane(drawn, rect, options).map(textOf);
    expect(rows.map((row) => stringWidth(row))).toEqual([20, 20, 20, 20]);
  });

  it('shows with a thumb where in the whole it is', () => {
    const scroll = (offset: number) => ({ offset, shown: 8, total: 80 });
    const thumbAt = (offset: number): number =>
      framePane({ title: [], rows: [], scroll: scroll(offset) }, { ...rect, rows: 10 }, options)
        .map(textOf)
        .findIndex((row) => row.endsWith('┃'));
    expect([0, 36, 72].map(thumbAt)).toEqual([1, 5, 8]);
  });

  it('has no border without a title', () => {
    expect(framePane({ rows: [[span('x')]] }, { ...rect, rows: 2, columns: 3 }, options).map(textOf)).toEqual([
      'x  ',
      '   ',
    ]);
  });

  it('is a rectangle of the size asked for however small', () => {
    for (let columns = 0; columns < 9; columns += 1) {
      for (let rows = 0; rows < 5; rows += 1) {
        const drawn = { title: [span('title')], rows: [[span('text')]], scroll: { offset: 1, shown: 1, total: 9 } };
        const framed = framePane(drawn, { x: 0, y: 0, columns, rows }, options);
        expect(framed.map((row) => stringWidth(textOf(row)))).toEqual(Array.from({ length: rows }, () => columns));
      }
    }
  });

  it('fills a rectangle', () => {
    expect(fill([], { columns: 2, rows: 1 }, unicodeGlyphs).map(textOf)).toEqual(['  ']);
  });
});

import { describe, expect, it } from 'vitest';
import { asciiGlyphs, unicodeGlyphs } from '../../../src/tui/frame/glyphs.ts';
import type { Row, Size } from '../../../src/tui/frame/rows.ts';
import { openStages, type StagesState, stagesPart } from '../../../src/tui/parts/stages.ts';
import type { ScreenInput } from '../../../src/tui/screen.ts';
import type { UiState } from '../../../src/tui/state.ts';
import { widthOfRow } from '../../../src/tui/text/fit.ts';
import type { ClusterView } from '../../../src/view/cluster-view.ts';
import type { Stage } from '../../../src/view/stages.ts';

const size: Size = { columns: 58, rows: 12 };
const state: StagesState = openStages();

function inputOf(stages: readonly Stage[], now: number, overrides: Partial<ScreenInput> = {}): ScreenInput {
  return {
    // The part looks at neither.
    view: {} as ClusterView,
    ui: {} as UiState,
    now,
    glyphs: unicodeGlyphs,
    about: {
      version: '1',
      isReadOnly: false,
      folder: 'here',
      files: { application: 'application.yml', deployment: 'deployment.yml' },
      keyOf: () => undefined,
    },
    stages,
    ...overrides,
  };
}

const textOf = (rows: readonly Row[]): readonly string[] =>
  rows.map((row) =>
    row
      .map(({ text }) => text)
      .join('')
      .trimEnd(),
  );

const onTheirWay: readonly Stage[] = [
  { name: 'building the node image', state: 'done', startedAt: 0, endedAt: 125_000, expectedMs: 200_000 },
  {
    name: 'restoring node1 and node2 (kvm)',
    state: 'running',
    startedAt: 125_000,
    expectedMs: 8000,
    text: 'copying disks',
  },
  { name: 'node1 (172.16.255.250)', state: 'done', startedAt: 125_500, endedAt: 128_000, text: 'answers' },
  { name: 'node2 (172.16.255.251)', state: 'running', startedAt: 125_500, text: 'waits for its ssh' },
];

describe('the stages of the lab', () => {
  it('show what is done, what is running with its share and the time left, the nodes, and what to do in the meantime', () => {
    const { rows, aside } = stagesPart.draw(inputOf(onTheirWay, 129_000), state, size);
    expect(textOf(rows)).toEqual([
      'virtual machines on this computer; q stops, the next start continues',
      '✔ building the node image                       2 min 05 s',
      '◐ restoring node1 and node2 (kvm)                    4.0 s',
      '  ████████░░░░░░░░ 50 %  about 4.0 s left  copying disks',
      '✔ node1 (172.16.255.250)                             2.5 s',
      '◐ node2 (172.16.255.251)                             3.5 s',
      '  waits for its ssh',
      '',
      'in the meantime',
      '▸ look at a simulated cluster',
      '  read application.yml: what will run',
      '  read deployment.yml: where it will run',
    ]);
    expect(textOf([aside ?? []])).toEqual(['2 min 09 s']);
  });

  it('never show a full bar before the end, and say when it takes longer than usual', () => {
    const rows = textOf(stagesPart.draw(inputOf(onTheirWay, 225_000), state, size).rows);
    expect(rows[3]).toBe('  ███████████████░ 98 %  longer than usual  copying disks');
  });

  it('keep the newest in sight where there is no room for all, and scroll back', () => {
    const many = Array.from(
      { length: 20 },
      (_, at): Stage => ({ name: `part ${at + 1}`, state: 'done', startedAt: at }),
    );
    const input = inputOf(many, 20);
    const drawn = stagesPart.draw(input, state, { columns: 58, rows: 14 });
    expect(drawn.rows.length).toBe(14);
    expect(textOf(drawn.rows)[8]).toMatch(/^✔ part 20 /);
    expect(drawn.scroll).toEqual({ offset: 12, shown: 8, total: 20 });
    const back = stagesPart.update(input, state, { type: 'action', action: 'page-up' }, { columns: 58, rows: 14 });
    const again = stagesPart.draw(input, back.state ?? state, { columns: 58, rows: 14 });
    expect(textOf(again.rows)[8]).toMatch(/^✔ part 12 /);
  });

  it('say why it failed and what is left', () => {
    const failed: Stage = { name: 'booting', state: 'failed', startedAt: 0, endedAt: 60_000, text: 'no space left' };
    const rows = textOf(stagesPart.draw(inputOf([failed], 99_000), state, size).rows);
    expect(rows[0]).toBe('the lab did not start; q quits and prints the reason');
    expect(rows.slice(1, 3)).toEqual(['✖ booting                                       1 min 00 s', '  no space left']);
    expect(rows).toContain('you can still');
  });

  it('name each stage by signs of ASCII where the others cannot be shown', () => {
    const { rows } = stagesPart.draw(inputOf(onTheirWay, 129_000, { glyphs: asciiGlyphs }), state, size);
    expect(textOf(rows).join('')).toMatch(/^[\x20-\x7e]+$/);
  });

  it('fit the smallest screen row for row', () => {
    const small = { columns: 58, rows: 9 };
    const { rows } = stagesPart.draw(inputOf(onTheirWay, 129_000), state, small);
    expect(rows.length).toBe(9);
    const stageRows = rows.slice(1, 4);
    expect(stageRows.map(widthOfRow).every((width) => width <= 58)).toBe(true);
  });

  it('open the simulation, or a file, as the cursor or the mouse says', () => {
    const input = inputOf(onTheirWay, 129_000);
    const press = (from: StagesState, action: 'up' | 'down' | 'open') =>
      stagesPart.update(input, from, { type: 'action', action }, size);
    expect(press(state, 'open').effects).toEqual([{ type: 'look-at-simulation' }]);
    const below = press(press(state, 'down').state ?? state, 'down').state ?? state;
    expect(press(below, 'down').state).toEqual(below);
    expect(press(below, 'open').effects).toEqual([{ type: 'edit', file: 'deployment.yml' }]);
    const { hits = [], rows } = stagesPart.draw(input, state, size);
    expect(hits.map(({ y }) => textOf(rows)[y]?.slice(2, 6))).toEqual(['look', 'read', 'read']);
    expect(stagesPart.update(input, state, hits[1]?.click ?? { type: 'tick' }, size).effects).toEqual([
      { type: 'edit', file: 'application.yml' },
    ]);
  });
});

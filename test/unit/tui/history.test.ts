import { describe, expect, it } from 'vitest';
import type { RunRecord } from '../../../src/model/history.ts';
import { dayAndTime, type HistoryState, historyPart, openHistory } from '../../../src/tui/parts/history.ts';
import { aConfig, anApplication } from '../../builders.ts';
import { expectFrames, inputOf, insideOfScreen, linesOf, noon, play } from './overlay-frames.ts';

const hour = 3_600_000;

function aRun(id: string, startedAt: number, overrides: Partial<RunRecord> = {}): RunRecord {
  return {
    id,
    startedAt,
    endedAt: startedAt + 4200,
    revision: 'r1',
    result: 'converged',
    summary: 'converged: 2 steps in 4.2 s',
    steps: [
      { text: 'create volume of "db" on node1', result: 'succeeded', durationMs: 310 },
      { text: 'start "db" on node1', result: 'succeeded', durationMs: 1900 },
    ],
    receipts: [],
    deployment: { '10.0.0.1': ['db'], '10.0.0.2': [] },
    files: { application: '', deployment: '' },
    ...overrides,
  };
}

const moved = aRun('3', noon - 8 * 60_000, {
  endedAt: noon - 6 * 60_000,
  summary: 'converged: 9 steps in 2 min 00 s',
  receipts: [
    {
      app: 'db',
      volume: 'v-db',
      from: '10.0.0.1',
      to: '10.0.0.2',
      startedAt: noon,
      rounds: 2,
      bytes: [9e9, 4e6],
      mode: 'direct',
      totalMs: 118_000,
      downtimeMs: 3100,
      refused: 0,
    },
  ],
  deployment: { '10.0.0.1': [], '10.0.0.2': ['db'] },
});
const failed = aRun('2', noon - 20 * hour, {
  result: 'failed',
  summary: 'failed after 31 s: cannot pull image "acme/db:2" on node1: no such tag',
  steps: [
    { text: 'fetch image "acme/db:2" on node1', result: 'failed', durationMs: 31_000 },
    { text: 'start "db" on node1', result: 'skipped' },
  ],
});
const runs = [aRun('1', new Date(2024, 5, 5, 12).getTime()), failed, moved];
const config = {
  ...aConfig([anApplication('db')], { '10.0.0.1': [], '10.0.0.2': ['db'] }),
  nodes: { '10.0.0.1': { name: 'node1' }, '10.0.0.2': { name: 'node2' } },
};
const input = inputOf({ config });
const state: HistoryState = { kind: 'history', runs, cursor: 0, isOpen: false };

describe('the history', () => {
  it('lists the runs, newest first, with how they ended', () => {
    expectFrames('history', historyPart, input, state);
    expectFrames('history-open', historyPart, input, { ...state, isOpen: true });
    expect(linesOf(historyPart, input, state).map((line) => line.slice(0, 18))).toEqual([
      '▸ ✔  22 Nov 11:52 ',
      '  ✖  21 Nov 16:00 ',
      '  ✔   5 Jun 2024 1',
    ]);
  });

  it('says when there is nothing, and that it is being read', () => {
    const { runs: _none, ...reading } = state;
    expect(linesOf(historyPart, input, reading)).toEqual(['reading the history']);
    expect(linesOf(historyPart, input, { ...state, runs: [] })).toEqual(['nothing has been applied yet']);
    expect(historyPart.disabledReason?.(input, { ...state, runs: [] }, 'undo')).toBe('nothing has been applied yet');
    expect(play(historyPart, input, { ...state, runs: [] }, ['open', 'undo', 'down']).state.isOpen).toBe(false);
  });

  it('opens a run with its steps and the costs of its moves, and closes it before itself', () => {
    const open = play(historyPart, input, state, ['open']).state;
    const lines = linesOf(historyPart, input, open).join('\n');
    expect(lines).toContain('"db" moved from node1 to node2 in 1 min 58 s');
    expect(lines).toContain('downtime  3.1 s');
    expect(lines).toMatch(/node2 +"db"/);
    const back = play(historyPart, input, open, ['back']);
    expect([back.state.isOpen, back.closes]).toEqual([false, undefined]);
    expect(play(historyPart, input, back.state, ['back']).closes).toBe(true);
  });

  it('shows which step failed and which were left out', () => {
    const lines = linesOf(historyPart, input, { ...state, cursor: 1, isOpen: true });
    expect(lines.find((line) => line.startsWith('✖ fetch'))).toMatch(/31 s$/);
    expect(lines.find((line) => line.startsWith('· start'))).toMatch(/skipped$/);
  });

  it('scrolls an open run, and goes to the next one without closing it', () => {
    const steps = Array.from({ length: 60 }, (_, i) => ({ text: `step ${i}`, result: 'succeeded', durationMs: 5 }));
    const long = { ...state, runs: [failed, aRun('4', noon, { steps })], isOpen: true };
    const down = play(historyPart, input, long, ['page-down', 'page-down']).state;
    expect(linesOf(historyPart, input, down)).toHaveLength(20);
    expect(linesOf(historyPart, input, down)[0]).toMatch(/step 36/);
    const end = play(historyPart, input, long, ['last', 'down', 'up']).state;
    expect(linesOf(historyPart, input, end).at(-1)).toMatch(/node1 +"db"/);
    const next = play(historyPart, input, end, ['next-tab']).state;
    expect([next.cursor, next.offset, next.isOpen]).toEqual([1, 0, true]);
    expect(play(historyPart, input, next, ['next-tab', 'previous-tab', 'previous-tab']).state.cursor).toBe(0);
  });

  it('undoes the last run after a question, and no other', () => {
    const { opens } = play(historyPart, input, state, ['undo']);
    expect(opens).toMatchObject({
      kind: 'confirm',
      title: 'undo the run of 22 Nov 11:52?',
      choice: 'cancel',
      effect: { type: 'undo' },
    });
    expect(historyPart.disabledReason?.(input, { ...state, cursor: 1 }, 'undo')).toBe(
      'only the last run can be undone',
    );
    expect(play(historyPart, input, state, ['down', 'undo']).opens).toBeUndefined();
    const running = inputOf({ config, running: true });
    expect(historyPart.disabledReason?.(running, state, 'undo')).toBe('a run is in progress');
    expect(play(historyPart, running, state, ['undo']).opens).toBeUndefined();
  });

  it('is read again when a run ends, and the cursor stays on its run', () => {
    const message = { type: 'view-changed', before: inputOf({ running: true }).view } as const;
    expect(play(historyPart, input, state, [message]).effects).toEqual([{ type: 'read-history' }]);
    expect(play(historyPart, inputOf({ running: true }), state, [message]).effects).toBeUndefined();
    const read = { type: 'history-read', runs: [...runs, aRun('9', noon)] } as const;
    expect(play(historyPart, input, { ...state, cursor: 1 }, [read]).state.cursor).toBe(2);
    expect(play(historyPart, input, openHistory(), [read]).state.cursor).toBe(0);
  });

  it('keeps the cursor in sight among two hundred, and takes clicks where runs are drawn', () => {
    const many = {
      ...state,
      runs: Array.from({ length: 200 }, (_, i) => aRun(String(i), noon - i * hour)),
      cursor: 150,
    };
    const lines = linesOf(historyPart, input, many, 60, 16);
    expect(lines).toHaveLength(12);
    const at = lines.findIndex((line) => line.startsWith('▸'));
    const { hits = [] } = historyPart.draw(input, many, insideOfScreen(60, 16));
    expect(hits.find(({ y }) => y === at)?.click).toEqual({ type: 'pick', index: 150 });
    expect(play(historyPart, input, many, [{ type: 'pick', index: 3 }]).state.cursor).toBe(3);
  });
});

describe('day and time', () => {
  it('has the year only where it is another one', () => {
    expect(dayAndTime(new Date(2026, 0, 5, 9, 7).getTime(), noon)).toBe(' 5 Jan 09:07');
    expect(dayAndTime(new Date(2025, 11, 31, 23, 59).getTime(), noon)).toBe('31 Dec 2025 23:59');
  });
});

import { describe, expect, it } from 'vitest';
import type { MoveReceipt } from '../../../src/model/events.ts';
import { createSummary } from '../../../src/tui/run-tui.ts';
import { sampleView } from './cluster-scenes.ts';

const receipt: MoveReceipt = {
  app: 'wiki',
  volume: 'wiki',
  from: 'alpha',
  to: 'beta',
  startedAt: 0,
  rounds: 1,
  bytes: [1024],
  mode: 'relay',
  totalMs: 20_000,
};

describe('what is left on the terminal', () => {
  it('lists runs and moves in the order in which they ended, without runs that did nothing', () => {
    const { onEvent, lines } = createSummary();
    const run = (at: number, steps: number): void => {
      onEvent({ type: 'run-started', at, run: at, revision: 'r' });
      onEvent({ type: 'run-finished', at: at + 5000, run: at, outcome: { result: 'converged', steps } });
    };
    run(0, 2);
    run(10_000, 0);
    onEvent({ type: 'move-finished', at: 40_000, run: 40_000, receipt });
    run(60_000, 13);
    const listed = lines(sampleView()).filter((line) => !line.startsWith('    '));
    expect(listed).toEqual([
      'converged: 2 steps in 5.0 s',
      expect.stringContaining('"wiki" moved from alpha to beta'),
      'converged: 13 steps in 5.0 s',
    ]);
  });
});

import { describe, expect, it } from 'vitest';
import { type DiffState, diffPart, openDiff } from '../../../src/tui/parts/diff.ts';
import { aCluster, aConfig, unreachable } from '../../builders.ts';
import { aView } from '../view/move-view.ts';
import { expectFrames, play } from './overlay-frames.ts';
import { paneInput, paneLines } from './pane-frames.ts';

const files: DiffState = openDiff();
const steps: DiffState = { ...files, form: 'steps' };
const input = paneInput(aView());

describe('what changes', () => {
  it('is shown as found against wanted', () => {
    expectFrames('diff-files', diffPart, input, files);
  });

  it('is shown as the steps of the plan', () => {
    expectFrames('diff-steps', diffPart, input, steps);
  });

  it('never has a value of the environment in it', () => {
    for (const state of [files, steps]) {
      expect(paneLines(diffPart, input, state, 200, 200).join('\n')).not.toContain('hunter2');
    }
  });

  it('switches its form with a tab, from the top', () => {
    const down = play(diffPart, input, files, ['page-down'], { columns: 58, rows: 5 }).state;
    expect(down.offset).toBeGreaterThan(0);
    expect(play(diffPart, input, down, ['next-tab']).state).toEqual(steps);
    expect(play(diffPart, input, steps, ['previous-pane']).state).toEqual(files);
    expect(play(diffPart, input, steps, ['back']).closes).toBe(true);
  });

  it('says what could not be compared', () => {
    const nodes = aCluster(unreachable('node1')).nodes;
    const view = aView({ config: aConfig([], { node1: [] }), nodes });
    expect(paneLines(diffPart, paneInput(view), files)).toEqual([
      'not compared: 1 node cannot be reached',
      'every application matches the files',
    ]);
  });

  it('says that nothing is known yet', () => {
    const { plan: _plan, ...view } = aView();
    expect(paneLines(diffPart, paneInput(view), files)).toEqual(['the nodes have not been read yet']);
  });
});

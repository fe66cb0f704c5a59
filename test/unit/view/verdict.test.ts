import { describe, expect, it } from 'vitest';
import type { Container } from '../../../src/model/cluster.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { boardOf } from '../../../src/view/board/board.ts';
import { emptyView } from '../../../src/view/reduce.ts';
import { statusOf } from '../../../src/view/status.ts';
import { statusLines } from '../../../src/view/status-lines.ts';
import { aCluster, aConfig, aContainer, anApplication, onNode } from '../../builders.ts';

const always = anApplication('web', { restartPolicy: { name: 'always' } });
const onFailure = anApplication('web', { restartPolicy: { name: 'on-failure' } });

const exited = (code: number): Partial<Container> => ({ state: 'exited', exit: { code, oomKilled: false } });

/** The verdict and its tone in `status`; the state and the text on the screen. */
function seen(app: typeof always, parts: Partial<Container>): readonly unknown[] {
  const config = aConfig([app], { a: ['web'] });
  const state = aCluster(onNode('a', { containers: [aContainer(app, 'a', parts)] }));
  const status = statusOf(config, state);
  const cells = statusLines(status, config, 0).flatMap((line) => ('text' in line ? [] : [line]));
  const tone = cells.find((row) => row[0]?.text.trim() === 'web')?.[1]?.tone;
  const view = { ...emptyView, config, nodes: state.nodes, plan: makePlan(config, state) };
  const row = boardOf(view, 0).nodes[0]?.rows[0];
  return [status.applications[0]?.verdict, tone, row?.state, row?.text];
}

describe('a container is judged once, for `status` and for the screen', () => {
  it.each([
    ['is done', onFailure, exited(0), ['done', 'ok', 'stopped', 'done']],
    ['has failed', onFailure, exited(1), ['failed', 'fault', 'failed', 'exited 1']],
    ['has stopped, although it is to run always', always, exited(0), ['stopped', 'fault', 'failed', 'exited 0']],
    [
      'is restarted by Docker again and again',
      always,
      { state: 'restarting' },
      ['restarting', 'fault', 'failed', 'restarting'],
    ],
    [
      'does not answer yet',
      always,
      { state: 'running', health: 'starting' },
      ['starting', 'working', 'changing', 'starting'],
    ],
    [
      'does not answer',
      always,
      { state: 'running', health: 'unhealthy' },
      ['unhealthy', 'fault', 'failed', 'unhealthy'],
    ],
    ['is paused', always, { state: 'paused' }, ['paused', 'warning', 'stopped', 'paused']],
    ['runs', always, { state: 'running' }, ['running', 'ok', 'up', 'up']],
  ] as const)('%s', (_what, app, parts, expected) => {
    expect(seen(app, parts)).toEqual(expected);
  });
});

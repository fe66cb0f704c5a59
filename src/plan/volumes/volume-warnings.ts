import type { AppName } from '../../model/config.ts';
import type { Blocker } from '../../model/plan.ts';
import type { PlanInput } from '../plan-input.ts';
import { quote } from '../wording.ts';
import { copiesOf, evidence } from './ownership.ts';
import { asideHint } from './target-copy.ts';
import type { VolumeProblem } from './volume-problem.ts';
import type { VolumeTask } from './volume-task.ts';

/** A volume's problem as a blocker; `app` is its application, if it has one. */
export function problemBlocker(problem: VolumeProblem, app?: AppName): Blocker {
  return { ...problem, ...(app === undefined ? {} : { app }) };
}

/** What is reported about a volume and blocks nothing. */
export function warningsOf(input: PlanInput, task: VolumeTask, app?: AppName): Blocker[] {
  const limit = task.limitProblem === undefined ? [] : [problemBlocker(task.limitProblem, app)];
  return [...limit, ...staleOwners(input, task, app)];
}

/**
 * One line for each copy of a former owner that came back, with the evidence. drover never touches such a copy. If it
 * is diverged, its node found out when it booted, and starts nothing with it.
 */
function staleOwners(input: PlanInput, task: VolumeTask, app?: AppName): Blocker[] {
  return task.stale.map((copy) => {
    const isMarked = copy.volume.role === 'diverged';
    const why = isMarked
      ? 'it diverged, another node took over while this one was off'
      : 'another node took over later';
    return problemBlocker(
      {
        node: copy.node,
        reason:
          `cannot use the copy of volume "${task.id}" on ${quote(copy.node)}: ` +
          `${why}: ${evidence(input, copiesWith(input, task, copy))}`,
        hint: asideHint(input, copy),
      },
      app,
    );
  });
}

function copiesWith(input: PlanInput, task: VolumeTask, stale: VolumeTask['stale'][number]) {
  const owner = copiesOf(input, task.id).filter(
    ({ volume }) => volume.role === 'owner' && volume.epoch > stale.volume.epoch,
  );
  return [stale, ...owner];
}

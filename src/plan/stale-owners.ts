import type { AppName } from '../model/config.ts';
import type { Blocker } from '../model/plan.ts';
import type { VolumeProblem, VolumeTask } from './classify-volume.ts';
import { evidence } from './volume-standing.ts';
import { quote, type World } from './world.ts';

/** A volume's problem as a blocker of its application, if it has one. */
export function problemBlocker(problem: VolumeProblem, app?: AppName): Blocker {
  return { ...problem, ...(app === undefined ? {} : { app }) };
}

/** One blocker for each former owner that came back: shown with the evidence, and never touched. */
export function staleOwners(world: World, task: VolumeTask, app?: AppName): Blocker[] {
  return task.stale.map((copy) =>
    problemBlocker(
      {
        node: copy.node,
        reason:
          `cannot use the copy of volume "${task.id}" on ${quote(copy.node)}: ` +
          `another node took over later: ${evidence(world, copiesWith(world, task, copy))}`,
        hint: `look at "${copy.volume.dataset}" on ${quote(copy.node)} and destroy it there when nothing in it is missed`,
      },
      app,
    ),
  );
}

function copiesWith(world: World, task: VolumeTask, stale: VolumeTask['stale'][number]) {
  const owner = [...world.reachable].flatMap(([node, facts]) =>
    facts.volumes
      .filter((volume) => volume.id === task.id && volume.role === 'owner' && volume.epoch > stale.volume.epoch)
      .map((volume) => ({ node, volume })),
  );
  return [stale, ...owner];
}

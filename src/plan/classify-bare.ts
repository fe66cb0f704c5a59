import type { PlacedVolume } from '../model/config.ts';
import { usersBefore } from './conflicts.ts';
import type { Decision } from './decision.ts';
import { classifyVolume } from './volumes/classify-volume.ts';
import { problemBlocker, warningsOf } from './volumes/stale-owners.ts';
import { compareText, quote, type World } from './world.ts';

/** Datasets wanted without an application; an application that declares the volume decides for it. */
export function bareVolumes(world: World): PlacedVolume[] {
  const used = new Set(
    [...world.placement.keys()].flatMap(
      (name) => world.config.applications[name]?.volumes.map((volume) => volume.id) ?? [],
    ),
  );
  const wanted = world.config.datasets?.filter((dataset) => dataset.deleted !== true && !used.has(dataset.id)) ?? [];
  return [...wanted].sort((a, b) => compareText(a.id, b.id));
}

/** The decision for one bare volume: the same moves, without a container. */
export function decideVolume(world: World, dataset: PlacedVolume): Decision {
  const { id, node, maximumSizeBytes } = dataset;
  const result = classifyVolume(world, {
    id,
    title: `volume ${quote(id)}`,
    node,
    ...(maximumSizeBytes === undefined ? {} : { limitBytes: maximumSizeBytes }),
  });
  const away = !world.reachable.has(node);
  const unreachable = { node, reason: `cannot place volume "${id}" on ${quote(node)}: the node cannot be reached` };
  const problems = 'problem' in result ? [problemBlocker(result.problem)] : [];
  const tasks = 'task' in result ? [result.task] : [];
  return {
    group: id,
    node,
    tasks,
    stops: [],
    stopFirst: usersBefore(world, undefined, tasks, undefined).stopFirst,
    startsFirst: false,
    ports: [],
    hold: false,
    switches: false,
    checks: false,
    blockers: away ? [unreachable] : problems,
    warnings: tasks.flatMap((task) => warningsOf(world, task)),
    notes: [],
    keeps: [],
    portsTaken: false,
  };
}

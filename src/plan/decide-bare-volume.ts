import type { PlacedVolume } from '../model/config.ts';
import { usersBefore } from './conflicts.ts';
import type { GroupDecision } from './group-decision.ts';
import { compareText } from './lists.ts';
import type { PlanInput } from './plan-input.ts';
import { findVolumeTask } from './volumes/volume-task.ts';
import { problemBlocker, warningsOf } from './volumes/volume-warnings.ts';
import { quote } from './wording.ts';

/** Volumes of the files that no placed application declares. */
export function bareVolumes(input: PlanInput): PlacedVolume[] {
  const used = new Set(
    [...input.placement.keys()].flatMap(
      (name) => input.config.applications[name]?.volumes.map((volume) => volume.id) ?? [],
    ),
  );
  const wanted = input.config.datasets?.filter((dataset) => dataset.deleted !== true && !used.has(dataset.id)) ?? [];
  return [...wanted].sort((a, b) => compareText(a.id, b.id));
}

/** The decision for one bare volume: the same moves, without a container. */
export function decideBareVolume(input: PlanInput, dataset: PlacedVolume): GroupDecision {
  const { id, node, maximumSizeBytes } = dataset;
  const result = findVolumeTask(input, {
    id,
    title: `volume ${quote(id)}`,
    node,
    ...(maximumSizeBytes === undefined ? {} : { limitBytes: maximumSizeBytes }),
  });
  const away = !input.reachable.has(node);
  const unreachable = { node, reason: `cannot place volume "${id}" on ${quote(node)}: the node cannot be reached` };
  const problems = 'problem' in result ? [problemBlocker(result.problem)] : [];
  const tasks = 'task' in result ? [result.task] : [];
  return {
    group: id,
    node,
    tasks,
    stops: [],
    stopFirst: usersBefore(input, undefined, tasks, undefined).stopFirst,
    startsFirst: false,
    ports: [],
    names: [],
    hold: false,
    switches: false,
    checks: false,
    blockers: away ? [unreachable] : problems,
    warnings: tasks.flatMap((task) => warningsOf(input, task)),
    notes: [],
    keeps: [],
    refuses: [],
    portsTaken: false,
  };
}

import type { NodeName } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import type { Plan, PlannedMove, StepId } from '../../model/plan.ts';
import type { Move, VolumeTask } from '../volumes/volume-task.ts';
import { quote } from '../wording.ts';
import { rank, type StepBuilder } from './step-builder.ts';

/** One volume of a group, and the builder that takes its steps. */
interface VolumeSteps {
  readonly builder: StepBuilder;
  readonly group: string;
  readonly task: VolumeTask;
}

/** Adds the steps that need no downtime. The switch waits for the returned steps. */
export function prepareVolume(steps: VolumeSteps): StepId[] {
  const { work } = steps.task;
  if (work.kind === 'create') return [createVolume(steps)];
  if (work.kind === 'in-place') return work.resize ? [resizeVolume(steps, steps.task.node, [])] : [];
  return work.kind === 'move' ? prepareMove(steps, work) : [];
}

function createVolume({ builder, group, task }: VolumeSteps): StepId {
  const app = group === task.id ? {} : { app: group };
  const { name, limitBytes } = task;
  return builder.add({
    action: { kind: 'create-volume', node: task.node, ...app, volume: task.id, ...defined({ name, limitBytes }) },
    reason: 'no node has it',
    group,
  });
}

function resizeVolume(
  steps: VolumeSteps,
  node: NodeName,
  after: readonly StepId[],
  { beforeStart = false } = {},
): StepId {
  const { builder, group, task } = steps;
  const limit = task.limitBytes === undefined ? {} : { limitBytes: task.limitBytes };
  return builder.add({
    action: { kind: 'resize-volume', node, volume: task.id, ...limit, ...(beforeStart ? { beforeStart } : {}) },
    after,
    reason: task.limitBytes === undefined ? 'the files set no limit' : `limit is ${task.limitBytes} bytes`,
    group,
    ...(beforeStart ? {} : { rank: rank.early }),
  });
}

function prepareMove(steps: VolumeSteps, work: Move): StepId[] {
  const { builder, group, task } = steps;
  const { id: volume, node: to } = task;
  if (work.stage !== 'sync') return [];
  const first = [
    ...task.settle.filter((old) => old.from === to).map((old) => settle(steps, old, [], rank.early)),
    ...(work.reclaim ? [reclaim(steps, work.from, work.releasedTo, [], rank.early)] : []),
  ];
  const resized = work.resizeSource ? [resizeVolume(steps, work.from, first)] : [];
  const reason = `moves from ${quote(work.from)} to ${quote(to)}`;
  const action = { kind: 'sync-volume', from: work.from, to, volume } as const;
  return [builder.add({ action, after: resized.length > 0 ? resized : first, reason, group })];
}

/**
 * Adds the steps that need the application stopped, in a chain: freeze, send, release, acquire. The chain begins after
 * the steps of `gate`, which are usually the stops. The application starts after the returned steps.
 */
export function switchVolume(steps: VolumeSteps, gate: readonly StepId[]): StepId[] {
  const { builder, group, task } = steps;
  const { work, id: volume, node } = task;
  if (work.kind === 'create') return [];
  if (work.kind === 'move') return [moveOver(steps, work, gate)];
  if (work.kind === 'reclaim') {
    const back = reclaim(steps, node, work.releasedTo, gate);
    return work.resize ? [resizeVolume(steps, node, [back], { beforeStart: true })] : [back];
  }
  if (!work.mount) return [];
  return [builder.add({ action: { kind: 'mount-volume', node, volume }, after: gate, reason: 'not mounted', group })];
}

function moveOver(steps: VolumeSteps, work: Move, gate: readonly StepId[]): StepId {
  const { builder, group, task } = steps;
  const { id: volume, node: to } = task;
  const { from } = work;
  let after = gate;
  const then = (action: Parameters<StepBuilder['add']>[0]['action'], reason: string) => {
    after = [builder.add({ action, after, reason, group })];
  };
  if (work.freeze) then({ kind: 'freeze-volume', node: from, volume }, 'its data must not change any more');
  if (work.send) then({ kind: 'send-final', from, to, volume }, `${quote(to)} lacks the last changes`);
  if (work.stage !== 'acquire') then({ kind: 'release-volume', from, to, volume }, `${quote(to)} has everything`);
  const released = `${quote(from)} has released it`;
  then({ kind: 'acquire-volume', from, to, volume }, released);
  if (work.resizeTarget) after = [resizeVolume(steps, to, after, { beforeStart: true })];
  return after[0] ?? '';
}

function reclaim(
  steps: VolumeSteps,
  node: NodeName,
  releasedTo: NodeName | undefined,
  after: readonly StepId[],
  early?: number,
): StepId {
  const { builder, group, task } = steps;
  const given = releasedTo === undefined ? {} : { releasedTo };
  return builder.add({
    action: { kind: 'reclaim-volume', node, volume: task.id, ...given },
    after,
    reason: 'an earlier move was not finished, and no other node owns it',
    group,
    ...(early === undefined ? {} : { rank: early }),
  });
}

/**
 * Adds the steps that turn old copies into replicas after the application answers: those of this move and earlier ones.
 */
export function settleVolume(steps: VolumeSteps, after: readonly StepId[]): StepId[] {
  const { task } = steps;
  const { work, node } = task;
  const arrives = work.kind === 'move';
  const older = task.settle.filter((old) => !(arrives && old.from === node)).map((old) => ({ ...old, to: node }));
  const moved = arrives ? [{ from: work.from, to: node }] : [];
  return [...older, ...moved].map((old) => settle(steps, old, after));
}

function settle(
  { builder, group, task }: VolumeSteps,
  { from, to }: VolumeTask['settle'][number],
  after: readonly StepId[],
  early?: number,
): StepId {
  return builder.add({
    action: { kind: 'settle-volume', from, to, volume: task.id },
    after,
    reason: `${quote(to)} owns it; the copy on ${quote(from)} stays as a replica`,
    group,
    ...(early === undefined ? {} : { rank: early }),
  });
}

/** The volumes that move to another node, in the plan's order. */
export function plannedMoves(plan: Plan): PlannedMove[] {
  const starts = new Set(
    plan.steps.flatMap(({ action, group }) =>
      action.kind === 'start-container' && action.spec.application === group ? [group] : [],
    ),
  );
  return plan.steps.flatMap(({ action, group }) => {
    if (action.kind !== 'acquire-volume') return [];
    const { volume, from, to } = action;
    return [{ ...(starts.has(group) ? { app: group } : {}), volume, from, to }];
  });
}

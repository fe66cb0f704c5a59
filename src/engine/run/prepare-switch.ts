import type { AppName, NodeName } from '../../model/config.ts';
import type { ActionOf, Plan, StepId } from '../../model/plan.ts';
import { stopGraceMs, stopSlackMs } from './perform-container.ts';
import { findVolume, type StepContext } from './step-context.ts';

/**
 * Prepares a switch before the application stops and its clients wait: arms the dead-man on the old node, which starts
 * the application if drover does not come back, and reads from the new node what the start needs. `isDone`: the step has
 * begun already.
 */
export async function prepareSwitch(
  plan: Plan,
  group: AppName,
  isDone: (step: StepId) => boolean,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const own = plan.steps.filter((step) => step.group === group && !isDone(step.id)).map(({ action }) => action);
  await Promise.all(
    own.map(async (action) => {
      if (action.kind === 'stop-container') await armDeadMan(action, context, signal);
      if (action.kind === 'start-container') await prepareStart(action, context, signal);
      if (action.kind === 'freeze-volume') await openSessions(action.node, 'old', context, signal);
      if (action.kind === 'acquire-volume') await openSessions(action.to, 'new', context, signal);
    }),
  );
}

async function openSessions(
  node: NodeName,
  side: 'old' | 'new',
  { cluster }: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await cluster.node(node, signal);
  await client.prepareSwitch(side, signal);
}

async function armDeadMan(
  action: ActionOf<'stop-container'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const { node, app, unlessReleased } = action;
  if (unlessReleased === undefined) return;
  const client = await context.cluster.node(node, signal);
  const volumes = await Promise.all(
    unlessReleased.map(async (id) => context.known.copy(node, id) ?? (await findVolume(client, id, signal)) ?? []),
  );
  const { switchMs } = context.config.settings.timeouts;
  const afterMs = Math.max(switchMs, stopGraceMs(context, action) + stopSlackMs);
  await client.deadMan.arm(app, volumes.flat(), afterMs, signal);
}

async function prepareStart(
  { node, spec }: ActionOf<'start-container'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(node, signal);
  const [containers] = await Promise.all([client.containers.list(signal), client.containers.prepare(spec, signal)]);
  context.known.containers.set(node, containers);
}

import { lastFacts, type PortKey } from '../../model/cluster.ts';
import type { AppName, NodeName } from '../../model/config.ts';
import type { ActionOf, Plan, StepId } from '../../model/plan.ts';
import { sharersOf } from '../../model/shared-volumes.ts';
import { meshChecks } from '../../plan/names/desired.ts';
import { portText } from '../../plan/ports.ts';
import { hooksOfStep, runPreStop } from './hooks.ts';
import { runsWith, stopGraceMs, stopSlackMs } from './perform-container.ts';
import { findVolume, type StepContext } from './step-context.ts';

/**
 * Prepares a switch before the application stops and its clients wait: runs the hooks before the stop, arms the dead-man
 * on the old node, which starts the application if drover does not come back, and reads from the new node what the start
 * needs. `isDone`: the step has begun already.
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
      if (action.kind === 'stop-container') {
        // Before the dead-man is armed: it counts from then, and a hook may take its time.
        await preStop(action, context, signal);
        const watched = watchProgram(action, context, signal);
        await Promise.all([armDeadMan(action, context, signal), askPorts(action, context, signal), watched]);
      }
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

async function preStop(
  { node, app }: ActionOf<'stop-container'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(node, signal);
  const failed = await runPreStop(client, app, hooksOfStep(context), signal);
  if (failed !== undefined) context.warn?.({ app, text: failed });
}

async function watchProgram(
  { node, app, unlessReleased }: ActionOf<'stop-container'>,
  { cluster }: StepContext,
  signal: AbortSignal,
): Promise<void> {
  if (unlessReleased === undefined) return;
  const { containers } = await cluster.node(node, signal);
  await containers.prepareStop(app, signal);
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
  // A pass before this one may have stopped some of them.
  const sharers = [runsWith(context.state, node, app, unlessReleased), sharersOf(context.config, app)];
  const all = sharers.flatMap((one) => Object.values(one).flat());
  await client.deadMan.arm(app, volumes.flat(), [...new Set(all)].toSorted(), afterMs, signal);
}

const noPorts: Readonly<Record<string, readonly PortKey[]>> = {};

async function prepareStart(
  { node, spec, asksPorts }: ActionOf<'start-container'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(node, signal);
  const { image } = spec;
  const [containers, ports] = await Promise.all([
    client.containers.list(signal),
    asksPorts === true ? client.containers.imagePorts([image], signal) : noPorts,
    client.containers.prepare(spec, signal),
  ]);
  context.known.containers.set(node, containers);
  if (asksPorts === true) context.known.imagePorts.set(`${node} ${image}`, ports[image] ?? []);
}

/** Which ports accept that answer only by name: the new container has to accept at the same ones. */
async function askPorts(
  { node, app }: ActionOf<'stop-container'>,
  { cluster, state, known }: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const facts = lastFacts(state.nodes[node]);
  const container = facts?.containers.find((one) => one.managed && one.application === app);
  if (container?.state !== 'running') return;
  const { names } = container.spec;
  const entry = facts?.network.names?.entries.find(({ address, at }) => address === names?.address && at === undefined);
  const learned = entry?.ports.filter(({ isLearned }) => isLearned === true) ?? [];
  const ports = [...meshChecks(container.spec), ...learned].filter(({ protocol }) => protocol === 'tcp');
  if (ports.length === 0) return;
  const { network } = await cluster.node(node, signal);
  const asked = ports.map(({ meshPort }) => meshPort);
  const closed = new Set(await network.closedPorts(asked, 0, signal));
  known.answered.set(app, new Set(ports.filter(({ meshPort }) => !closed.has(meshPort)).map(portText)));
}

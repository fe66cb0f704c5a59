import { defined } from '../../model/defined.ts';
import type { ActionKind, ActionOf } from '../../model/plan.ts';
import { mergeNetwork } from '../../plan/steps/network-tables.ts';
import { checkContainer } from './check-container.ts';
import { recordOf } from './copy-record.ts';
import { pullImage, startContainer, stopContainer } from './perform-container.ts';
import { freezeVolume, releaseVolume, sendFinal, settleVolume, syncVolume } from './perform-move.ts';
import { acquireVolume, reclaimVolume } from './perform-take-over.ts';
import { createVolume, mountVolume, resizeVolume, retireVolume } from './perform-volume.ts';
import type { StepContext } from './step-context.ts';

type Performer<K extends ActionKind> = (
  action: ActionOf<K>,
  context: StepContext,
  signal: AbortSignal,
) => Promise<void>;

/** The effect of each kind of action. Each reads the facts that it relies on again, and may run again. */
export const performers: { readonly [K in ActionKind]: Performer<K> } = {
  'pull-image': pullImage,
  'create-volume': createVolume,
  'resize-volume': resizeVolume,
  'sync-volume': syncVolume,
  'hold-ports': holdPorts,
  'stop-container': stopContainer,
  'freeze-volume': freezeVolume,
  'send-final': sendFinal,
  'release-volume': releaseVolume,
  'acquire-volume': acquireVolume,
  'reclaim-volume': reclaimVolume,
  'mount-volume': mountVolume,
  'settle-volume': settleVolume,
  'retire-volume': retireVolume,
  'start-container': startContainer,
  'check-container': checkContainer,
  'replace-network': replaceNetwork,
  'set-deployment': setDeployment,
  'set-boot-rules': setBootRules,
  'set-standbys': setStandbys,
};

async function setStandbys(
  { node, rules }: ActionOf<'set-standbys'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  await (await context.cluster.node(node, signal)).standbys.setRules(rules, signal);
}

/** The records come first: from the rules on, the node goes by them. */
async function setBootRules(
  { node, rules, records = [] }: ActionOf<'set-boot-rules'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(node, signal);
  const volumes = records.length === 0 ? [] : await client.volumes.list(signal);
  for (const { volume, dataset, epoch, copies, isNew } of records) {
    const copy = volumes.find((one) => one.dataset === dataset && one.id === volume);
    if (copy?.epoch !== epoch || isNew !== (copy.copies === undefined)) continue;
    await client.volumes.setProperties(copy, { record: recordOf(copy, epoch, copies) }, signal);
  }
  await client.network.setBootRules(rules, signal);
}

/** Holds ports. The hold expires before the dead-man starts the application, so that clients reach it then. */
async function holdPorts(
  { node, ports }: ActionOf<'hold-ports'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(node, signal);
  const at = context.now();
  const timeoutMs = context.config.settings.timeouts.switchMs - (at - (context.known.readyAt.get(context.step) ?? at));
  context.waited?.(context.step, at);
  await client.network.hold(ports, Math.max(1_000, timeoutMs), signal);
}

/** Reads and loads a node's table without interruption, because other switches of the same plan change it too. */
async function replaceNetwork(
  action: ActionOf<'replace-network'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(action.node, signal);
  await context.tables(action.node).use(async () => {
    // A whole table needs nothing from the one before.
    const now = action.only === undefined ? undefined : await client.network.read(signal);
    const agoMs = await client.network.replace(mergeNetwork(now, action), action.dropHolds, signal);
    context.waited?.(context.step, context.now() - agoMs);
  }, signal);
}

/** Labels containers and volumes of the node with their deployment and name. Nothing is stopped, restarted or mounted. */
async function setDeployment(
  { node, deployment, apps, volumes, names = {} }: ActionOf<'set-deployment'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(node, signal);
  for (const copy of volumes.length === 0 ? [] : await client.volumes.list(signal)) {
    if (!volumes.includes(copy.id) || copy.role === 'incoming') continue;
    const name = Object.hasOwn(names, copy.id) ? names[copy.id] : undefined;
    if (copy.deployment === deployment && (name === undefined || copy.name === name)) continue;
    await client.volumes.setProperties(copy, { deployment, ...defined({ name }) }, signal);
  }
  if (apps.length === 0) return;
  const containers = await client.containers.list(signal);
  const ids = containers.flatMap(({ id, managed, application }) =>
    managed && application !== undefined && apps.includes(application) ? [id] : [],
  );
  await client.containers.adopt(ids, deployment, signal);
}

/** The effect of one action. */
export function perform<K extends ActionKind>(
  action: ActionOf<K>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const performer: Performer<K> = performers[action.kind];
  return performer(action, context, signal);
}

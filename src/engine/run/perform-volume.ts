import type { NodeName, VolumeId } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { toReport } from '../../model/errors.ts';
import type { ActionOf } from '../../model/plan.ts';
import { conflict, findVolume, getVolume, nodeIdOf, type StepContext } from './step-context.ts';

/** Creates an empty dataset, unless a reachable node has a copy: that one has the data. */
export async function createVolume(
  action: ActionOf<'create-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const { node, volume } = action;
  const client = await context.cluster.node(node, signal);
  const own = await findVolume(client, volume, signal);
  if (own !== undefined && own.role === 'owner') {
    if (own.deployment !== undefined && own.deployment !== context.config.name) {
      throw conflict('create', volume, node, `it belongs to the deployment "${own.deployment}"`);
    }
    if (!own.mounted) await client.volumes.mount(own.dataset, signal);
    return;
  }
  if (own !== undefined) throw conflict('create', volume, node, `there is one already, in role ${own.role}`);
  const holder = await findElsewhere(volume, node, context, signal);
  if (holder !== undefined) throw conflict('create', volume, node, `"${holder}" has it`);
  const { name, app: application, limitBytes } = action;
  const wanted = { deployment: context.config.name, ...defined({ name, application, limitBytes }) };
  await client.volumes.create(volume, wanted, signal);
}

/** Finds another reachable node with a copy of this volume. */
async function findElsewhere(
  volume: VolumeId,
  except: NodeName,
  context: StepContext,
  signal: AbortSignal,
): Promise<NodeName | undefined> {
  const others = Object.entries(context.state.nodes).filter(
    ([node, seen]) => node !== except && seen.status === 'reachable',
  );
  const found = await Promise.all(
    others.map(async ([node]) => {
      const copy = await findVolume(await context.cluster.node(node, signal), volume, signal);
      return copy === undefined ? [] : [node];
    }),
  );
  return found.flat()[0];
}

/** Sets or lifts the refquota. A failure never keeps an application stopped that waits for it. */
export async function resizeVolume(
  action: ActionOf<'resize-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(action.node, signal);
  const volume = await getVolume(client, action.volume, 'resize', signal);
  if (volume.limitBytes === action.limitBytes) return;
  if (action.beforeStart === undefined) {
    await client.volumes.setLimit(volume.dataset, action.limitBytes, signal);
    return;
  }
  // ZFS enforces a refquota late, and refuses one below the present size.
  const limit = action.limitBytes === undefined ? undefined : Math.max(action.limitBytes, volume.referencedBytes);
  try {
    await client.volumes.setLimit(volume.dataset, limit, signal);
  } catch (error) {
    const { code, message } = toReport(error);
    if (signal.aborted || code !== 'command-failed') throw error;
    context.emit({ type: 'step-output', step: context.step, line: `${message}; it starts without that limit` });
  }
}

/** Mounts a volume that this node owns. */
export async function mountVolume(
  action: ActionOf<'mount-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(action.node, signal);
  const volume = await getVolume(client, action.volume, 'mount', signal);
  if (volume.role !== 'owner' || volume.owner !== nodeIdOf(context, action.node)) {
    throw conflict('mount', action.volume, action.node, `this node does not own it (role ${volume.role})`);
  }
  if (!volume.mounted) await client.volumes.mount(volume.dataset, signal);
}

/** Retires a volume that no application uses; the data stays. */
export async function retireVolume(
  action: ActionOf<'retire-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(action.node, signal);
  const volume = await getVolume(client, action.volume, 'retire', signal);
  if (volume.role === 'retired') return;
  await client.volumes.unmount(volume.dataset, signal);
  await client.volumes.setProperties(volume, { role: 'retired' }, signal);
}

import { lastFacts, type Volume } from '../../model/cluster.ts';
import type { VolumeId } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import type { ActionOf } from '../../model/plan.ts';
import type { NodeClient } from '../node-client.ts';
import { nodesOfTarget, recordOf } from './copy-record.ts';
import { conflict, findVolume, getVolume, nodeIdOf, type StepContext } from './step-context.ts';
import { newestOwn, writtenSince } from './volume-base.ts';

// These steps, and no others, make a node the owner of an existing volume. Each raises the epoch, so that a run that
// still relies on the earlier copy is refused.

/** Acquires a volume that was released to this node. Works without the source if its release is known. */
export async function acquireVolume(
  action: ActionOf<'acquire-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const { to, volume: id } = action;
  const client = await context.cluster.node(to, signal);
  const self = nodeIdOf(context, to);
  const copy = context.known.copy(to, id) ?? (await getVolume(client, id, 'acquire', signal));
  if (copy.role === 'owner') {
    if (copy.owner !== self) throw conflict('acquire', id, to, `its copy belongs to node id "${copy.owner ?? 'none'}"`);
    await client.volumes.mount(copy.dataset, signal);
    return;
  }
  const own = context.known.released.get(id);
  const release = own === undefined ? await readRelease(action, context, signal) : { ...own, owner: own.targetId };
  checkAcquirable(action, copy, self, release);
  const holders = nodesOfTarget(release, action, context);
  const record = holders === undefined ? {} : { record: recordOf(copy, release.epoch, holders) };
  const next = { owner: self, epoch: release.epoch, deployment: context.config.name, ...record };
  // The command checks that the copy has all data of the release and no other.
  const mounted = await client.volumes.acquire({ ...copy, guid: release.guid }, next, signal);
  const { copies: _old, ...rest } = copy;
  context.known.saw(to, {
    ...rest,
    owner: self,
    epoch: release.epoch,
    deployment: context.config.name,
    ...defined({ copies: holders }),
    role: 'owner',
    mounted: true,
  });
  context.known.sawMounted(to, id, mounted);
}

interface Release {
  readonly owner: string | undefined;
  readonly epoch: number;
  /** The last snapshot of drover's, which has all data. */
  readonly guid: string;
  readonly copies?: readonly string[];
}

function checkAcquirable(action: ActionOf<'acquire-volume'>, copy: Volume, self: string, release: Release): void {
  const no = (why: string) => conflict('acquire', action.volume, action.to, why);
  if (copy.role !== 'incoming' && copy.role !== 'replica' && copy.role !== 'released') {
    throw no(`its copy is in role ${copy.role}`);
  }
  if (release.owner !== self) throw no(`"${action.from}" has released it to node id "${release.owner ?? 'none'}"`);
  if (release.epoch <= copy.epoch) throw no(`it was released with epoch ${release.epoch}, its copy has ${copy.epoch}`);
  if (newestOwn(copy)?.guid !== release.guid) {
    throw no(`its newest snapshot is not the one "${action.from}" ended with`);
  }
}

async function readRelease(
  action: ActionOf<'acquire-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<Release> {
  try {
    const client = await context.cluster.node(action.from, signal);
    const source = await findVolume(client, action.volume, signal);
    return await releaseOf(action, source, (copy, final) => writtenSince(client, copy, final, signal));
  } catch (error) {
    const isAway = error instanceof AppError && error.code === 'connection-failed';
    if (!isAway) throw error;
    const own = context.released.get(action.volume);
    if (own !== undefined) return { ...own, owner: own.targetId };
    const seen = lastFacts(context.state.nodes[action.from])?.volumes.find(({ id }) => id === action.volume);
    if (seen?.role !== 'released') throw error;
    const isLast = seen.snapshots.at(-1)?.guid === newestOwn(seen)?.guid;
    return await releaseOf(action, seen, async ({ writtenBytes }) =>
      isLast ? writtenBytes : Number.POSITIVE_INFINITY,
    );
  }
}

async function releaseOf(
  action: ActionOf<'acquire-volume'>,
  source: Volume | undefined,
  written: (copy: Volume, final: NonNullable<ReturnType<typeof newestOwn>>) => Promise<number>,
): Promise<Release> {
  const no = (why: string) => conflict('acquire', action.volume, action.to, why);
  if (source?.role !== 'released') {
    const why = source === undefined ? 'its copy is gone' : `its role there is ${source.role}, not released`;
    throw no(`"${action.from}" has not released it: ${why}`);
  }
  const final = newestOwn(source);
  if (final === undefined) throw no(`"${action.from}" has no final snapshot of it`);
  if ((await written(source, final)) !== 0) {
    throw no(`the copy on "${action.from}" may hold more than its final snapshot @${final.name}`);
  }
  const { owner, epoch, copies } = source;
  return { owner, epoch, guid: final.guid, ...(copies === undefined ? {} : { copies }) };
}

/** Makes this node the owner again of a volume that it froze, or released to a node that has not acquired it. */
export async function reclaimVolume(
  action: ActionOf<'reclaim-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const { node, volume: id } = action;
  const client = await context.cluster.node(node, signal);
  const self = nodeIdOf(context, node);
  const volume = await getVolume(client, id, 'reclaim', signal);
  const isFrozen = volume.role === 'frozen' && volume.owner === self;
  if (isFrozen || volume.role === 'released') {
    if (!isFrozen) await refuseAcquires(volume, action, context, signal);
    const epoch = volume.epoch + 1;
    const record = volume.copies === undefined ? {} : { record: recordOf(volume, epoch, volume.copies) };
    await client.volumes.setProperties(volume, { role: 'owner', owner: self, epoch, ...record }, signal);
  } else if (volume.role !== 'owner' || volume.owner !== self) {
    throw conflict('reclaim', id, node, `its role is ${volume.role}`);
  }
  await client.volumes.mount(volume.dataset, signal);
}

/**
 * Checks that no node has acquired the released volume, and makes later acquires impossible: an acquire expects a copy
 * with a lower epoch than the release, so the target's copy gets the epoch of the release.
 */
async function refuseAcquires(
  released: Volume,
  { node }: ActionOf<'reclaim-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  for (const other of Object.keys(context.state.nodes).filter((one) => one !== node)) {
    const isTarget = lastFacts(context.state.nodes[other])?.nodeId === released.owner;
    // The node that may have acquired it must answer. The others are asked if they can be reached.
    if (!isTarget && context.state.nodes[other]?.status !== 'reachable') continue;
    const client = await context.cluster.node(other, signal);
    for (const copy of await copiesOn(client, released.id, signal)) {
      if (isLater(copy, released.epoch)) {
        throw conflict('reclaim', released.id, node, `"${other}" has it with role ${copy.role}, epoch ${copy.epoch}`);
      }
      if (!isTarget || copy.epoch >= released.epoch) continue;
      const role = copy.role === 'released' ? 'replica' : copy.role;
      await client.volumes.setProperties(copy, { role, epoch: released.epoch }, signal);
    }
  }
}

async function copiesOn(client: NodeClient, id: VolumeId, signal: AbortSignal): Promise<Volume[]> {
  return (await client.volumes.list(signal)).filter((copy) => copy.id === id);
}

const claims: ReadonlySet<string> = new Set(['owner', 'frozen', 'released', 'retired', 'diverged']);

/** A claim that is not older, or a copy with a later epoch. An earlier try may have raised the target's copy to `than`. */
function isLater({ role, epoch }: Volume, than: number): boolean {
  return claims.has(role) ? epoch >= than : epoch > than;
}

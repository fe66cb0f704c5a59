import type { Volume } from '../../model/cluster.ts';
import type { VolumeId } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import type { ActionOf } from '../../model/plan.ts';
import type { NodeClient } from '../node-client.ts';
import { conflict, factsOf, findVolume, getVolume, nodeIdOf, type StepContext } from './step-context.ts';
import { newestOwn, writtenSince } from './volume-base.ts';

// A node becomes the owner of a volume that exists here and nowhere else. Every take-over raises the epoch, so that
// a run that still relies on the copy as it was is refused.

/** Takes what was released to this node; works without the source where its release is known from before. */
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
  const next = { owner: self, epoch: release.epoch, deployment: context.config.name };
  // That the copy has all of it, and nothing else, is compared by the command that takes it.
  const mounted = await client.volumes.acquire({ ...copy, guid: release.guid }, next, signal);
  context.known.saw(to, { ...copy, ...next, role: 'owner', mounted: true });
  context.known.sawMounted(to, id, mounted);
}

interface Release {
  readonly owner: string | undefined;
  readonly epoch: number;
  /** The last snapshot of drover's: everything that was ever written is in it. */
  readonly guid: string;
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
    if (own !== undefined) return { owner: own.targetId, epoch: own.epoch, guid: own.guid };
    const seen = factsOf(context.state, action.from)?.volumes.find(({ id }) => id === action.volume);
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
  return { owner: source.owner, epoch: source.epoch, guid: final.guid };
}

/** Owner again: of a volume that was frozen here, or released to a node that has not acquired it. */
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
    await client.volumes.setProperties(volume, { role: 'owner', owner: self, epoch: volume.epoch + 1 }, signal);
  } else if (volume.role !== 'owner' || volume.owner !== self) {
    throw conflict('reclaim', id, node, `its role is ${volume.role}`);
  }
  await client.volumes.mount(volume.dataset, signal);
}

/**
 * No node may have taken the released volume over, and none may do so from here on: an acquire expects a copy of an
 * earlier epoch than that of the release, so the target's copy is given that epoch first.
 */
async function refuseAcquires(
  released: Volume,
  { node }: ActionOf<'reclaim-volume'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  for (const other of Object.keys(context.state.nodes).filter((one) => one !== node)) {
    const isTarget = factsOf(context.state, other)?.nodeId === released.owner;
    // The one node that may own it by now must answer; the others are asked where they can be reached.
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

/** A claim that is not older, or a copy that knows of a later owner; an earlier try has raised the target's to `than`. */
function isLater({ role, epoch }: Volume, than: number): boolean {
  return claims.has(role) ? epoch >= than : epoch > than;
}

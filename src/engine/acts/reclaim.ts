import { lastFacts, type Volume } from '../../model/cluster.ts';
import type { AppName, NodeName, VolumeId } from '../../model/config.ts';
import { indexInput } from '../../plan/plan-input.ts';
import { judgeReclaim } from '../../plan/volumes/judge-reclaim.ts';
import type { Copy } from '../../plan/volumes/ownership.ts';
import type { NodeClient } from '../node-client.ts';
import type { ReclaimedVolume } from '../types.ts';
import { type ActContext, cannot, lockNode, refuseOthers, volumesOf } from './context.ts';

/** A reachable node whose lock the act holds. */
export interface LockedNode {
  readonly node: NodeName;
  readonly client: NodeClient;
  readonly guarded: AbortSignal;
}

/**
 * Makes the copies on this node the owner's, when the node that owned the volumes is lost. Locks every reachable node and
 * reads its copies first, and changes nothing before all volumes of the application were judged.
 */
export async function reclaimVolumes(
  context: ActContext,
  app: AppName,
  node: NodeName,
  signal: AbortSignal,
): Promise<ReclaimedVolume[]> {
  const volumes = volumesOf(context, app);
  if (volumes.length === 0) throw cannot(context, 'it has no volumes', undefined, 'usage');
  for (const id of volumes) refuseOthers(context, id);
  const facts = context.state.nodes[node];
  if (facts?.status !== 'reachable')
    throw cannot(context, `node "${node}" cannot be reached`, undefined, 'connection-failed');
  const locked = await lockAll(context, signal);
  const here = locked.find((one) => one.node === node);
  if (here === undefined) throw cannot(context, `node "${node}" cannot be reached`, undefined, 'connection-failed');
  const copies = (await Promise.all(locked.map(copiesOn))).flat();
  const judged = volumes.map((id) => ({ id, ...judge(context, id, node, copies) }));
  for (const { copy, epoch } of judged) {
    if (epoch === undefined) continue;
    if (copy.resumeToken !== undefined) await here.client.volumes.abortReceive(copy.dataset, here.guarded);
    const { name: deployment } = context.config;
    const next = { role: 'owner', owner: facts.facts.nodeId, epoch, deployment } as const;
    await here.client.volumes.setProperties(copy, next, here.guarded);
  }
  return judged.map(({ id, copy }) => {
    const newest = copy.snapshots.at(-1)?.name;
    return { volume: id, dataset: copy.dataset, ...(newest === undefined ? {} : { snapshot: newest }) };
  });
}

/** Takes the locks of all reachable nodes. */
export async function lockAll(context: ActContext, signal: AbortSignal): Promise<LockedNode[]> {
  const locked: LockedNode[] = [];
  for (const node of Object.keys(context.state.nodes).toSorted()) {
    if (context.state.nodes[node]?.status !== 'reachable') continue;
    locked.push({ node, ...(await lockNode(context, node, signal)) });
  }
  return locked;
}

/** The datasets of a locked node. */
export async function copiesOn({ node, client, guarded }: LockedNode): Promise<Copy[]> {
  return (await client.volumes.list(guarded)).map((volume) => ({ node, volume }));
}

/** The copy and its new epoch; no epoch where this node is the owner already. */
function judge(
  context: ActContext,
  id: VolumeId,
  node: NodeName,
  all: readonly Copy[],
): { readonly copy: Volume; readonly epoch?: number } {
  const { config, state } = context;
  const away = Object.keys(state.nodes).filter((other) => state.nodes[other]?.status === 'unreachable');
  const known = away.flatMap((other) => lastFacts(state.nodes[other])?.volumes.filter((one) => one.id === id) ?? []);
  const copies = all.filter(({ volume }) => volume.id === id);
  const judgement = judgeReclaim(indexInput(config, state), node, copies, [0, ...known.map(({ epoch }) => epoch)]);
  if (judgement.kind === 'refused') {
    throw cannot(context, `volume "${id}": ${judgement.why}`, 'see `drover plan`', 'volume-conflict');
  }
  return judgement;
}

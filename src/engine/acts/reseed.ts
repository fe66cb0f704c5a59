import { freshFacts, type NodeFacts, type Volume } from '../../model/cluster.ts';
import type { AppName, NodeName, VolumeId } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import type { Plan, Step } from '../../model/plan.ts';
import { isDiverged, judgeReseed, type ReseedJudgement } from '../../plan/volumes/reseed.ts';
import { newestCommon } from '../../plan/volumes/volume-diff.ts';
import type { DivergedCopy, ReseededVolume } from '../types.ts';
import {
  type ActContext,
  type ActsInput,
  cannot,
  findOwned,
  lockNode,
  type OwnedVolume,
  unusedMark,
  volumesOf,
} from './context.ts';
import { runPlan } from './run-plan.ts';

const keptMark = '-diverged-';

interface Judged {
  readonly id: VolumeId;
  readonly owner: OwnedVolume;
  readonly judged: Exclude<ReseedJudgement, { readonly kind: 'refused' }>;
}

/**
 * Makes a node's copies standbys again: a copy that does not fit is kept under another name, the new one begins with the
 * newest common snapshot where there is one, and what is missing is sent. Judges all volumes before it changes one.
 */
export async function reseed(
  context: ActContext,
  app: AppName,
  node: NodeName,
  signal: AbortSignal,
): Promise<readonly ReseededVolume[]> {
  const ids = volumesOf(context, app);
  if (ids.length === 0) throw cannot(context, 'it has no volumes', undefined, 'usage');
  const facts = freshFacts(context.state.nodes[node]);
  if (facts === undefined) throw cannot(context, `node "${node}" cannot be reached`, undefined, 'connection-failed');
  const { client, guarded } = await lockNode(context, node, signal);
  const copies = await client.volumes.list(guarded);
  const all = ids.map((id) => judge(context, id, node, facts, copies));
  await checkSpace(context, node, facts, all, signal);
  const mark = await unusedMark(client, context.input.deps.now(), guarded);
  const done: ReseededVolume[] = [];
  for (const { id, owner, judged } of all) {
    if (judged.kind === 'fits') {
      done.push({ volume: id, from: owner.node });
      continue;
    }
    const { copy, base } = judged;
    const name = client.volumes.datasetName(id, copy.application);
    // A run that was cut off may have given it its new name already.
    const dataset = copy.dataset.includes(keptMark) ? copy.dataset : `${name}${keptMark}${mark}`;
    const next =
      base === undefined ? undefined : { dataset: name, snapshot: base.name, properties: nextOf(owner.volume) };
    await client.volumes.setAside(
      copy,
      { dataset, retiredAs: `${id}${keptMark}${mark}`, ...defined({ next }) },
      guarded,
    );
    done.push({ volume: id, from: owner.node, kept: dataset, ...defined({ base: base?.name }) });
  }
  const state = await context.input.observe(context.config, signal);
  // One round, also where little is left: what has arrived is what a failover can use.
  const { config } = context;
  const settings = { ...config.settings, switch: { belowBytes: 0, maxRounds: 1 } };
  await runPlan({ ...context, config: { ...config, settings } }, syncPlan(app, node, all), state, signal);
  return done;
}

function judge(context: ActContext, id: VolumeId, node: NodeName, facts: NodeFacts, copies: readonly Volume[]): Judged {
  const owner = findOwned(context, id);
  if (owner.node === node) throw cannot(context, `"${node}" owns volume "${id}"`, undefined, 'usage');
  const own = copies.filter((copy) => copy.id === id);
  const judged = judgeReseed(node, facts, own, owner.volume);
  if (judged.kind !== 'refused') return { id, owner, judged };
  throw cannot(context, `volume "${id}": ${judged.why}`, judged.hint ?? 'see `drover plan`', 'volume-conflict');
}

const nextOf = ({ id, application, deployment, owner, epoch }: Volume) => ({
  volume: id,
  epoch,
  ...defined({ application, deployment, owner }),
});

/** What is set aside stays, so that the node needs room for everything that is sent. */
async function checkSpace(
  context: ActContext,
  node: NodeName,
  facts: NodeFacts,
  all: readonly Judged[],
  signal: AbortSignal,
): Promise<void> {
  let needed = 0;
  for (const { owner, judged } of all) {
    if (judged.kind === 'fits') continue;
    const { volumes } = await context.cluster.node(owner.node, signal);
    const { dataset, referencedBytes, snapshots } = owner.volume;
    const { base } = judged;
    const common = base === undefined ? undefined : snapshots.find(({ guid }) => guid === base.guid);
    const rest =
      common === undefined ? undefined : await volumes.estimate(dataset, undefined, `@${common.name}`, signal);
    needed += rest ?? referencedBytes;
  }
  const { freeBytes } = facts.pool;
  if (needed <= freeBytes) return;
  const why = `it does not fit: "${node}" needs ${mebibytes(needed)} and its pool has ${mebibytes(freeBytes)} free`;
  throw cannot(context, why, `make room on "${node}"; the data that was kept there counts too`, 'volume-conflict');
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

function syncPlan(app: AppName, to: NodeName, all: readonly Judged[]): Plan {
  const steps = all.map(({ id, owner }): Step => {
    const action = { kind: 'sync-volume', from: owner.node, to, volume: id } as const;
    return { id: `sync-volume:${id}:${owner.node}>${to}`, action, after: [], reason: 'it is a standby', group: app };
  });
  return { revision: '', steps, blocked: [], notes: [] };
}

/** The copies of former owners on all reachable nodes, with what they have that never arrived at the owner. */
export async function findDiverged(input: ActsInput, signal: AbortSignal): Promise<readonly DivergedCopy[]> {
  const config = await input.config();
  const [cluster, state] = [input.clusterOf(config), await input.observe(config, signal)];
  const copies = Object.entries(state.nodes).flatMap(([node, seen]) =>
    (freshFacts(seen)?.volumes ?? []).map((volume) => ({ node, volume })),
  );
  const found: DivergedCopy[] = [];
  for (const { node, volume } of copies) {
    const owner = copies
      .filter((one) => one.volume.id === volume.id && one.volume.role === 'owner' && one.volume !== volume)
      .toSorted((a, b) => b.volume.epoch - a.volume.epoch)[0];
    if (owner === undefined || !isDiverged(volume, owner.volume)) continue;
    const base = newestCommon(owner.volume, volume);
    const client = await cluster.node(node, signal);
    const isEnd = base !== undefined && base === volume.snapshots.at(-1);
    const bytes =
      base === undefined
        ? undefined
        : isEnd
          ? volume.writtenBytes
          : await client.volumes.estimate(volume.dataset, undefined, `@${base.name}`, signal);
    if (volume.role === 'released' && bytes === 0) continue;
    const details = base === undefined ? [] : await client.volumes.details(signal);
    const since = details
      .find(({ name }) => name === volume.dataset)
      ?.snapshots.find(({ name }) => name === base?.name)?.createdAt;
    const { id, application, dataset } = volume;
    found.push({
      volume: id,
      ...defined({ application }),
      node,
      dataset,
      owner: owner.node,
      ...defined({ bytes, since }),
    });
  }
  return found;
}

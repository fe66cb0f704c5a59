import type { Volume } from '../model/cluster.ts';
import type { NodeName, VolumeId } from '../model/config.ts';
import { isOurSnapshot } from '../model/names.ts';
import { diffVolumes } from './volume-diff.ts';
import { type Copy, copiesOf, divergedCopies, evidence, type Standing, standingOf } from './volume-standing.ts';
import { quote, type World } from './world.ts';

/** A volume somebody wants on a node. */
export interface WantedVolume {
  readonly id: VolumeId;
  readonly node: NodeName;
  readonly limitBytes?: number;
}

/** What has to happen to one volume. */
export interface VolumeTask extends WantedVolume {
  readonly work: VolumeWork;
  /** Nodes with a copy given up in an earlier move and not yet settled, and who owns the volume now. */
  readonly settle: readonly { readonly from: NodeName; readonly to: NodeName }[];
  /** Former owners that came back: never touched, shown to a person. */
  readonly stale: readonly Copy[];
}

export type VolumeWork =
  | { readonly kind: 'create' }
  | { readonly kind: 'in-place'; readonly mount: boolean; readonly resize: boolean }
  /** Frozen here, or released from here and taken by nobody: the owner again. */
  | { readonly kind: 'reclaim'; readonly resize: boolean; readonly releasedTo?: NodeName }
  | Move;

/** `sync`: everything is still to do; `final`: frozen already; `acquire`: released to its new node already. */
export interface Move {
  readonly kind: 'move';
  readonly from: NodeName;
  readonly stage: 'sync' | 'final' | 'acquire';
  /** Released, and not to be acquired as it is: first the owner again. */
  readonly reclaim: boolean;
  readonly releasedTo?: NodeName;
  readonly freeze: boolean;
  readonly send: boolean;
  readonly resizeSource: boolean;
  readonly resizeTarget: boolean;
}

export interface VolumeProblem {
  readonly node?: NodeName;
  readonly reason: string;
  readonly hint?: string;
}

export type Classified = { readonly task: VolumeTask } | { readonly problem: VolumeProblem };

/** Decides by what is observed only: any state a run that was cut off can leave has its continuation here. */
export function classifyVolume(world: World, want: WantedVolume): Classified {
  const classified = classify(world, want);
  if ('problem' in classified) return classified;
  const { task } = classified;
  return { task: { ...task, stale: [...task.stale, ...divergedCopies(world, want.id)] } };
}

function classify(world: World, want: WantedVolume): Classified {
  const standing = standingOf(world, want.id);
  switch (standing.kind) {
    case 'absent':
      return task(want, { kind: 'create' });
    case 'unclear':
      return unclear(want, standing);
    case 'owned':
      return standing.at.node === want.node ? inPlace(want, standing) : leave(world, want, standing);
    case 'frozen':
      return standing.at.node === want.node ? reclaim(want, standing.at) : move(world, want, standing.at, 'final');
    case 'released':
      if (standing.at.node === want.node) return reclaim(want, standing.at, standing.to);
      return move(world, want, standing.at, canBeAcquired(world, want, standing) ? 'acquire' : 'sync', standing.to);
  }
}

/** Not where a reclaim was cut off, which has told the new node to refuse, nor where the old node has written since. */
function canBeAcquired(world: World, want: WantedVolume, { at, to }: Extract<Standing, { kind: 'released' }>): boolean {
  const copies = copiesOf(world, want.id).filter(({ node }) => node === to);
  return (
    to === want.node && at.volume.writtenBytes === 0 && copies.every(({ volume }) => volume.epoch < at.volume.epoch)
  );
}

function task(want: WantedVolume, work: VolumeWork, owned?: Extract<Standing, { kind: 'owned' }>): Classified {
  const settle = owned?.released.map((copy) => ({ from: copy.node, to: owned.at.node })) ?? [];
  return { task: { ...want, work, settle, stale: owned?.stale ?? [] } };
}

function unclear(want: WantedVolume, standing: Extract<Standing, { kind: 'unclear' }>): Classified {
  const { problem, node, hint } = standing;
  const reason = `cannot use volume "${want.id}" on ${quote(want.node)}: ${problem}`;
  return { problem: { reason, ...(node === undefined ? {} : { node }), ...(hint === undefined ? {} : { hint }) } };
}

function inPlace(want: WantedVolume, owned: Extract<Standing, { kind: 'owned' }>): Classified {
  const volume = owned.at.volume;
  const resize = volume.limitBytes !== want.limitBytes;
  return tooSmall(want, owned.at) ?? task(want, { kind: 'in-place', mount: !volume.mounted, resize }, owned);
}

function reclaim(want: WantedVolume, at: Copy, releasedTo?: NodeName): Classified {
  const resize = at.volume.limitBytes !== want.limitBytes;
  return (
    tooSmall(want, at) ?? task(want, { kind: 'reclaim', resize, ...(releasedTo === undefined ? {} : { releasedTo }) })
  );
}

function leave(world: World, want: WantedVolume, owned: Extract<Standing, { kind: 'owned' }>): Classified {
  const result = move(world, want, owned.at, 'sync');
  if ('problem' in result) return result;
  return task(want, result.task.work, owned);
}

function move(world: World, want: WantedVolume, at: Copy, stage: Move['stage'], releasedTo?: NodeName): Classified {
  const target = copiesOf(world, want.id).find((copy) => copy.node === want.node);
  const source = at.volume;
  // Released, and everything is there: what a snapshot job has taken on the new node since is in no way.
  const last = source.snapshots.at(-1)?.guid;
  const hasAll = stage === 'acquire' && target?.volume.snapshots.some(({ guid }) => guid === last) === true;
  const problem = tooSmall(want, at) ?? unusableTarget(world, want, at, target, hasAll);
  if (problem !== undefined) return problem;
  return task(want, {
    kind: 'move',
    from: at.node,
    stage,
    reclaim: stage === 'sync' && source.role === 'released',
    ...(releasedTo === undefined ? {} : { releasedTo }),
    freeze: stage === 'sync' || (stage === 'final' && (source.writtenBytes > 0 || source.snapshots.length === 0)),
    send: !hasAll,
    resizeSource: stage === 'sync' && source.limitBytes !== want.limitBytes,
    resizeTarget: want.limitBytes !== undefined || target?.volume.limitBytes !== undefined,
  });
}

function unusableTarget(
  world: World,
  want: WantedVolume,
  at: Copy,
  target: Copy | undefined,
  hasAll: boolean,
): Classified | undefined {
  if (target === undefined) return undefined;
  const cannot = `cannot move volume "${want.id}" from ${quote(at.node)} to ${quote(want.node)}`;
  const { role } = target.volume;
  if (!receives(target.volume, at.volume)) {
    const reason = `${cannot}: ${quote(want.node)} has a copy with role ${role}: ${evidence(world, [at, target])}`;
    const hint =
      role === 'diverged'
        ? asideHint(world, target)
        : `look at "${target.volume.dataset}" on ${quote(want.node)}, then ${asideHint(world, target)}`;
    return { problem: { node: want.node, reason, hint } };
  }
  if (hasAll) return undefined;
  const diff = diffVolumes(at.volume, target.volume);
  if (diff.kind !== 'conflict') return undefined;
  const reason =
    `${cannot}: ${quote(want.node)} has snapshots that ${quote(at.node)} lacks: ` +
    `only on ${quote(at.node)}: ${list(diff.sourceOnly)}; only on ${quote(want.node)}: ${list(diff.targetOnly)}`;
  return { problem: { node: want.node, reason, hint: inTheWayHint(world, at, target) } };
}

/** Snapshots in the way of the next increment are enough to go, where what is below them is known to the source. */
function inTheWayHint(world: World, { volume: source }: Copy, target: Copy): string {
  const { dataset, snapshots } = target.volume;
  const known = new Set([...source.snapshots, ...source.bookmarks].map(({ guid }) => guid));
  const base = snapshots.findLastIndex(({ guid }) => known.has(guid));
  const above = snapshots.slice(base + 1).map(({ name }) => name);
  const areTheirs = above.every((name) => !isOurSnapshot(name) && !name.startsWith('user-'));
  if (base >= 0 && areTheirs) {
    const commands = above.map((name) => `zfs destroy ${dataset}@${name}`);
    return `on ${quote(target.node)}: ${commands.join('; ')}, and let no snapshot job run on copies that receive`;
  }
  return asideHint(world, target);
}

/** Outside of drover's root nothing of drover's touches it, and the volume can come back to the node. */
export function asideHint(world: World, { node, volume: { dataset, role, snapshots } }: Copy): string {
  const prefix = role === 'diverged' ? 'diverged' : 'aside';
  const aside = `${world.config.settings.pool}/${prefix}-${dataset.split('/').at(-1) ?? ''}`;
  const personal = snapshots.flatMap(({ name }) => (isOurSnapshot(name) ? [] : [`@${name}`]));
  const kept = personal.length === 0 ? '' : `, which keeps ${personal.join(', ')}`;
  return `put the copy on ${quote(node)} aside${kept}: zfs rename ${dataset} ${aside}`;
}

/** Copies that nobody can have written to since they were received. */
function receives(target: Volume, source: Volume): boolean {
  if (target.role === 'incoming' || target.role === 'replica') return true;
  return target.role === 'released' && target.epoch <= source.epoch;
}

const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '));

/** ZFS refuses a refquota below what is referenced; better said before anything stops. */
function tooSmall(want: WantedVolume, at: Copy): Classified | undefined {
  const { referencedBytes, limitBytes } = at.volume;
  if (want.limitBytes === undefined || want.limitBytes === limitBytes || want.limitBytes >= referencedBytes)
    return undefined;
  const reason =
    `cannot limit volume "${want.id}" on ${quote(at.node)} to ${want.limitBytes} bytes: ` +
    `it holds ${referencedBytes} bytes`;
  return { problem: { node: at.node, reason, hint: 'raise maximum_size, or remove data first' } };
}

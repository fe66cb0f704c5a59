import type { Volume } from '../../model/cluster.ts';
import { isName, printCommand } from '../../model/command-line.ts';
import type { NodeName } from '../../model/config.ts';
import { mountedElsewhere } from '../../model/foreign-mounts.ts';
import { notOurs } from '../deployments.ts';
import type { PlanInput } from '../plan-input.ts';
import { quote } from '../wording.ts';
import { type Copy, copiesOf, divergedCopies, type Ownership, ownershipOf } from './ownership.ts';
import { unusableTarget } from './target-copy.ts';
import type { VolumeProblem, WantedVolume } from './volume-problem.ts';

/** What has to happen to one volume. */
export interface VolumeTask extends WantedVolume {
  readonly work: VolumeWork;
  /** Copies that an earlier move released and that are not settled yet: `from` has the copy, `to` owns the volume. */
  readonly settle: readonly { readonly from: NodeName; readonly to: NodeName }[];
  /** Copies of former owners that came back: reported, never touched. */
  readonly stale: readonly Copy[];
  /** Why its limit cannot be set. It is reported and blocks nothing. */
  readonly limitProblem?: VolumeProblem;
}

export type VolumeWork =
  | { readonly kind: 'create' }
  | { readonly kind: 'in-place'; readonly mount: boolean; readonly resize: boolean }
  /** Frozen here, or released from here and not acquired: this node becomes the owner again. */
  | { readonly kind: 'reclaim'; readonly resize: boolean; readonly releasedTo?: NodeName }
  | Move;

/** `sync`: nothing is done yet. `final`: the volume is frozen. `acquire`: it is released to its new node. */
export interface Move {
  readonly kind: 'move';
  readonly from: NodeName;
  readonly stage: 'sync' | 'final' | 'acquire';
  /** Released, and the new node cannot acquire it in this state: the old node reclaims it first. */
  readonly reclaim: boolean;
  readonly releasedTo?: NodeName;
  readonly freeze: boolean;
  readonly send: boolean;
  readonly resizeSource: boolean;
  readonly resizeTarget: boolean;
}

export type TaskOrProblem = { readonly task: VolumeTask } | { readonly problem: VolumeProblem };

/**
 * What has to happen to a volume so that it is on the wanted node, or why nothing may happen. Only the observation
 * decides: every state that an interrupted run can leave behind is handled here.
 */
export function findVolumeTask(input: PlanInput, want: WantedVolume): TaskOrProblem {
  const result = taskByOwnership(input, want);
  if ('problem' in result) return result;
  const { task } = result;
  return { task: { ...task, stale: [...task.stale, ...divergedCopies(input, want.id)] } };
}

function taskByOwnership(input: PlanInput, want: WantedVolume): TaskOrProblem {
  const other = input.others.get(want.id);
  if (other !== undefined) {
    const { problem, hint } = notOurs(input.config, other);
    const node = [...input.reachable].find(([, { volumes }]) => volumes.some(({ id }) => id === want.id))?.[0];
    const reason = `cannot use ${want.title} on ${quote(want.node)}: ${problem}`;
    return { problem: { reason, hint, ...(node === undefined ? {} : { node }) } };
  }
  const ownership = ownershipOf(input, want.id);
  switch (ownership.kind) {
    case 'absent':
      return task(want, { kind: 'create' });
    case 'unclear':
      return unclear(want, ownership);
    case 'owned':
      return ownership.at.node === want.node ? inPlace(want, ownership) : leave(input, want, ownership);
    case 'frozen':
      return ownership.at.node === want.node ? reclaim(want, ownership.at) : move(input, want, ownership.at, 'final');
    case 'released':
      if (ownership.at.node === want.node) return reclaim(want, ownership.at, ownership.to);
      return move(input, want, ownership.at, canBeAcquired(input, want, ownership) ? 'acquire' : 'sync', ownership.to);
  }
}

/**
 * False after an interrupted reclaim, which made the new node refuse, and if the old node has written in the meantime.
 */
function canBeAcquired(
  input: PlanInput,
  want: WantedVolume,
  { at, to }: Extract<Ownership, { kind: 'released' }>,
): boolean {
  const copies = copiesOf(input, want.id).filter(({ node }) => node === to);
  return (
    to === want.node && at.volume.writtenBytes === 0 && copies.every(({ volume }) => volume.epoch < at.volume.epoch)
  );
}

function task(want: WantedVolume, work: VolumeWork, owned?: Extract<Ownership, { kind: 'owned' }>): TaskOrProblem {
  const settle = owned?.released.map((copy) => ({ from: copy.node, to: owned.at.node })) ?? [];
  return { task: { ...want, work, settle, stale: owned?.stale ?? [] } };
}

function unclear(want: WantedVolume, ownership: Extract<Ownership, { kind: 'unclear' }>): TaskOrProblem {
  const { problem, node, hint } = ownership;
  const reason = `cannot use ${want.title} on ${quote(want.node)}: ${problem}`;
  return { problem: { reason, ...(node === undefined ? {} : { node }), ...(hint === undefined ? {} : { hint }) } };
}

function inPlace(want: WantedVolume, owned: Extract<Ownership, { kind: 'owned' }>): TaskOrProblem {
  const limitProblem = tooSmall(want, owned.at);
  const resize = limitProblem === undefined && !hasLimit(want, owned.at.volume);
  const result = task(want, { kind: 'in-place', mount: !owned.at.volume.mounted, resize }, owned);
  return withLimitProblem(result, limitProblem);
}

function reclaim(want: WantedVolume, at: Copy, releasedTo?: NodeName): TaskOrProblem {
  const limitProblem = tooSmall(want, at);
  const resize = limitProblem === undefined && !hasLimit(want, at.volume);
  const work = { kind: 'reclaim', resize, ...(releasedTo === undefined ? {} : { releasedTo }) } as const;
  return withLimitProblem(task(want, work), limitProblem);
}

/** A limit that cannot be set never stops an application: it is reported, and everything else is done. */
function withLimitProblem(result: TaskOrProblem, limitProblem: VolumeProblem | undefined): TaskOrProblem {
  if (limitProblem === undefined || 'problem' in result) return result;
  return { task: { ...result.task, limitProblem } };
}

function leave(input: PlanInput, want: WantedVolume, owned: Extract<Ownership, { kind: 'owned' }>): TaskOrProblem {
  const result = move(input, want, owned.at, 'sync');
  if ('problem' in result) return result;
  return task(want, result.task.work, owned);
}

function move(
  input: PlanInput,
  want: WantedVolume,
  at: Copy,
  stage: Move['stage'],
  releasedTo?: NodeName,
): TaskOrProblem {
  const target = copiesOf(input, want.id).find((copy) => copy.node === want.node);
  const source = at.volume;
  // Only if the file asks for less than the present limit: a volume that is fuller than its limit can move.
  const limitProblem = stage === 'sync' && source.role === 'owner' ? tooSmall(want, at) : undefined;
  if (limitProblem !== undefined) return { problem: limitProblem };
  const children = stage === 'sync' && source.role === 'owner' ? hasChildren(want, at) : undefined;
  if (children !== undefined) return { problem: children };
  // The new node has the last snapshot. A snapshot that a job has taken there in the meantime does no harm.
  const last = source.snapshots.at(-1)?.guid;
  const hasAll = stage === 'acquire' && target?.volume.snapshots.some(({ guid }) => guid === last) === true;
  const freeze = stage === 'sync' || (stage === 'final' && (source.writtenBytes > 0 || source.snapshots.length === 0));
  const held = freeze ? heldOnSource(input, want, at) : undefined;
  const problem = held ?? unusableTarget(input, want, at, target, hasAll);
  if (problem !== undefined) return { problem };
  return task(want, {
    kind: 'move',
    from: at.node,
    stage,
    reclaim: stage === 'sync' && source.role === 'released',
    ...(releasedTo === undefined ? {} : { releasedTo }),
    freeze,
    send: !hasAll,
    resizeSource: stage === 'sync' && tooSmall(want, at) === undefined && !hasLimit(want, source),
    resizeTarget: want.limitBytes !== undefined || target?.volume.limitBytes !== undefined,
  });
}

/**
 * A program in a mount namespace of its own that has the volume mounted keeps it mounted. Without this check only the
 * unmount would find that out, after the application was stopped, on every run.
 */
function heldOnSource(input: PlanInput, want: WantedVolume, at: Copy): VolumeProblem | undefined {
  const held = mountedElsewhere(input.reachable.get(at.node), at.volume.dataset);
  if (held === undefined) return undefined;
  const cannot = `cannot move ${want.title} from ${quote(at.node)} to ${quote(want.node)}`;
  return { node: at.node, reason: `${cannot}: ${held.who} keeps it mounted there`, hint: held.hint };
}

/** A stream contains one dataset. Data in datasets below it would stay behind, and nothing would report it. */
function hasChildren(want: WantedVolume, at: Copy): VolumeProblem | undefined {
  const { children = [], dataset } = at.volume;
  const [first] = children;
  if (first === undefined) return undefined;
  const what = children.length === 1 ? 'a dataset below it does not' : 'datasets below it do not';
  const free = dataset.split('/').slice(0, -1).join('/');
  const aside = printCommand(['zfs', 'rename', first, `${free}/${first.split('/').slice(-2).join('-')}`]);
  const command = isName(first) ? `, then on ${at.node}: ${aside}` : '';
  return {
    node: at.node,
    reason: `cannot move ${want.title} from ${quote(at.node)} to ${quote(want.node)}: ${what} move: ${children.map(quote).join(', ')}`,
    hint: `put what is needed into the volume itself${command}`,
  };
}

/** The highest limit that a volume may have while it holds more than the wanted limit: ZFS overshoots a refquota. */
const overshoot = (limitBytes: number): number => Math.max(limitBytes * 1.05, limitBytes + 64 * 1024 ** 2);

/** True if it has the wanted limit, or one as close to it as its content allows. */
function hasLimit(want: WantedVolume, { limitBytes, referencedBytes }: Volume): boolean {
  if (limitBytes === want.limitBytes) return true;
  if (limitBytes === undefined || want.limitBytes === undefined) return false;
  const isFull = referencedBytes > want.limitBytes && limitBytes > want.limitBytes;
  return isFull && limitBytes <= overshoot(want.limitBytes);
}

/** ZFS refuses a refquota below the referenced bytes. The plan reports it before anything stops. */
function tooSmall(want: WantedVolume, at: Copy): VolumeProblem | undefined {
  if (want.limitBytes === undefined || hasLimit(want, at.volume)) return undefined;
  const { referencedBytes } = at.volume;
  if (want.limitBytes >= referencedBytes) return undefined;
  const reason =
    `cannot limit ${want.title} on ${quote(at.node)} to ${want.limitBytes} bytes: ` +
    `it holds ${referencedBytes} bytes`;
  return { node: at.node, reason, hint: 'raise maximum_size, or remove data first' };
}

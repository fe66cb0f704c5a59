import type { NodeName, VolumeId } from '../model/config.ts';
import type { GroupDecision } from './group-decision.ts';
import type { PlanInput } from './plan-input.ts';
import { copiesOf } from './volumes/ownership.ts';
import type { VolumeTask } from './volumes/volume-task.ts';
import { quote } from './wording.ts';

/**
 * Blocks the decisions whose volumes do not fit into the pool of their new node: a receive that fills a pool breaks the
 * other applications of the node. Decisions that come first by name get the space. A move whose application is already
 * stopped always continues.
 */
export function blockWithoutSpace(input: PlanInput, decisions: readonly GroupDecision[]): GroupDecision[] {
  const left = new Map<NodeName, number>();
  // A volume that several applications share arrives once.
  const counted = new Set<VolumeId>();
  return decisions.map((decision) => {
    const { node, blockers, group } = decision;
    if (blockers.length > 0) return decision;
    const arriving = decision.tasks.filter(({ id }) => !counted.has(id));
    const needed = arriving.reduce((sum, task) => sum + neededBytes(input, task), 0);
    const free = left.get(node) ?? input.reachable.get(node)?.pool.freeBytes;
    if (needed === 0 || free === undefined) return decision;
    if (needed <= free) {
      left.set(node, free - needed);
      for (const { id } of arriving) counted.add(id);
      return decision;
    }
    const reason =
      `cannot move ${quote(group)} to ${quote(node)}: it does not fit: ` +
      `it needs ${mebibytes(needed)} and the pool has ${mebibytes(free)} free`;
    const hint = 'make room there, or choose another node';
    const app = decision.app === undefined ? {} : { app: decision.app.name };
    return { ...decision, blockers: [{ ...app, node, reason, hint }] };
  });
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** An upper bound of the bytes that still have to arrive: a copy on the target has some of them. */
function neededBytes(input: PlanInput, { id, node, work }: VolumeTask): number {
  if (work.kind !== 'move' || work.stage !== 'sync' || work.reclaim) return 0;
  const copies = copiesOf(input, id);
  const source = copies.find((copy) => copy.node === work.from)?.volume;
  const target = copies.find((copy) => copy.node === node)?.volume;
  const there = Math.max(target?.referencedBytes ?? 0, target?.resumeToken === undefined ? 0 : target.usedBytes);
  return Math.max(0, (source?.referencedBytes ?? 0) - there);
}

import type { Volume } from '../../model/cluster.ts';
import { isName, printCommand } from '../../model/command-line.ts';
import type { NodeName } from '../../model/config.ts';
import { firstOnVolume } from '../../model/shared-volumes.ts';
import type { PlanInput } from '../plan-input.ts';
import { quote } from '../wording.ts';
import { type Copy, evidence } from './ownership.ts';
import { diffVolumes, newestCommon } from './volume-diff.ts';
import type { VolumeProblem, WantedVolume } from './volume-problem.ts';

/**
 * Why the copy on the target cannot receive the stream, as far as the observation shows. The plan reports it before the
 * application stops; `zfs receive` would report it afterwards. `hasAll`: nothing is left to be sent.
 */
export function unusableTarget(
  input: PlanInput,
  want: WantedVolume,
  at: Copy,
  target: Copy | undefined,
  hasAll: boolean,
): VolumeProblem | undefined {
  if (target === undefined) return undefined;
  const cannot = `cannot move ${want.title} from ${quote(at.node)} to ${quote(want.node)}`;
  const problem = (why: string, hint: string): VolumeProblem => ({
    node: want.node,
    reason: `${cannot}: ${why}`,
    hint,
  });
  const { role, dataset, resumeToken, snapshots, writtenBytes } = target.volume;
  const on = quote(want.node);
  if (!receives(target.volume, at.volume)) {
    const why = `${on} has a copy with role ${role}: ${evidence(input, [at, target])}`;
    return problem(why, asideHint(input, target));
  }
  if (snapshots.length === 0) {
    // An interrupted first receive resumes.
    if (resumeToken !== undefined) return undefined;
    return problem(`${on} has ${quote(dataset)}, a copy without any snapshot`, asideHint(input, target));
  }
  if (!hasAll && diffVolumes(at.volume, target.volume).kind === 'conflict')
    return conflictProblem(input, at, target, problem);
  if (writtenBytes === 0) return undefined;
  const newest = `${dataset}@${snapshots.at(-1)?.name ?? ''}`;
  return problem(
    `the copy on ${on} was written to: ${writtenBytes} bytes after ${quote(newest)}`,
    `look at what was written to ${quote(dataset)}; to drop just that, on ${nameOf(input, want.node)}: zfs rollback ${newest}`,
  );
}

/**
 * The copy has snapshots that the owner lacks. If the two have a snapshot in common, only the later ones are in the
 * way.
 */
function conflictProblem(
  input: PlanInput,
  at: Copy,
  target: Copy,
  problem: (why: string, hint: string) => VolumeProblem,
): VolumeProblem {
  const { volume } = target;
  const common = newestCommon(at.volume, volume);
  const inTheWay = volume.snapshots.slice(common === undefined ? 0 : volume.snapshots.indexOf(common) + 1);
  const names = inTheWay.map(({ name }) => `@${name}`).join(', ');
  if (common === undefined) {
    const why = `the copy on ${quote(target.node)} has no snapshot in common with ${quote(at.node)} any more; it has ${names}`;
    return problem(why, asideHint(input, target));
  }
  const why = `${quote(target.node)} has snapshots that ${quote(at.node)} lacks, after the common @${common.name}: ${names}`;
  const people = inTheWay.filter(({ name }) => name.startsWith('user-'));
  // A snapshot that a person took may exist only here: the whole copy is renamed, and a new one is sent.
  if (people.length > 0) return problem(`${why}; ${peopleText(people.length)}`, asideHint(input, target));
  const snapshots = `${volume.dataset}@${inTheWay.map(({ name }) => name).join(',')}`;
  // A person runs the command as root, so it is offered only for plain names.
  if (![volume.dataset, ...inTheWay.map(({ name }) => name)].every(isName))
    return problem(why, asideHint(input, target));
  const command = printCommand(['zfs', 'destroy', snapshots]);
  return problem(
    why,
    `only ${names} is in the way; where it is not needed, on ${nameOf(input, target.node)}: ${command}`,
  );
}

const peopleText = (count: number): string =>
  count === 1 ? 'one of them was made with drover snapshot' : `${count} of them were made with drover snapshot`;

/** Afterwards the node can receive the volume again. A volume without an application is put aside by hand. */
export function asideHint(input: PlanInput, { node, volume: { id, dataset, role } }: Copy): string {
  const app = firstOnVolume(input.config, id);
  if (app !== undefined)
    return `make it a standby again, which keeps all that it has: drover reseed ${app} ${nameOf(input, node)}`;
  const aside = `${input.config.settings.pool}/${role === 'diverged' ? role : 'aside'}-${dataset.split('/').at(-1) ?? ''}`;
  const what = `put the copy aside, which keeps all of it, on ${nameOf(input, node)}`;
  return isName(dataset) ? `${what}: ${printCommand(['zfs', 'rename', dataset, aside])}` : what;
}

const nameOf = (input: PlanInput, node: NodeName): string => input.config.nodes[node]?.name ?? node;

/** True for a copy that no application can have written to after it was received. */
function receives(target: Volume, source: Volume): boolean {
  if (target.role === 'incoming' || target.role === 'replica') return true;
  return target.role === 'released' && target.epoch <= source.epoch;
}

import type { DockerVolume } from '../../model/cluster.ts';
import { isName, printCommand } from '../../model/command-line.ts';
import type { Application, AppName, NodeName, VolumeId, VolumeMount } from '../../model/config.ts';
import { defaultVolumeId } from '../../model/names.ts';
import type { Blocker } from '../../model/plan.ts';
import type { GroupDecision } from '../group-decision.ts';
import type { PlacedApp } from '../placed-app.ts';
import { containersOfOthers, managedContainers, type PlanInput, perInput, type SeenContainer } from '../plan-input.ts';
import { externalPorts, sharePort } from '../ports.ts';
import { quote } from '../wording.ts';
import { type Copy, copiesOf, isClaim } from './ownership.ts';
import type { VolumeTask } from './volume-task.ts';

/** Why an application does not get the new volumes that its file asks for. */
export interface NewVolumes {
  readonly problems: readonly Blocker[];
  /** Volumes that are not created because of them. */
  readonly refused: readonly VolumeId[];
  /** Applications that no file describes any more and whose data may be meant: they keep running. */
  readonly keeps: readonly AppName[];
}

/**
 * An application never starts on a new, empty volume if its data may be elsewhere, because only a person can say which
 * data an edited file means. Its data may be in a volume that nothing would use any more: its own, or that of a similar
 * application that disappears in this plan. It may be in the volume that its container has at the same mountpoint. Or a
 * container has the volume and no node has the dataset: it was renamed, or the node has another pool now.
 */
export function checkNewVolumes(
  input: PlanInput,
  { app, node, own }: PlacedApp,
  tasks: readonly VolumeTask[],
): NewVolumes {
  const fresh = tasks.flatMap(({ id, work }) => (work.kind === 'create' ? [id] : []));
  const problems: Blocker[] = [...shifted(input, app, node, own), ...takenAway(input, app, node, own)];
  if (fresh.length === 0) return { problems, refused: [], keeps: [] };
  const keeps = new Set<AppName>();
  for (const id of fresh) {
    const { mountpoint = '', mustExist } = app.volumes.find((volume) => volume.id === id) ?? {};
    if (mustExist === true) {
      problems.push({
        app: app.name,
        node,
        reason: `cannot start ${quote(app.name)} on ${quote(node)}: no node has its external volume ${quote(id)}`,
        hint: 'correct its "name", or remove "external" to begin with an empty volume',
      });
      continue;
    }
    const lost = lostUse(input, app, own, id, mountpoint);
    if (lost !== undefined) {
      problems.push(vanished(app, node, `with a new, empty volume at ${mountpoint}`, lost));
      if (lost.user.container.managed && isGone(input, lost.user)) keeps.add(lost.user.app);
      continue;
    }
    const meant = mountedAt(input, own, id, mountpoint) ?? likeliest(unusedOf(input, app, own), mountpoint, own);
    const docker = meant === undefined ? inDocker(input, app, id) : undefined;
    if (docker !== undefined) problems.push(notImported(app, node, mountpoint, docker));
    if (meant === undefined) continue;
    const { copy, of } = meant;
    if (of !== app.name) keeps.add(of);
    const size = `${Math.ceil(copy.volume.referencedBytes / 2 ** 20)} MiB`;
    const data = `${quote(copy.volume.dataset)} on ${quote(copy.node)} (role ${copy.volume.role}, ${size})`;
    const why = meant.isUsed
      ? `is what it has at ${mountpoint} now`
      : `holds data of ${quote(of)} that nothing would use any more`;
    problems.push({
      app: app.name,
      node,
      reason: `cannot start ${quote(app.name)} on ${quote(node)} with a new, empty volume at ${mountpoint}: ${data} ${why}`,
      hint: hintFor(input, app, mountpoint, meant),
    });
  }
  return { problems, refused: problems.length === 0 ? [] : fresh, keeps: [...keeps] };
}

/** A volume of Docker, and the node that has it. */
interface InDocker {
  readonly node: NodeName;
  readonly volume: DockerVolume;
}

/** The volume of Docker that Compose has for this volume of the file: of that name, or with its labels. */
function inDocker({ config, reachable }: PlanInput, app: Application, id: VolumeId): InDocker | undefined {
  if (config.format !== 'compose') return undefined;
  const { name, hasFixedId } = app.volumes.find((volume) => volume.id === id) ?? {};
  if (name === undefined) return undefined;
  const isMeant = (volume: DockerVolume): boolean =>
    volume.name === id || (hasFixedId !== true && volume.project === config.name && volume.key === name);
  for (const [node, { dockerVolumes = [] }] of reachable) {
    const volume = dockerVolumes.find(isMeant);
    if (volume !== undefined) return { node, volume };
  }
  return undefined;
}

function notImported(app: Application, node: NodeName, mountpoint: string, { node: at, volume }: InDocker): Blocker {
  const { project } = volume;
  const command = ['drover', 'import', at, ...(project === undefined ? [] : ['--project', project])];
  const how = isName(at) && (project === undefined || isName(project)) ? printCommand(command) : 'drover import';
  return {
    app: app.name,
    node,
    reason:
      `cannot start ${quote(app.name)} on ${quote(node)} with a new, empty volume at ${mountpoint}: ` +
      `Docker on ${quote(at)} has the volume ${quote(volume.name)}, which may hold its data`,
    hint: `to take its data over: ${how}; to start empty, give the volume another "name" under the top-level "volumes"`,
  };
}

/** Blocks what would create a volume that another application, which shares it, does not get. */
export function blockRefused(decisions: readonly GroupDecision[]): readonly GroupDecision[] {
  const refused = new Map(decisions.flatMap(({ group, refuses }) => refuses.map((id) => [id, group] as const)));
  if (refused.size === 0) return decisions;
  return decisions.map((decision) => {
    const { app, node, tasks, blockers } = decision;
    const task = tasks.find(({ id, work }) => work.kind === 'create' && refused.has(id));
    if (app === undefined || task === undefined || blockers.length > 0) return decision;
    const other = quote(refused.get(task.id) ?? '');
    const reason = `cannot start ${quote(app.name)} on ${quote(node)}: ${other} shares a new volume with it, and is blocked`;
    return { ...decision, blockers: [{ app: app.name, node, reason }] };
  });
}

/** A container, running or not, whose volume no node has any more. */
interface LostUse {
  readonly user: SeenContainer;
  readonly mount: Pick<VolumeMount, 'id' | 'mountpoint'>;
}

const lostUses = perInput((input): readonly LostUse[] =>
  [...managedContainers(input), ...containersOfOthers(input)].flatMap((user) =>
    user.container.spec.mounts
      .filter(({ volume }) => copiesOf(input, volume).length === 0)
      .map(({ volume: id, mountpoint }) => ({ user, mount: { id, mountpoint } })),
  ),
);

/**
 * The lost volume that the new one would replace: itself, the one at its mountpoint, or one of a similar application.
 */
function lostUse(
  input: PlanInput,
  app: Application,
  own: readonly SeenContainer[],
  id: VolumeId,
  mountpoint: string,
): LostUse | undefined {
  return lostUses(input).find(({ user, mount }) => {
    if (mount.id === id) return true;
    if (input.described.has(mount.id) || !user.container.managed) return false;
    return own.includes(user) ? mount.mountpoint === mountpoint : isGone(input, user) && isLike(app, user);
  });
}

/**
 * Volumes that pass from this application to another one and that no node has: only the container shows that they
 * existed.
 */
function takenAway(input: PlanInput, app: Application, node: NodeName, own: readonly SeenContainer[]): Blocker[] {
  if (input.unreachable.size > 0 || lostUses(input).length === 0) return [];
  const isOwn = (id: VolumeId) => app.volumes.some((volume) => volume.id === id);
  return lostUses(input)
    .filter(({ user, mount: { id } }) => own.includes(user) && !isOwn(id) && input.described.has(id))
    .map((lost) => vanished(app, node, `without its volume at ${lost.mount.mountpoint}`, lost));
}

function vanished(app: Application, node: NodeName, how: string, { user, mount: { id } }: LostUse): Blocker {
  const on = quote(user.node);
  const files = user.container.managed ? 'in a save of its own first' : 'from its own files first';
  return {
    app: app.name,
    node,
    reason:
      `cannot start ${quote(app.name)} on ${quote(node)} ${how}: ` +
      `the container of ${quote(user.app)} on ${on} has volume ${quote(id)}, and no node has its dataset any more`,
    hint:
      `look for it on ${on}, where it was renamed or its pool is another one now: zfs list -r -o name,drover:vol; ` +
      `to start empty, remove ${quote(user.app)} ${files}`,
  };
}

/**
 * The id of an application's first volume depends only on the application. If the first entry of a list is removed, the
 * next entry would get its data, and nothing would use the data that is at that mountpoint now.
 */
function shifted(input: PlanInput, app: Application, node: NodeName, own: readonly SeenContainer[]): Blocker[] {
  // Only a claim that the files do not describe could be data that nothing uses.
  if (!hasUndeclared(input)) return [];
  return app.volumes.flatMap(({ id, mountpoint }) => {
    if (id !== defaultVolumeId(app.name)) return [];
    const further = defaultVolumeId(`${app.name}:${mountpoint}`);
    const there = own.flatMap(({ container }) => container.spec.mounts.filter((one) => one.mountpoint === mountpoint));
    const copy = [...there.map(({ volume }) => volume), further]
      .filter((volume) => volume !== id && !input.described.has(volume))
      .map((volume) => claimOf(input, volume))
      .find((found) => found !== undefined);
    if (copy === undefined) return [];
    const { dataset } = copy.volume;
    return [
      {
        app: app.name,
        node,
        reason:
          `cannot start ${quote(app.name)} on ${quote(node)} with its first volume at ${mountpoint}: ` +
          `what it has at ${mountpoint} is ${quote(dataset)} on ${quote(copy.node)}, which nothing would use any more`,
        hint: hintFor(input, app, mountpoint, { copy, of: app.name, isUsed: false }),
      },
    ];
  });
}

interface Meant {
  readonly copy: Copy;
  /** The application that has the data. */
  readonly of: AppName;
  /** The file uses it at another mountpoint. */
  readonly isUsed: boolean;
}

/** The volume that its container has now at the mountpoint of the new one. */
function mountedAt(
  input: PlanInput,
  own: readonly SeenContainer[],
  id: VolumeId,
  mountpoint: string,
): Meant | undefined {
  for (const { app, container } of own) {
    const now = container.spec.mounts.find((mount) => mount.mountpoint === mountpoint && mount.volume !== id);
    const copy = now === undefined ? undefined : claimOf(input, now.volume);
    if (copy !== undefined) return { copy, of: app, isUsed: input.described.has(copy.volume.id) };
  }
  return undefined;
}

function claimOf(input: PlanInput, id: VolumeId): Copy | undefined {
  return copiesOf(input, id).find(isClaim);
}

const claimedCopies = perInput((input): readonly Copy[] =>
  [...input.reachable].flatMap(([node, { volumes }]) => volumes.map((volume) => ({ node, volume })).filter(isClaim)),
);

const hasUndeclared = perInput((input) => claimedCopies(input).some(({ volume: { id } }) => !input.described.has(id)));

/** Claims of this deployment that no application and no dataset of the files uses any more. */
const undeclaredCopies = perInput((input) =>
  claimedCopies(input).filter(({ volume: { id } }) => !input.described.has(id) && !input.others.has(id)),
);

/** Containers of applications that no file describes, or that the files place on no node. */
const goneContainers = perInput((input) => managedContainers(input).filter((seen) => isGone(input, seen)));

const isGone = (input: PlanInput, { app }: SeenContainer): boolean =>
  !(input.placement.has(app) && app in input.config.applications);

/** True if a container that disappears may be this application under an old name: same image, or a common port. */
function isLike(app: Application, { container: { spec } }: SeenContainer): boolean {
  const { repository } = app.image;
  const isSameImage = spec.image.startsWith(`${repository}:`) || spec.image.startsWith(`${repository}@`);
  return isSameImage || sharePort(externalPorts(app), externalPorts(spec)) !== undefined;
}

/** Unused volumes of the application, and of similar applications that disappear in this plan. */
function unusedOf(input: PlanInput, app: Application, own: readonly SeenContainer[]): Meant[] {
  const mounted = (containers: readonly SeenContainer[], id: VolumeId) =>
    containers.find(({ container }) => container.spec.mounts.some(({ volume }) => volume === id));
  const gone = goneContainers(input).filter((seen) => isLike(app, seen));
  return undeclaredCopies(input).flatMap((copy): Meant[] => {
    const { id, application } = copy.volume;
    const isOwn = application === app.name || mounted(own, id) !== undefined;
    const former = mounted(gone, id) ?? gone.find((seen) => seen.app === application);
    const of = isOwn ? app.name : former?.app;
    return of === undefined ? [] : [{ copy, of, isUsed: false }];
  });
}

/** The volume that was mounted at the same place, else the first one: a hint can name only one. */
function likeliest(unused: readonly Meant[], mountpoint: string, own: readonly SeenContainer[]): Meant | undefined {
  const wasThere = ({ copy }: Meant) =>
    own.some(({ container }) =>
      container.spec.mounts.some((mount) => mount.volume === copy.volume.id && mount.mountpoint === mountpoint),
    );
  return unused.find(wasThere) ?? unused[0];
}

/** The line that keeps the data, and how to start with an empty volume instead. */
function hintFor(input: PlanInput, app: Application, mountpoint: string, { copy, of, isUsed }: Meant): string {
  const { id, dataset } = copy.volume;
  const isOwn = app.volumes.some((volume) => volume.id === id);
  // The data belongs to the first entry of the list, and another entry is first now.
  if (isOwn && id === defaultVolumeId(app.name)) return `to keep this data list the volume at ${mountpoint} first`;
  if (!isName(id) || !isName(dataset)) return `see which copy is meant: drover volumes ${app.name}`;
  const lines = {
    flocker: `to keep this data write "dataset_id: ${id}" in the volume of ${quote(app.name)} at ${mountpoint}`,
    compose: `to keep this data write "name: ${id}" for the volume at ${mountpoint} under the top-level "volumes"`,
    fig: `to keep this data write ${quote(app.name)} in the native form, its volume with "dataset_id: ${id}"`,
  } as const;
  const byRemoval = `; to start empty, remove ${quote(of)} in a save of its own first`;
  // Another application of the files has it, and only one can.
  if (isUsed) return isOwn ? lines[input.config.format] : `${lines[input.config.format]}${byRemoval}`;
  const empty =
    of === app.name
      ? `; to start empty, retire it first: ${printCommand(['zfs', 'set', 'drover:role=retired', dataset])}`
      : byRemoval;
  return `${lines[input.config.format]}${empty}`;
}

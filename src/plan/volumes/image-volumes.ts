import type { Container } from '../../model/cluster.ts';
import { addTo } from '../../model/collect.ts';
import type { Application, NodeName } from '../../model/config.ts';
import { nodeMountpoints } from '../../model/container/mounts.ts';
import { printImage } from '../../model/names.ts';
import type { Blocker } from '../../model/plan.ts';
import { sorted } from '../lists.ts';
import type { PlacedApp } from '../placed-app.ts';
import { type PlanInput, perInput, type SeenContainer } from '../plan-input.ts';
import { quote } from '../wording.ts';

/** What the image's own volumes (its VOLUME lines) mean for an application. */
export interface ImageVolumes {
  readonly problems: readonly Blocker[];
  readonly notes: readonly string[];
}

/**
 * Docker keeps a directory that the image declares as a volume in a volume of its own, unless the directory is a
 * mountpoint in the file. That volume stays on its node and never moves. Below a mountpoint it is a problem: the file
 * looks as if the volume that moves had the data, and it does not.
 */
export function checkImageVolumes(input: PlanInput, placed: PlacedApp, starts: boolean): ImageVolumes {
  const { id, volumes } = volumesOf(input, placed);
  if (volumes.length === 0) return nothing;
  const { app, node, here, elsewhere } = placed;
  const mountpoints = app.volumes.map(({ mountpoint }) => mountpoint);
  const [away] = elsewhere;
  const bound = app.files?.flatMap(({ kind, target }) => (kind === 'file' ? [target] : [])) ?? [];
  const others = new Set([...mountpoints, ...nodeMountpoints(app), ...bound]);
  const outside = volumes.filter((path) => !others.has(path));
  // A container that already runs with this image is only restarted: its data stays in Docker's volume.
  const isSo = here !== undefined && away === undefined && here.imageId === id;
  const problems: Blocker[] = [];
  const notes: string[] = [];
  for (const path of outside) {
    const mountpoint = mountpoints.find((one) => liesBelow(path, one));
    if (mountpoint !== undefined && starts && !isSo) problems.push(misplaced(app, node, path, mountpoint));
    else if (mountpoint !== undefined || starts) notes.push(keptText(app, node, path, { here, away }));
  }
  if (starts && here !== undefined) notes.push(...leftBehind(placed, here, volumes));
  return { problems, notes };
}

const nodesByImage = perInput((input) => {
  const nodes = new Map<string, NodeName[]>();
  for (const [node, { images }] of input.reachable) for (const image of Object.keys(images)) addTo(nodes, image, node);
  return nodes;
});

/** The reachable nodes that have an image of this name. */
export const nodesWithImage = (input: PlanInput, name: string): readonly NodeName[] =>
  nodesByImage(input).get(name) ?? [];

const nothing: ImageVolumes = { problems: [], notes: [] };

/** The volumes of the desired image, if any node has the image. */
function volumesOf(input: PlanInput, { facts: own, image, imageId }: PlacedApp) {
  const facts = imageId === undefined ? input.reachable.get(nodesWithImage(input, image)[0] ?? '') : own;
  const id = imageId ?? facts?.images[image];
  const volumes = id === undefined ? undefined : facts?.imageVolumes?.[id];
  return { id, volumes: volumes === undefined ? [] : sorted(volumes) };
}

function misplaced({ name, image }: Application, node: NodeName, path: string, mountpoint: string): Blocker {
  return {
    app: name,
    node,
    reason:
      `cannot start ${quote(name)} on ${quote(node)}: its image ${quote(printImage(image))} keeps ${path} in a volume of Docker's, ` +
      `below the mountpoint ${mountpoint}: that data would not be in the volume that moves`,
    hint: `set the mountpoint to ${path}`,
  };
}

function keptText(
  { name }: Application,
  node: NodeName,
  path: string,
  { here, away }: { readonly here: Container | undefined; readonly away: SeenContainer | undefined },
): string {
  const what = `${quote(name)} keeps ${path} in a volume of Docker's, as its image says`;
  if (away !== undefined) return `${what}: it stays on ${quote(away.node)} and does not move to ${quote(node)}`;
  if (here !== undefined) return `${what}: it stays on ${quote(node)}, and a new container there has it again`;
  return `${what}: it does not move with the application; declare a volume at ${path} where it should`;
}

/** Directories that become mountpoints now and whose data is in Docker's volumes. */
function leftBehind({ app, node }: PlacedApp, container: Container, volumes: readonly string[]): string[] {
  const isNew = (path: string) =>
    app.volumes.some(({ mountpoint }) => mountpoint === path) &&
    !container.spec.mounts.some(({ mountpoint }) => mountpoint === path);
  return volumes
    .filter(isNew)
    .map(
      (path) =>
        `what ${quote(app.name)} has at ${path} now lies in a volume of Docker's on ${quote(node)}: it is kept there, and not copied to the new volume`,
    );
}

/** True if the path is inside the directory and not the directory itself. */
export const liesBelow = (path: string, directory: string): boolean =>
  path !== directory && path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);

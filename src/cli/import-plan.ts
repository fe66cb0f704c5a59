import { basename } from 'node:path';
import type { FoundService } from '../config/compose/found-compose.ts';
import type { ImportedVolume, ImportRequest } from '../engine/docker-imports.ts';
import type { Host } from '../engine/host.ts';
import { type Application, type Config, findNode, type NodeName, nodeOf } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import { AppError } from '../model/errors.ts';
import type { FoundContainer, FoundDocker, Measured } from '../model/found-docker.ts';
import { looseContainers, projectsIn } from '../view/import-lines.ts';
import { formatBytes, listNames } from '../view/wording.ts';
import { findInFolder, machinesNear } from './files.ts';
import type { Invocation } from './invocation.ts';
import {
  existingFile,
  inventoryEdit,
  nodeOfWord,
  type ProposedFile,
  type ProposedNode,
  readParts,
} from './new-deployment.ts';
import type { FileChoice } from './world.ts';

/** The files of the folder, as far as they exist, and the node. */
export interface ImportPlace {
  readonly folder: string;
  readonly config: Config;
  /** Absent: the import writes it. */
  readonly application?: string;
  /** What belongs to a Compose file. */
  readonly compose?: FileChoice['compose'];
  readonly deployment?: string;
  readonly inventory?: string;
  /** drover.yml of the machines of Vagrant or the lab. */
  readonly machines?: string;
  readonly node: ProposedNode;
}

/** What is chosen of a node's Docker. */
export interface ImportChoice {
  readonly project?: string;
  readonly container?: readonly string[];
}

/** Everything an import is going to do. */
export interface ImportPlan {
  readonly request: ImportRequest;
  readonly services: readonly FoundService[];
  /** Where the application file is or will be. */
  readonly application: string;
  readonly deployment: string;
  /** They are written before anything is copied; nothing is placed on a node yet. */
  readonly files: readonly (ProposedFile & { readonly isPrivate?: true })[];
  readonly sizes: ReadonlyMap<string, Measured>;
  readonly remarks: readonly string[];
}

/** Reads the files of the folder. Throws `FilesWrong`. */
export async function findPlace(invocation: Invocation, word: string): Promise<ImportPlace> {
  const { world, options } = invocation;
  const { folder, inventory, ...seen } = await findInFolder(options, world);
  // A named file that is not there is the one to write.
  const application = await existingFile(world, seen.application);
  const deployment = await existingFile(world, seen.deployment);
  const files = { application: application ?? '', deployment: deployment ?? '', ...defined({ inventory }) };
  const machines = await machinesNear(files, folder, invocation);
  const parts = defined({ application, compose: application === undefined ? undefined : seen.compose, deployment });
  const config = await readParts(invocation, { ...parts, drover: [inventory, machines] });
  return { folder, config, node: nodeOfWord(word, config), ...parts, ...defined({ inventory, machines }) };
}

/** The chosen containers. Throws `usage` for a name that the node does not have. */
export function choose(
  found: FoundDocker,
  { project, container = [] }: ImportChoice,
  node: NodeName,
): readonly FoundContainer[] {
  const projects = projectsIn(found);
  const chosen = project === undefined ? [] : (projects.get(project) ?? []);
  const among = (known: readonly string[]): string =>
    known.length === 0 ? `see \`drover import ${node}\`` : `choose one of ${known.join(', ')}`;
  if (project !== undefined && chosen.length === 0) {
    throw new AppError('usage', `cannot import project "${project}": "${node}" has no container of it`, {
      hint: among([...projects.keys()].toSorted()),
    });
  }
  const named = container.map((word) => {
    const one = found.containers.find(({ name, id }) => name === word || (word.length >= 4 && id.startsWith(word)));
    if (one !== undefined) return one;
    throw new AppError('usage', `cannot import container "${word}": "${node}" has none with this name`, {
      hint: among(looseContainers(found).map(({ name }) => name)),
    });
  });
  const all = [...new Map([...chosen, ...named].map((one) => [one.id, one])).values()];
  const vanishing = all.find(({ removesItself }) => removesItself);
  if (vanishing === undefined) return all;
  throw refuse(vanishing.name, 'Docker removes it when it stops (`docker run --rm`)', 'run it without --rm first');
}

/** The plan for the chosen containers. Reads from the node, and changes nothing. Throws `usage` for what cannot be taken. */
export async function planImport(
  invocation: Invocation,
  place: ImportPlace,
  host: Host,
  found: FoundDocker,
  choice: ImportChoice,
  signal: AbortSignal,
): Promise<ImportPlan> {
  const { world, options } = invocation;
  const { folder, node } = place;
  const { foundCompose, servicesOf } = await import('../config/compose/found-compose.ts');
  const { newDeployment } = await import('../config/edit/new-deployment.ts');
  const services = servicesOf(found, choose(found, choice, node.name));
  const application = place.application ?? world.resolvePath(folder, options.application ?? 'compose.yaml');
  const deployment = place.deployment ?? world.resolvePath(folder, options.deployment ?? 'deployment.yml');
  const origin = `${node.name}${choice.project === undefined ? '' : `, project ${choice.project}`}`;
  const written = place.application === undefined ? foundCompose(services, origin, choice.project) : undefined;
  const placed = newDeployment({ applicationFile: basename(application), applications: [], nodes: [node.name] });
  const config = await readParts(invocation, {
    application: written === undefined ? application : { path: application, text: written.text },
    deployment: place.deployment ?? { path: deployment, text: placed },
    ...defined({ compose: place.compose }),
    drover: [place.inventory, place.machines],
  });
  const volumes = volumesOf(found, services, config, application);
  checkPlaces(config, services, node.name);
  const sizes = new Map<string, Measured>();
  for (const { from } of volumes) sizes.set(from.name, await host.imports.measure(from.directory, signal));
  checkSpace([...sizes.values()], (await host.observe(signal)).pool.freeBytes, node.name);
  const settings = await inventoryEdit(world, place.inventory ?? world.resolvePath(folder, 'drover.yml'), [node]);
  return {
    request: {
      node: findNode(config, node.name) ?? node.name,
      containers: services.map(({ container }) => container),
      volumes,
    },
    services,
    application,
    deployment,
    files: [
      ...settings,
      ...(written === undefined ? [] : [{ file: application, text: written.text, isPrivate: true as const }]),
      ...(place.deployment === undefined ? [{ file: deployment, text: placed }] : []),
    ],
    sizes,
    remarks: written?.remarks ?? [],
  };
}

const refuse = (name: string, why: string, hint?: string): AppError =>
  new AppError('usage', `cannot import "${name}": ${why}`, defined({ hint }));

/** The volume of drover for each Docker volume. The application file decides which: by the path in the container. */
function volumesOf(
  found: FoundDocker,
  services: readonly FoundService[],
  config: Config,
  file: string,
): readonly ImportedVolume[] {
  const volumes = new Map<string, ImportedVolume>();
  const chosen = new Set(services.map(({ container }) => container.id));
  for (const { name, container, volumes: mounts } of services) {
    const app: Application | undefined = config.applications[name];
    if (app === undefined) {
      throw refuse(name, `${file} does not describe it`, 'add it there, or import in an empty folder: -C DIR');
    }
    for (const { volume, target } of mounts) {
      const mount = app.volumes.find(({ mountpoint }) => mountpoint === target);
      if (mount === undefined) {
        throw refuse(
          name,
          `${file} has no volume at ${target}, where it has data`,
          `add \`- NAME:${target}\` to its volumes`,
        );
      }
      if (volume.driver !== 'local' || volume.hasOptions || volume.directory === '') {
        const what = volume.driver === 'local' ? 'has options' : `has the driver "${volume.driver}"`;
        throw refuse(name, `volume "${volume.name}" ${what}`, 'copy its data into an ordinary volume first');
      }
      const other = found.containers.find(
        ({ id, mounts: all }) => !chosen.has(id) && all.some((one) => one.volume === volume.name),
      );
      if (other !== undefined) {
        throw refuse(container.name, `"${other.name}" uses volume "${volume.name}" as well`, 'import both together');
      }
      const before = volumes.get(volume.name);
      if (before !== undefined && before.id !== mount.id) {
        throw refuse(
          name,
          `${file} has two volumes for the one volume "${volume.name}"`,
          'give both services the same volume',
        );
      }
      const twin = [...volumes.values()].find(({ id, from }) => id === mount.id && from.name !== volume.name);
      if (twin !== undefined) throw refuse(name, `"${twin.from.name}" and "${volume.name}" would become one volume`);
      volumes.set(volume.name, { from: volume, id: mount.id, app: before?.app ?? name });
    }
  }
  return [...volumes.values()];
}

/** An application is imported where it runs; it can be moved afterwards. */
function checkPlaces(config: Config, services: readonly FoundService[], word: NodeName): void {
  const here = findNode(config, word);
  for (const { name } of services) {
    const at = nodeOf(config, name);
    if (at === undefined || at === here) continue;
    throw refuse(
      name,
      `the deployment file places it on "${at}", and it runs on "${word}"`,
      'place it there; move it afterwards',
    );
  }
}

function checkSpace(sizes: readonly Measured[], freeBytes: number, node: NodeName): void {
  const bytes = sizes.reduce((sum, size) => sum + size.bytes, 0);
  if (bytes <= freeBytes) return;
  const why = `the volumes have ${formatBytes(bytes)}, and its pool has ${formatBytes(freeBytes)} free`;
  throw new AppError('usage', `cannot import from "${node}": ${why}`);
}

export const serviceNames = (services: readonly FoundService[]): string => listNames(services.map(({ name }) => name));

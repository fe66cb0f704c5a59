import type { FoundFiles } from '../config/find-files.ts';
import { printCommand } from '../model/command-line.ts';
import type { Config, ConfigProblem, NodeName } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import { AppError } from '../model/errors.ts';
import { printed } from './style.ts';
import type { FileChoice, VagrantRequest, World } from './world.ts';

export interface FileOptions {
  readonly directory?: string;
  readonly deployment?: string;
  readonly application?: string;
  /** Compose files that are merged over the application file. */
  readonly overrides?: readonly string[];
  /** Files that set variables for a Compose file, in place of `.env`. */
  readonly envFiles?: readonly string[];
  /** Profiles of a Compose file that are enabled. */
  readonly profiles?: readonly string[];
  readonly inventory?: string;
  /** The nodes are machines of Vagrant, whatever else is there. */
  readonly vagrant?: boolean;
  readonly quiet?: boolean;
}

/** The files cannot be used; reported like a problem in them, with exit code 65. */
export class FilesWrong extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super('the files are wrong');
    this.problems = problems;
  }
}

/**
 * Which files a command is about: named ones, else those of the folder; the inventory likewise, and at last what is
 * known of Vagrant's machines or of the lab. Throws `FilesWrong` where one is missing, `usage` where the two are swapped
 * or Vagrant's machines are asked for and are not there.
 */
export async function chooseFiles(options: FileOptions, world: World): Promise<FileChoice> {
  const { folder, found, deployment, application, compose, inventory } = await findInFolder(options, world);
  const problems = found.problems.filter(({ file }) => !isNamed(file, options));
  if (deployment === undefined || application === undefined || problems.length > 0) throw new FilesWrong(problems);
  await refuseSwapped({ deployment, application }, world);
  const files = { deployment, application, ...defined({ compose, inventory }) };
  return { ...files, ...(await findMachines(files, folder, options, world)) };
}

/** The folder of a command and the files in it; a named file, which may not exist, is in place of the one found. */
export interface InFolder extends Partial<Pick<FileChoice, 'deployment' | 'application' | 'compose' | 'inventory'>> {
  readonly folder: string;
  readonly found: FoundFiles;
}

/** Looks for the files of a command. None of them has to be there. */
export async function findInFolder(options: FileOptions, world: World): Promise<InFolder> {
  const folder = world.resolvePath(world.cwd, options.directory ?? '.');
  const found = await world.findFiles(folder, envFilesOf(folder, options, world));
  const named = options.deployment === undefined ? undefined : world.resolvePath(folder, options.deployment);
  return {
    folder,
    found,
    ...applicationOf(folder, found, options, world),
    ...defined({ deployment: named ?? found.deployment, inventory: inventoryOf(folder, found, options, world) }),
  };
}

/** The configuration of the files. Throws `FilesWrong`. */
export async function requireConfig(files: FileChoice, world: World): Promise<Config> {
  const read = await world.readConfig(files);
  if (!read.ok) throw new FilesWrong(read.problems);
  return read.config;
}

/** The named application file, else that of the folder; for a Compose file with what belongs to it. */
function applicationOf(
  folder: string,
  found: Pick<FoundFiles, 'application' | 'compose'>,
  options: FileOptions,
  world: World,
): Partial<Pick<FileChoice, 'application' | 'compose'>> {
  const { profiles } = options;
  const envFiles = envFilesOf(folder, options, world);
  const named = options.application === undefined ? undefined : world.resolvePath(folder, options.application);
  const overrides = (options.overrides ?? []).map((path) => world.resolvePath(folder, path));
  const files = named === undefined ? found.compose : { overrides };
  const compose = { ...files, ...defined({ envFiles, profiles }) };
  return {
    ...defined({ application: named ?? found.application }),
    ...(Object.keys(compose).length === 0 ? {} : { compose }),
  };
}

/** The named env files. */
const envFilesOf = (folder: string, { envFiles }: FileOptions, world: World): readonly string[] | undefined =>
  envFiles?.map((path) => world.resolvePath(folder, path));

/** The named drover.yml, else that of the environment, else that of the folder. */
function inventoryOf(
  folder: string,
  found: Pick<FoundFiles, 'inventory'>,
  options: FileOptions,
  world: World,
): string | undefined {
  const named = options.inventory === undefined ? undefined : world.resolvePath(folder, options.inventory);
  const fromEnvironment = world.env.DROVER_INVENTORY || undefined;
  const given = fromEnvironment === undefined ? undefined : world.resolvePath(world.cwd, fromEnvironment);
  return named ?? given ?? found.inventory;
}

/** drover.yml of Vagrant's machines, else of the lab, where nodes are looked for. */
export async function machinesNear(
  files: FileChoice,
  folder: string,
  { options, world }: { readonly options: FileOptions; readonly world: World },
): Promise<string | undefined> {
  const found = await findMachines(files, folder, options, world, async () => 'any');
  return found.vagrantInventory ?? found.labInventory;
}

/** $DROVER_LAB selects the lab. Otherwise running machines of a Vagrantfile near the files win over a lab. */
async function findMachines(
  files: FileChoice,
  folder: string,
  { vagrant = false, quiet = false }: FileOptions,
  world: World,
  undescribed: () => ReturnType<VagrantRequest['undescribed']> = () => undescribedNodes(files, world),
): Promise<Pick<FileChoice, 'labInventory' | 'vagrantInventory'>> {
  const isLabNamed = (world.env.DROVER_LAB ?? '') !== '';
  if (vagrant || !isLabNamed) {
    const vagrantInventory = await world.vagrantInventory?.({
      folder,
      required: vagrant,
      undescribed,
      onNote: (text) => quiet || world.terminal.err(printed`drover: ${text}\n`),
    });
    if (vagrantInventory !== undefined) return { vagrantInventory };
  }
  const labInventory = await world.labInventory();
  return labInventory === undefined ? {} : { labInventory };
}

/** Empty if the files have problems: those are reported first. */
async function undescribedNodes(files: FileChoice, world: World): Promise<readonly NodeName[]> {
  const read = await world.readConfig(files);
  if (!read.ok) return [];
  return Object.entries(read.config.nodes).flatMap(([node, settings]) =>
    Object.keys(settings).length === 0 ? [node] : [],
  );
}

/** A problem of a file in the folder does not matter where another one is named in its place. */
function isNamed(file: string, { deployment, application }: FileOptions): boolean {
  const stem = file.split('/').at(-1)?.split('.')[0];
  if (deployment !== undefined && application !== undefined) return true;
  return (stem === 'deployment' && deployment !== undefined) || (stem === 'application' && application !== undefined);
}

async function refuseSwapped(files: { deployment: string; application: string }, world: World): Promise<void> {
  const texts = await Promise.all(
    [files.deployment, files.application].map((path) => world.readText(path).catch(() => undefined)),
  );
  const [deployment, application] = texts;
  if (deployment === undefined || application === undefined || !areSwapped(deployment, application)) return;
  throw new AppError(
    'usage',
    `cannot use "${files.deployment}" as the deployment: it describes applications, and "${files.application}" the deployment`,
    { hint: `swap them: \`${printCommand(['drover', 'deploy', files.application, files.deployment])}\`` },
  );
}

const hasKey = (text: string, key: string): boolean =>
  new RegExp(`^(?:\\{.*?)?["']?${key}["']?[ \\t]*:`, 'm').test(text);

/** Judged by the keys at the left edge alone, so that a file with mistakes inside is recognised as well. */
function areSwapped(deployment: string, application: string): boolean {
  return !hasKey(deployment, 'nodes') && hasKey(application, 'nodes') && !hasKey(application, 'applications');
}

import type { Config, NodeName } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import { diffLines } from '../view/diff.ts';
import { line } from '../view/lines.ts';
import { FilesWrong } from './files.ts';
import type { Invocation } from './invocation.ts';
import { printLines } from './style.ts';
import type { EditResult, Hosts } from './world.ts';

/** What `drover node` knows of a folder, which may have any of the files or none. */
export interface NodeFiles {
  readonly config: Config;
  /** deployment.yml, where there is one. */
  readonly deployment?: string;
  /** application.yml, where there is one. */
  readonly application?: string;
  /** drover.yml; it may not be there yet. */
  readonly inventory: string;
  readonly hasInventory: boolean;
}

/** One file that was edited, with its changed lines. */
export interface FileEdit {
  readonly file: string;
  readonly diff: readonly string[];
}

/** The real hosts. Throws `usage` in the simulation, which has none. */
export function requireHosts({ world }: Invocation): Hosts {
  if (world.hosts !== undefined) return world.hosts;
  throw new AppError('usage', 'cannot reach hosts: this is a simulation');
}

/** Both files with drover.yml where they are there, else drover.yml alone. Throws `FilesWrong`. */
export async function readNodeFiles(invocation: Invocation): Promise<NodeFiles> {
  const { world, options } = invocation;
  const folder = world.resolvePath(world.cwd, options.directory ?? '.');
  const found = await world.findFiles(folder);
  const named = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : world.resolvePath(folder, path);
  const deployment = named(options.deployment) ?? found.deployment;
  const application = named(options.application) ?? found.application;
  const environment = world.env.DROVER_INVENTORY || undefined;
  const given = environment === undefined ? undefined : world.resolvePath(world.cwd, environment);
  const known = named(options.inventory) ?? given ?? found.inventory;
  const lab = await world.labInventory();
  const read =
    deployment === undefined || application === undefined
      ? await requireHosts(invocation).readInventory(known)
      : await world.readConfig({
          deployment,
          application,
          ...(known === undefined ? {} : { inventory: known }),
          ...(lab === undefined ? {} : { labInventory: lab }),
        });
  if (!read.ok) throw new FilesWrong(read.problems);
  return {
    config: read.config,
    ...(deployment === undefined ? {} : { deployment }),
    ...(application === undefined ? {} : { application }),
    inventory: known ?? world.resolvePath(folder, 'drover.yml'),
    hasInventory: known !== undefined,
  };
}

/** Edits a file, shows the difference and writes it; undefined where nothing had to be changed. */
export async function editFile(
  { world, options, paint }: Invocation,
  file: string,
  what: string,
  edit: (text: string | undefined) => Promise<EditResult>,
): Promise<FileEdit | undefined> {
  const before = await world.readText(file).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  const edited = await edit(before);
  if ('problem' in edited) {
    throw new AppError('usage', `cannot ${what} in "${file}": ${edited.problem}`, { hint: 'change the file by hand' });
  }
  if (edited.text === before) return undefined;
  await world.replaceText(file, edited.text);
  const diff = before === undefined ? addedLines(edited.text) : diffLines(before, edited.text);
  if (!options.json && !options.quiet) {
    world.terminal.out(printLines([line(before === undefined ? `${file} (new)` : file, 'strong'), ...diff], paint));
  }
  return { file, diff: diff.map(({ text }) => text) };
}

const addedLines = (text: string): ReturnType<typeof diffLines> =>
  diffLines('', text).filter(({ text: each }) => / \+ ./.test(each));

/** Where the nodes of a configuration lie on their pools, as arguments of provision.sh. */
export function placeArguments({ settings: { pool, datasetRoot } }: Config): readonly string[] {
  return ['--pool-name', pool, '--root', `${pool}/${datasetRoot}`];
}

/** Applications that the files place on a node. */
export const placedOn = (config: Config, node: NodeName): readonly string[] => config.deployment[node] ?? [];

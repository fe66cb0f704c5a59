import type { EditResult } from '../config/edit/edit.ts';
import type { Config, NodeName } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import { AppError } from '../model/errors.ts';
import { diffLines } from '../view/diff.ts';
import { line } from '../view/lines.ts';
import { FilesWrong, findInFolder } from './files.ts';
import { type Invocation, say } from './invocation.ts';
import { readExisting } from './new-deployment.ts';
import { printLines } from './style.ts';
import type { Hosts } from './world.ts';

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
  const { folder, deployment, application, compose, inventory: known } = await findInFolder(options, world);
  const lab = await world.labInventory();
  const read =
    deployment === undefined || application === undefined
      ? await (await import('../config/read-files.ts')).readInventory(known)
      : await world.readConfig({
          deployment,
          application,
          ...defined({ compose, inventory: known, labInventory: lab }),
        });
  if (!read.ok) throw new FilesWrong(read.problems);
  return {
    config: read.config,
    ...defined({ deployment, application }),
    inventory: known ?? world.resolvePath(folder, 'drover.yml'),
    hasInventory: known !== undefined,
  };
}

/** Edits a file, shows the difference and writes it; undefined where nothing had to be changed. */
export async function editFile(
  invocation: Invocation,
  file: string,
  what: string,
  edit: (text: string | undefined) => EditResult,
): Promise<FileEdit | undefined> {
  const { world, paint } = invocation;
  const { editedText } = await import('../config/edit/edit-file.ts');
  const before = await readExisting(world, file);
  const after = editedText(edit(before), `${what} in "${file}"`, 'change the file by hand');
  if (after === before) return undefined;
  await world.replaceText(file, after);
  const diff = before === undefined ? addedLines(after) : diffLines(before, after);
  say(invocation, printLines([line(before === undefined ? `${file} (new)` : file, 'strong'), ...diff], paint));
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

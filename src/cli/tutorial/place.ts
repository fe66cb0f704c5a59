import { AppError } from '../../model/errors.ts';
import { type Placement, placementAt } from '../../tutorial/placement.ts';
import { fitted, type TutorialProgress } from '../../tutorial/progress.ts';
import type { ReaderPlace } from '../../tutorial/reader-place.ts';
import type { Tutorial } from '../../tutorial/types.ts';
import type { World } from '../world.ts';
import type { TutorialWorld } from './world.ts';

/** The reader's files of one tutorial, and the stored progress. */
export interface TutorialPlace extends ReaderPlace {
  readonly readProgress: () => Promise<TutorialProgress>;
  readonly writeProgress: (progress: TutorialProgress) => Promise<void>;
  /** Writes the files as on the page, with this placement. False: they already were so. */
  readonly restore: (folder: string, placement: Placement) => Promise<boolean>;
  /** Writes all files as on the page and forgets the progress. Returns the folders. */
  readonly reset: () => Promise<readonly string[]>;
}

type Outside = Pick<World, 'cwd' | 'resolvePath'>;

/** The paths of the reader's files and of what drover stores about them. */
async function pathsOf(tutorial: Tutorial, tutorials: TutorialWorld, world: Outside, named: string | undefined) {
  const { packageFolder, stateFolder } = tutorials;
  const isInPlace = named === undefined && (await tutorials.isClone());
  const base = world.resolvePath(world.cwd, named ?? `drover-tutorial-${tutorial.name}`);
  const own = `tutorials/${tutorial.name}/`;
  const state = (...path: readonly string[]): string => [stateFolder, 'tutorials', tutorial.name, ...path].join('/');
  return {
    isInPlace,
    progress: state('progress.json'),
    /** This file exists after the tutorial has been opened once in this clone. */
    opened: state('opened'),
    folders: [...new Set(tutorial.parts.map(({ folder }) => folder))],
    folderOf: (folder: string): string =>
      isInPlace
        ? world.resolvePath(packageFolder, folder)
        : world.resolvePath(world.cwd, base, folder.slice(own.length)),
    absolute: (path: string): string => (path.startsWith('/') ? path : `${world.cwd}/${path}`),
    /** The original of a file: stored before the reader changes it if the clone has no Git history; else the package's own. */
    originalOf: (folder: string, name: string): string =>
      isInPlace ? state('originals', folder.slice(own.length), name) : `${packageFolder}/${folder}/${name}`,
  };
}

/**
 * In a clone the reader edits the page's own files. Otherwise, or if a folder is named, drover copies them once, into
 * that folder or `drover-tutorial-NAME`; existing files stay as they are.
 */
export async function openPlace(
  tutorial: Tutorial,
  tutorials: TutorialWorld,
  world: Outside,
  named: string | undefined,
): Promise<TutorialPlace> {
  const { packageFolder, readIfThere, write, committed } = tutorials;
  const paths = await pathsOf(tutorial, tutorials, world, named);
  const { isInPlace, folders, folderOf, absolute, originalOf } = paths;
  const read = async (path: string): Promise<string> => {
    const text = await readIfThere(path);
    if (text !== undefined) return text;
    throw new AppError('usage', `cannot open the tutorial "${tutorial.name}": there is no "${path}"`);
  };
  const put = async (folder: string, name: string, text: string): Promise<boolean> => {
    const path = absolute(`${folderOf(folder)}/${name}`);
    if ((await readIfThere(path)) === text) return false;
    await write(path, text);
    return true;
  };
  /** If the text differs from the committed one, the reader has edited it before: it is stored as the original. */
  const keep = async (folder: string, name: string, text: string): Promise<void> => {
    if (text !== (await committed(`${folder}/${name}`))) await write(originalOf(folder, name), text);
  };
  const given = async (folder: string, name: string): Promise<string> => {
    const original = originalOf(folder, name);
    if (!isInPlace) return forElsewhere(await read(original), packageFolder);
    return (await readIfThere(original)) ?? (await committed(`${folder}/${name}`)) ?? (await read(original));
  };
  const givenByPage = async (folder: string, name: string): Promise<string> =>
    (isInPlace ? await committed(`${folder}/${name}`) : undefined) ?? (await given(folder, name));
  // Later a difference comes from the tutorial itself.
  const isFirst = isInPlace && (await readIfThere(paths.opened)) === undefined;
  for (const folder of folders) {
    for (const name of tutorial.files) {
      const now = await readIfThere(absolute(`${folderOf(folder)}/${name}`));
      if (now === undefined) await put(folder, name, await given(folder, name));
      else if (isFirst) await keep(folder, name, now);
    }
    await copySettings(absolute(`${folderOf(folder)}/drover.yml`), `${folder}/drover.yml`, tutorials);
  }
  if (isFirst) await write(paths.opened, '');

  return {
    isAtHome: isInPlace && world.resolvePath(packageFolder) === '.',
    packageFolder: world.resolvePath(packageFolder),
    folderOf,
    starts: tutorials.starts,
    readProgress: async () => fitted(parsed(await readIfThere(paths.progress)), tutorial),
    writeProgress: (progress) => write(paths.progress, `${JSON.stringify(progress)}\n`),
    restore: async (folder, placement) => {
      const text = await placedAs(await given(folder, 'deployment.yml'), tutorial, placement);
      const others = tutorial.files.slice(0, -1).map(async (name) => put(folder, name, await given(folder, name)));
      return (await put(folder, 'deployment.yml', text)) || (await Promise.all(others)).includes(true);
    },
    reset: async () => {
      for (const folder of folders)
        for (const name of tutorial.files) await put(folder, name, await givenByPage(folder, name));
      await tutorials.forget(tutorial.name);
      return folders.map(folderOf);
    },
  };
}

/** deployment.yml with the applications on these nodes of the page. */
async function placedAs(text: string, { nodes }: Tutorial, placement: Placement): Promise<string> {
  const [{ editedText }, { moveApplication }] = await Promise.all([
    import('../../config/edit/edit-file.ts'),
    import('../../config/edit/edit.ts'),
  ]);
  return Object.entries(placement).reduce((so, [app, node]) => {
    const key = nodeKey(so, nodes[node] ?? node, node);
    return editedText(moveApplication(so, app, key), `place "${app}" on ${node}`);
  }, text);
}

/** The stored progress. A reader at the first step gets fresh files, whatever an earlier attempt left in them. */
export async function beginOrGoOn(tutorial: Tutorial, place: TutorialPlace): Promise<TutorialProgress> {
  const progress = await place.readProgress();
  const [first] = tutorial.steps;
  if (first !== undefined && progress.done.length === 0 && progress.at === first.id)
    await place.restore(tutorial.parts[first.part]?.folder ?? '', placementAt(tutorial, first.id));
  return progress;
}

/** Copies the page's drover.yml, unless the reader has one. */
async function copySettings(
  theirs: string,
  own: string,
  { packageFolder, readIfThere, write }: TutorialWorld,
): Promise<void> {
  const settings = await readIfThere(`${packageFolder}/${own}`);
  if (settings === undefined || (await readIfThere(theirs)) !== undefined) return;
  await write(theirs, forElsewhere(settings, packageFolder));
}

/** The node's key in deployment.yml: its address or its name. */
const nodeKey = (text: string, address: string, name: string): string =>
  new RegExp(`^\\s+["']?${address.replaceAll('.', '\\.')}["']?:`, 'm').test(text) ? address : name;

/** Points the editor's schema comment to the package. */
const forElsewhere = (text: string, packageFolder: string): string =>
  text.replace(/(?:\.\.\/)+src\/config\/schema/, `${packageFolder}/src/config/schema`.replace(/\/{2,}/g, '/'));

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    // A power cut can leave a partial file; the tutorial then starts again.
    return undefined;
  }
}

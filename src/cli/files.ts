import { AppError } from '../model/errors.ts';
import type { FileChoice, World } from './world.ts';

export interface FileOptions {
  readonly directory?: string;
  readonly deployment?: string;
  readonly application?: string;
  readonly inventory?: string;
}

/** Which files a command is about: named ones, else those of the folder; the inventory likewise, at last the lab's. */
export async function chooseFiles(options: FileOptions, world: World): Promise<FileChoice> {
  const folder = world.resolvePath(world.cwd, options.directory ?? '.');
  const found = await world.findFiles(folder);
  const named = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : world.resolvePath(folder, path);
  const deployment = named(options.deployment) ?? found.deployment;
  const application = named(options.application) ?? found.application;
  if (deployment === undefined || application === undefined) throw missing(folder, deployment, application);
  const fromEnvironment = world.env.DROVER_INVENTORY || undefined;
  const given = fromEnvironment === undefined ? undefined : world.resolvePath(world.cwd, fromEnvironment);
  const inventory = named(options.inventory) ?? given ?? found.inventory;
  await refuseSwapped({ deployment, application }, world);
  if (inventory !== undefined) return { deployment, application, inventory };
  const lab = await world.labInventory();
  return lab === undefined ? { deployment, application } : { deployment, application, inventory: lab, lab: true };
}

function missing(folder: string, deployment: string | undefined, application: string | undefined): AppError {
  const absent = [
    ...(application === undefined ? ['application.yml'] : []),
    ...(deployment === undefined ? ['deployment.yml'] : []),
  ];
  return new AppError('usage', `cannot find ${absent.join(' and ')} in "${folder}": there is no such file`, {
    hint: 'go to the folder that has both files, or name it with `-C DIR`, or name them with `-d FILE -a FILE`',
  });
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
    { hint: `swap them: \`drover deploy ${files.application} ${files.deployment}\`` },
  );
}

const hasKey = (text: string, key: string): boolean =>
  new RegExp(`^(?:\\{.*?)?["']?${key}["']?[ \\t]*:`, 'm').test(text);

/** Judged by the keys at the left edge alone, so that a file with mistakes inside is recognised as well. */
export function areSwapped(deployment: string, application: string): boolean {
  return !hasKey(deployment, 'nodes') && hasKey(application, 'nodes') && !hasKey(application, 'applications');
}

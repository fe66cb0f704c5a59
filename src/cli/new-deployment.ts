import { basename } from 'node:path';
import type { Config, NodeName } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import { AppError } from '../model/errors.ts';
import { applicationOf, envFilesOf, FilesWrong, findMachines, inventoryOf } from './files.ts';
import type { Invocation } from './invocation.ts';
import type { FileChoice, World } from './world.ts';

/** A file that would be created, or changed if it is there. */
export interface ProposedFile {
  readonly file: string;
  readonly text: string;
  /** The present text. */
  readonly before?: string;
}

/** A first deployment.yml for the application file of a folder. Nothing is written yet. */
export interface Proposal {
  readonly application: string;
  readonly nodes: readonly NodeName[];
  /** No node is known: the file names an example. */
  readonly isPlaceholder: boolean;
  /** deployment.yml; then drover.yml, if a node needs settings. */
  readonly files: readonly ProposedFile[];
}

/** For examples alone (RFC 5737): no host has it. */
const exampleAddress = '192.0.2.11';

/**
 * Places every application on the first node. The nodes are `words` (`[USER@]ADDRESS`), else those of drover.yml, else
 * the machines of Vagrant or the lab, else an example. Throws `FilesWrong` where the application file is missing or has
 * problems, `usage` where there is a deployment file.
 */
export async function proposeDeployment(invocation: Invocation, words: readonly string[]): Promise<Proposal> {
  const { world, options } = invocation;
  const folder = world.resolvePath(world.cwd, options.directory ?? '.');
  const found = await world.findFiles(folder, envFilesOf(folder, options, world));
  const named = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : world.resolvePath(folder, path);
  const deployment = named(options.deployment) ?? world.resolvePath(folder, 'deployment.yml');
  const existing = options.deployment === undefined ? found.deployment : await existingFile(world, deployment);
  if (existing !== undefined) {
    throw new AppError('usage', `cannot create "${existing}": the file exists`, {
      hint: 'edit it; `drover validate` checks it',
    });
  }
  const { application, compose } = applicationOf(folder, found, options, world);
  if (application === undefined)
    throw new FilesWrong(found.problems.filter(({ file }) => !/^deployment\./.test(basename(file))));
  const inventory = inventoryOf(folder, found, options, world);
  const files = { deployment, application, ...defined({ compose, inventory }) };
  const config = await readWith(world, files, [inventory]);
  const chosen =
    words.length > 0
      ? words.map((word) => nodeOfWord(word, config))
      : await knownNodes(invocation, folder, files, config);
  const nodes = chosen.length > 0 ? chosen : [{ name: exampleAddress }];
  const { newDeployment } = await import('../config/edit/new-deployment.ts');
  const isPlaceholder = chosen.length === 0;
  const text = newDeployment({
    applicationFile: basename(application),
    applications: Object.keys(config.applications),
    nodes: [...new Set(nodes.map(({ name }) => name))],
    isPlaceholder,
  });
  const settings = await inventoryEdit(world, inventory ?? world.resolvePath(folder, 'drover.yml'), nodes);
  return {
    application,
    nodes: nodes.map(({ name }) => name),
    isPlaceholder,
    files: [{ file: deployment, text }, ...settings],
  };
}

/** A node for the files, and the user that drover.yml has to name. */
export interface ProposedNode {
  readonly name: NodeName;
  /** Needs an entry in drover.yml. */
  readonly user?: string;
}

async function existingFile(world: World, path: string): Promise<string | undefined> {
  const text = await readExisting(world, path);
  return text === undefined ? undefined : path;
}

export async function readExisting(world: World, path: string): Promise<string | undefined> {
  return world.readText(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** The configuration of the application file with these settings and nothing placed. Throws `FilesWrong`. */
async function readWith(
  world: World,
  { application, compose }: Pick<FileChoice, 'application' | 'compose'>,
  inventories: readonly (string | undefined)[],
): Promise<Config> {
  const { readConfig } = await import('../config/read-files.ts');
  const read = await readConfig(
    {
      application,
      deployment: { path: 'deployment.yml', text: 'version: 1\nnodes: {}\n' },
      drover: inventories.filter((path) => path !== undefined),
    },
    undefined,
    { environment: world.env, ...compose },
  );
  if (!read.ok) throw new FilesWrong(read.problems);
  return read.config;
}

const namesIn = ({ nodes }: Config): readonly ProposedNode[] =>
  Object.entries(nodes).map(([key, { name }]) => ({ name: name ?? key }));

async function knownNodes(
  { world, options }: Invocation,
  folder: string,
  files: FileChoice,
  config: Config,
): Promise<readonly ProposedNode[]> {
  const own = options.vagrant === true ? [] : namesIn(config);
  if (own.length > 0) return own;
  const { labInventory, vagrantInventory = labInventory } = await findMachines(
    files,
    folder,
    options,
    world,
    async () => 'any' as const,
  );
  return vagrantInventory === undefined ? [] : namesIn(await readWith(world, files, [vagrantInventory]));
}

/** A node of drover.yml by its name or address, else a new one. Throws `usage`. */
export function nodeOfWord(word: string, { nodes }: Pick<Config, 'nodes'>): ProposedNode {
  const at = word.lastIndexOf('@');
  const host = word.slice(at + 1);
  const user = word.slice(0, Math.max(0, at));
  const isHost = /^[A-Za-z0-9_.][A-Za-z0-9_.:-]*$/.test(host);
  if (!isHost || (at >= 0 && !/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(user))) {
    throw new AppError('usage', `cannot use "${word}" as a node: it is not an address or a host name`, {
      hint: 'write ADDRESS or USER@ADDRESS; for another SSH port, add the node to drover.yml with `drover node add`',
    });
  }
  const known = Object.entries(nodes).find(([key, each]) => key === host || each.name === host || each.host === host);
  if (known !== undefined) return { name: known[1].name ?? known[0] };
  return user === '' ? { name: host } : { name: host, user };
}

/** drover.yml with the users of new nodes; empty if no node has one. Throws `usage`. */
export async function inventoryEdit(
  world: World,
  file: string,
  nodes: readonly ProposedNode[],
): Promise<readonly ProposedFile[]> {
  const withUser = nodes.filter(({ user }) => user !== undefined);
  if (withUser.length === 0) return [];
  const [{ addNode }, { editedText }] = await Promise.all([
    import('../config/edit/edit-nodes.ts'),
    import('../config/edit/edit-file.ts'),
  ]);
  const before = await readExisting(world, file);
  const text = withUser.reduce<string | undefined>(
    (so, { name, user = '' }) => editedText(addNode(so, name, { user }), `add "${name}" to "${file}"`),
    before,
  );
  return text === undefined ? [] : [{ file, text, ...defined({ before }) }];
}

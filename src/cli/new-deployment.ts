import { basename } from 'node:path';
import type { Config, NodeName } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import { AppError, isCode } from '../model/errors.ts';
import { FilesWrong, findInFolder, machinesNear } from './files.ts';
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
  const seen = await findInFolder(options, world);
  const { folder, found, application, compose, inventory } = seen;
  const deployment = seen.deployment ?? world.resolvePath(folder, 'deployment.yml');
  const existing = await existingFile(world, seen.deployment);
  if (existing !== undefined) {
    throw new AppError('usage', `cannot create "${existing}": the file exists`, {
      hint: 'edit it; `drover validate` checks it',
    });
  }
  if (application === undefined)
    throw new FilesWrong(found.problems.filter(({ file }) => !/^deployment\./.test(basename(file))));
  const files = { deployment, application, ...defined({ compose, inventory }) };
  const config = await readParts(invocation, { application, ...defined({ compose }), drover: [inventory] });
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

/** The path, where there is such a file. */
export async function existingFile(world: World, path: string | undefined): Promise<string | undefined> {
  return path === undefined || (await readExisting(world, path)) === undefined ? undefined : path;
}

/** The text of a file; undefined where there is none. */
export async function readExisting(world: World, path: string): Promise<string | undefined> {
  return world.readText(path).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  });
}

/** A file, or the text it will have. */
type Part = string | { readonly path: string; readonly text: string };

interface Parts {
  readonly application?: Part;
  readonly compose?: FileChoice['compose'];
  readonly deployment?: Part;
  readonly drover: readonly (string | undefined)[];
}

/** The configuration of these files; without one of them, nothing is described or placed. Throws `FilesWrong`. */
export async function readParts({ world }: Pick<Invocation, 'world'>, parts: Parts): Promise<Config> {
  const { readConfig } = await import('../config/read-files.ts');
  const read = await readConfig(
    {
      application: parts.application ?? { path: 'application.yml', text: 'version: 1\napplications: {}\n' },
      deployment: parts.deployment ?? { path: 'deployment.yml', text: 'version: 1\nnodes: {}\n' },
      drover: parts.drover.filter((path) => path !== undefined),
    },
    undefined,
    { environment: world.env, ...parts.compose },
  );
  if (!read.ok) throw new FilesWrong(read.problems);
  return read.config;
}

const namesIn = ({ nodes }: Config): readonly ProposedNode[] =>
  Object.entries(nodes).map(([key, { name }]) => ({ name: name ?? key }));

async function knownNodes(
  invocation: Invocation,
  folder: string,
  files: FileChoice,
  config: Config,
): Promise<readonly ProposedNode[]> {
  const own = invocation.options.vagrant === true ? [] : namesIn(config);
  if (own.length > 0) return own;
  const machines = await machinesNear(files, folder, invocation);
  if (machines === undefined) return [];
  return namesIn(
    await readParts(invocation, {
      application: files.application,
      ...defined({ compose: files.compose }),
      drover: [machines],
    }),
  );
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

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigProblem } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import { isCode } from '../model/errors.ts';
import { composeNames } from './compose/compose-model.ts';
import { asFolder } from './compose/paths.ts';
import { createFileContext, type FileContext } from './env/file-context.ts';
import { createNamedFiles, type Reading, requestKey } from './env/named-files.ts';
import type { ComposeChoice, LoadOptions } from './load.ts';
import { readNamedFile, reasonOf } from './read-files.ts';
import { quote } from './yaml/yaml-node.ts';

/** The files of a folder that have the usual names. */
export interface FoundFiles {
  readonly application?: string;
  readonly deployment?: string;
  /** drover.yml. */
  readonly inventory?: string;
  /** For a Compose file: what belongs to it. */
  readonly compose?: ComposeChoice;
  /** Files that are missing or exist twice. */
  readonly problems: readonly ConfigProblem[];
}

const extensions = ['yml', 'yaml'] as const;

/**
 * application.yml, deployment.yml and drover.yml of a folder, each also as `.yaml`. Without an application.yml the
 * Compose files of COMPOSE_FILE count, in the environment or the env files, else the first of the usual Compose files.
 */
export async function findConfigFiles(
  directory: string,
  options: Pick<LoadOptions, 'environment' | 'envFiles'> = {},
): Promise<FoundFiles> {
  let names: ReadonlySet<string>;
  try {
    names = new Set(await readdir(directory));
  } catch (error) {
    const why = isCode(error, 'ENOENT') ? 'there is no such folder' : `the folder cannot be read: ${reasonOf(error)}`;
    return { problems: [{ file: directory, path: '', message: why }] };
  }
  const problems: ConfigProblem[] = [];
  const find = (stem: string): string | undefined => {
    const found = extensions.map((extension) => `${stem}.${extension}`).filter((name) => names.has(name));
    if (found.length > 1) problems.push(bothSpellings(directory, stem));
    return found[0] === undefined ? undefined : join(directory, found[0]);
  };
  const own = find('application');
  const application = own === undefined ? await findCompose(directory, names, options) : { application: own };
  if (application === undefined) problems.push(missing(directory, 'application', applicationHint));
  const deployment = find('deployment');
  if (deployment === undefined) {
    problems.push(missing(directory, 'deployment', application === undefined ? createHint : initHint));
  }
  return { ...application, ...defined({ deployment, inventory: find('drover') }), problems };
}

async function findCompose(
  directory: string,
  names: ReadonlySet<string>,
  options: Pick<LoadOptions, 'environment' | 'envFiles'>,
): Promise<Pick<FoundFiles, 'application' | 'compose'> | undefined> {
  const { lookup } = await contextOf(directory, options);
  const separator = lookup('COMPOSE_PATH_SEPARATOR') || ':';
  const listed = (lookup('COMPOSE_FILE') ?? '').split(separator).filter((path) => path !== '');
  const [first, ...overrides] = listed.map((path) => (path.startsWith('/') ? path : join(directory, path)));
  if (first !== undefined) return { application: first, compose: { overrides } };
  const [used, ...unused] = composeNames.filter((name) => names.has(name));
  return used === undefined ? undefined : { application: join(directory, used), compose: { isFound: true, unused } };
}

/** The variables that a Compose file in this folder has. */
async function contextOf(
  directory: string,
  { environment = {}, envFiles }: Pick<LoadOptions, 'environment' | 'envFiles'>,
): Promise<FileContext> {
  const folder = asFolder(directory);
  const known = new Map<string, Reading>();
  for (const path of envFiles ?? [`${folder}.env`]) {
    const request = { path, kind: 'env' } as const;
    known.set(requestKey(request), await readNamedFile(request));
  }
  const namedFiles = createNamedFiles(known);
  return createFileContext({ directory: folder, envFiles, home: undefined, environment, namedFiles });
}

const createHint = 'create it, or name another folder with -C';
const applicationHint = 'create it, or a compose.yaml; or name another folder with -C';
const initHint = 'it says which node runs what: `drover init` writes a first one';

const missing = (directory: string, stem: string, hint: string): ConfigProblem => ({
  file: join(directory, `${stem}.yml`),
  path: '',
  message: `there is no ${stem}.yml in ${quote(directory)}`,
  hint,
});

const bothSpellings = (directory: string, stem: string): ConfigProblem => ({
  file: join(directory, `${stem}.yml`),
  path: '',
  message: `there are both ${stem}.yml and ${stem}.yaml in ${quote(directory)}`,
  hint: 'keep one of the two',
});

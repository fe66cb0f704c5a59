import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { createNamedFiles, type NamedFileRequest, type Reading, requestKey } from '../src/config/env/named-files.ts';
import { type LoadOptions, loadConfig, type SourceFile } from '../src/config/load.ts';
import { readNamedFile } from '../src/config/read-files.ts';
import type { ConfigProblem, LoadResult } from '../src/model/config.ts';
import { packTree } from '../src/model/container/file-tree.ts';

/** One Compose file, with the files that are merged over it. */
export interface CorpusFile {
  readonly path: string;
  readonly overrides: readonly string[];
}

export type Verdict = 'accepted' | 'noted' | 'build' | 'refused';

export interface Outcome {
  readonly file: string;
  readonly overrides: readonly string[];
  /** `build`: an image that has to be built first is all that is missing. */
  readonly verdict: Verdict;
  readonly services: number;
  readonly problems: readonly ConfigProblem[];
  readonly notes: readonly ConfigProblem[];
  /** Files and variables that are not there and stand for something in the reader's folder. */
  readonly invented: readonly string[];
}

const isCompose = (name: string): boolean => /\.ya?ml$/i.test(name);
const skipped = ['node_modules', '.git'];

/**
 * The Compose files below a folder, sorted: those with `compose` in their name, and all others with `services` at the
 * top. A file with the name of another one and a word (`compose.override.yml`, `docker-compose.prod.yml`) is merged over
 * that one where it has services without an image.
 */
export async function findCorpus(folder: string): Promise<readonly CorpusFile[]> {
  const listed = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = listed
    .filter((entry) => entry.isFile() && isCompose(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.split('/').some((part) => skipped.includes(part)))
    .toSorted();
  const texts = new Map<string, string>();
  for (const path of paths) {
    const text = await readFile(path, 'utf8');
    if (/^["']?services["']?:/m.test(text) || /compose/i.test(basename(path))) texts.set(path, text);
  }
  const found: CorpusFile[] = [];
  for (const path of texts.keys()) {
    const base = baseOf(path, texts);
    if (base === undefined) found.push({ path, overrides: [] });
    else if (await isOverlay(path)) found.push({ path: base, overrides: [path] });
    else found.push({ path, overrides: [] });
  }
  return found;
}

/** `compose.yml` for `compose.override.yml`, if it is there. */
function baseOf(path: string, texts: ReadonlyMap<string, string>): string | undefined {
  const [, stem] = /^(.+?)[.-][A-Za-z0-9_-]+\.ya?ml$/.exec(basename(path)) ?? [];
  if (stem === undefined) return undefined;
  return ['yml', 'yaml'].map((end) => join(dirname(path), `${stem}.${end}`)).find((base) => texts.has(base));
}

/** True for a file that has a service without an image, which it expects another file to give. */
async function isOverlay(path: string): Promise<boolean> {
  const result = await load({ path, overrides: [] }, {});
  return !result.ok && result.problems.some(({ message }) => message.startsWith('"image" is missing'));
}

/** What drover says to one file, with all services on one node. */
export async function judge(file: CorpusFile, options: { readonly isStrict?: boolean } = {}): Promise<Outcome> {
  const invented = new Set<string>();
  const environment: Record<string, string> = {};
  const binds = new Set<string>();
  let result: LoadResult;
  for (;;) {
    result = await load(file, { environment, binds, ...(options.isStrict === true ? {} : { invented }) });
    if (result.ok || options.isStrict === true) break;
    const variables = neededVariables(result.problems).filter((name) => !Object.hasOwn(environment, name));
    const paths = neededBinds(result.problems, dirname(file.path)).filter((path) => !binds.has(path));
    if (variables.length + paths.length === 0) break;
    for (const path of paths) binds.add(path);
    for (const name of variables) {
      environment[name] = sampleOf(name);
      invented.add(`$${name}`);
    }
  }
  const problems = result.ok ? [] : result.problems;
  const notes = result.ok ? (result.config.notes ?? []) : [];
  const needsBuild = problems.length > 0 && problems.every(({ message }) => isBuild(message));
  return {
    file: file.path,
    overrides: file.overrides,
    verdict: result.ok ? (notes.length > 0 ? 'noted' : 'accepted') : needsBuild ? 'build' : 'refused',
    services: result.ok ? Object.keys(result.config.applications).length : 0,
    problems,
    notes,
    invented: [...invented],
  };
}

/** The summary speaks of the same. */
const isBuild = (message: string): boolean =>
  message.startsWith('the key "build" is not') || /^this file uses .*: "build"$/.test(message);

/** Variables without which the file cannot be read. */
const neededVariables = (problems: readonly ConfigProblem[]): readonly string[] =>
  problems.flatMap(
    ({ message }) => /(?:a variable it needs is not set: |the variable ")([A-Za-z0-9_]+)/.exec(message)?.[1] ?? [],
  );

/** Read-only binds whose source is not there; a bind that the container may write to becomes a volume. */
const neededBinds = (problems: readonly ConfigProblem[], folder: string): readonly string[] =>
  problems.flatMap(({ message }) => {
    const [, source] = /^"([^…]+)" does not exist$/.exec(message) ?? [];
    return source === undefined ? [] : [resolve(folder, source)];
  });

/** A value that can stand for a path where the name speaks of one, and for a number or a name elsewhere. */
const sampleOf = (name: string): string => (/DIR|PATH|LOCATION|FOLDER|ROOT|VOLUME/i.test(name) ? './made-up' : '1');

interface Loading {
  readonly environment?: Readonly<Record<string, string>>;
  /** Filled with the files that are not there; absent: a missing file stays missing. */
  readonly invented?: Set<string>;
  /** Binds that get a file. */
  readonly binds?: ReadonlySet<string>;
}

async function load(
  { path, overrides }: CorpusFile,
  { environment = {}, invented, binds }: Loading,
): Promise<LoadResult> {
  const application: SourceFile = { path, text: await readFile(path, 'utf8') };
  const example = await exampleOf(dirname(path));
  const known = new Map<string, Reading>();
  const options: LoadOptions = { overrides, environment, folder: dirname(path), profiles: ['*'], ...example };
  const read = (deployment: string): Promise<LoadResult> =>
    withNamedFiles(known, { invented, binds }, (namedFiles) =>
      loadConfig({ application, deployment: { path: 'deployment.yml', text: deployment } }, { ...options, namedFiles }),
    );
  const first = await read('version: 1\nnodes: {node1: []}\n');
  if (!first.ok) return first;
  return read(JSON.stringify({ version: 1, nodes: { node1: Object.keys(first.config.applications) } }));
}

/** A published file comes with an example of its .env, which its reader copies. */
async function exampleOf(folder: string): Promise<Pick<LoadOptions, 'envFiles'>> {
  const names = await readdir(folder);
  const example = names
    .toSorted()
    .find((name) => /^(?:\.?env\.(?:example|sample|dist|template)|(?:example|sample)\.env)$/i.test(name));
  return names.includes('.env') || example === undefined ? {} : { envFiles: [join(folder, example)] };
}

/** Reads until no further file is asked for, as `readConfig` does. */
async function withNamedFiles(
  known: Map<string, Reading>,
  inventing: Inventing,
  loadWith: (files: ReturnType<typeof createNamedFiles>) => LoadResult,
): Promise<LoadResult> {
  for (;;) {
    const namedFiles = createNamedFiles(known);
    const result = loadWith(namedFiles);
    const missing = namedFiles.missing();
    if (missing.length === 0) return result;
    for (const request of missing) known.set(requestKey(request), await readOrInvent(request, inventing));
  }
}

interface Inventing {
  readonly invented: Set<string> | undefined;
  readonly binds: ReadonlySet<string> | undefined;
}

/** A Compose file, and a .env that need not be there, are not invented. */
async function readOrInvent(request: NamedFileRequest, { invented, binds }: Inventing): Promise<Reading> {
  const { kind, path } = request;
  const reading = await readNamedFile(request);
  const isNeeded = kind === 'bind' ? binds?.has(path) === true : kind !== 'compose' && basename(path) !== '.env';
  if (reading.kind !== 'absent' || invented === undefined || !isNeeded) return reading;
  invented.add(path);
  const content = Buffer.from(kind === 'env' ? '' : 'made up\n');
  if (kind !== 'bind') return { kind: 'bytes', bytes: content };
  return { kind: 'bytes', bytes: packTree({ isFolder: false, files: [{ path: '', mode: 0o644, bytes: content }] }) };
}

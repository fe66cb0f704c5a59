import { readdir, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { readBounded, UnreadableFile } from '../files/read-bounded.ts';
import type { LoadResult } from '../model/config.ts';
import { packTree } from '../model/container/file-tree.ts';
import { isCode } from '../model/errors.ts';
import { configFileBytes } from '../model/limits.ts';
import {
  createNamedFiles,
  maxNamedFileBytes,
  type NamedFileRequest,
  type NamedFiles,
  type Reading,
  requestKey,
} from './env/named-files.ts';
import { type LoadOptions, loadConfig, type SourceFile } from './load.ts';

/** Where the files are; the names are shown to people as given here. */
export interface ConfigPaths {
  /** A text that is not on disk yet is given as it is. */
  readonly application: string | SourceFile;
  readonly deployment: string | SourceFile;
  /** Settings, the first one winning; each must exist. */
  readonly drover?: readonly string[];
}

/** Reads and loads all files; throws only if aborted. `~` defaults to the user's home. */
export async function readConfig(
  paths: ConfigPaths,
  signal?: AbortSignal,
  options: LoadOptions = {},
): Promise<LoadResult> {
  signal?.throwIfAborted();
  const [application, deployment, ...drover] = await Promise.all([
    readSource(paths.application),
    readSource(paths.deployment),
    ...(paths.drover ?? []).map(readSource),
  ]);
  signal?.throwIfAborted();
  const home = options.home ?? homedir();
  const folder =
    options.folder ??
    dirname(resolve(typeof paths.application === 'string' ? paths.application : paths.application.path));
  const load = (namedFiles: NamedFiles) =>
    loadConfig({ application, deployment, drover }, { ...options, home, folder, namedFiles });
  const known = new Map<string, Reading>();
  // A file can name other files: each round reads the files that the previous round asked for.
  for (;;) {
    const namedFiles = createNamedFiles(known);
    const result = load(namedFiles);
    const missing = namedFiles.missing();
    if (missing.length === 0) return result;
    for (const request of missing) known.set(requestKey(request), await readNamedFile(request));
    signal?.throwIfAborted();
  }
}

/** A regular file, also behind links, of at most the size for its kind. Anything else could block, never end, or (in /proc) be something else. */
export async function readNamedFile({ path, kind }: NamedFileRequest): Promise<Reading> {
  const limit = maxNamedFileBytes[kind];
  try {
    if (kind === 'bind') return await readTree(path, limit);
    // Looked at first, because opening a device can already do something.
    if (!(await stat(path)).isFile() || /^\/(?:proc|sys|dev)\//.test(await realpath(path))) {
      return { kind: 'unreadable', why: 'it is not a regular file' };
    }
    return { kind: 'bytes', bytes: await readBounded(path, limit) };
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) return { kind: 'absent' };
    if (error instanceof UnreadableFile && error.isTooLarge) {
      return { kind: 'unreadable', why: `it is larger than ${limit / 1024} KiB` };
    }
    return { kind: 'unreadable', why: reasonOf(error) };
  }
}

/** Most files and folders of one bind. */
const maxTreeEntries = 200;

/** A regular file or a folder of them, packed. A link in a folder could lead anywhere, and is not followed. */
async function readTree(path: string, limit: number): Promise<Reading> {
  const files: { path: string; mode: number; bytes: Uint8Array }[] = [];
  let [left, entries] = [limit, 0];
  const add = async (at: string, inside: string): Promise<void> => {
    const { mode } = await stat(at);
    const bytes = await readBounded(at, left);
    left -= bytes.length;
    files.push({ path: inside, mode: mode & 0o777, bytes });
  };
  const walk = async (folder: string, inside: string): Promise<void> => {
    for (const entry of (await readdir(folder, { withFileTypes: true })).toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      entries += 1;
      if (entries > maxTreeEntries) throw new UnfitTree(`it has more than ${maxTreeEntries} files`);
      const [at, name] = [join(folder, entry.name), `${inside}${entry.name}`];
      if (entry.isDirectory()) await walk(at, `${name}/`);
      else if (entry.isFile()) await add(at, name);
      else
        throw new UnfitTree(
          `it has ${entry.isSymbolicLink() ? 'a symbolic link' : 'something that is not a file'}: ${name}`,
        );
    }
  };
  try {
    const found = await stat(path);
    if (!found.isDirectory() && !found.isFile()) return { kind: 'unreadable', why: 'it is not a file or folder' };
    await (found.isFile() ? add(path, '') : walk(path, ''));
    return { kind: 'bytes', bytes: packTree({ isFolder: !found.isFile(), files }) };
  } catch (error) {
    if (error instanceof UnfitTree) return { kind: 'unreadable', why: error.message };
    if (!(error instanceof UnreadableFile && error.isTooLarge)) throw error;
    return { kind: 'unreadable', why: `it is larger than ${limit / 1024} KiB` };
  }
}

/** What a folder must not have. */
class UnfitTree extends Error {}

/** drover.yml alone (or only the defaults), as a configuration without applications. */
export async function readInventory(path: string | undefined, options: LoadOptions = {}): Promise<LoadResult> {
  const nothing = (name: string, key: string): SourceFile => ({ path: name, text: `version: 1\n${key}: {}\n` });
  const files = {
    application: nothing('application.yml', 'applications'),
    deployment: nothing('deployment.yml', 'nodes'),
    drover: path === undefined ? [] : [await readSource(path)],
  };
  return loadConfig(files, { home: options.home ?? homedir() });
}

async function readSource(path: string | SourceFile): Promise<SourceFile> {
  if (typeof path !== 'string') return path;
  try {
    return decode(path, await readBounded(path, configFileBytes));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return { path, text: undefined };
    if (error instanceof UnreadableFile && error.isTooLarge) {
      return refuse(path, error.message.replace(/^it/, 'the file'), 'is this the right file?');
    }
    return refuse(path, `the file cannot be read: ${reasonOf(error)}`);
  }
}

function decode(path: string, bytes: Buffer): SourceFile {
  try {
    return { path, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return refuse(path, 'the file is not UTF-8 text', 'save it as UTF-8');
  }
}

const refuse = (path: string, message: string, hint?: string): SourceFile => ({
  path,
  text: undefined,
  unreadable: { message, ...(hint === undefined ? {} : { hint }) },
});

export function reasonOf(error: unknown): string {
  if (isCode(error, 'EACCES')) return 'permission denied';
  return error instanceof Error ? error.message : String(error);
}

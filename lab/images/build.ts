// Builds the lab's container images from package registries: see README.md.
import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Recipe } from './recipe.ts';
import { run, stopChildren } from './tools.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
/** Raise it when the way a tree becomes a tar file changes. */
const FORMAT = '1';
const KEPT = 2;

const HELP = `Builds the lab's container images, without a registry and without Docker.

  node scripts/ts.mjs lab/images/build.ts --out DIR [NAME...]   build the named recipes, or all that belong to no set
  node scripts/ts.mjs lab/images/build.ts --out DIR --set SET   build the recipes of a set
  node scripts/ts.mjs lab/images/build.ts --list                print NAME, REF, the official image that it replaces
                                                                and SET, with tabs between; build nothing

  --out DIR     folder for the tar files, NAME-HASH.tar; an existing one is not built again
  --cache DIR   folder for a Go and a JDK of Debian's (default $XDG_CACHE_HOME/drover-lab)

On stdout one line for each image: NAME <tab> TARFILE <tab> HASH <tab> JSON, where JSON is
{"ref": "...", "changes": ["..."]}, for: docker import --change "..." TARFILE REF
Exit status: 0 all built, 1 a recipe failed (the others are built), 2 wrong usage.
`;

interface NamedRecipe extends Recipe {
  readonly name: string;
  readonly dir: string;
}

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function usage(text: string): never {
  say(`${text}; see --help`);
  process.exit(2);
}

/** Every folder here with a recipe.ts, by name. */
async function readRecipes(): Promise<ReadonlyMap<string, NamedRecipe>> {
  const found = new Map<string, NamedRecipe>();
  for (const entry of (await readdir(HERE, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = join(HERE, entry.name, 'recipe.ts');
    if (!entry.isDirectory() || !existsSync(file)) continue;
    const { default: recipe }: { default: Recipe } = await import(pathToFileURL(file).href);
    found.set(entry.name, { ...recipe, name: entry.name, dir: join(HERE, entry.name), build: recipe.build });
  }
  return found;
}

/** Hash of everything the image is made from: the recipe's files, the tools it uses, the architecture. */
async function hashOf(recipe: NamedRecipe): Promise<string> {
  const hash = createHash('sha256').update(`${FORMAT}\0${process.arch}\0`);
  const files = (await readdir(recipe.dir, { withFileTypes: true }))
    .filter((f) => f.isFile())
    .map((f) => f.name)
    .sort();
  const shared = ['tools.ts', ...(recipe.uses ?? [])].map((name) => join(HERE, name));
  for (const path of [...files.map((f) => join(recipe.dir, f)), ...shared]) {
    const bytes = await readFile(path);
    hash.update(`${path.slice(HERE.length)}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Removes old builds. The one before the newest stays, for a lab that was made from older sources. */
async function removeOld(name: string, out: string): Promise<void> {
  const builds = (await readdir(out)).filter((file) => new RegExp(`^${name}-[0-9a-f]{16}\\.tar$`).test(file));
  // Another builder may remove one at the same time.
  const age = (file: string): Promise<number> =>
    stat(join(out, file)).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    );
  const dated = await Promise.all(builds.map(async (file) => ({ file, at: await age(file) })));
  for (const { file } of dated.sort((a, b) => b.at - a.at).slice(KEPT)) await rm(join(out, file), { force: true });
}

/** Temporary folders to remove when the process exits. */
const temps = new Set<string>();

/** Sorted, with one owner and one time, so that the same tree makes the same file. */
const TAR_OPTIONS = ['--format=gnu', '--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];

async function buildTar(recipe: NamedRecipe, file: string, out: string, cache: string): Promise<void> {
  const began = Date.now();
  say(`${recipe.name}: building`);
  const temp = await mkdtemp(join(out, `.${recipe.name}-`));
  temps.add(temp);
  try {
    const root = join(temp, 'root');
    await mkdir(root);
    await recipe.build({ dir: recipe.dir, root, temp, cache });
    const tar = join(temp, 'image.tar');
    await run('tar', ['--create', '--file', tar, '--directory', root, ...TAR_OPTIONS, '.']);
    await rename(tar, file);
    await removeOld(recipe.name, out);
  } finally {
    await rm(temp, { recursive: true, force: true });
    temps.delete(temp);
  }
  const { size } = await stat(file);
  say(`${recipe.name}: ${file}, ${(size / 1e6).toFixed(1)} MB, ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

/** Builds one image where it is missing, and prints its line. */
async function build(recipe: NamedRecipe, out: string, cache: string): Promise<void> {
  const hash = await hashOf(recipe);
  const file = join(out, `${recipe.name}-${hash}.tar`);
  if (existsSync(file)) say(`${recipe.name}: ${file} exists already`);
  else await buildTar(recipe, file, out, cache);
  const facts = JSON.stringify({ ref: recipe.ref, changes: recipe.changes });
  process.stdout.write(`${[recipe.name, file, hash, facts].join('\t')}\n`);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        out: { type: 'string' },
        cache: { type: 'string' },
        set: { type: 'string' },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    return usage(messageOf(error).split('. ')[0] ?? '');
  }
}

/** The recipes that the arguments name. Ends the process where one of them does not exist. */
function chooseRecipes(all: ReadonlyMap<string, NamedRecipe>, names: readonly string[], set: string | undefined) {
  if (names.length > 0) {
    return [...new Set(names)].map(
      (name) => all.get(name) ?? usage(`unknown recipe "${name}"; the recipes are ${[...all.keys()].join(', ')}`),
    );
  }
  const found = [...all.values()].filter((recipe) => recipe.set === set);
  return found.length === 0 && set !== undefined ? usage(`unknown set "${set}"`) : found;
}

function cleanUpAtExit(): void {
  process.on('exit', () => {
    for (const temp of temps) rmSync(temp, { recursive: true, force: true });
  });
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.on(signal, () => {
      stopChildren();
      process.exit(128 + number);
    });
  }
}

/** Resolves to the exit status. */
async function main(): Promise<number> {
  const { values, positionals } = readArguments();
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const all = await readRecipes();
  if (values.list) {
    for (const { name, ref, standsFor = [], set = '' } of all.values())
      process.stdout.write(`${[name, ref, standsFor.join(','), set].join('\t')}\n`);
    return 0;
  }
  const wanted = chooseRecipes(all, positionals, values.set);
  if (!values.out) return usage('--out DIR is missing');
  cleanUpAtExit();
  const out = resolve(values.out);
  const cache = resolve(values.cache ?? join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'drover-lab'));
  try {
    await mkdir(out, { recursive: true });
  } catch (error) {
    say(`cannot make the folder ${out}: ${messageOf(error)}`);
    return 1;
  }
  let failed = false;
  for (const recipe of wanted) {
    try {
      await build(recipe, out, cache);
    } catch (error) {
      failed = true;
      say(`cannot build the image ${recipe.name}: ${messageOf(error)}`);
    }
  }
  return failed ? 1 : 0;
}

process.exitCode = await main();

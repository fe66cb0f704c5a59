#!/usr/bin/env node
// Builds the lab's container images from package registries: see README.md.
import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { run, stopChildren } from './tools.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const FORMAT = '1'; // raise when the way a tree becomes a tar file changes
const KEPT = 2;

const HELP = `Builds the lab's container images, without a registry and without Docker.

  node lab/images/build.mjs --out DIR [NAME...]   build the named recipes, or all that belong to no set
  node lab/images/build.mjs --out DIR --set SET   build those of a set
  node lab/images/build.mjs --list                print NAME, REF, what it stands for and SET, with tabs between;
                                                  build nothing

  --out DIR     where the tar files go, as NAME-HASH.tar; one that is there is not built again
  --cache DIR   where a Go taken from Debian is kept (default $XDG_CACHE_HOME/drover-lab)

On stdout one line for each image: NAME <tab> TARFILE <tab> HASH <tab> JSON, where JSON is
{"ref": "...", "changes": ["..."]}, for: docker import --change "..." TARFILE REF
Exit status: 0 all built, 1 a recipe failed (the others are built), 2 wrong usage.
`;

const say = (text) => process.stderr.write(`${text}\n`);

function usage(text) {
  say(`${text}; see --help`);
  process.exit(2);
}

/** The recipes: every directory here that has a recipe.mjs. */
async function recipes() {
  const found = new Map();
  for (const entry of (await readdir(HERE, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = join(HERE, entry.name, 'recipe.mjs');
    if (!entry.isDirectory() || !existsSync(file)) continue;
    const { default: recipe } = await import(pathToFileURL(file).href);
    found.set(entry.name, { name: entry.name, dir: join(HERE, entry.name), ...recipe });
  }
  return found;
}

/** Names what the image is made of: the recipe's files, the tools and the helpers it uses, the architecture. */
async function hashOf(recipe) {
  const hash = createHash('sha256').update(`${FORMAT}\0${process.arch}\0`);
  const files = (await readdir(recipe.dir, { withFileTypes: true }))
    .filter((f) => f.isFile())
    .map((f) => f.name)
    .sort();
  const shared = ['tools.mjs', ...(recipe.uses ?? [])].map((name) => join(HERE, name));
  for (const path of [...files.map((f) => join(recipe.dir, f)), ...shared]) {
    const bytes = await readFile(path);
    hash.update(`${path.slice(HERE.length)}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex').slice(0, 16);
}

/** The image before the newest stays, for a tree of sources that is still at it. */
async function removeOld({ name }, out) {
  const builds = (await readdir(out)).filter((file) => new RegExp(`^${name}-[0-9a-f]{16}\\.tar$`).test(file));
  // Another builder may have removed one meanwhile.
  const age = (file) =>
    stat(join(out, file)).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    );
  const dated = await Promise.all(builds.map(async (file) => ({ file, at: await age(file) })));
  for (const { file } of dated.sort((a, b) => b.at - a.at).slice(KEPT)) await rm(join(out, file), { force: true });
}

const temps = new Set();

async function build(recipe, out, cache) {
  const hash = await hashOf(recipe);
  const file = join(out, `${recipe.name}-${hash}.tar`);
  if (existsSync(file)) {
    say(`${recipe.name}: ${file} is there already`);
  } else {
    const began = Date.now();
    say(`${recipe.name}: building`);
    const temp = await mkdtemp(join(out, `.${recipe.name}-`));
    temps.add(temp);
    try {
      const root = join(temp, 'root');
      await mkdir(root);
      await recipe.build({ dir: recipe.dir, root, temp, cache });
      const tar = join(temp, 'image.tar');
      // Sorted, of one owner and of one time, so that the same tree is the same file.
      await run('tar', [
        '--create',
        '--file',
        tar,
        '--directory',
        root,
        '--format=gnu',
        '--sort=name',
        '--mtime=@0',
        '--owner=0',
        '--group=0',
        '--numeric-owner',
        '.',
      ]);
      await rename(tar, file);
      await removeOld(recipe, out);
    } finally {
      await rm(temp, { recursive: true, force: true });
      temps.delete(temp);
    }
    const { size } = await stat(file);
    say(`${recipe.name}: ${file}, ${(size / 1e6).toFixed(1)} MB, ${((Date.now() - began) / 1000).toFixed(1)} s`);
  }
  process.stdout.write(
    `${[recipe.name, file, hash, JSON.stringify({ ref: recipe.ref, changes: recipe.changes })].join('\t')}\n`,
  );
}

let args;
try {
  args = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      cache: { type: 'string' },
      set: { type: 'string' },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
} catch (e) {
  usage(e.message.split('. ')[0]);
}
const { values, positionals } = args;
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const all = await recipes();
for (const name of positionals) {
  if (!all.has(name)) usage(`there is no recipe "${name}", only ${[...all.keys()].join(', ')}`);
}
if (values.set !== undefined && ![...all.values()].some((recipe) => recipe.set === values.set))
  usage(`there is no set "${values.set}"`);
const wanted = positionals.length
  ? [...new Set(positionals)].map((name) => all.get(name))
  : [...all.values()].filter((recipe) => values.list || recipe.set === values.set);

if (values.list) {
  for (const recipe of wanted)
    process.stdout.write(
      `${[recipe.name, recipe.ref, (recipe.standsFor ?? []).join(','), recipe.set ?? ''].join('\t')}\n`,
    );
  process.exit(0);
}
if (!values.out) usage('--out DIR is missing');

process.on('exit', () => {
  for (const temp of temps) rmSync(temp, { recursive: true, force: true });
});
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
]) {
  process.on(signal, () => {
    stopChildren();
    process.exit(128 + number);
  });
}

const out = resolve(values.out);
const cache = resolve(values.cache ?? join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'drover-lab'));
try {
  await mkdir(out, { recursive: true });
} catch (e) {
  say(`the directory ${out} cannot be made: ${e.message}`);
  process.exit(1);
}
let failed = false;
for (const recipe of wanted) {
  try {
    await build(recipe, out, cache);
  } catch (e) {
    failed = true;
    say(`the image ${recipe.name} was not built: ${e.message}`);
  }
}
process.exitCode = failed ? 1 : 0;

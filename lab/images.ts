/**
 * Container images for the nodes, made by lab/images/build.mjs. Those of no set are imported before the state is saved;
 * those of a set, which only one tutorial needs, on demand.
 */
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { $ } from 'zx';
import { LabError } from './errors.mjs';
import { onNode, quote } from './nodes.mjs';
import { cacheRoot, hashOf, LAB_DIR } from './paths.mjs';
import { progress } from './progress.mjs';
import { asRoot } from './tools.mjs';

const FOLDER = join(LAB_DIR, 'images');
const BUILDER = join(FOLDER, 'build.mjs');
const BUILD_MS = 60_000;
const BUILD_SET_MS = 120_000;
/** On an image of a set: which build of it this is. */
const HASH_LABEL = 'drover.lab.image';
/** Five times as fast on an emulated processor as what ssh would choose. */
const LIGHT = ['-o', 'Ciphers=aes128-ctr', '-o', 'MACs=umac-64-etm@openssh.com'];

export const haveRecipes = () => existsSync(BUILDER);
const indexFile = () => join(cacheRoot(), 'images', `index-${hashOf({ paths: [FOLDER] })}.json`);

/** What the builder said about these very recipes before, so that a warm start need not ask it. */
async function known() {
  try {
    const images = JSON.parse(await readFile(indexFile(), 'utf8'));
    return images.every((image) => existsSync(image.tar)) ? images : undefined;
  } catch {
    return undefined;
  }
}

/** What of the images goes into a saved state, for its hash. */
export const imageFacts = (images) => images.map(({ ref, hash, changes }) => [ref, hash, changes]);

/** NAME, TARFILE, HASH, JSON, with tabs between. */
function parseLine(line) {
  const [name, tar, hash, json] = line.split('\t');
  try {
    return { name, tar, hash, ...JSON.parse(json) };
  } catch {
    throw new LabError(`lab/images/build.mjs printed a line that is no image: "${line}".`);
  }
}

/** Builds every image of no set (the builder keeps what it built before) and returns what to import. */
export async function buildImages() {
  if (!haveRecipes()) return [];
  const before = await known();
  if (before) return before;
  const images = await build([], {
    what: 'building the container images',
    expectedMs: BUILD_MS,
    remedy: '`up --no-images` starts the lab without them',
  });
  await writeFile(indexFile(), JSON.stringify(images));
  return images;
}

/** The same for one set, or some of its recipes. */
export const buildSet = (set, names) =>
  build(names ?? ['--set', set], {
    what: `building the images of "${set}"`,
    expectedMs: BUILD_SET_MS,
    remedy: 'run it again; what was built is kept',
  });

async function build(options, { what, expectedMs, remedy }) {
  const out = join(cacheRoot(), 'images');
  await mkdir(out, { recursive: true });
  const stage = progress.stage(what, { expectedMs });
  const work = $({
    quiet: true,
    nothrow: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })`${asRoot()} ${process.execPath} ${BUILDER} --out ${out} ${options}`;
  createInterface({ input: work.stderr }).on('line', (line) => stage.update(line));
  const done = await work;
  if (done.exitCode !== 0) {
    stage.fail();
    const why = done.stderr.trim().split('\n').at(-1);
    throw new LabError(`The container images could not be built (${why}); ${remedy}.`);
  }
  const images = done.stdout.split('\n').filter(Boolean).map(parseLine);
  stage.done(images.map((image) => image.ref).join(', '));
  return images;
}

/** Every recipe: `{name, ref, standsFor: [REPOSITORY], set}`; `set` is undefined where it is always there. */
export async function listRecipes() {
  if (!haveRecipes()) return [];
  const list = await $({ quiet: true })`${process.execPath} ${BUILDER} --list`;
  return list.stdout.split('\n').flatMap((line) => {
    const [name, ref, official = '', set] = line.split('\t');
    return name === '' ? [] : [{ name, ref, standsFor: official.split(',').filter(Boolean), set: set || undefined }];
  });
}

export async function importImages(lab, index, images, onImage = () => {}) {
  for (const image of images) {
    onImage(image.ref);
    const changes = (image.changes ?? []).map((change) => `--change ${quote(change)}`).join(' ');
    await onNode(lab, index, `docker import ${changes} - ${quote(image.ref)}`, {
      input: createReadStream(image.tar),
      options: LIGHT,
    });
  }
}

/** Imports the images that a node does not have, or has from an older recipe; returns the refs of those imported. */
export async function importMissing(lab, index, images, onImage) {
  const labelled = images.map((image) => ({
    ...image,
    changes: [...(image.changes ?? []), `LABEL ${HASH_LABEL}=${image.hash}`],
  }));
  const format = `{{index .RepoTags 0}} {{index .Config.Labels "${HASH_LABEL}"}}`;
  const refs = labelled.map(({ ref }) => quote(ref)).join(' ');
  const found = await onNode(lab, index, `docker image inspect -f ${quote(format)} ${refs}`, { nothrow: true });
  const there = found.stdout.split('\n');
  const missing = labelled.filter(({ ref, hash }) => !there.includes(`${ref} ${hash}`));
  await importImages(lab, index, missing, onImage);
  return missing.map(({ ref }) => ref);
}

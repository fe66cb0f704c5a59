/**
 * Container images for the nodes, made by images/build.ts. Images of no set are imported before the state of a node is
 * saved; images of a set, which only one tutorial needs, on demand.
 */
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { $ } from 'zx';
import { progress } from '../scripts/progress.mjs';
import { tsCommand } from '../scripts/ts.mjs';
import { LabError } from './errors.mjs';
import { onNode, quote } from './nodes.ts';
import { cacheRoot, hashOf, LAB_DIR } from './paths.mjs';
import { asRoot } from './tools.ts';
import type { BuiltImage, Lab } from './types.ts';

const FOLDER = join(LAB_DIR, 'images');
const BUILDER = join(FOLDER, 'build.ts');
const BUILD_MS = 60_000;
const BUILD_SET_MS = 120_000;
/** A label on images of a set: the hash of the build. */
const HASH_LABEL = 'drover.lab.image';
/** On an emulated processor five times as fast as the ciphers that ssh chooses. */
const LIGHT = ['-o', 'Ciphers=aes128-ctr', '-o', 'MACs=umac-64-etm@openssh.com'];

const haveRecipes = (): boolean => existsSync(BUILDER);
const indexFile = () => join(cacheRoot(), 'images', `index-${hashOf({ paths: [FOLDER] })}.json`);

/** What the builder printed for these recipes before: a later start does not run it. */
async function known(): Promise<readonly BuiltImage[] | undefined> {
  try {
    const images: BuiltImage[] = JSON.parse(await readFile(indexFile(), 'utf8'));
    return images.every((image) => existsSync(image.tar)) ? images : undefined;
  } catch {
    return undefined;
  }
}

/** The values of the images that the hash of a saved state covers. */
export const imageFacts = (images: readonly BuiltImage[]): readonly unknown[] =>
  images.map(({ ref, hash, changes }) => [ref, hash, changes]);

/** NAME, TARFILE, HASH, JSON, with tabs between. Throws LabError. */
function parseLine(line: string): BuiltImage {
  const [name = '', tar = '', hash = '', json = ''] = line.split('\t');
  try {
    return { name, tar, hash, ...JSON.parse(json) };
  } catch {
    throw new LabError(`cannot read a line of lab/images/build.ts: "${line}".`);
  }
}

/** Builds every image of no set that is not built yet; resolves to all of them. Throws LabError. */
export async function buildImages(): Promise<readonly BuiltImage[]> {
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

/** The same for one set, or for some of its recipes. */
export const buildSet = (set: string, names?: readonly string[]): Promise<readonly BuiltImage[]> =>
  build(names ?? ['--set', set], {
    what: `building the images of "${set}"`,
    expectedMs: BUILD_SET_MS,
    remedy: 'run it again; images that were built are kept',
  });

async function build(
  options: readonly string[],
  { what, expectedMs, remedy }: { readonly what: string; readonly expectedMs: number; readonly remedy: string },
): Promise<readonly BuiltImage[]> {
  const out = join(cacheRoot(), 'images');
  await mkdir(out, { recursive: true });
  const stage = progress.stage(what, { expectedMs });
  const work = $({
    quiet: true,
    nothrow: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })`${asRoot()} ${tsCommand(BUILDER)} --out ${out} ${options}`;
  createInterface({ input: work.stderr }).on('line', (line) => stage.update(line));
  const done = await work;
  if (done.exitCode !== 0) {
    stage.fail();
    const why = done.stderr.trim().split('\n').at(-1);
    throw new LabError(`cannot build the container images (${why}); ${remedy}.`);
  }
  const images = done.stdout.split('\n').filter(Boolean).map(parseLine);
  stage.done(images.map((image) => image.ref).join(', '));
  return images;
}

export interface ListedRecipe {
  readonly name: string;
  readonly ref: string;
  /** Repositories of official images that it can run in place of. */
  readonly standsFor: readonly string[];
  /** undefined for an image that every lab has. */
  readonly set: string | undefined;
}

export async function listRecipes(): Promise<readonly ListedRecipe[]> {
  if (!haveRecipes()) return [];
  const list = await $({ quiet: true })`${tsCommand(BUILDER)} --list`;
  return list.stdout.split('\n').flatMap((line) => {
    const [name = '', ref = '', official = '', set] = line.split('\t');
    return name === '' ? [] : [{ name, ref, standsFor: official.split(',').filter(Boolean), set: set || undefined }];
  });
}

/** Imports images into a node's Docker. Throws LabError. */
export async function importImages(
  lab: Lab,
  index: number,
  images: readonly BuiltImage[],
  onImage: (ref: string) => void = () => {},
): Promise<void> {
  for (const image of images) {
    onImage(image.ref);
    const changes = (image.changes ?? []).map((change) => `--change ${quote(change)}`).join(' ');
    await onNode(lab, index, `docker import ${changes} - ${quote(image.ref)}`, {
      input: createReadStream(image.tar),
      options: LIGHT,
    });
  }
}

/** Imports the images that a node does not have, or has from an older recipe; resolves to their refs. */
export async function importMissing(
  lab: Lab,
  index: number,
  images: readonly BuiltImage[],
  onImage: (ref: string) => void,
): Promise<readonly string[]> {
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

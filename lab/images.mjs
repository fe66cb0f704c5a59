/** Container images for the nodes: made by lab/images/build.mjs, imported before the state is saved. */
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { $ } from 'zx';
import { LabError } from './errors.mjs';
import { onNode } from './nodes.mjs';
import { cacheRoot, hashOf, LAB_DIR } from './paths.mjs';
import { progress } from './progress.mjs';
import { asRoot } from './tools.mjs';

const FOLDER = join(LAB_DIR, 'images');
const BUILDER = join(FOLDER, 'build.mjs');
const BUILD_MS = 60_000;

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

/** Builds every image (the builder keeps what it built before) and returns what to import. */
export async function buildImages() {
  if (!haveRecipes()) return [];
  const before = await known();
  if (before) return before;
  const out = join(cacheRoot(), 'images');
  await mkdir(out, { recursive: true });
  const stage = progress.stage('building the container images', { expectedMs: BUILD_MS });
  const work = $({
    quiet: true,
    nothrow: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })`${asRoot()} ${process.execPath} ${BUILDER} --out ${out}`;
  createInterface({ input: work.stderr }).on('line', (line) => stage.update(line));
  const done = await work;
  if (done.exitCode !== 0) {
    stage.fail();
    const why = done.stderr.trim().split('\n').at(-1);
    throw new LabError(
      `The container images could not be built (${why}); \`up --no-images\` starts the lab without them.`,
    );
  }
  const images = done.stdout.split('\n').filter(Boolean).map(parseLine);
  await writeFile(indexFile(), JSON.stringify(images));
  stage.done(images.map((image) => image.ref).join(', '));
  return images;
}

const quote = (word) => `'${word.replaceAll("'", `'\\''`)}'`;

export async function importImages(lab, index, images, onImage = () => {}) {
  for (const image of images) {
    onImage(image.ref);
    const changes = (image.changes ?? []).map((change) => `--change ${quote(change)}`).join(' ');
    await onNode(lab, index, `docker import ${changes} - ${quote(image.ref)}`, { input: createReadStream(image.tar) });
  }
}

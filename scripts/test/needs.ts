/**
 * Fetches what a test file needs from the network, before it runs in the lab's namespace, which has no way out. A test file
 * names its needs in comments of their own:
 *
 *   // @images elk          the set of container images (npm run lab -- images)
 *   // @program chromium    the program in /usr/bin, from the Debian package of the same name
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, root } from '../run.mjs';

interface Need {
  readonly kind: 'images' | 'program';
  readonly name: string;
}

export const needsIn = (text: string): readonly Need[] =>
  [...text.matchAll(/^\/\/ @(images|program) (\S+)$/gm)].map(([, kind, name = '']) => ({
    kind: kind === 'images' ? 'images' : 'program',
    name,
  }));

/** Resolves to one sentence where a need cannot be fetched, else to undefined. `file` is below test/. */
export async function prepareFor(file: string): Promise<string | undefined> {
  for (const { kind, name } of needsIn(readFileSync(join(root, 'test', file), 'utf8'))) {
    const failure = kind === 'images' ? await buildSet(name) : await install(name);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

const lastLine = (output: string): string => output.trim().split('\n').at(-1) ?? '';

async function buildSet(set: string): Promise<string | undefined> {
  const words = [join(root, 'lab', 'lab.mjs'), 'images', '--build', set];
  const { code, output } = await capture(process.execPath, words);
  return code === 0 ? undefined : `cannot build the images of "${set}": ${lastLine(output)}`;
}

/** Two lanes may install at the same time: the second waits for apt's lock. */
async function install(name: string): Promise<string | undefined> {
  if (existsSync(`/usr/bin/${name}`)) return undefined;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const aptGet = (...words: readonly string[]) =>
    capture('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...words], { env });
  const words = ['install', '-y', '--no-install-recommends', name];
  if ((await aptGet(...words)).code === 0) return undefined;
  await aptGet('update');
  const { code, output } = await aptGet(...words);
  return code === 0 ? undefined : `apt-get could not install ${name}: ${lastLine(output)}`;
}

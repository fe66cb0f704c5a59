// @ts-check
/** Module hooks that strip the types of .ts files: see ts.mjs. They run in a thread of their own. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, 'dist', '.ts');
/** Part of every key: to be raised when the options below change. */
const FORMAT = 1;

/**
 * Node.js's `load` hook.
 * @param {string} url
 * @param {import('node:module').LoadHookContext} context
 * @param {(url: string, context?: import('node:module').LoadHookContext) => ReturnType<import('node:module').LoadHook>} nextLoad
 */
export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context);
  return { format: 'module', shortCircuit: true, source: await stripTypes(fileURLToPath(url)) };
}

/**
 * The JavaScript of a TypeScript file, from the cache where the file is as it was.
 * @param {string} path
 */
async function stripTypes(path) {
  const source = await readFile(path, 'utf8');
  const key = `// ${createHash('sha256').update(`${FORMAT}\0${path}\0${source}`).digest('hex')}\n`;
  const kept = join(cache, `${relative(root, path).replaceAll(/[^\w.]+/g, '-')}.js`);
  const known = await readFile(kept, 'utf8').catch(() => '');
  if (known.startsWith(key)) return known;
  const { transform } = await import('esbuild');
  const { code } = await transform(source, {
    loader: 'ts',
    format: 'esm',
    target: 'node20',
    sourcefile: path,
    sourcemap: 'inline',
    sourcesContent: false,
  });
  await keep(kept, key + code);
  // With the key in both cases, so that the lines of the source map are the same.
  return key + code;
}

/**
 * Under another name first, because another process may read it. A folder that cannot be written costs time only.
 * @param {string} file
 * @param {string} text
 */
async function keep(file, text) {
  try {
    await mkdir(cache, { recursive: true });
    await writeFile(`${file}.${process.pid}`, text);
    await rename(`${file}.${process.pid}`, file);
  } catch {
    // The next process strips the types again.
  }
}

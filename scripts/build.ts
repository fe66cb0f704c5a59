#!/usr/bin/env node
/**
 * Bundles src/main.ts to dist/drover.js; does nothing where the sources are as they were. Packages are inside (reading
 * hundreds of small files is most of a start), but for ssh2, which has native parts; what only some verbs need, Ink
 * and React among it, becomes a file of its own that they load when they run.
 *
 *   node lab/build.mjs [--force] [--cases] [--schema]
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { bundledPackages, printLicenses } from './licenses.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const FORMAT = 4;

/** Packages that stay outside of the bundle: those with native parts. */
const EXTERNAL = ['ssh2', 'cpu-features'];
/** Packages that are named by others and never used; `alias`, not external: an external import would be loaded. */
const UNUSED = ['react-devtools-core', '@grpc/grpc-js', '@grpc/proto-loader', 'protobufjs', 'split-ca'];
const empty = join(root, 'lab', 'empty.cjs');

/** Ink's connection to React's developer tools, which brings a WebSocket client along; Ink loads it on request only. */
const withoutDevtools = {
  name: 'without-devtools',
  setup: (build) =>
    build.onResolve({ filter: /^\.\/devtools\.js$/ }, ({ importer }) =>
      /\/node_modules\/ink\//.test(importer) ? { path: empty } : undefined,
    ),
};

/**
 * What the packages in CommonJS need inside of a module. The program's first line makes it a program; chunks are no
 * programs and lose it again.
 */
const BANNER = `#!/usr/bin/env node
import { createRequire as __createRequire } from 'node:module'; import { dirname as __dirnameOf } from 'node:path'; import { fileURLToPath as __pathOf } from 'node:url'; const require = __createRequire(import.meta.url); const __filename = __pathOf(import.meta.url); const __dirname = __dirnameOf(__filename);`;

const filesUnder = (folder) =>
  readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? filesUnder(join(folder, entry.name)) : [join(folder, entry.name)]))
    .sort();

function hashOf(paths) {
  const hash = createHash('sha256').update(`${FORMAT} ${process.version.split('.')[0]}\0`);
  for (const path of paths)
    hash
      .update(`${relative(root, path)}\0`)
      .update(readFileSync(path))
      .update('\0');
  return hash.digest('hex');
}

/** Every file a bundle may depend on; the lock file stands for the packages. */
function sourcesOf(entry) {
  const extra = entry.startsWith('test')
    ? filesUnder(join(root, 'test', 'cases')).filter((path) => path.endsWith('.ts'))
    : [];
  return [
    ...filesUnder(join(root, 'src')).filter((path) => /\.(tsx?|json)$/.test(path)),
    ...extra,
    join(root, 'package.json'),
    join(root, 'package-lock.json'),
    fileURLToPath(import.meta.url),
    join(root, 'lab', 'licenses.mjs'),
    empty,
  ];
}

const readOr = (path, fallback) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return fallback;
  }
};

/** Builds `entry` (a path below the project) as dist/NAME.js; true where there was something to do. */
export async function buildBundle({ entry, name, force = false }) {
  const stamp = join(dist, `.${name}.sha256`);
  const wanted = hashOf(sourcesOf(entry));
  const target = join(dist, `${name}.js`);
  if (!force && existsSync(target) && readOr(stamp, '') === wanted) return false;
  const esbuild = await import('esbuild');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // Into a folder beside: a drover that runs meanwhile keeps its files, and a failed build leaves the old ones.
  const fresh = join(dist, `.${name}-${process.pid}`);
  rmSync(fresh, { recursive: true, force: true });
  const { metafile } = await esbuild.build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: { [name]: entry },
    outdir: fresh,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: EXTERNAL,
    alias: Object.fromEntries(UNUSED.map((each) => [each, empty])),
    plugins: [withoutDevtools],
    jsx: 'automatic',
    sourcemap: true,
    chunkNames: `${name}-chunks/[name]-[hash]`,
    define: {
      DROVER_VERSION: JSON.stringify(version),
      // React's development build is twice as slow, and keeps a record of every component it ever drew.
      'process.env.NODE_ENV': '"production"',
      // Ink's layout would `fetch` the WebAssembly in its own text, with all of an HTTP client, before a frame.
      fetch: 'undefined',
    },
    banner: { js: BANNER },
    logLevel: 'warning',
  });
  for (const file of filesUnder(fresh)) {
    // The banner is for the program alone.
    if (file.includes('-chunks') && file.endsWith('.js')) stripBanner(file);
  }
  const licenses = printLicenses(bundledPackages(metafile, root));
  writeFileSync(join(dist, `.${name}-packages.json`), `${JSON.stringify(packagesIn(metafile), undefined, 1)}\n`);
  install(fresh, name);
  if (name === 'drover') writeFileSync(join(dist, 'THIRD-PARTY-LICENSES'), licenses);
  chmodSync(target, 0o755);
  writeFileSync(stamp, wanted);
  return true;
}

/** Which packages went into which file, so that a test can tell what a verb loads. */
function packagesIn({ outputs }) {
  const packageOf = (path) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*\/node_modules\/)/.exec(path)?.[1];
  const rows = Object.entries(outputs)
    .filter(([path]) => path.endsWith('.js'))
    .map(([path, { inputs }]) => [
      basename(path),
      [...new Set(Object.keys(inputs).map(packageOf))].filter(Boolean).sort(),
    ]);
  return Object.fromEntries(rows.filter(([, packages]) => packages.length > 0));
}

/** Blanked, not removed, so that the source map's lines stay right. */
function stripBanner(file) {
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^#!.*/, ''));
}

/** Chunks first, the program last: whoever starts it in between finds everything it asks for. */
function install(fresh, name) {
  mkdirSync(join(dist, `${name}-chunks`), { recursive: true });
  const chunks = join(fresh, `${name}-chunks`);
  const kept = new Set(existsSync(chunks) ? readdirSync(chunks) : []);
  for (const file of kept) renameSync(join(chunks, file), join(dist, `${name}-chunks`, file));
  for (const file of [`${name}.js.map`, `${name}.js`]) renameSync(join(fresh, file), join(dist, file));
  for (const file of readdirSync(join(dist, `${name}-chunks`))) {
    if (!kept.has(file)) rmSync(join(dist, `${name}-chunks`, file));
  }
  rmSync(fresh, { recursive: true, force: true });
}

/** drover.js, the licences of what is in it, and the schemas beside it. */
export async function build({ force = false } = {}) {
  mkdirSync(dist, { recursive: true });
  const built = await buildBundle({ entry: 'src/main.ts', name: 'drover', force });
  const schemas = join(root, 'src', 'config', 'schema');
  if (existsSync(schemas)) {
    cpSync(schemas, join(dist, 'schema'), { recursive: true, filter: (path) => !path.endsWith('.ts') });
  }
  return built;
}

/** The JSON Schemas, made anew from src/config/schema/shapes.ts. */
async function writeSchemas() {
  const esbuild = await import('esbuild');
  const made = join(dist, `.schema-${process.pid}.mjs`);
  try {
    const entryPoints = [join(root, 'src', 'config', 'schema', 'shapes.ts')];
    await esbuild.build({
      entryPoints,
      outfile: made,
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
    });
    const { schemaFiles } = await import(pathToFileURL(made).href);
    for (const [name, text] of Object.entries(schemaFiles())) {
      writeFileSync(join(root, 'src', 'config', 'schema', name), text);
      process.stdout.write(`wrote src/config/schema/${name}\n`);
    }
  } finally {
    rmSync(made, { force: true });
  }
}

/** The runner of configuration and planner cases; built only when it is asked for. */
export async function buildCases({ force = false } = {}) {
  mkdirSync(dist, { recursive: true });
  return buildBundle({ entry: 'test/cases/run.ts', name: 'cases', force });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const force = process.argv.includes('--force');
  const began = Date.now();
  const built = (await build({ force })) || (process.argv.includes('--cases') && (await buildCases({ force })));
  if (process.argv.includes('--schema')) await writeSchemas();
  process.stdout.write(
    built
      ? `built dist/drover.js in ${((Date.now() - began) / 1000).toFixed(1)} s\n`
      : 'dist/drover.js is up to date\n',
  );
}

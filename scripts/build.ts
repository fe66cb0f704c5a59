/**
 * Bundles src/main.ts to dist/drover.js; does nothing where the sources are as they were. The packages are inside, because
 * reading hundreds of small files takes most of a start. ssh2 stays outside, because it has native parts. Code that only
 * some commands need, Ink and React among it, becomes files of their own that those commands load.
 *
 *   node scripts/ts.mjs scripts/build.ts [--force] [--cases] [--schema]
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
import { basename, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import type { Metafile, Plugin } from 'esbuild';
import { bundledPackages, printLicenses } from './licenses.ts';
import { root } from './run.mjs';

const dist = join(root, 'dist');
const FORMAT = 4;

/** Packages that stay outside the bundle: they have native parts. */
const EXTERNAL = ['ssh2', 'cpu-features'];
/** Packages that other packages name and drover never uses. As `alias`: an external import would be loaded. */
const UNUSED = ['react-devtools-core', '@grpc/grpc-js', '@grpc/proto-loader', 'protobufjs', 'split-ca'];
const unusedPackage = join(root, 'scripts', 'unused-package.cjs');

/** Leaves out Ink's connection to React's developer tools, which has a WebSocket client. */
const withoutDevtools: Plugin = {
  name: 'without-devtools',
  setup: (build) =>
    build.onResolve({ filter: /^\.\/devtools\.js$/ }, ({ importer }) =>
      /\/node_modules\/ink\//.test(importer) ? { path: unusedPackage } : undefined,
    ),
};

/** What the packages in CommonJS need inside a module. The first line is for the program; it is removed from chunks. */
const BANNER = `#!/usr/bin/env node
import { createRequire as __createRequire } from 'node:module'; import { dirname as __dirnameOf } from 'node:path'; import { fileURLToPath as __pathOf } from 'node:url'; const require = __createRequire(import.meta.url); const __filename = __pathOf(import.meta.url); const __dirname = __dirnameOf(__filename);`;

const filesUnder = (folder: string): readonly string[] =>
  readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? filesUnder(join(folder, entry.name)) : [join(folder, entry.name)]))
    .sort();

function hashOf(paths: readonly string[]): string {
  const hash = createHash('sha256').update(`${FORMAT} ${process.version.split('.')[0]}\0`);
  for (const path of paths)
    hash
      .update(`${relative(root, path)}\0`)
      .update(readFileSync(path))
      .update('\0');
  return hash.digest('hex');
}

/** Every file that a bundle may depend on; the lock file stands for the packages. */
function sourcesOf(entry: string): readonly string[] {
  const extra = entry.startsWith('test')
    ? filesUnder(join(root, 'test', 'cases')).filter((path) => path.endsWith('.ts'))
    : [];
  return [
    ...filesUnder(join(root, 'src')).filter((path) => /\.(tsx?|json)$/.test(path)),
    ...extra,
    join(root, 'package.json'),
    join(root, 'package-lock.json'),
    fileURLToPath(import.meta.url),
    join(root, 'scripts', 'licenses.ts'),
    unusedPackage,
  ];
}

const readIfThere = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);

interface Bundle {
  /** A path below the project. */
  readonly entry: string;
  /** dist/NAME.js */
  readonly name: string;
  readonly force: boolean;
}

/** Resolves to true where the bundle was built, to false where it was up to date. */
async function buildBundle({ entry, name, force }: Bundle): Promise<boolean> {
  const stamp = join(dist, `.${name}.sha256`);
  const wanted = hashOf(sourcesOf(entry));
  const target = join(dist, `${name}.js`);
  if (!force && existsSync(target) && readIfThere(stamp) === wanted) return false;
  // Into another folder first: a drover that runs keeps its files, and a failed build leaves the old ones.
  const fresh = join(dist, `.${name}-${process.pid}`);
  rmSync(fresh, { recursive: true, force: true });
  const metafile = await runEsbuild(entry, name, fresh);
  for (const file of filesUnder(fresh)) {
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

/** Resolves to a description of what went into each file. */
async function runEsbuild(entry: string, name: string, outdir: string): Promise<Metafile> {
  const esbuild = await import('esbuild');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { metafile } = await esbuild.build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: { [name]: entry },
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: EXTERNAL,
    alias: Object.fromEntries(UNUSED.map((each) => [each, unusedPackage])),
    plugins: [withoutDevtools],
    jsx: 'automatic',
    sourcemap: true,
    chunkNames: `${name}-chunks/[name]-[hash]`,
    define: {
      DROVER_VERSION: JSON.stringify(version),
      // React's development build is twice as slow, and keeps a record of every component it drew.
      'process.env.NODE_ENV': '"production"',
      // Ink's layout would `fetch` the WebAssembly in its own text, with all of an HTTP client, before a frame.
      fetch: 'undefined',
    },
    banner: { js: BANNER },
    logLevel: 'warning',
  });
  return metafile;
}

/** File -> the packages in it: a test reads from it what a command loads. */
function packagesIn({ outputs }: Metafile): Readonly<Record<string, readonly string[]>> {
  const packageOf = (path: string): string | undefined =>
    /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*\/node_modules\/)/.exec(path)?.[1];
  const rows = Object.entries(outputs)
    .filter(([path]) => path.endsWith('.js'))
    .map(([path, { inputs }]): [string, readonly string[]] => [
      basename(path),
      [...new Set(Object.keys(inputs).flatMap((input) => packageOf(input) ?? []))].sort(),
    ]);
  return Object.fromEntries(rows.filter(([, packages]) => packages.length > 0));
}

/** Empties the line instead of removing it, so that the lines of the source map stay right. */
function stripBanner(file: string): void {
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^#!.*/, ''));
}

/** Moves the chunks first and the program last, so that a program started in between finds its chunks. */
function install(fresh: string, name: string): void {
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

/** Builds dist/drover.js, the licences of its packages, and dist/schema. Resolves to false where it was up to date. */
export async function build({ force = false } = {}): Promise<boolean> {
  mkdirSync(dist, { recursive: true });
  const built = await buildBundle({ entry: 'src/main.ts', name: 'drover', force });
  const schemas = join(root, 'src', 'config', 'schema');
  if (existsSync(schemas)) {
    cpSync(schemas, join(dist, 'schema'), { recursive: true });
  }
  return built;
}

/** Writes the JSON Schemas from scripts/schema/shapes.ts. */
async function writeSchemas(): Promise<void> {
  const esbuild = await import('esbuild');
  const made = join(dist, `.schema-${process.pid}.mjs`);
  try {
    const entryPoints = [join(root, 'scripts', 'schema', 'shapes.ts')];
    await esbuild.build({
      entryPoints,
      outfile: made,
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
    });
    const { schemaFiles } = await import(pathToFileURL(made).href);
    for (const [name, text] of Object.entries<string>(schemaFiles())) {
      writeFileSync(join(root, 'src', 'config', 'schema', name), text);
      process.stdout.write(`wrote src/config/schema/${name}\n`);
    }
  } finally {
    rmSync(made, { force: true });
  }
}

/** Builds dist/cases.js, the runner of configuration and planner cases. */
export async function buildCases({ force = false } = {}): Promise<boolean> {
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

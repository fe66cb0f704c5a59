/**
 * The lab's User-Mode Linux kernel, with OpenZFS built in: one program, built once from Debian's sources (sources.ts),
 * tried, and kept under a hash of its recipe and of the chosen versions. It is used until `up --rebuild`.
 */
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { $, ProcessOutput } from 'zx';
import { progress, type Stage } from '../../scripts/progress.mjs';
import { isInterrupted, LabError, onInterrupt } from '../errors.mjs';
import { withLock } from '../lock.ts';
import { cacheRoot, hashOf, LAB_DIR } from '../paths.mjs';
import { type Chosen, chooseSources, type SourceFiles } from './sources.ts';

const UM_DIR = join(LAB_DIR, 'um');
const CONFIG = join(UM_DIR, 'kernel.config');
const PROBE = join(UM_DIR, 'probe.c');
const WIRE = join(UM_DIR, 'wire.c');
/** Raise it when the same configuration is built in another way. */
const FORMAT = 1;
const TMP_PREFIX = 'tmp-';
/** The whole build on two idle processors. */
const BUILD_MS = 400_000;
const OBJECTS = 1250;
const PROBE_LIMIT_S = 60;
/** A failed build is not repeated for this long, except by `--rebuild`. */
const AGAIN_MS = 24 * 3_600_000;
/** Sources of devices and machines that this kernel cannot have. Their Kconfig files stay: the build reads them. */
const LEAVE_OUT = [
  '*/drivers/gpu/*.[ch]',
  '*/drivers/media/*.[ch]',
  '*/drivers/net/ethernet/*.[ch]',
  '*/drivers/net/wireless/*.[ch]',
  '*/drivers/staging/*.[ch]',
  '*/sound/*.[ch]',
  '*.rst',
  '*.dts',
  '*.dtsi',
  '*/tools/testing/*',
];

const umRoot = (): string => join(cacheRoot(), 'um');
const failureFile = () => join(umRoot(), 'failed.json');
/** Everything the kernel is made from, without the versions. */
const recipeHash = () => hashOf({ paths: [CONFIG], values: [FORMAT] });

/** A kernel in the cache. */
export interface Kernel {
  readonly id: string;
  readonly program: string;
  /** The folder with its list of modules. */
  readonly modules: string;
  readonly recipe: string;
  readonly release: string;
  readonly chosen: Chosen;
}

/** undefined where the cache does not have it (any more). */
export async function kernelOf(id: string | undefined): Promise<Kernel | undefined> {
  if (id === undefined) return undefined;
  const dir = join(umRoot(), id);
  try {
    const facts = JSON.parse(await readFile(join(dir, 'facts.json'), 'utf8'));
    return { id, program: join(dir, 'linux'), modules: join(dir, 'modules'), ...facts };
  } catch {
    return undefined;
  }
}

/** The newest kernel in the cache that this recipe made; undefined where it is not built yet. */
export async function cachedKernel(): Promise<Kernel | undefined> {
  if (!existsSync(umRoot())) return undefined;
  const recipe = recipeHash();
  const kernels = await Promise.all(
    (await readdir(umRoot()))
      .filter((name) => !name.startsWith(TMP_PREFIX))
      .map(async (id) => ({ kernel: await kernelOf(id), at: (await stat(join(umRoot(), id))).mtimeMs })),
  );
  return kernels
    .filter(({ kernel }) => kernel?.recipe === recipe)
    .sort((a, b) => b.at - a.at)
    .at(0)?.kernel;
}

/** Runs a command of the build; its lines go to the log and to `onLine`. Throws LabError with the line of the error. */
async function run(
  log: string,
  cwd: string,
  words: readonly string[],
  onLine: (line: string) => void = () => {},
): Promise<void> {
  const work = $({ quiet: true, nothrow: true, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })`${words}`;
  const forget = onInterrupt(() => work.kill('SIGKILL').catch(() => {}));
  const lines: string[] = [];
  for (const stream of [work.stdout, work.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      onLine(line);
    });
  }
  const { exitCode } = await work;
  forget();
  await appendFile(log, `$ ${words.join(' ')}\n${lines.join('\n')}\n`);
  if (exitCode === 0) return;
  const reason = lines.find((line) => /error:|No such file|not found/i.test(line)) ?? lines.at(-1) ?? '';
  throw new LabError(`"${words.slice(0, 3).join(' ')}" failed (${reason.trim()})`);
}

interface Trees {
  readonly linuxTree: string;
  readonly zfsTree: string;
}

/** Unpacks both packages below `tmp`. */
async function unpack(tmp: string, { linuxFile, zfsFile }: SourceFiles, linux: string): Promise<Trees> {
  const out = LEAVE_OUT.map((pattern) => `--exclude=${pattern}`);
  const script = `set -eu -o pipefail
dpkg-deb --fsys-tarfile "$1" | tar --extract --to-stdout "./usr/src/$2.tar.xz" | xz --decompress --threads=0 | tar --extract "\${@:4}"
dpkg-deb --fsys-tarfile "$3" | tar --extract --wildcards './usr/src/zfs-*'`;
  await $({ quiet: true, cwd: tmp })`bash -c ${script} bash ${linuxFile} ${linux} ${zfsFile} ${out}`;
  const [zfs = ''] = (await readdir(join(tmp, 'usr', 'src'))).filter((name) => name.startsWith('zfs-'));
  return { linuxTree: join(tmp, linux), zfsTree: join(tmp, 'usr', 'src', zfs) };
}

/** Compiles; resolves to the release of the kernel, such as "7.2.12-drover". Throws LabError. */
async function compile({ linuxTree, zfsTree }: Trees, chosen: Chosen, log: string, stage: Stage): Promise<string> {
  const make = (...words: readonly string[]) => ['env', `KCONFIG_ALLCONFIG=${CONFIG}`, 'make', 'ARCH=um', ...words];
  stage.update('configuring Linux and OpenZFS');
  await run(log, linuxTree, make('allnoconfig'));
  await run(log, linuxTree, make('prepare'));
  const configure = ['./configure', '--with-config=kernel', '--enable-linux-builtin'];
  await run(log, zfsTree, [
    'env',
    'ARCH=um',
    ...configure,
    `--with-linux=${linuxTree}`,
    `--with-linux-obj=${linuxTree}`,
  ]);
  await run(log, zfsTree, ['./copy-builtin', linuxTree]);
  // OpenZFS makes this file from its git history, which a package does not have.
  await writeFile(
    join(linuxTree, 'include', 'zfs', 'zfs_gitrev.h'),
    `#define ZFS_META_GITREV ${JSON.stringify(`zfs-${chosen.zfs}`)}\n`,
  );
  // Again, because OpenZFS adds options of its own.
  await run(log, linuxTree, make('allnoconfig'));
  let objects = 0;
  await run(log, linuxTree, make(`-j${cpus().length}`, 'linux'), (line: string) => {
    const file = /^ {2}CC\s+(\S+)/.exec(line)?.[1];
    if (file === undefined) return;
    objects += 1;
    stage.update(`${Math.min(99, Math.floor((objects / OBJECTS) * 100))} %  ${file}`);
  });
  return (await $({ quiet: true, cwd: linuxTree })`make -s ARCH=um kernelrelease`).stdout.trim();
}

/** Starts the kernel with one small program on its disk, to see that programs run on this processor. Throws LabError. */
async function probe(tmp: string, program: string): Promise<void> {
  const root = join(tmp, 'probe');
  for (const folder of ['proc', 'dev']) await mkdir(join(root, folder), { recursive: true });
  await $({ quiet: true })`gcc -static -O1 -o ${join(root, 'init')} ${PROBE}`;
  const disk = join(tmp, 'probe.raw');
  await $({ quiet: true })`mke2fs -q -t ext4 -d ${root} ${disk} 8M`;
  const words = [
    'mem=128M',
    `ubda=${disk}`,
    'root=/dev/ubda',
    'ro',
    'init=/init',
    'con=null',
    'con0=null,fd:1',
    'panic=-1',
  ];
  const out = await $({
    quiet: true,
    nothrow: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })`timeout --signal=KILL ${PROBE_LIMIT_S} ${program} ${words}`;
  if (out.stdout.includes('drover-probe: programs run, zfs is there')) return;
  const reason = out.stdout.split('\n').find((line) => /panic|drover-probe|fatal/i.test(line));
  throw new LabError(`the kernel does not work on this machine (${reason?.trim() ?? `status ${out.exitCode}`})`);
}

/** Resolves to the id of the new kernel. Throws LabError. */
async function build(tmp: string, stage: Stage): Promise<string> {
  const log = join(tmp, 'build.log');
  stage.update("reading Debian's package lists");
  const { chosen, fetch } = await chooseSources(join(tmp, 'apt'));
  stage.update(`fetching ${chosen.linux} ${chosen.linuxVersion} and OpenZFS ${chosen.zfsVersion} (${chosen.suite})`);
  const files = await fetch();
  stage.update('unpacking');
  const trees = await unpack(tmp, files, chosen.linux);
  const release = await compile(trees, chosen, log, stage);
  const out = join(tmp, 'kernel');
  const modules = join(out, 'modules', release);
  await mkdir(modules, { recursive: true });
  await $({ quiet: true })`strip -o ${join(out, 'linux')} ${join(trees.linuxTree, 'linux')}`;
  // modprobe succeeds for the modules that these files name.
  for (const file of ['modules.builtin', 'modules.builtin.modinfo'])
    await cp(join(trees.linuxTree, file), join(modules, file));
  await writeFile(join(modules, 'modules.order'), '');
  stage.update('trying the kernel');
  await probe(tmp, join(out, 'linux'));
  const recipe = recipeHash();
  await cp(log, join(out, 'build.log'));
  await writeFile(join(out, 'facts.json'), `${JSON.stringify({ recipe, release, chosen }, null, 2)}\n`);
  const id = hashOf({ values: [recipe, chosen] });
  await rm(join(umRoot(), id), { recursive: true, force: true });
  await rename(out, join(umRoot(), id));
  return id;
}

async function sweep() {
  for (const name of await readdir(umRoot()))
    if (name.startsWith(TMP_PREFIX)) await rm(join(umRoot(), name), { recursive: true, force: true });
}

/** Keeps the output of a failed build. Without a network nothing was built, and the next run tries again. */
async function noteFailure(tmp: string, message: string): Promise<void> {
  const log = join(tmp, 'build.log');
  if (isInterrupted() || !existsSync(log)) return;
  await cp(log, join(cacheRoot(), 'last-kernel-build.log'));
  await writeFile(failureFile(), JSON.stringify({ recipe: recipeHash(), at: Date.now(), message }));
}

/** Builds in a folder of its own, which is removed afterwards. Throws LabError. */
async function buildAndKeep(): Promise<Kernel> {
  await mkdir(umRoot(), { recursive: true });
  await sweep();
  const tmp = join(umRoot(), `${TMP_PREFIX}${process.pid}`);
  await mkdir(tmp);
  const forget = onInterrupt(() => rm(tmp, { recursive: true, force: true }));
  const stage = progress.stage('building the kernel (User-Mode Linux with OpenZFS)', { expectedMs: BUILD_MS });
  try {
    const kernel = await kernelOf(await build(tmp, stage));
    if (kernel === undefined) throw new LabError('the kernel was built, but is not in the cache');
    await rm(failureFile(), { force: true });
    stage.done(`Linux ${kernel.release}, OpenZFS ${kernel.chosen.zfs}`);
    return kernel;
  } catch (error) {
    const message = error instanceof ProcessOutput && error.stderr ? error.stderr.trim() : messageOf(error);
    stage.fail(message.split('\n')[0]);
    await noteFailure(tmp, message);
    throw new LabError(message, { cause: error });
  } finally {
    forget();
    await rm(tmp, { recursive: true, force: true });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).trim();

/** A second caller waits for the first. */
function buildLocked(rebuild: boolean): Promise<Kernel> {
  const onWait = () => progress.note('  waiting for another lab command that builds the kernel …');
  const work = async () => (rebuild ? undefined : await cachedKernel()) ?? buildAndKeep();
  return withLock(join(cacheRoot(), 'kernel.lock'), work, { onWait });
}

/** The program that joins a machine with the switch of a lab without root, compiled where it is missing. */
export async function ensureWire(): Promise<string> {
  const path = join(umRoot(), `wire-${hashOf({ paths: [WIRE] })}`);
  if (existsSync(path)) return path;
  const tmp = `${path}.${process.pid}`;
  await mkdir(umRoot(), { recursive: true });
  await $({ quiet: true })`gcc -O1 -o ${tmp} ${WIRE}`;
  await rename(tmp, path);
  return path;
}

/** Why the last build of this recipe failed; undefined where it did not, or failed more than a day ago. */
export async function recentFailure(): Promise<string | undefined> {
  const failed = await readFile(failureFile(), 'utf8')
    .then(JSON.parse)
    .catch(() => ({}));
  const isRecent = failed.recipe === recipeHash() && Date.now() - failed.at < AGAIN_MS;
  return isRecent ? failed.message : undefined;
}

/** The kernel, built where it is missing, or in any case with `rebuild`. Throws LabError with the reason. */
export async function ensureKernel({ rebuild = false } = {}): Promise<Kernel> {
  return (rebuild ? undefined : await cachedKernel()) ?? buildLocked(rebuild);
}

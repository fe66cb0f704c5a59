/**
 * The lab's User-Mode Linux kernel, with OpenZFS built in: one program, built once from Debian's sources (sources.mjs),
 * tried, and kept under a hash of its recipe and of the versions that were chosen. A kept kernel is used until a rebuild
 * is asked for.
 */
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { $ } from 'zx';
import { isInterrupted, LabError, onInterrupt } from '../errors.mjs';
import { withLock } from '../lock.mjs';
import { cacheRoot, hashOf, LAB_DIR } from '../paths.mjs';
import { progress } from '../progress.mjs';
import { chooseSources } from './sources.mjs';

const UM_DIR = join(LAB_DIR, 'um');
const CONFIG = join(UM_DIR, 'kernel.config');
const PROBE = join(UM_DIR, 'probe.c');
const WIRE = join(UM_DIR, 'wire.c');
/** To be raised when the same configuration is built in another way. */
const FORMAT = 1;
const TMP_PREFIX = 'tmp-';
/** Of the whole build on two quiet processors. */
const BUILD_MS = 400_000;
const OBJECTS = 1250;
const PROBE_LIMIT_S = 60;
/** A build that failed is not tried again for this long, unless `--rebuild` asks for it. */
const AGAIN_MS = 24 * 3_600_000;
/** Sources of devices and machines that this kernel cannot have; their Kconfig files have to be there. */
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

const umRoot = () => join(cacheRoot(), 'um');
const failureFile = () => join(umRoot(), 'failed.json');
/** What goes into the kernel, beside the versions. */
const recipeHash = () => hashOf({ paths: [CONFIG], values: [FORMAT] });

/** `{id, program, modules, release, chosen}` of a kernel in the cache; undefined where it is not there (any more). */
export async function kernelOf(id) {
  const dir = join(umRoot(), id);
  try {
    const facts = JSON.parse(await readFile(join(dir, 'facts.json'), 'utf8'));
    return { id, program: join(dir, 'linux'), modules: join(dir, 'modules'), ...facts };
  } catch {
    return undefined;
  }
}

/** The newest kernel in the cache that this recipe made; undefined where it has yet to be built. */
export async function cachedKernel() {
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

/** Runs a command of the build; its lines go to the log and to `onLine`. Throws LabError with the last of them. */
async function run(log, cwd, words, onLine = () => {}) {
  const work = $({ quiet: true, nothrow: true, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })`${words}`;
  const forget = onInterrupt(() => work.kill('SIGKILL').catch(() => {}));
  const lines = [];
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

/** Unpacks both packages below `tmp`; resolves to the paths of the two source trees. */
async function unpack(tmp, { linuxFile, zfsFile }, linux) {
  const out = LEAVE_OUT.map((pattern) => `--exclude=${pattern}`);
  const script = `set -eu -o pipefail
dpkg-deb --fsys-tarfile "$1" | tar --extract --to-stdout "./usr/src/$2.tar.xz" | xz --decompress --threads=0 | tar --extract "\${@:4}"
dpkg-deb --fsys-tarfile "$3" | tar --extract --wildcards './usr/src/zfs-*'`;
  await $({ quiet: true, cwd: tmp })`bash -c ${script} bash ${linuxFile} ${linux} ${zfsFile} ${out}`;
  const [zfs] = (await readdir(join(tmp, 'usr', 'src'))).filter((name) => name.startsWith('zfs-'));
  return { linuxTree: join(tmp, linux), zfsTree: join(tmp, 'usr', 'src', zfs) };
}

/** Compiles; resolves to the release of the kernel, such as "7.2.12-drover". */
async function compile({ linuxTree, zfsTree, chosen, log, stage }) {
  const make = (...words) => ['env', `KCONFIG_ALLCONFIG=${CONFIG}`, 'make', 'ARCH=um', ...words];
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
  // OpenZFS makes it from its git history, which a package does not have.
  await writeFile(
    join(linuxTree, 'include', 'zfs', 'zfs_gitrev.h'),
    `#define ZFS_META_GITREV ${JSON.stringify(`zfs-${chosen.zfs}`)}\n`,
  );
  // Again, now that OpenZFS is among what can be chosen.
  await run(log, linuxTree, make('allnoconfig'));
  let objects = 0;
  await run(log, linuxTree, make(`-j${cpus().length}`, 'linux'), (line) => {
    const file = /^ {2}CC\s+(\S+)/.exec(line)?.[1];
    if (file === undefined) return;
    objects += 1;
    stage.update(`${Math.min(99, Math.floor((objects / OBJECTS) * 100))} %  ${file}`);
  });
  return (await $({ quiet: true, cwd: linuxTree })`make -s ARCH=um kernelrelease`).stdout.trim();
}

/** Starts the kernel with one small program on its disk, to see that programs run on this processor. Throws LabError. */
async function probe(tmp, program) {
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
  const said = out.stdout.split('\n').find((line) => /panic|drover-probe|fatal/i.test(line));
  throw new LabError(`the kernel does not work on this machine (${said?.trim() ?? `status ${out.exitCode}`})`);
}

async function build(tmp, stage) {
  const log = join(tmp, 'build.log');
  stage.update("looking at Debian's sources");
  const { chosen, fetch } = await chooseSources(join(tmp, 'apt'));
  stage.update(`fetching ${chosen.linux} ${chosen.linuxVersion} and OpenZFS ${chosen.zfsVersion} (${chosen.suite})`);
  const files = await fetch();
  stage.update('unpacking');
  const { linuxTree, zfsTree } = await unpack(tmp, files, chosen.linux);
  const release = await compile({ linuxTree, zfsTree, chosen, log, stage });
  const out = join(tmp, 'kernel');
  const modules = join(out, 'modules', release);
  await mkdir(modules, { recursive: true });
  await $({ quiet: true })`strip -o ${join(out, 'linux')} ${join(linuxTree, 'linux')}`;
  // modprobe succeeds for what these files name.
  for (const file of ['modules.builtin', 'modules.builtin.modinfo'])
    await cp(join(linuxTree, file), join(modules, file));
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

/** Keeps the output of a failed build, and that it failed: not where nothing was built, as without a network. */
async function noteFailure(tmp, message) {
  const log = join(tmp, 'build.log');
  if (isInterrupted() || !existsSync(log)) return;
  await cp(log, join(cacheRoot(), 'last-kernel-build.log'));
  await writeFile(failureFile(), JSON.stringify({ recipe: recipeHash(), at: Date.now(), message }));
}

/** Builds in a folder of its own, which goes away whatever comes of it. */
async function buildAndKeep() {
  await mkdir(umRoot(), { recursive: true });
  await sweep();
  const tmp = join(umRoot(), `${TMP_PREFIX}${process.pid}`);
  await mkdir(tmp);
  const forget = onInterrupt(() => rm(tmp, { recursive: true, force: true }));
  const stage = progress.stage('building the kernel (User-Mode Linux with OpenZFS)', { expectedMs: BUILD_MS });
  try {
    const kernel = await kernelOf(await build(tmp, stage));
    await rm(failureFile(), { force: true });
    stage.done(`Linux ${kernel.release}, OpenZFS ${kernel.chosen.zfs}`);
    return kernel;
  } catch (error) {
    const message = error instanceof LabError ? error.message : String(error.stderr || error.message).trim();
    stage.fail(message.split('\n')[0]);
    await noteFailure(tmp, message);
    throw new LabError(message, { cause: error });
  } finally {
    forget();
    await rm(tmp, { recursive: true, force: true });
  }
}

/** Two callers at once: the second waits and finds it there. */
function buildLocked(rebuild) {
  const onWait = () => progress.note('  another lab command is building the kernel; waiting for it …');
  const work = async () => (rebuild ? undefined : await cachedKernel()) ?? buildAndKeep();
  return withLock(join(cacheRoot(), 'kernel.lock'), work, { onWait });
}

/** The program that joins a machine with the switch of a lab without root, compiled where it is missing. */
export async function ensureWire() {
  const path = join(umRoot(), `wire-${hashOf({ paths: [WIRE] })}`);
  if (existsSync(path)) return path;
  const tmp = `${path}.${process.pid}`;
  await mkdir(umRoot(), { recursive: true });
  await $({ quiet: true })`gcc -O1 -o ${tmp} ${WIRE}`;
  await rename(tmp, path);
  return path;
}

/** Why the last build of this recipe failed, where that is less than a day ago; else undefined. */
export async function recentFailure() {
  const failed = await readFile(failureFile(), 'utf8')
    .then(JSON.parse)
    .catch(() => ({}));
  const isRecent = failed.recipe === recipeHash() && Date.now() - failed.at < AGAIN_MS;
  return isRecent ? failed.message : undefined;
}

/** The kernel, built where it is missing or where `rebuild` asks for it. Throws LabError with the reason. */
export async function ensureKernel({ rebuild = false } = {}) {
  return (rebuild ? undefined : await cachedKernel()) ?? buildLocked(rebuild);
}

/** A fresh Debian tree by mmdebstrap, with Debian's packages from where this machine has its own. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { $ } from 'zx';
import { LabError, onInterrupt } from './errors.mjs';
import { cacheRoot, LAB_DIR, SUBNET, SUITE } from './paths.mjs';
import { osRelease } from './support.mjs';

/** The address of the mirror that this machine's own packages come from, on Debian; undefined elsewhere. */
async function ownMirror() {
  const { ID, VERSION_CODENAME } = osRelease();
  if (ID !== 'debian' || !VERSION_CODENAME) return undefined;
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)';
  const listed = await $({
    quiet: true,
    nothrow: true,
  })`apt-get indextargets --format ${format} ${'Created-By: Packages'}`;
  const row = listed.stdout
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, release, component]) => release === VERSION_CODENAME && component === 'main');
  return row?.[0];
}

/** The mirror mmdebstrap uses by default, as it writes it into a new tree; it stops there, before it fetches anything. */
async function defaultMirror() {
  const mode = process.getuid() === 0 ? 'root' : 'unshare';
  const hook = 'cat "$1/etc/apt/sources.list"; exit 1';
  const printed = await $({
    quiet: true,
    nothrow: true,
  })`mmdebstrap --mode=${mode} --variant=custom --format=null --setup-hook=${hook} ${SUITE} -`;
  const mirror = /^deb (?:\[.*\] )?(\S+) /m.exec(printed.stdout)?.[1];
  if (mirror === undefined) throw new LabError("mmdebstrap does not say which of Debian's mirrors it uses.");
  return mirror;
}

/** Address of a Debian mirror: this machine's own on Debian, else mmdebstrap's default. Throws LabError. */
export const debianMirror = async () => (await ownMirror()) ?? (await defaultMirror());

/** mmdebstrap's words for where the packages come from: this machine's own mirror on Debian, else nothing. */
export async function mirrorLine() {
  const mirror = await ownMirror();
  return mirror === undefined ? [] : [`deb ${mirror} ${SUITE} main contrib`];
}

/** How this machine's apt reaches its mirror (proxy, clock checks): the build needs the same. */
export async function hostAptOptions() {
  const dump = await $({ quiet: true, nothrow: true })`apt-config dump`;
  return dump.stdout
    .split('\n')
    .filter((line) => /^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date)\b.*"[^"]+"/i.test(line))
    .map((line) => `--aptopt=${line.replace(/;$/, '')}`);
}

/** The names in a list of packages below lab/: one a line, `#` begins a comment. */
export const packagesIn = async (list) =>
  (await readFile(join(LAB_DIR, list), 'utf8')).split('\n').filter((line) => line && !line.startsWith('#'));

/**
 * Makes the tree with these packages and runs the scripts on it, one after the other in one shell: as a text, since in
 * mmdebstrap's user namespace they are run by somebody whom a home folder need not let in. `what` names the image in an
 * error, `onLine` hears what mmdebstrap and dpkg print. As root the tree is the folder `to`; else, where only a tar file
 * carries its owners out of the user namespace, `to` is one. Resolves to what was logged; throws LabError.
 */
export async function buildTree({ what, packages, scripts, env, to, onLine = () => {} }) {
  const isRoot = process.getuid() === 0;
  const texts = await Promise.all(scripts.map((script) => readFile(join(LAB_DIR, script), 'utf8')));
  const lean = ['man', 'locale', 'doc'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);
  // A mount namespace of its own: whatever ends the build, no mount is left in the tree. Without root mmdebstrap makes
  // one itself, with the user namespace.
  const program = isRoot
    ? ['unshare', '--mount', '--propagation', 'private', 'mmdebstrap', '--mode=root', '--format=directory']
    : ['mmdebstrap', '--mode=unshare', '--format=tar'];
  const work = $({
    env: { ...process.env, LAB_SUBNET: SUBNET, ...env },
    quiet: true,
    detached: true,
  })`${program} --variant=minbase \
    --components=main,contrib --include=${packages.join(',')} ${await hostAptOptions()} \
    --aptopt=${'Acquire::Languages "none"'} --aptopt=${'APT::Install-Recommends "false"'} ${lean} \
    --customize-hook=${texts.join('\n')} --verbose ${SUITE} ${to} ${await mirrorLine()}`;
  const forget = onInterrupt(() => work.kill('SIGTERM').catch(() => {}));
  for (const stream of [work.stdout, work.stderr]) createInterface({ input: stream }).on('line', onLine);
  try {
    return (await work).stderr;
  } catch (error) {
    const log = join(cacheRoot(), 'last-build.log');
    await writeFile(log, `${error.stdout ?? ''}\n${error.stderr ?? error.message}`);
    throw new LabError(`The ${what} image could not be built; the whole output is in ${log}.`, { cause: error });
  } finally {
    forget();
  }
}

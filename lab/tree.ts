/** Makes a Debian tree with mmdebstrap, from the mirror that this machine's own packages come from. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { $, ProcessOutput } from 'zx';
import { LabError, onInterrupt } from './errors.mjs';
import { cacheRoot, LAB_DIR, SUBNET, SUITE } from './paths.mjs';
import { osRelease } from './support.mjs';
import { isRoot } from './tools.ts';

/** The address of that mirror on Debian; undefined on other systems. */
async function ownMirror(): Promise<string | undefined> {
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

/** The mirror that mmdebstrap uses by default: it is stopped after it has written it into a new tree. */
async function defaultMirror(): Promise<string> {
  const mode = isRoot() ? 'root' : 'unshare';
  const hook = 'cat "$1/etc/apt/sources.list"; exit 1';
  const printed = await $({
    quiet: true,
    nothrow: true,
  })`mmdebstrap --mode=${mode} --variant=custom --format=null --setup-hook=${hook} ${SUITE} -`;
  const mirror = /^deb (?:\[.*\] )?(\S+) /m.exec(printed.stdout)?.[1];
  if (mirror === undefined) throw new LabError("cannot find out which of Debian's mirrors mmdebstrap uses.");
  return mirror;
}

/** The address of a Debian mirror: this machine's own on Debian, else mmdebstrap's default. Throws LabError. */
export const debianMirror = async (): Promise<string> => (await ownMirror()) ?? (await defaultMirror());

/** mmdebstrap's words for this machine's own mirror on Debian; none elsewhere. */
export async function mirrorLine(): Promise<readonly string[]> {
  const mirror = await ownMirror();
  return mirror === undefined ? [] : [`deb ${mirror} ${SUITE} main contrib`];
}

/** The settings with which this machine's apt reaches its mirror (proxy, clock checks), as words for mmdebstrap. */
export async function hostAptOptions(): Promise<readonly string[]> {
  const dump = await $({ quiet: true, nothrow: true })`apt-config dump`;
  return dump.stdout
    .split('\n')
    .filter((line) => /^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date)\b.*"[^"]+"/i.test(line))
    .map((line) => `--aptopt=${line.replace(/;$/, '')}`);
}

/** The names in a list of packages below lab/: one on each line, `#` begins a comment. */
export const packagesIn = async (list: string): Promise<readonly string[]> =>
  (await readFile(join(LAB_DIR, list), 'utf8')).split('\n').filter((line) => line && !line.startsWith('#'));

interface TreeRecipe {
  /** Names the image in an error. */
  readonly what: string;
  readonly packages: readonly string[];
  /** Files below lab/ that run on the tree, one after the other in one shell. */
  readonly scripts: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** For root the folder of the tree; else a tar file, because only that carries the owners out of a user namespace. */
  readonly to: string;
  /** Gets each line that mmdebstrap and dpkg print. */
  readonly onLine?: (line: string) => void;
}

/** Makes a tree. Resolves to the log; throws LabError. */
export async function buildTree({ what, packages, scripts, env, to, onLine = () => {} }: TreeRecipe): Promise<string> {
  // The text of the scripts, not their paths: the user of mmdebstrap's namespace may not read the project's folder.
  const texts = await Promise.all(scripts.map((script) => readFile(join(LAB_DIR, script), 'utf8')));
  const lean = ['man', 'locale', 'doc'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);
  // In a mount namespace of its own no mount is left in the tree, however the build ends. Without root mmdebstrap makes
  // one itself, with the user namespace.
  const program = isRoot()
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
    const output = error instanceof ProcessOutput ? `${error.stdout}\n${error.stderr}` : String(error);
    await writeFile(log, output);
    throw new LabError(`cannot build the ${what} image; the whole output is in ${log}.`, { cause: error });
  } finally {
    forget();
  }
}

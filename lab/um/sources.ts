/**
 * The sources of the lab's User-Mode Linux kernel: Debian's source packages of Linux and OpenZFS, on any release. apt reads
 * them with lists and a cache of its own, so that the machine's package lists stay as they are, and checks their
 * signatures.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { $, ProcessOutput } from 'zx';
import { LabError } from '../errors.mjs';
import { debianMirror } from '../tree.ts';

/**
 * Debian's suites in the order of choice. Backports and sid have the newest Linux that OpenZFS supports. Stable is the
 * last resort: its 6.12 panics on processors with a large XSAVE area (a fixed FP_SIZE in arch/x86/um/os-Linux/registers.c).
 */
const SUITES = ['trixie-backports', 'sid', 'trixie'];
const KEYRINGS = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp'];
const ZFS_PACKAGE = 'zfs-dkms';
const LINUX_PREFIX = 'linux-source-';

/** "7.10" against "7.9": negative where `a` is older. */
function compareReleases(a: string, b: string): number {
  const [major = 0, minor = 0] = a.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = b.split('.').map(Number);
  return major - otherMajor || minor - otherMinor;
}

/**
 * The newest Linux among the names of packages (`linux-source-7.2`) that is not newer than `most`, OpenZFS's
 * "Linux-Maximum" ("7.2"); undefined where every one is newer.
 */
export function newestSupported(packages: readonly string[], most: string): string | undefined {
  return packages
    .map((name: string) => /^linux-source-(\d+\.\d+)$/.exec(name)?.[1])
    .filter((release) => release !== undefined)
    .filter((release) => compareReleases(release, most) <= 0)
    .sort(compareReleases)
    .at(-1);
}

/** The value of a line of OpenZFS's META file, such as `Linux-Maximum: 7.2`. */
export const metaValue = (meta: string, key: string): string | undefined =>
  new RegExp(`^${key}:\\s*(\\S+)`, 'm').exec(meta)?.[1];

/** apt for this suite alone, with sources, lists and cache below `dir`. */
interface Apt {
  /** Names of packages that begin with `prefix`. */
  names(prefix: string): Promise<readonly string[]>;
  /** The newest version of a package. */
  version(name: string): Promise<string | undefined>;
  /** Resolves to the path of the package file. */
  download(name: string, version: string): Promise<string>;
}

async function openSuite(dir: string, suite: string): Promise<Apt> {
  const keyring = KEYRINGS.find((path) => existsSync(path));
  const signedBy = keyring === undefined ? '' : ` [signed-by=${keyring}]`;
  await rm(dir, { recursive: true, force: true });
  for (const folder of ['lists/partial', 'cache/archives/partial', 'packages'])
    await mkdir(join(dir, folder), { recursive: true });
  await writeFile(join(dir, 'sources.list'), `deb${signedBy} ${await debianMirror()} ${suite} main contrib\n`);
  const options = {
    'Dir::Etc::SourceList': join(dir, 'sources.list'),
    'Dir::Etc::SourceParts': '-',
    'Dir::State::Lists': join(dir, 'lists'),
    'Dir::State::Status': '/dev/null',
    'Dir::Cache': join(dir, 'cache'),
    'APT::Architecture': 'amd64',
    'APT::Architectures': 'amd64',
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
    // A list that cannot be fetched is an error here, not a warning.
    'APT::Update::Error-Mode': 'any',
  };
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const packages = join(dir, 'packages');
  const apt = (program: string, ...args: readonly string[]) =>
    $({ quiet: true, cwd: packages })`${program} ${words} ${args}`;
  await apt('apt-get', 'update');
  return {
    names: async (prefix) => (await apt('apt-cache', 'pkgnames', prefix)).stdout.split('\n').filter(Boolean),
    version: async (name) =>
      /^Version: (.+)$/m.exec((await apt('apt-cache', 'show', '--no-all-versions', name)).stdout)?.[1],
    async download(name, version) {
      await apt('apt-get', 'download', `${name}=${version}`);
      const file = (await readdir(packages)).find((each) => each.startsWith(`${name}_`));
      if (file === undefined) throw new LabError(`apt-get download ${name} left no package file`);
      return join(packages, file);
    },
  };
}

/** The sources that were chosen: names and versions of the packages. */
export interface Chosen {
  readonly suite: string;
  readonly linux: string;
  readonly linuxVersion: string;
  /** OpenZFS's own version. */
  readonly zfs: string | undefined;
  readonly zfsVersion: string;
}

export interface SourceFiles {
  readonly linuxFile: string;
  readonly zfsFile: string;
}

export interface Sources {
  readonly chosen: Chosen;
  /** Downloads the packages. */
  fetch(): Promise<SourceFiles>;
}

/** The sources in this suite; undefined where its OpenZFS supports none of its kernels. */
async function lookInto(suite: string, dir: string): Promise<Sources | undefined> {
  const apt = await openSuite(dir, suite);
  const zfsVersion = await apt.version(ZFS_PACKAGE);
  if (zfsVersion === undefined) return undefined;
  const zfsFile = await apt.download(ZFS_PACKAGE, zfsVersion);
  const meta = (
    await $({
      quiet: true,
    })`dpkg-deb --fsys-tarfile ${zfsFile} | tar --extract --to-stdout --wildcards ${'./usr/src/zfs-*/META'}`
  ).stdout;
  const release = newestSupported(await apt.names(LINUX_PREFIX), metaValue(meta, 'Linux-Maximum') ?? '0.0');
  if (release === undefined) return undefined;
  const linux = `${LINUX_PREFIX}${release}`;
  const linuxVersion = await apt.version(linux);
  if (linuxVersion === undefined) return undefined;
  return {
    chosen: { suite, linux, linuxVersion, zfs: metaValue(meta, 'Version'), zfsVersion },
    fetch: async () => ({ linuxFile: await apt.download(linux, linuxVersion), zfsFile }),
  };
}

/**
 * Chooses from the first suite that has both: the newest kernel that its newest OpenZFS supports. apt's folders and the
 * packages are below `dir`. Throws LabError with the failure of each suite.
 */
export async function chooseSources(dir: string): Promise<Sources> {
  const failures: string[] = [];
  for (const suite of SUITES) {
    try {
      const found = await lookInto(suite, join(dir, suite));
      if (found !== undefined) return found;
      failures.push(`${suite}: its OpenZFS supports none of its kernels`);
    } catch (error) {
      const lines = (error instanceof ProcessOutput ? error.stderr : String(error)).trim().split('\n');
      failures.push(`${suite}: ${lines.find((line) => line.startsWith('E:')) ?? lines.at(-1)}`);
    }
  }
  throw new LabError(`cannot get Debian's sources of Linux and OpenZFS (${failures.join('; ')})`);
}

/**
 * Where the lab's User-Mode Linux kernel comes from: Debian's own source packages of Linux and OpenZFS, whatever release
 * this machine runs. apt reads them in folders of their own, so that the machine's package lists stay as they are, and
 * checks their signatures as always.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx';
import { LabError } from '../errors.mjs';
import { debianMirror } from '../tree.mjs';

/**
 * Debian's suites in the order of choice. Backports and sid have the newest Linux that OpenZFS supports. Stable is the
 * last resort: its 6.12 panics on processors with a large XSAVE area (a fixed FP_SIZE in arch/x86/um/os-Linux/registers.c).
 */
const SUITES = ['trixie-backports', 'sid', 'trixie'];
const KEYRINGS = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp'];
const ZFS_PACKAGE = 'zfs-dkms';
const LINUX_PREFIX = 'linux-source-';

/** "7.10" against "7.9": negative where `a` is older. */
function compareReleases(a, b) {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number));
  return left[0] - right[0] || left[1] - right[1];
}

/**
 * The newest Linux among the names of packages (`linux-source-7.2`) that is not newer than `most`, OpenZFS's
 * "Linux-Maximum" ("7.2"); undefined where there is none.
 */
export function newestSupported(packages, most) {
  return packages
    .map((name) => /^linux-source-(\d+\.\d+)$/.exec(name)?.[1])
    .filter((release) => release !== undefined && compareReleases(release, most) <= 0)
    .sort(compareReleases)
    .at(-1);
}

/** The value of a line of OpenZFS's META file, such as `Linux-Maximum: 7.2`. */
export const metaValue = (meta, key) => new RegExp(`^${key}:\\s*(\\S+)`, 'm').exec(meta)?.[1];

/** apt with sources, lists and cache below `dir`, for this suite alone. */
async function openSuite(dir, suite) {
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
  const apt = (program, ...args) => $({ quiet: true, cwd: packages })`${program} ${words} ${args}`;
  await apt('apt-get', 'update');
  return {
    names: async (prefix) => (await apt('apt-cache', 'pkgnames', prefix)).stdout.split('\n').filter(Boolean),
    /** The newest version's number. */
    version: async (name) =>
      /^Version: (.+)$/m.exec((await apt('apt-cache', 'show', '--no-all-versions', name)).stdout)?.[1],
    /** The path of the package file. */
    async download(name, version) {
      await apt('apt-get', 'download', `${name}=${version}`);
      const file = (await readdir(packages)).find((each) => each.startsWith(`${name}_`));
      return join(packages, file);
    },
  };
}

/** What this suite offers, or undefined where its OpenZFS supports none of its kernels. */
async function lookInto(suite, dir) {
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
  return {
    chosen: { suite, linux, linuxVersion, zfs: metaValue(meta, 'Version'), zfsVersion },
    /** `{linuxFile, zfsFile}`: the packages, on this machine. */
    fetch: async () => ({ linuxFile: await apt.download(linux, linuxVersion), zfsFile }),
  };
}

/**
 * Chooses the newest kernel that the newest OpenZFS of the first suite with both supports. `dir` is used for apt's own
 * folders and for the packages. Throws LabError with what every suite said.
 */
export async function chooseSources(dir) {
  const failures = [];
  for (const suite of SUITES) {
    try {
      const found = await lookInto(suite, join(dir, suite));
      if (found !== undefined) return found;
      failures.push(`${suite}: its OpenZFS supports none of its kernels`);
    } catch (error) {
      const said = String(error.stderr ?? error.message)
        .trim()
        .split('\n');
      failures.push(`${suite}: ${said.find((line) => line.startsWith('E:')) ?? said.at(-1)}`);
    }
  }
  throw new LabError(`Debian's sources of Linux and OpenZFS cannot be had (${failures.join('; ')})`);
}

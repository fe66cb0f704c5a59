// Trees of Debian 13's packages, unpacked and not installed, and programs that run in them. A recipe that uses this file
// names it in `uses`, so that its hash covers it.
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SUITE } from '../paths.mjs';
import { hostAptOptions, mirrorLine } from '../tree.ts';
import { run } from './tools.ts';

const DOCS = ['man', 'locale', 'doc', 'info', 'lintian', 'bug'];
/** Links of Debian's base system, which the packages alone do not have. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];

/** Unpacks packages and their dependencies into an empty folder. Their scripts do not run. */
export async function debianTree(root: string, packages: readonly string[]): Promise<void> {
  await run('mmdebstrap', [
    '--mode=root',
    '--variant=extract',
    `--include=${packages.join(',')}`,
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=Acquire::Languages "none"',
    ...(await hostAptOptions()),
    SUITE,
    root,
    ...(await mirrorLine()),
  ]);
  await chmod(root, 0o755);
  for (const name of MERGED) {
    await mkdir(join(root, 'usr', name), { recursive: true });
    if (!existsSync(join(root, name))) await symlink(`usr/${name}`, join(root, name));
  }
  for (const path of [
    ...DOCS.map((name) => `usr/share/${name}`),
    'dev',
    'var/lib/apt',
    'var/cache/apt',
    'var/lib/dpkg',
  ])
    await rm(join(root, path), { recursive: true, force: true });
  for (const name of ['proc', 'sys', 'dev']) await mkdir(join(root, name), { recursive: true });
}

/** The same in the cache under a name, for tools that build images. Resolves to its path. */
export async function keptTree(cache: string, name: string, packages: readonly string[]): Promise<string> {
  const at = join(cache, name);
  if (existsSync(at)) return at;
  process.stderr.write(`unpacking ${packages.join(', ')} of Debian 13 into ${at}\n`);
  await mkdir(cache, { recursive: true });
  const temp = await mkdtemp(`${at}.tmp-`);
  try {
    await debianTree(temp, packages);
    await rename(temp, at).catch((e) => {
      if (!existsSync(at)) throw e; // else another build has made it
    });
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
  return at;
}

/** Adds Busybox's programs to those of the packages: a shell, and wget to look from inside. */
export const addBusybox = (root: string): Promise<void> => runIn(root, ['/usr/bin/busybox', '--install', '-s']);

/**
 * Runs a program in a tree: without network and variables, with mounts and processes of its own that end with it, and with
 * this machine's devices. `binds`: a folder of this machine -> its place in the tree.
 */
export async function runIn(
  root: string,
  command: readonly string[],
  { binds = {} }: { readonly binds?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  for (const place of Object.values(binds)) await mkdir(join(root, place), { recursive: true });
  const mounts = Object.entries({ '/dev': '/dev', ...binds }).flatMap(([from, place]) => [from, join(root, place)]);
  const script = `for _ in $(seq ${mounts.length / 2}); do mount --rbind "$1" "$2"; shift 2; done
    exec env -i PATH=/usr/sbin:/usr/bin /usr/sbin/chroot "$@"`;
  const namespaces = ['--net', '--pid', '--fork', '--kill-child', `--mount-proc=${join(root, 'proc')}`];
  await run('unshare', [...namespaces, 'sh', '-ec', script, 'sh', ...mounts, root, ...command]);
}

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };

/**
 * Brings an sshd for the tests of SSH where the machine has none: Debian's package is unpacked into the cache, not
 * installed, so no daemon starts and nothing else changes. If it cannot be had, that is only reported, and the tests that need it are skipped.
 */
export default async function bringSshd(): Promise<void> {
  if (existsSync('/usr/sbin/sshd') || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'drover', 'test-sshd');
  const tree = join(cache, 'tree');
  try {
    if (!existsSync(tree)) await unpack(cache, tree);
    // sshd refuses to run as root without the account of its package; it gets this file in a mount of its own.
    const { stdout } = await run('getent', ['passwd']);
    writeFileSync(join(tree, 'passwd'), `${stdout}sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n`);
    process.env.DROVER_TEST_SSHD = tree;
  } catch (error) {
    process.stdout.write(`no sshd for the tests of SSH: ${error instanceof Error ? error.message : error}\n`);
  }
}

async function unpack(cache: string, tree: string): Promise<void> {
  const packages = join(cache, 'packages');
  const unfinished = `${tree}.unfinished`;
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(join(packages, 'partial'), { recursive: true });
  const words = [
    'install',
    '-y',
    '--download-only',
    '--no-install-recommends',
    '-o',
    `Dir::Cache::archives=${packages}`,
  ];
  const download = () => run('apt-get', [...words, 'openssh-server'], options);
  await download().catch(async () => {
    await run('apt-get', ['update'], options);
    await download();
  });
  for (const name of readdirSync(packages).filter((file) => file.endsWith('.deb'))) {
    await run('dpkg', ['-x', join(packages, name), unfinished]);
  }
  rmSync(packages, { recursive: true, force: true });
  renameSync(unfinished, tree);
}

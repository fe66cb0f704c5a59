import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { debianTree } from './debian-tree.ts';

/**
 * Brings the servers that the tests need: sshd where the machine has none, and etcd, as Debian's packages in the cache. If one
 * cannot be had, that is only reported, and the tests that need it are skipped.
 */
export default async function bringPackages(): Promise<void> {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  if (!existsSync('/usr/sbin/sshd')) await bring('sshd', bringSshd);
  await bring('etcd', async () => {
    process.env.DROVER_TEST_ETCD = await debianTree('etcd', ['etcd-server', 'etcd-client']);
  });
}

async function bring(what: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    process.stdout.write(`no ${what} for the tests: ${error instanceof Error ? error.message : error}\n`);
  }
}

async function bringSshd(): Promise<void> {
  const tree = await debianTree('sshd', ['openssh-server']);
  // sshd refuses to run as root without the account of its package; it gets this file in a mount of its own.
  const { stdout } = await promisify(execFile)('getent', ['passwd']);
  writeFileSync(join(tree, 'passwd'), `${stdout}sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n`);
  process.env.DROVER_TEST_SSHD = tree;
}

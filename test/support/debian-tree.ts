import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };

/**
 * The files of Debian packages, with what they need, unpacked into the cache. Nothing is installed, so no daemon starts and
 * nothing else of the machine changes. `name` is that of the tree in the cache.
 */
export async function debianTree(name: string, packages: readonly string[]): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'drover', `test-${name}`);
  const tree = join(cache, 'tree');
  if (existsSync(tree)) return tree;
  const archives = join(cache, 'packages');
  const unfinished = `${tree}.unfinished`;
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(join(archives, 'partial'), { recursive: true });
  const only = [
    'install',
    '-y',
    '--download-only',
    '--no-install-recommends',
    '-o',
    `Dir::Cache::archives=${archives}`,
  ];
  const download = () => run('apt-get', [...only, ...packages], options);
  await download().catch(async () => {
    await run('apt-get', ['update'], options);
    await download();
  });
  for (const file of readdirSync(archives).filter((one) => one.endsWith('.deb'))) {
    await run('dpkg', ['-x', join(archives, file), unfinished]);
  }
  rmSync(archives, { recursive: true, force: true });
  renameSync(unfinished, tree);
  return tree;
}

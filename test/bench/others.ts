/** Other programs that a benchmark runs beside drover: this machine's, or Debian's packages unpacked into a folder. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const packages = {
  syncoid: { file: 'usr/sbin/syncoid', needs: ['sanoid', 'libcapture-tiny-perl', 'libconfig-inifiles-perl'] },
  'ansible-playbook': {
    file: 'usr/bin/ansible-playbook',
    with: ['/usr/bin/python3'],
    needs: [
      ...['ansible-core', 'python3-jinja2', 'python3-markupsafe', 'python3-yaml', 'python3-packaging'],
      ...['python3-cryptography', 'python3-cffi-backend', 'python3-resolvelib'],
    ],
  },
};

const onPath = (name) =>
  (process.env.PATH ?? '')
    .split(':')
    .map((folder) => join(folder, name))
    .find(existsSync);

/**
 * How a program is run: `words` before its arguments, and what is added to the environment. Where it is neither there
 * nor to be had, `missing` says why.
 */
export function findProgram(name, folder) {
  const found = onPath(name);
  if (found !== undefined) return { words: [found], env: {} };
  const { file, needs, with: runner = [] } = packages[name];
  const to = join(folder, name);
  try {
    mkdirSync(to, { recursive: true });
    const quiet = { cwd: to, stdio: 'ignore', timeout: 120_000 };
    execFileSync('apt-get', ['download', ...needs], quiet);
    for (const deb of readdirSync(to).filter((one) => one.endsWith('.deb'))) {
      execFileSync('dpkg-deb', ['-x', deb, '.'], quiet);
    }
    const env = { PERL5LIB: join(to, 'usr/share/perl5'), PYTHONPATH: join(to, 'usr/lib/python3/dist-packages') };
    return { words: [...runner, join(to, file)], env };
  } catch (error) {
    return {
      missing: `${name}: not measured: not installed, and "apt-get download ${needs[0]}" fails (${error.code ?? error.status})`,
    };
  }
}

/** A PATH on which `ssh` uses the lab's configuration, for programs that have no option for another one. */
export function pathWithSsh(folder, config, path) {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'ssh'), `#!/bin/sh\nexec ${onPath('ssh')} -F '${config}' "$@"\n`, { mode: 0o755 });
  return `${bin}:${path}`;
}

/** Docker Compose, as Docker's plugin or on its own. */
export function findCompose() {
  const alone = onPath('docker-compose');
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore' });
    return { words: ['docker', 'compose'], env: {} };
  } catch {
    if (alone !== undefined) return { words: [alone], env: {} };
    return { missing: 'docker compose: not measured: neither the plugin nor docker-compose is installed' };
  }
}

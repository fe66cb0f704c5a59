/** Other programs that a benchmark compares with drover: this machine's, or Debian's packages unpacked into a folder. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface DebianProgram {
  readonly file: string;
  readonly needs: readonly [string, ...string[]];
  /** Words before the program. */
  readonly with?: readonly string[];
}

const packages = {
  syncoid: { file: 'usr/sbin/syncoid', needs: ['sanoid', 'libcapture-tiny-perl', 'libconfig-inifiles-perl'] },
  'ansible-playbook': {
    file: 'usr/bin/ansible-playbook',
    with: ['/usr/bin/python3'],
    needs: [
      'ansible-core',
      ...['python3-jinja2', 'python3-markupsafe', 'python3-yaml', 'python3-packaging'],
      ...['python3-cryptography', 'python3-cffi-backend', 'python3-resolvelib'],
    ],
  },
} satisfies Record<string, DebianProgram>;

const onPath = (name: string): string | undefined =>
  (process.env.PATH ?? '')
    .split(':')
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));

/** How a program is run: the words before its arguments, and variables to add. */
export interface Program {
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly missing?: undefined;
}
/** Why a program cannot be run. */
export interface Missing {
  readonly missing: string;
}

/** For a program, and for anything else that is measured only where its program exists. */
export const isMissing = (found: object): found is Missing => 'missing' in found && found.missing !== undefined;

export function findProgram(name: keyof typeof packages, folder: string): Program | Missing {
  const found = onPath(name);
  if (found !== undefined) return { words: [found], env: {} };
  const { file, needs, with: runner = [] }: DebianProgram = packages[name];
  const to = join(folder, name);
  try {
    mkdirSync(to, { recursive: true });
    const quiet = { cwd: to, stdio: 'ignore', timeout: 120_000 } as const;
    execFileSync('apt-get', ['download', ...needs], quiet);
    for (const deb of readdirSync(to).filter((one) => one.endsWith('.deb'))) {
      execFileSync('dpkg-deb', ['-x', deb, '.'], quiet);
    }
    const env = { PERL5LIB: join(to, 'usr/share/perl5'), PYTHONPATH: join(to, 'usr/lib/python3/dist-packages') };
    return { words: [...runner, join(to, file)], env };
  } catch (error) {
    return {
      missing: `${name}: not measured: not installed, and "apt-get download ${needs[0]}" fails (${codeOf(error)})`,
    };
  }
}

/** The code of a system error, or the status of a program that failed. */
function codeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if ('code' in error && error.code !== undefined) return error.code;
  return 'status' in error ? error.status : error.message;
}

/** A PATH whose `ssh` uses the lab's configuration, for programs without an option for it. */
export function pathWithSsh(folder: string, config: string, path: string | undefined): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'ssh'), `#!/bin/sh\nexec ${onPath('ssh')} -F '${config}' "$@"\n`, { mode: 0o755 });
  return `${bin}:${path}`;
}

/** Docker Compose, as Docker's plugin or as a program. */
export function findCompose(): Program | Missing {
  const alone = onPath('docker-compose');
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore' });
    return { words: ['docker', 'compose'], env: {} };
  } catch {
    if (alone !== undefined) return { words: [alone], env: {} };
    return { missing: 'docker compose: not measured: neither the plugin nor docker-compose is installed' };
  }
}

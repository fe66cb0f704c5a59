// Jars from Maven's central repository, fetched by Maven, so that this machine's settings for it apply. A recipe that uses
// this file names it in `uses`.
import { spawnSync } from 'node:child_process';
import { run } from './tools.ts';

const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

/** Installs Debian's Maven where Maven is missing. */
async function ensureMaven(): Promise<void> {
  if (spawnSync('mvn', ['--version']).status === 0) return;
  process.stderr.write('installing maven\n');
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => run('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'maven'], { env });
  await install().catch(async () => {
    await run('apt-get', ['update', '-q'], { env });
    await install();
  });
}

interface Jars {
  /** The pom.xml that names them. */
  readonly pom: string;
  /** The file with their sums. */
  readonly sums: string;
  readonly to: string;
}

/** Fetches the dependencies of a pom.xml into a folder and checks their sums. */
export async function maven({ pom, sums, to }: Jars): Promise<void> {
  await ensureMaven();
  // Maven prints everything on its standard output, also errors.
  await run('sh', ['-c', 'exec "$@" >&2', 'sh', 'mvn', '-B', '-q', '-f', pom, COPY, `-DoutputDirectory=${to}`]);
  await run('sha256sum', ['--check', '--strict', '--quiet', sums], { cwd: to });
}

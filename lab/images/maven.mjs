// Jars from Maven's central repository, by Maven itself, so that this machine's own settings for it count. A recipe
// that uses this file says so in `uses`.
import { spawnSync } from 'node:child_process';
import { run } from './tools.mjs';

const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

/** Debian's Maven where there is none. */
async function ensureMaven() {
  if (spawnSync('mvn', ['--version']).status === 0) return;
  process.stderr.write('installing maven\n');
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => run('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'maven'], { env });
  await install().catch(async () => {
    await run('apt-get', ['update', '-q'], { env });
    await install();
  });
}

/** Puts what a pom.xml depends on into a directory, and checks it against the sums beside the recipe. */
export async function maven({ pom, sums, to }) {
  await ensureMaven();
  // Maven tells everything on its standard output, errors included.
  await run('sh', ['-c', 'exec "$@" >&2', 'sh', 'mvn', '-B', '-q', '-f', pom, COPY, `-DoutputDirectory=${to}`]);
  await run('sha256sum', ['--check', '--strict', '--quiet', sums], { cwd: to });
}

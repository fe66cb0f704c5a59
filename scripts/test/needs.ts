/**
 * What a tutorial's test needs from the network. The tests themselves run in the lab's namespace, which leads nowhere, so
 * it is fetched before; what is there already is not fetched again.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { keep, root } from './run.mjs';

const CHROMIUM = ['/usr/bin/chromium', 'chromium'];
const NEEDS = {
  'acceptance/elk-tutorial.test.ts': { set: 'elk', programs: [CHROMIUM] },
  'acceptance/postgres-tutorial.test.ts': { set: 'postgres' },
  'acceptance/mysql-tutorial.test.ts': { set: 'mysql' },
  'acceptance/web-redis-tutorial.test.ts': { set: 'web-redis' },
  'acceptance/guided.test.ts': { set: 'web-redis' },
};

/** Resolves to one sentence where something cannot be had, else to undefined. */
export async function prepareFor(file) {
  const { set, programs = [] } = NEEDS[file] ?? {};
  for (const [path, name] of programs) {
    if (existsSync(path)) continue;
    const { code, output } = await install(name);
    if (code !== 0) return `apt-get could not install ${name}: ${lastLine(output)}`;
  }
  if (set === undefined) return undefined;
  const { code, output } = await keep(process.execPath, [join(root, 'lab', 'lab.mjs'), 'images', '--build', set]);
  return code === 0 ? undefined : `the images of "${set}" could not be built: ${lastLine(output)}`;
}

const lastLine = (output) => output.trim().split('\n').at(-1);

/** Both lanes may want something at once: the second waits for apt's lock. */
async function install(name) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const aptGet = (...args) => keep('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], { env });
  const words = ['install', '-y', '--no-install-recommends', name];
  const first = await aptGet(...words);
  if (first.code === 0) return first;
  await aptGet('update');
  return aptGet(...words);
}

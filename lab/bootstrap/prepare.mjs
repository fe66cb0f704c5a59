/** Packages and bundle, each made only where it is missing or old. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { progress } from '../progress.mjs';
import { keep, root, Told } from './run.mjs';

const REASON_LINES = 30;

/** Inside node_modules, because `npm ci` begins by removing that: an interrupted one leaves no stamp behind. */
const stamp = join(root, 'node_modules', '.drover-lock.sha256');

function wantedStamp() {
  const hash = createHash('sha256').update(process.version.split('.')[0]).update(process.arch);
  return hash.update(readFileSync(join(root, 'package-lock.json'))).digest('hex');
}

function isInstalled() {
  try {
    return readFileSync(stamp, 'utf8') === wantedStamp();
  } catch {
    return false;
  }
}

/** `npm ci`, unless what lies there came from this very lock file. */
export async function ensurePackages() {
  if (isInstalled()) return;
  const stage = progress.stage('installing packages', { expectedMs: 25_000 });
  const { code, output } = await keep('npm', ['ci', '--no-audit', '--no-fund', '--no-progress'], {
    onLine: (line) => line.startsWith('npm warn') || stage.update(line),
    shell: process.platform === 'win32',
  });
  if (code !== 0) {
    stage.fail('`npm ci` did not succeed');
    process.stderr.write(`${reasonIn(output)}\n`);
    throw new Told('npm ci', code);
  }
  writeFileSync(stamp, wantedStamp());
  stage.done();
}

/** What npm says went wrong comes first; below it are pages of usage. */
function reasonIn(output) {
  const lines = output.split('\n').filter((line) => line.startsWith('npm error'));
  const usage = lines.findIndex((line) => /Clean install a project|Usage:/.test(line));
  return (lines.length === 0 ? output.trimEnd().split('\n') : lines.slice(0, usage < 0 ? undefined : usage))
    .slice(0, REASON_LINES)
    .join('\n');
}

/** dist/drover.js as the sources are now. */
export async function ensureBuilt() {
  await ensurePackages();
  const { build } = await import('../build.mjs');
  await buildWith(() => build(), 'building drover');
}

export async function ensureCases() {
  await ensurePackages();
  const { buildCases } = await import('../build.mjs');
  await buildWith(() => buildCases(), 'building the runner of cases');
}

/** Said only when it failed or took a while: a build that is up to date is nobody's business. */
async function buildWith(build, name) {
  const began = Date.now();
  try {
    await build();
  } catch (error) {
    process.stderr.write(`✘ ${name}: ${error.message}\n`);
    throw new Told('build');
  }
  const took = Date.now() - began;
  if (took > 1000) progress.note(`✔ ${name} (${(took / 1000).toFixed(1)} s)`);
}

export const program = join(root, 'dist', 'drover.js');

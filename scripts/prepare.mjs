/** Packages and bundle, each made only where it is missing or old. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { progress } from '../progress.mjs';
import { keep, root, Told } from './run.mjs';

const REASON_LINES = 30;

/** What of a lock file's packages is not installed: another version, or a program of this platform's is missing. */
export function missingOf(wanted, installed, { platform, arch } = process) {
  const isForHere = ({ os, cpu, libc }) =>
    os?.includes(platform) === true && cpu?.includes(arch) === true && libc === undefined;
  const isThere = (path, { integrity, optional, ...made }) =>
    installed[path] === undefined ? optional === true && !isForHere(made) : installed[path].integrity === integrity;
  return Object.keys(wanted).filter((path) => path !== '' && !isThere(path, wanted[path]));
}

/** By npm's own list of what lies there, which `npm ci` and `npm install` write at their end. */
function isInstalled() {
  const packagesIn = (file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  try {
    return missingOf(packagesIn('package-lock.json'), packagesIn('node_modules/.package-lock.json')).length === 0;
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

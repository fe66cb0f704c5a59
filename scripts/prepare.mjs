// @ts-check
/** Installs packages and builds programs, each only where it is missing or old. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { progress } from './progress.mjs';
import { capture, ReportedError, root } from './run.mjs';

const REASON_LINES = 30;

/**
 * A package in a lock file.
 * @typedef {{ integrity?: string, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} LockedPackage
 */

/**
 * The packages of a lock file that are not installed: another version is, or a program for this platform is missing.
 * @param {Record<string, LockedPackage>} wanted
 * @param {Record<string, LockedPackage>} installed
 * @param {{ platform: string, arch: string }} machine
 */
export function missingOf(wanted, installed, { platform, arch } = process) {
  /** @param {LockedPackage} each */
  const isForHere = ({ os, cpu, libc }) =>
    os?.includes(platform) === true && cpu?.includes(arch) === true && libc === undefined;
  /** @param {[string, LockedPackage]} each */
  const isThere = ([path, { integrity, optional, ...made }]) =>
    installed[path] === undefined ? optional === true && !isForHere(made) : installed[path]?.integrity === integrity;
  return Object.entries(wanted)
    .filter(([path]) => path !== '')
    .filter((each) => !isThere(each))
    .map(([path]) => path);
}

/** Compares with npm's own list of what is installed, which `npm ci` and `npm install` write at their end. */
function isInstalled() {
  /** @param {string} file */
  const packagesIn = (file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  try {
    return missingOf(packagesIn('package-lock.json'), packagesIn('node_modules/.package-lock.json')).length === 0;
  } catch {
    return false;
  }
}

/** Runs `npm ci`, unless the packages of this lock file are installed. Throws ReportedError. */
export async function ensurePackages() {
  if (isInstalled()) return;
  const stage = progress.stage('installing packages', { expectedMs: 25_000 });
  const { code, output } = await capture('npm', ['ci', '--no-audit', '--no-fund', '--no-progress'], {
    onLine: (line) => line.startsWith('npm warn') || stage.update(line),
    shell: process.platform === 'win32',
  });
  if (code !== 0) {
    stage.fail('`npm ci` did not succeed');
    process.stderr.write(`${reasonIn(output)}\n`);
    throw new ReportedError('npm ci', code);
  }
  stage.done();
}

/**
 * npm prints what went wrong first, and pages of usage below it.
 * @param {string} output
 */
function reasonIn(output) {
  const lines = output.split('\n').filter((line) => line.startsWith('npm error'));
  const usage = lines.findIndex((line) => /Clean install a project|Usage:/.test(line));
  return (lines.length === 0 ? output.trimEnd().split('\n') : lines.slice(0, usage < 0 ? undefined : usage))
    .slice(0, REASON_LINES)
    .join('\n');
}

/** Builds dist/drover.js where it is older than the sources. Throws ReportedError. */
export async function ensureBuilt() {
  const { build } = await builder();
  await buildWith(() => build(), 'building drover');
}

/** Builds dist/cases.js where it is older than the sources. Throws ReportedError. */
export async function ensureCases() {
  const { buildCases } = await builder();
  await buildWith(() => buildCases(), 'building the runner of cases');
}

async function builder() {
  await ensurePackages();
  const { enableTypeScript } = await import('./ts.mjs');
  enableTypeScript();
  return import('./build.ts');
}

/**
 * Prints a line only where the build failed or took more than a second.
 * @param {() => Promise<unknown>} build
 * @param {string} name
 */
async function buildWith(build, name) {
  const began = Date.now();
  try {
    await build();
  } catch (error) {
    process.stderr.write(`✘ ${name}: ${error instanceof Error ? error.message : error}\n`);
    throw new ReportedError('build');
  }
  const took = Date.now() - began;
  if (took > 1000) progress.note(`✔ ${name} (${(took / 1000).toFixed(1)} s)`);
}

export const program = join(root, 'dist', 'drover.js');

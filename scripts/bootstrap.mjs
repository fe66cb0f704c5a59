#!/usr/bin/env node
// @ts-check
/**
 * The npm scripts run this: it installs and builds what a command needs, then runs the command. It uses Node.js's own
 * modules alone until the packages are installed, so that a fresh clone works.
 *
 *   node scripts/bootstrap.mjs start | test | lab ARGS… | drover ARGS… | cases FILES… | compose DIR
 */
import { checkNode } from './node-version.mjs';

/** @type {Record<string, (args: string[]) => Promise<number>>} */
const COMMANDS = {
  start: (args) =>
    typescript()
      .then(() => import('./start.ts'))
      .then(({ start }) => start(args)),
  test: (args) =>
    typescript()
      .then(() => import('./test/test.ts'))
      .then(({ test }) => test(args)),
  lab: (args) =>
    prepare()
      .then(({ ensurePackages }) => ensurePackages())
      .then(() => hand('lab/lab.mjs', args)),
  drover: (args) =>
    prepare()
      .then(({ ensureBuilt }) => ensureBuilt())
      .then(() => hand('dist/drover.js', args)),
  cases: (args) =>
    prepare()
      .then(({ ensureCases }) => ensureCases())
      .then(() => hand('dist/cases.js', args)),
  compose: (args) =>
    typescript()
      .then(() => import('./compose.ts'))
      .then(({ compose }) => compose(args)),
};

const prepare = () => import('./prepare.mjs');

/** The packages with esbuild among them, and the hooks that strip types with it. */
async function typescript() {
  const { ensurePackages } = await prepare();
  await ensurePackages();
  const { enableTypeScript } = await import('./ts.mjs');
  enableTypeScript();
}

/**
 * Runs a program with this terminal, in the folder that npm was called in: npm itself changes to the project's.
 * @param {string} file
 * @param {string[]} args
 */
async function hand(file, args) {
  const { inherit, root } = await import('./run.mjs');
  const cwd = process.env.INIT_CWD || process.cwd();
  return inherit(process.execPath, [`${root}/${file}`, ...args], { cwd });
}

/** @param {string[]} args */
function main(args) {
  const tooOld = checkNode(process.versions.node);
  if (tooOld !== undefined) {
    process.stderr.write(`${tooOld}\n`);
    return Promise.resolve(1);
  }
  const name = args[0] || '';
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    process.stderr.write(`unknown command "${name}"; the commands are ${Object.keys(COMMANDS).join(', ')}\n`);
    return Promise.resolve(64);
  }
  return command(args.slice(1));
}

// No syntax of newer Node.js in this file: an old one must get as far as the sentence that asks for a newer one.
main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    // A failure that a stage has printed already is not printed again.
    if (!error.isReported) process.stderr.write(`${error.stack || error}\n`);
    process.exitCode = error.exitCode || 1;
  },
);

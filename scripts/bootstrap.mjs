#!/usr/bin/env node
/**
 * What the npm scripts run: it brings everything a command needs, then runs the command.
 * Only Node's own modules are used until the packages are there, so that a fresh clone works.
 *
 *   node lab/bootstrap.mjs start | test | lab ARGS… | drover ARGS… | cases FILES…
 */
import { checkNode } from './bootstrap/node-version.mjs';

const VERBS = {
  start: async () => (await import('./bootstrap/start.mjs')).start,
  test: async () => (await import('./bootstrap/test.mjs')).test,
  lab: async () => (await import('./bootstrap/pass-on.mjs')).lab,
  drover: async () => (await import('./bootstrap/pass-on.mjs')).drover,
  cases: async () => (await import('./bootstrap/pass-on.mjs')).cases,
};

function main(args) {
  const tooOld = checkNode(process.versions.node);
  if (tooOld !== undefined) {
    process.stderr.write(`${tooOld}\n`);
    return Promise.resolve(1);
  }
  const verb = args[0] || '';
  if (!Object.hasOwn(VERBS, verb)) {
    process.stderr.write(`"${verb}" is no verb; there are ${Object.keys(VERBS).join(', ')}.\n`);
    return Promise.resolve(64);
  }
  return VERBS[verb]().then((run) => run(args.slice(1)));
}

// No syntax of newer Node.js in this file: an old one must get as far as the sentence that says so.
main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    // A stage that failed has told why already.
    if (!error.told) process.stderr.write(`${error.stack || error}\n`);
    process.exitCode = error.exitCode || 1;
  },
);

#!/usr/bin/env node
// @ts-check
/**
 * Runs the TypeScript of lab/, scripts/ and test/bench/ on Node.js 20, which cannot: hooks (ts-hooks.mjs) strip the types
 * of a file when it is imported.
 *
 *   node scripts/ts.mjs FILE ARG…
 *
 * Hooks and not a bundle, because every file stays where it is: import.meta.url and stack traces are right, the programs
 * that the lab starts as processes of their own (um/keeper.ts, rootless/switch.ts) are files as before, and a user who
 * may not write to dist/ can run them too. Stripped files are kept in dist/.ts, so esbuild is loaded only for a file that
 * has changed: the hooks add less than 0.1 s to a start.
 */
import { register } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const self = fileURLToPath(import.meta.url);
let isRegistered = false;

/** From here on this process can import .ts files. */
export function enableTypeScript() {
  if (isRegistered) return;
  isRegistered = true;
  register('./ts-hooks.mjs', import.meta.url);
  process.setSourceMapsEnabled(true);
}

/**
 * The words of a command that runs a TypeScript file in a process of its own.
 * @param {string} file
 * @param {readonly string[]} args
 * @returns {[string, ...string[]]}
 */
export const tsCommand = (file, ...args) => [process.execPath, self, file, ...args];

if (process.argv[1] !== undefined && resolve(process.argv[1]) === self) {
  const [node = '', , file, ...args] = process.argv;
  if (file === undefined) {
    process.stderr.write('usage: node scripts/ts.mjs FILE ARG…\n');
    process.exit(64);
  }
  enableTypeScript();
  // The file sees the arguments as if Node.js had started it.
  process.argv = [node, resolve(file), ...args];
  // Not awaited: the file may import this one, which must not wait for the file then.
  import(pathToFileURL(resolve(file)).href);
}

/** Verbs that are another program's: they get the arguments, the terminal and the folder of whoever called. */
import { join } from 'node:path';
import { ensureBuilt, ensureCases, ensurePackages, program } from './prepare.mjs';
import { hand, root } from './run.mjs';

/** npm changes to the project's folder; where it was called from is in INIT_CWD. */
const cwd = process.env.INIT_CWD || process.cwd();

export async function drover(args) {
  await ensureBuilt();
  return hand(process.execPath, [program, ...args], { cwd });
}

export async function lab(args) {
  await ensurePackages();
  return hand(process.execPath, [join(root, 'lab', 'lab.mjs'), ...args], { cwd });
}

export async function cases(files) {
  await ensureCases();
  return hand(process.execPath, [join(root, 'dist', 'cases.js'), ...files], { cwd });
}

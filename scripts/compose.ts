import { stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { findCorpus, judge, type Outcome, type Verdict } from './compose-corpus.ts';

const usage = `usage: npm run compose -- DIR [--json] [--strict] [-v]

Reads every Compose file below the folder, with all of its services on one node, and prints what drover says to it.
A file that only lacks an image, because it has "build", is a class of its own and no failure.

  --json     the outcomes as JSON
  --strict   files and required variables that are not there are missing; otherwise they are made up, since a collection
             of Compose files rarely has them
  -v         every problem and note in place of the first
`;

const words: Readonly<Record<Verdict, string>> = {
  accepted: 'accepted',
  noted: 'accepted with notes',
  build: 'needs a build',
  refused: 'refused',
};

/** Prints a table and `N passed, N failed`; the exit code is 1 if a file failed. */
export async function compose(args: readonly string[]): Promise<number> {
  const options = new Set(args.filter((arg) => arg.startsWith('-')));
  const folders = args.filter((arg) => !arg.startsWith('-'));
  const unknown = [...options].find((option) => !['--json', '--strict', '-v'].includes(option));
  const [folder] = folders;
  if (folder === undefined || folders.length > 1 || unknown !== undefined) {
    process.stderr.write(usage);
    return options.has('--help') || options.has('-h') ? 0 : 64;
  }
  const root = resolve(process.env.INIT_CWD ?? process.cwd(), folder);
  if (!(await stat(root).catch(() => undefined))?.isDirectory()) {
    process.stderr.write(`there is no folder ${root}\n`);
    return 64;
  }
  const outcomes: Outcome[] = [];
  for (const file of await findCorpus(root)) {
    const outcome = await judge(file, { isStrict: options.has('--strict') });
    outcomes.push(outcome);
    if (!options.has('--json')) process.stdout.write(`${lineOf(outcome, root, options.has('-v'))}\n`);
  }
  const { passed, failed, builds } = countsOf(outcomes);
  if (options.has('--json')) {
    process.stdout.write(`${JSON.stringify({ files: outcomes, passed, failed, builds }, null, 2)}\n`);
  } else {
    if (builds > 0) process.stdout.write(`${builds} need an image that is built first, and nothing else\n`);
    process.stdout.write(`${passed} passed, ${failed} failed\n`);
  }
  return failed === 0 ? 0 : 1;
}

function countsOf(outcomes: readonly Outcome[]) {
  const count = (...verdicts: readonly Verdict[]): number =>
    outcomes.filter(({ verdict }) => verdicts.includes(verdict)).length;
  return { passed: count('accepted', 'noted'), failed: count('refused'), builds: count('build') };
}

function lineOf(
  { file, overrides, verdict, services, problems, notes, invented }: Outcome,
  root: string,
  isLong: boolean,
): string {
  const name = [file, ...overrides].map((path) => relative(root, path)).join(' + ');
  const found = problems.length > 0 ? problems : notes;
  const shown = isLong ? found : found.slice(0, 1);
  const counted = [
    ...(services > 0 ? [`${services} services`] : []),
    ...(problems.length > 0 ? [`${problems.length} problems`] : []),
    ...(notes.length > 0 ? [`${notes.length} notes`] : []),
    ...(invented.length > 0
      ? [`made up: ${invented.map((each) => (each.startsWith('$') ? each : relative(root, each))).join(', ')}`]
      : []),
  ].join(', ');
  const lines = shown.map(({ line, path, message }) => `    ${line ?? 1} ${path}: ${message}`);
  return [`${words[verdict].padEnd(20)} ${name}${counted === '' ? '' : ` (${counted})`}`, ...lines].join('\n');
}

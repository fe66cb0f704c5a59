import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isConfigCase, runConfigCase } from './config-case.ts';
import type { PlannerCase } from './planner-case.ts';

interface CaseOutcome {
  readonly id: string;
  readonly differences: readonly string[];
  /** Shown with -v: what an expected refusal said. */
  readonly note?: string;
}

/**
 * Runs every case of these JSON files; what kind a case is shows in its content. Prints each difference and, last,
 * `N passed, N failed`. A file without cases counts as one failure.
 */
export async function runCases(
  files: readonly string[],
  print: (line: string) => void,
  options: { readonly verbose?: boolean } = {},
): Promise<{ readonly passed: number; readonly failed: number }> {
  let passed = 0;
  let failed = 0;
  for (const file of files) {
    for (const outcome of await runFile(file)) {
      if (outcome.differences.length === 0) passed += 1;
      else failed += 1;
      for (const difference of outcome.differences) print(`FAILED ${file} ${outcome.id}: ${difference}`);
      if (options.verbose === true && outcome.differences.length === 0) {
        print(`passed ${file} ${outcome.id}${outcome.note === undefined ? '' : `: ${outcome.note}`}`);
      }
    }
  }
  print(`${passed} passed, ${failed} failed`);
  return { passed, failed };
}

async function runFile(file: string): Promise<CaseOutcome[]> {
  const cases = await readCases(file);
  if (typeof cases === 'string') return [{ id: '(file)', differences: [cases] }];
  const outcomes: CaseOutcome[] = [];
  for (const [index, value] of cases.entries()) outcomes.push(await runCase(value, index));
  return outcomes;
}

async function runCase(value: unknown, index: number): Promise<CaseOutcome> {
  const id = hasId(value) ? value.id : `#${index}`;
  if (typeof value !== 'object' || value === null) return { id, differences: ['the case is not a mapping'] };
  try {
    if (isConfigCase(value)) {
      const { differences, problems } = runConfigCase(value);
      const [first] = problems;
      return { id, differences, ...(first === undefined ? {} : { note: `${first.path}: ${first.message}` }) };
    }
    if (!('current' in value && 'desired' in value)) {
      return { id, differences: ['neither a configuration case nor a planner case'] };
    }
    const { runPlannerCase } = await import('./planner-case.ts');
    // A case that lacks what it should have makes it throw, which is reported as its failure.
    return { id, differences: runPlannerCase(value as PlannerCase) };
  } catch (error) {
    return { id, differences: [`threw ${error instanceof Error ? error.stack : String(error)}`] };
  }
}

const hasId = (value: unknown): value is { readonly id: string } =>
  typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string';

/** The cases of a file, `{cases: […]}` or a bare list; a text where there are none. */
async function readCases(file: string): Promise<readonly unknown[] | string> {
  try {
    const content: unknown = JSON.parse(await readFile(file, 'utf8'));
    const held = typeof content === 'object' && content !== null && 'cases' in content ? content.cases : content;
    return Array.isArray(held) && held.length > 0 ? held : 'the file holds no cases';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** `run.ts [-v] [FILE…]`: exit status 0 when all passed; without files, every JSON file of test/cases. */
export async function main(args: readonly string[], print: (line: string) => void): Promise<number> {
  const verbose = args.includes('-v');
  const given = args.filter((arg) => arg !== '-v');
  const folder = join('test', 'cases');
  const files =
    given.length > 0
      ? given
      : (await readdir(folder)).filter((name) => name.endsWith('.json')).sort().map((name) => join(folder, name));
  const { failed } = await runCases(files, print, { verbose });
  return failed === 0 ? 0 : 1;
}

const [, script] = process.argv;
if (script !== undefined && resolve(script) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2), (line) => console.log(line));
}

import type { Config, ConfigProblem, LoadResult } from '../../model/config.ts';
import { diffLines } from '../../view/diff.ts';
import { line } from '../../view/lines.ts';
import { count, noteSentences } from '../../view/wording.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { chooseFiles } from '../files.ts';
import { type Invocation, printProblemsTo, say } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printed, printer, printLines } from '../style.ts';
import type { FileChoice } from '../world.ts';

export interface ValidateOptions {
  /** Writes the certain fixes into the files. */
  readonly fix: boolean;
}

interface Fixed {
  readonly file: string;
  readonly diff: readonly string[];
}

/** One fix can reveal another problem: a value is checked only after its key has a known name. */
const maxPasses = 5;

/** Checks both files and prints their problems. Contacts no node. */
export async function validate(invocation: Invocation, { fix }: ValidateOptions): Promise<ExitCode> {
  const { world, options } = invocation;
  const files = await chooseFiles(options, world);
  const fixed: Fixed[] = [];
  let result = await world.readConfig(files);
  for (let pass = 0; fix && pass < maxPasses && !result.ok && result.problems.some(hasFix); pass += 1) {
    fixed.push(...(await writeFixes(invocation, result.problems)));
    result = await world.readConfig(files);
  }
  return report(invocation, files, result, fix ? fixed : undefined);
}

const hasFix = ({ fix }: ConfigProblem): boolean => fix !== undefined;

/** Writes the fixes of each file at once. Throws `usage` if a file has changed in the meantime. */
async function writeFixes(invocation: Invocation, problems: readonly ConfigProblem[]): Promise<readonly Fixed[]> {
  const { world, paint } = invocation;
  const [{ editFile }, { applyFixes }] = await Promise.all([
    import('../../config/edit/edit-file.ts'),
    import('../../config/edit/apply-fix.ts'),
  ]);
  const fixed: Fixed[] = [];
  for (const file of new Set(problems.filter(hasFix).map((problem) => problem.file))) {
    const fixes = problems.flatMap((problem) =>
      problem.file === file && problem.fix !== undefined ? [problem.fix] : [],
    );
    const edited = (text: string) => applyFixes(text, fixes);
    const { before, after } = await editFile(world, file, edited, `fix "${file}"`, 'run `drover validate --fix` again');
    const diff = diffLines(before, after);
    say(invocation, printLines([line(file, 'strong'), ...diff], paint));
    fixed.push({ file, diff: diff.map(({ text }) => text) });
  }
  return fixed;
}

function report(
  invocation: Invocation,
  files: FileChoice,
  result: LoadResult,
  fixed: readonly Fixed[] | undefined,
): ExitCode {
  const { world, options, paint } = invocation;
  const changes = fixed === undefined ? {} : { fixed };
  if (result.ok) {
    if (options.json) printJson(world, { ok: true, ...summaryOf(result.config, files), ...changes });
    else if (!options.quiet) {
      const notes = noteSentences(result.config).map((text) => line(`note: ${text}`, 'warning'));
      world.terminal.err(printLines(notes, paint));
      world.terminal.out(printer(paint)`${line('✔ both files are good', 'ok')}: ${sizeOf(result.config)}\n`);
    }
    return exitCode.done;
  }
  if (options.json) {
    printJson(world, { ok: false, problems: result.problems, ...changes });
    return exitCode.filesWrong;
  }
  printProblemsTo(world, result.problems);
  const fixable = result.problems.filter(hasFix).length;
  if (fixed === undefined && fixable > 0) {
    world.terminal.err(
      printed`\n\`drover validate --fix\` fixes ${fixable} of ${count(result.problems.length, 'problem')}\n`,
    );
  }
  return exitCode.filesWrong;
}

const summaryOf = ({ applications, deployment, format, revision, notes }: Config, files: FileChoice) => ({
  files,
  format,
  revision,
  applications: Object.keys(applications).toSorted(),
  deployment,
  ...(notes === undefined ? {} : { notes }),
});

const sizeOf = ({ applications, deployment }: Config): string =>
  `${count(Object.keys(applications).length, 'application')} on ${count(Object.keys(deployment).length, 'node')}`;

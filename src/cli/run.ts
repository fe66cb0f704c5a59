import { CommanderError } from 'commander';
import { type ErrorReport, toReport } from '../model/errors.ts';
import { type ExitCode, exitCode, exitCodeOfError } from './exit-code.ts';
import { FilesWrong } from './files.ts';
import { printProblemsTo } from './invocation.ts';
import { createProgram } from './program.ts';
import { printJson } from './renderers/json.ts';
import { printed, printText } from './style.ts';
import type { World } from './world.ts';

/** Runs one command line (without node and program) to its exit code; never throws. */
export async function runCli(args: readonly string[], world: World): Promise<ExitCode> {
  let code: ExitCode = exitCode.done;
  try {
    await createProgram(world, (each) => {
      code = each;
    }).parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    // Commander has printed the message already; help and version end this way as well.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.done : exitCode.usage;
    if (error instanceof FilesWrong) return failFiles(error, args, world);
    return fail(error, args, world);
  }
}

function failFiles({ problems }: FilesWrong, args: readonly string[], world: World): ExitCode {
  if (args.includes('--json')) printJson(world, { ok: false, problems });
  else printProblemsTo(world, problems);
  return exitCode.filesWrong;
}

async function fail(error: unknown, args: readonly string[], world: World): Promise<ExitCode> {
  const report = await withLog(error, world);
  if (args.includes('--json')) printJson(world, { ok: false, error: report });
  world.terminal.err(printed`drover: ${report.message}\n`);
  if (report.hint !== undefined) world.terminal.err(printed`  hint: ${report.hint}\n`);
  if (world.env.DROVER_DEBUG === '1' && error instanceof Error)
    world.terminal.err(printText(`${error.stack ?? error.message}\n`));
  return exitCodeOfError(report);
}

/** Reports a bug as a bug, with the file that has its stack. */
async function withLog(error: unknown, world: World): Promise<ErrorReport> {
  const report = toReport(error);
  if (report.code !== 'internal') return report;
  const where = await world.logBug(error).catch(() => undefined);
  return {
    ...report,
    message: `cannot continue because of a bug in drover: ${report.message}`,
    hint: where === undefined ? 'set DROVER_DEBUG=1 to see where' : `the details are in ${where}`,
  };
}

import { count } from '../../view/wording.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { chooseFiles } from '../files.ts';
import { type Invocation, reportProblems } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';

/** Reads both files and says what is wrong with them, or that nothing is. Touches no node. */
export async function validate(invocation: Invocation): Promise<ExitCode> {
  const { world, options, paint } = invocation;
  const files = await chooseFiles(options, world);
  const result = await world.readConfig(files);
  if (!result.ok) return reportProblems(invocation, result.problems);
  const { applications, deployment, format, revision } = result.config;
  if (options.json) {
    printJson(world, {
      ok: true,
      files,
      format,
      revision,
      applications: Object.keys(applications).toSorted(),
      deployment,
    });
  } else if (!options.quiet) {
    const what = `${count(Object.keys(applications).length, 'application')} on ${count(Object.keys(deployment).length, 'node')}`;
    world.terminal.out(`${paint('✔ both files are good', 'ok')}: ${what}\n`);
  }
  return exitCode.done;
}

import type { Engine } from '../engine/types.ts';
import type { AppName, Config } from '../model/config.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import { chooseFiles } from './files.ts';
import { type Invocation, reportProblems, requireApplication, withEngine } from './invocation.ts';
import { printJson } from './renderers/json.ts';
import { printed } from './style.ts';
import type { World } from './world.ts';

/** What an act has to tell: a line for people, or several, and the same as data. */
export interface Told {
  readonly text: string | readonly string[];
  readonly data?: Readonly<Record<string, unknown>>;
}

/** One act on an application the files have; the first Ctrl-C lets it finish, the second ends it. */
export async function actOn(
  invocation: Invocation,
  word: string,
  work: (engine: Engine, app: AppName, signal: AbortSignal) => Promise<Told>,
): Promise<ExitCode> {
  return withConfig(invocation, async (config) => {
    const app = requireApplication(config, word);
    const told = await withEngine(invocation, 'gentle', (engine, _files, { hard }) => work(engine, app, hard));
    tell(invocation, { ...told, data: { app, ...told.data } });
    return exitCode.done;
  });
}

/** The files' configuration, or their problems and 65. */
export async function withConfig(
  invocation: Invocation,
  work: (config: Config) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { world, options } = invocation;
  const read = await world.readConfig(await chooseFiles(options, world));
  return read.ok ? await work(read.config) : reportProblems(invocation, read.problems);
}

/** Prints it in the form that was asked for. */
export function tell(
  { world, options }: { readonly world: World; readonly options: Invocation['options'] },
  told: Told,
): void {
  if (options.json) printJson(world, { ok: true, ...told.data });
  else if (!options.quiet) {
    // One by one: a name from a node must not begin a line.
    for (const line of [told.text].flat()) world.terminal.out(printed`${line}\n`);
  }
}

import type { Engine } from '../engine/types.ts';
import type { AppName } from '../model/config.ts';
import { type ExitCode, exitCode } from './exit-code.ts';
import { configOf, type Invocation, requireApplication, say, withEngine } from './invocation.ts';
import { printJson } from './renderers/json.ts';
import { printed } from './style.ts';
import type { World } from './world.ts';

/** The result of an act: lines for people, and the same as data. */
export interface ActResult {
  readonly text: string | readonly string[];
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Runs one act on an application of the files; the first Ctrl-C lets it finish, the second ends it. */
export async function actOn(
  invocation: Invocation,
  word: string,
  work: (engine: Engine, app: AppName, signal: AbortSignal) => Promise<ActResult>,
): Promise<ExitCode> {
  const app = requireApplication(await configOf(invocation), word);
  const result = await withEngine(invocation, 'gentle', (engine, _files, { hard }) => work(engine, app, hard));
  return printResult(invocation, { ...result, data: { app, ...result.data } });
}

/** Prints the result as text or JSON. */
export function printResult(
  { world, options }: { readonly world: World; readonly options: Invocation['options'] },
  { text, data }: ActResult,
): ExitCode {
  if (options.json) printJson(world, { ok: true, ...data });
  // One by one: a name from a node must not begin a line.
  for (const line of [text].flat()) say({ world, options }, printed`${line}\n`);
  return exitCode.done;
}

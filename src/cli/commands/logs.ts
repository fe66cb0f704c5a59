import type { LogOptions } from '../../engine/node-client.ts';
import { AppError, isAbort } from '../../model/errors.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { configOf, type Invocation, requireApplication, withEngine } from '../invocation.ts';
import { printJsonLine } from '../renderers/json.ts';
import { printed } from '../style.ts';

/** Prints the logs of an application; its stdout and stderr go to ours. */
export async function logs(invocation: Invocation, word: string, options: LogOptions): Promise<ExitCode> {
  const { world } = invocation;
  const app = requireApplication(await configOf(invocation), word);
  return withEngine(invocation, 'prompt', async (engine, _files, { hard }) => {
    try {
      for await (const line of engine.logs(app, options, hard)) {
        print(invocation, line);
        await world.terminal.taken?.(hard);
      }
    } catch (error) {
      if (!hard.aborted || !isAbort(error)) throw error;
    }
    return hard.aborted ? exitCode.cancelled : exitCode.done;
  });
}

function print(
  { world: { terminal }, options }: Invocation,
  line: { stream: 'stdout' | 'stderr'; text: string; node: string },
): void {
  if (options.json) {
    printJsonLine({ terminal }, line);
    return;
  }
  // Also into a file or a pipe, which end on a terminal sooner or later; --json has what was written.
  (line.stream === 'stdout' ? terminal.out : terminal.err)(printed`${line.text}\n`);
}

/** A whole number from 0, for `--tail N`. Throws `usage`. */
export function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new AppError('usage', `cannot use "${text}" as a number of lines: it is not a whole number`);
}

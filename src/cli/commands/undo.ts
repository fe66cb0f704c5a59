import { AppError } from '../../model/errors.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { chooseFiles } from '../files.ts';
import { type Invocation, say } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printed } from '../style.ts';
import { undoLast } from '../undo.ts';
import { apply } from './apply.ts';

export interface UndoOptions {
  /** Discards edits since the last run. */
  readonly force: boolean;
  /** False: only restores the files. */
  readonly apply: boolean;
}

/** Restores the files from before the last run that changed them, then applies. */
export async function undo(invocation: Invocation, { force, apply: applies }: UndoOptions): Promise<ExitCode> {
  const { world, options } = invocation;
  const files = await chooseFiles(options, world);
  if (world.journal === undefined) throw new AppError('usage', 'cannot undo the last run: no runs are recorded here');
  const restored = await undoLast(world.journal, files, world, { force });
  say(invocation, printed`${restored}\n`);
  if (applies) return await apply(invocation);
  if (options.json) printJson(world, { ok: true, told: restored, applied: false });
  return exitCode.done;
}

import { AppError } from '../../model/errors.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { chooseFiles } from '../files.ts';
import { type Invocation, say } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printed } from '../style.ts';
import { undoLast } from '../undo.ts';
import { apply } from './apply.ts';

export interface UndoOptions {
  /** Edits since the last run are lost. */
  readonly force: boolean;
  /** False: only the files are put back. */
  readonly apply: boolean;
}

/** Puts the files back as before the last run that changed them, then applies. */
export async function undo(invocation: Invocation, { force, apply: applies }: UndoOptions): Promise<ExitCode> {
  const { world, options } = invocation;
  const files = await chooseFiles(options, world);
  if (world.journal === undefined) throw new AppError('usage', 'cannot undo the last run: no runs are recorded here');
  const told = await undoLast(world.journal, files, world, { force });
  say(invocation, printed`${told}\n`);
  if (applies) return await apply(invocation);
  if (options.json) printJson(world, { ok: true, told, applied: false });
  return exitCode.done;
}

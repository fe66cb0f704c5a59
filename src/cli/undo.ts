import { AppError } from '../model/errors.ts';
import type { RunRecord } from '../model/history.ts';
import { isSame, journalKey, type RunJournal } from './run-journal.ts';
import type { FileChoice, World } from './world.ts';

type Texts = RunRecord['files'];

/**
 * Puts the files back as they were before the last recorded run that changed them; done twice, it takes itself back.
 * Returns what to tell. Throws `usage` where there is no such run, or the files were edited since (unless `force`).
 */
export async function undoLast(
  journal: Pick<RunJournal, 'read'>,
  files: FileChoice,
  world: Pick<World, 'readText' | 'replaceText' | 'cwd'>,
  { force = false }: { readonly force?: boolean } = {},
): Promise<string> {
  const records = await journal.read(journalKey(files, world));
  const last = records.at(-1);
  if (last === undefined) throw cannot('no run is recorded for these files');
  const changed = records.findLastIndex((one, index) => index > 0 && !isSame(one.files, records[index - 1]?.files));
  const before = records[changed - 1];
  const run = records[changed];
  if (before === undefined || run === undefined) throw cannot('no recorded run changed the files');
  const now: Texts = {
    application: await world.readText(files.application),
    deployment: await world.readText(files.deployment),
  };
  const kinds = ['application', 'deployment'] as const;
  const edited = kinds.filter((kind) => now[kind] !== last.files[kind]).map((kind) => files[kind]);
  if (edited.length > 0 && !force) {
    const what = edited.map((path) => `"${path}"`).join(' and ');
    throw cannot(`${what} ${edited.length === 1 ? 'was' : 'were'} edited since the last run`, [
      'apply the edit first, or lose it with `drover undo --force`',
    ]);
  }
  const written = kinds.filter((kind) => now[kind] !== before.files[kind]);
  for (const kind of written) await world.replaceText(files[kind], before.files[kind]);
  const names = written.map((kind) => files[kind]).join(' and ');
  const at = new Date(run.startedAt).toISOString().slice(0, 19).replace('T', ' ');
  return `${names || 'the files'} as before the run of ${at} UTC`;
}

function cannot(why: string, [hint]: readonly string[] = []): AppError {
  return new AppError('usage', `cannot undo the last run: ${why}`, hint === undefined ? {} : { hint });
}

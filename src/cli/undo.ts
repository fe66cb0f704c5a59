import { AppError } from '../model/errors.ts';
import type { RunRecord } from '../model/history.ts';
import { hideTexts, isSame, journalKey, type RunJournal, saltOf } from './run-journal.ts';
import type { FileChoice, World } from './world.ts';

type Texts = RunRecord['files'];

/**
 * Puts the files back as they were before the last recorded run that changed them; done twice, it takes itself back.
 * Secret values are not recorded: they stay as they are in the files now. Returns what to tell. Throws `usage` where
 * there is no such run, a value is not in the files any more, or the files were edited since (unless `force`).
 */
export async function undoLast(
  journal: Pick<RunJournal, 'read'>,
  files: FileChoice,
  world: Pick<World, 'readText' | 'replaceText' | 'cwd'>,
  { force = false }: { readonly force?: boolean } = {},
): Promise<string> {
  const recorded = await journal.read(journalKey(files, world));
  const salt = saltOf(recorded);
  const hide = (texts: Texts): Promise<Texts> => hideTexts(texts, salt);
  const records: RunRecord[] = [];
  for (const record of recorded) {
    records.push(record.files.isHidden === true ? record : { ...record, files: await hide(record.files) });
  }
  const last = records.at(-1);
  if (last === undefined) throw cannot('no run is recorded for these files');
  const changed = records.findLastIndex((one, index) => index > 0 && !isSame(one.files, records[index - 1]?.files));
  const before = records[changed - 1];
  const run = records[changed];
  if (before === undefined || run === undefined) throw cannot('no recorded run changed the files');
  const written: Texts = {
    application: await world.readText(files.application),
    deployment: await world.readText(files.deployment),
  };
  const now = await hide(written);
  refuseEdited(now, last.files, files, force);
  const hasOtherValues = before.files.secrets?.hash !== now.secrets?.hash;
  const kinds = (['application', 'deployment'] as const).filter((kind) => now[kind] !== before.files[kind]);
  if (kinds.length === 0 && hasOtherValues) {
    throw cannot('it changed values of an environment, a secret or a config, which the history does not keep', [
      `write the former value into "${files.application}" yourself`,
    ]);
  }
  const texts = new Map<string, string>();
  for (const kind of kinds) {
    const text = before.files[kind];
    if (text === '') throw cannot(`the text of "${files[kind]}" is not recorded`);
    texts.set(files[kind], kind === 'application' ? await fill(text, written.application, files) : text);
  }
  for (const [path, text] of texts) await world.replaceText(path, text);
  const names = kinds.map((kind) => files[kind]).join(' and ');
  const at = new Date(run.startedAt).toISOString().slice(0, 19).replace('T', ' ');
  const told = `${names || 'the files'} as before the run of ${at} UTC`;
  return kinds.includes('application') && hasOtherValues
    ? `${told}; values of environments stay as they are now`
    : told;
}

function refuseEdited(now: Texts, last: Texts, files: FileChoice, force: boolean): void {
  const kinds = ['application', 'deployment'] as const;
  const edited = kinds
    .filter((kind) => now[kind] !== last[kind] || (kind === 'application' && now.secrets?.hash !== last.secrets?.hash))
    .map((kind) => files[kind]);
  if (edited.length === 0 || force) return;
  const what = edited.map((path) => `"${path}"`).join(' and ');
  throw cannot(`${what} ${edited.length === 1 ? 'was' : 'were'} edited since the last run`, [
    'apply the edit first, or lose it with `drover undo --force`',
  ]);
}

/** The recorded text with the values that the file has now. */
async function fill(text: string, current: string, files: FileChoice): Promise<string> {
  const { fillSecrets } = await import('../config/hide-text.ts');
  const filled = fillSecrets(text, current);
  if ('text' in filled) return filled.text;
  const shown = filled.missing.slice(0, 3).join(', ');
  throw cannot(`"${files.application}" has no value any more for ${shown}, and the history does not keep values`, [
    'write the entries into the file again, then undo',
  ]);
}

function cannot(why: string, [hint]: readonly string[] = []): AppError {
  return new AppError('usage', `cannot undo the last run: ${why}`, hint === undefined ? {} : { hint });
}

import { AppError } from '../model/errors.ts';
import type { RunRecord } from '../model/history.ts';
import { hideTexts, isSame, journalKey, type RunJournal, saltOf } from './run-journal.ts';
import type { FileChoice, World } from './world.ts';

type Texts = RunRecord['files'];

/**
 * Restores the files from before the last recorded run that changed them; a second undo reverts the first. Secret values
 * are not recorded: the files keep their present ones. Returns a sentence for people. Throws `usage` if there is no such
 * run, a value is missing in the present files, or the files were edited since (unless `force`).
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
    throw cannot('it changed values of environment variables, secrets or configs, which are not recorded', [
      `write the former value into "${files.application}"`,
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
  const restored = `restored ${names || 'the files'} from before the run of ${at} UTC`;
  return kinds.includes('application') && hasOtherValues
    ? `${restored}; values of environment variables did not change`
    : restored;
}

function refuseEdited(now: Texts, last: Texts, files: FileChoice, force: boolean): void {
  const kinds = ['application', 'deployment'] as const;
  const edited = kinds
    .filter((kind) => now[kind] !== last[kind] || (kind === 'application' && now.secrets?.hash !== last.secrets?.hash))
    .map((kind) => files[kind]);
  if (edited.length === 0 || force) return;
  const what = edited.map((path) => `"${path}"`).join(' and ');
  throw cannot(`${what} ${edited.length === 1 ? 'was' : 'were'} edited since the last run`, [
    'run `drover apply` first, or discard the edit with `drover undo --force`',
  ]);
}

/** The recorded text with the present values of the file. */
async function fill(text: string, current: string, files: FileChoice): Promise<string> {
  const { fillSecrets } = await import('../config/hide-text.ts');
  const filled = fillSecrets(text, current);
  if ('text' in filled) return filled.text;
  const shown = filled.missing.slice(0, 3).join(', ');
  throw cannot(`"${files.application}" no longer has a value for ${shown}, and values are not recorded`, [
    'write the entries into the file again, then run `drover undo`',
  ]);
}

function cannot(why: string, [hint]: readonly string[] = []): AppError {
  return new AppError('usage', `cannot undo the last run: ${why}`, hint === undefined ? {} : { hint });
}

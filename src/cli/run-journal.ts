import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, open, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Engine } from '../engine/types.ts';
import { readTail } from '../files/read-bounded.ts';
import type { Config } from '../model/config.ts';
import { SealedContent } from '../model/container/sealed-content.ts';
import type { EngineEvent, MoveReceipt, RunOutcome } from '../model/events.ts';
import { type RecordedFiles, type RunRecord, runIdOf } from '../model/history.ts';
import { stateFileBytes } from '../model/limits.ts';
import { plainJson } from '../model/plain-text.ts';
import type { StepId } from '../model/plan.ts';
import { withKnownIds } from '../model/volume-identity.ts';
import { describeAction, describeOutcome, namesOf } from '../view/wording.ts';

/** Number of runs that are kept, of all deployments together. */
const kept = 200;

/**
 * What earlier runs did, with the texts of the files they went by, from which secret values are taken out. Only the user
 * may read it all the same (mode 0600, in a folder of mode 0700).
 */
export interface RunJournal {
  /** Oldest first; only of the files with this key (`journalKey`) where one is given. */
  read(key?: string): Promise<readonly RunRecord[]>;
  /**
   * Writes a record for each run of this engine that does something, or that could not do what changed files ask for;
   * the returned function ends that.
   */
  listen(engine: Pick<Engine, 'onEvent'>, files: JournalFiles, world: JournalWorld): () => Promise<void>;
}

/** The texts without secret values. A text that cannot be parsed is left out: a secret could be anywhere in it. */
export async function hideTexts(files: RecordedFiles, salt: string): Promise<RecordedFiles> {
  // Loaded only now: most commands record nothing, and must not wait for the YAML parser.
  const { hideSecrets } = await import('../config/hide-text.ts');
  const { text = '', values = [] } = hideSecrets(files.application) ?? {};
  const secrets = values.length === 0 ? {} : { secrets: SealedContent.ofText(JSON.stringify(values)).hash(salt) };
  return { application: text, deployment: files.deployment, ...secrets, isHidden: true };
}

/** One for all records of the same files: otherwise two of them could not be compared. */
export const saltOf = (records: readonly Pick<RunRecord, 'files'>[]): string =>
  records.findLast(({ files }) => files.secrets !== undefined)?.files.secrets?.salt ??
  randomBytes(16).toString('base64url');

/** The two files of a deployment. */
export interface JournalFiles {
  readonly application: string;
  readonly deployment: string;
}

/** Where file names begin, and how files are read. */
export interface JournalWorld {
  readonly cwd: string;
  readonly readText: (path: string) => Promise<string>;
}

/** Identifies the files of a record: equal keys mean the same files, whatever folder the command ran in. */
export function journalKey(files: JournalFiles, { cwd }: Pick<JournalWorld, 'cwd'>): string {
  return [files.application, files.deployment].map((path) => resolve(cwd, path)).join('\n');
}

type Stored = RunRecord & { readonly key: string };

/** JSON lines below the folder for state. */
export function createRunJournal(folder: string): RunJournal {
  const file = join(folder, 'runs.jsonl');
  let writing = Promise.resolve();
  const append = (record: Stored): void => {
    // A run does not fail because its record cannot be written.
    writing = writing.then(() => write(folder, file, record)).catch(() => undefined);
  };
  const hide = async (record: Stored): Promise<Stored> => {
    await writing;
    const same = (await readAll(file)).filter(({ key }) => key === record.key);
    return { ...record, files: await hideTexts(record.files, saltOf(same)) };
  };
  /** A run that did nothing is recorded only if the files changed since the last record. */
  const isNew = async (record: Stored): Promise<boolean> => {
    if (hasWorked(record.steps)) return true;
    await writing;
    const last = (await readAll(file)).findLast(({ key }) => key === record.key);
    return last === undefined || !isSame(await hideAlso(last.files, record.files), record.files);
  };
  return {
    read: async (key) => {
      const all = await readAll(file);
      return all.filter((one) => key === undefined || one.key === key).map(({ key: _key, ...record }) => record);
    },
    listen: (engine, files, world) => {
      const key = journalKey(files, world);
      const gathering = new Set<Promise<void>>();
      const recorder = createRecorder(() => readTexts(files, world));
      const forget = engine.onEvent((event) => {
        const record = recorder(event);
        if (record === undefined) return;
        const gathered: Promise<void> = record
          .then(async (done) => {
            const stored = await hide({ ...done, key });
            if (await isNew(stored)) append(stored);
          })
          .finally(() => gathering.delete(gathered));
        gathering.add(gathered);
      });
      return async () => {
        forget();
        await Promise.all(gathering);
        await writing;
      };
    },
  };
}

async function readAll(file: string): Promise<readonly Stored[]> {
  const { text } = await readTail(file, stateFileBytes).catch(() => ({ text: '' }));
  return text.split('\n').flatMap(parseRecord).slice(-kept);
}

/** Skips a line that a power cut left incomplete. */
function parseRecord(text: string): Stored[] {
  try {
    // We wrote it; a line that parses is whole.
    return [JSON.parse(text) as Stored];
  } catch {
    return [];
  }
}

/** A record of an older version, so that it can be compared. */
const hideAlso = async (files: RecordedFiles, like: RecordedFiles): Promise<RecordedFiles> =>
  files.isHidden === true ? files : hideTexts(files, like.secrets?.salt ?? saltOf([]));

async function write(folder: string, file: string, record: Stored): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // On a line of its own, also after one that a power cut left without its end.
  await appendFile(file, `\n${plainJson(record)}\n`, { mode: 0o600 });
  const { text, isWhole } = await readTail(file, stateFileBytes);
  const lines = text.split('\n').filter((line) => line !== '');
  // Not after every run: rewriting the file is slow, and extra records do no harm.
  const whole = isWhole ? lines : lines.slice(1);
  const old = whole.flatMap(parseRecord).filter(({ files }) => files.isHidden !== true);
  if (isWhole && lines.length < kept * 1.5 && old.length === 0) return;
  const fit = old.length === 0 ? whole.slice(-kept) : await cleaned(whole.flatMap(parseRecord).slice(-kept));
  const fresh = `${file}.${record.id}.tmp`;
  try {
    const handle = await open(fresh, 'wx', 0o600);
    try {
      await handle.writeFile(`${fit.join('\n')}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, file);
  } finally {
    await rm(fresh, { force: true });
  }
}

/** Older versions kept the texts as they were written. */
async function cleaned(records: readonly Stored[]): Promise<readonly string[]> {
  const salts = new Map<string, string>();
  const lines: string[] = [];
  for (const record of records) {
    const { key, files } = record;
    const salt = salts.get(key) ?? saltOf(records.filter((one) => one.key === key));
    salts.set(key, salt);
    const hidden = files.isHidden === true ? files : await hideTexts(files, salt);
    lines.push(JSON.stringify({ ...record, files: hidden }));
  }
  return lines;
}

async function readTexts(files: JournalFiles, { readText }: JournalWorld): Promise<RunRecord['files']> {
  const [application, deployment] = await Promise.all(
    [files.application, files.deployment].map((path) => readText(path).catch(() => '')),
  );
  return { application: application ?? '', deployment: deployment ?? '' };
}

interface Run {
  readonly number: number;
  readonly startedAt: number;
  readonly revision: string;
  /** As they were when it began: they may be saved again while it runs. */
  readonly texts: Promise<RunRecord['files']>;
  readonly titles: Map<StepId, string>;
  readonly steps: Map<StepId, RunRecord['steps'][number]>;
  readonly receipts: MoveReceipt[];
}

/** Follows the events; returns a record at the end of each run that did something. */
function createRecorder(
  texts: () => Promise<RunRecord['files']>,
): (event: EngineEvent) => Promise<RunRecord> | undefined {
  let config: Config | undefined;
  let run: Run | undefined;
  return (event) => {
    if (event.type === 'config-loaded') config = event.config;
    if (event.type === 'plan-made' && config !== undefined) config = withKnownIds(config, event.plan.knownIds ?? {});
    if (event.type === 'run-started') run = startRun(event, texts());
    if (run === undefined || event.run !== run.number) return undefined;
    if (event.type === 'plan-made') {
      for (const { id, action } of event.plan.steps) run.titles.set(id, describeAction(action, namesOf(config)));
    }
    if (event.type === 'step-finished') noteStep(run, event);
    if (event.type === 'move-finished') run.receipts.push(event.receipt);
    if (event.type !== 'run-finished') return undefined;
    const ended = run;
    run = undefined;
    return hasWorked([...ended.steps.values()]) || couldNot(event.outcome) ? toRecord(ended, event, config) : undefined;
  };
}

/** Steps that were cancelled before they began are in the record of a run that did something, and make none. */
const hasWorked = (steps: RunRecord['steps']): boolean =>
  steps.some(({ result }) => result === 'succeeded' || result === 'failed');

/** Something is still to be done. */
const couldNot = ({ result }: RunOutcome): boolean => result !== 'converged' && result !== 'superseded';

/** Both files have the same text, secret values included. */
export const isSame = (one: RunRecord['files'], other: RunRecord['files'] | undefined): boolean =>
  one.application === other?.application &&
  one.deployment === other.deployment &&
  one.secrets?.hash === other.secrets?.hash;

function startRun(
  { run, at, revision }: Extract<EngineEvent, { type: 'run-started' }>,
  texts: Promise<RunRecord['files']>,
): Run {
  return { number: run, startedAt: at, revision, texts, titles: new Map(), steps: new Map(), receipts: [] };
}

function noteStep(run: Run, { step, outcome }: Extract<EngineEvent, { type: 'step-finished' }>): void {
  if (outcome.result === 'skipped') return;
  const took = 'durationMs' in outcome ? { durationMs: outcome.durationMs } : {};
  run.steps.set(step, { text: run.titles.get(step) ?? step, result: outcome.result, ...took });
}

async function toRecord(
  run: Run,
  { at, outcome }: { readonly at: number; readonly outcome: RunOutcome },
  config: Config | undefined,
): Promise<RunRecord> {
  return {
    id: runIdOf(run.startedAt),
    startedAt: run.startedAt,
    endedAt: at,
    revision: run.revision,
    result: outcome.result,
    summary: describeOutcome(outcome, at - run.startedAt),
    steps: [...run.steps.values()],
    receipts: run.receipts,
    deployment: config?.deployment ?? {},
    files: await run.texts,
  };
}

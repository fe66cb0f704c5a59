import type { Engine } from '../engine/types.ts';
import type { EngineEvent, MoveReceipt } from '../model/events.ts';
import type { RunRecord } from '../model/history.ts';
import { describeAction, describeOutcome, namesOf } from '../view/wording.ts';
import { fileNames, type MemoryFiles } from './files.ts';

/** The runs of a simulation, for the history and for undo; it is lost with the process. */
export interface Journal {
  readonly records: () => readonly RunRecord[];
  /** Restores the files from before the newest run that did something; undefined where there is none. */
  readonly undo: () => RunRecord | undefined;
}

/** Records the engine's runs from now on. */
export function keepJournal(engine: Engine, files: MemoryFiles): Journal {
  const records: RunRecord[] = [];
  let startedAt = 0;
  let receipts: MoveReceipt[] = [];
  let before = textsOf(files);
  engine.onEvent((event) => {
    if (event.type === 'run-started') {
      startedAt = event.at;
      receipts = [];
    }
    if (event.type === 'move-finished') receipts.push(event.receipt);
    if (event.type !== 'run-finished') return;
    const record = recordOf(engine, event, { startedAt, receipts, files: before });
    if (record === undefined) return;
    records.push(record);
    before = textsOf(files);
  });
  return {
    records: () => records,
    undo: () => {
      const last = records.pop();
      if (last !== undefined) {
        files.write(fileNames.application, last.files.application);
        files.write(fileNames.deployment, last.files.deployment);
      }
      return last;
    },
  };
}

const textsOf = (files: MemoryFiles): RunRecord['files'] => ({
  application: files.read(fileNames.application),
  deployment: files.read(fileNames.deployment),
});

interface RunParts {
  readonly startedAt: number;
  readonly receipts: readonly MoveReceipt[];
  /** The files before the run. */
  readonly files: RunRecord['files'];
}

/** Undefined where the run did nothing. */
function recordOf(
  engine: Engine,
  { at, run, outcome }: Extract<EngineEvent, { type: 'run-finished' }>,
  { startedAt, receipts, files }: RunParts,
): RunRecord | undefined {
  const { config, plan, steps } = engine.store.getSnapshot();
  const names = namesOf(config);
  const done = (plan?.steps ?? []).flatMap(({ id, action }) => {
    const ended = steps[id]?.outcome;
    if (ended === undefined) return [];
    const durationMs = 'durationMs' in ended ? { durationMs: ended.durationMs } : {};
    return [{ text: describeAction(action, names), result: ended.result, ...durationMs }];
  });
  if (done.length === 0 || config === undefined) return undefined;
  return {
    id: `${new Date(startedAt).toISOString()} ${run}`,
    startedAt,
    endedAt: at,
    revision: config.revision,
    result: outcome.result,
    summary: describeOutcome(outcome, at - startedAt),
    steps: done,
    receipts,
    deployment: config.deployment,
    files,
  };
}

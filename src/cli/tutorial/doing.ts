import { AppError, toReport } from '../../model/errors.ts';
import { plainText } from '../../model/plain-text.ts';
import { type Doing, isBeingDone } from '../../tutorial/guide-view.ts';
import { keyOf } from '../../tutorial/judge.ts';
import { isDone } from '../../tutorial/progress.ts';
import { shownCommand, wordsOf } from '../../tutorial/reader-place.ts';
import type { TutorialCommand } from '../../tutorial/types.ts';
import type { ClusterView } from '../../view/cluster-view.ts';
import type { Following } from './following.ts';

const linesKept = 200;
/** A step may move data, which takes time. */
const longestMs = 15 * 60_000;
/** A blocker may disappear: the engine plans again every 30 s. */
const blockedMs = 60_000;

/** Runs the commands of the current step for the reader; returns a notice, if any. Throws AppError. */
export function createDo(following: Following, signal: AbortSignal): () => Promise<string | undefined> {
  const { tutorial, tutorials, place, notes, step, publish } = following;

  const begin = (command: string): void => {
    notes.doing = [...notes.doing, { command, lines: [], state: 'running' }];
    publish();
  };
  /** Adds a line of output to the last command, and sets its state. */
  const output = (state: Doing['state'], line?: string): void => {
    const last = notes.doing.at(-1);
    if (last === undefined) return;
    const lines = line === undefined ? last.lines : [...last.lines, plainText(line)].slice(-linesKept);
    notes.doing = [...notes.doing.slice(0, -1), { ...last, lines, state }];
    publish();
  };
  const runCommand = async (command: TutorialCommand): Promise<void> => {
    const text = shownCommand(command.text, tutorial, place);
    begin(text);
    if (command.act.kind !== 'other') {
      await doHere(following, command, signal);
      return output('done', command.act.kind === 'move' ? 'deployment.yml is saved and applied' : 'applied');
    }
    const words = wordsOf(command.text, tutorial, place) ?? [];
    const { code } = await tutorials.run(words, (line) => output('running', line), signal);
    if (code === 0) return output('done');
    throw new AppError('command-failed', `cannot do this step: "${text}" ended with ${code}`);
  };
  return async () => {
    if (isBeingDone(notes.doing)) throw new AppError('usage', `the step is running: ${notes.doing.at(-1)?.command}`);
    if (isDone(notes.progress)) return 'this step is done';
    notes.doing = [];
    try {
      for (const command of step().commands) await runCommand(command);
    } catch (error) {
      output('failed', toReport(error).message);
      throw error;
    } finally {
      notes.askedAt = 0;
    }
    return undefined;
  };
}

/** Uses the engine that already watches the files: a second drover would wait for its lock. */
async function doHere(following: Following, { act }: TutorialCommand, signal: AbortSignal): Promise<void> {
  const { engine, tutorial, place, world, nodesShow } = following;
  const startedAt = world.now();
  if (act.kind === 'move') {
    const file = `${place.folderOf(act.folder)}/deployment.yml`;
    const node = keyOf(engine.store.getSnapshot(), tutorial.nodes, act.to) ?? act.to;
    const [{ editFile }, { moveApplication }] = await Promise.all([
      import('../../config/edit/edit-file.ts'),
      import('../../config/edit/edit.ts'),
    ]);
    const moved = (text: string) => moveApplication(text, act.app, node);
    await editFile(world, file, moved, `move "${act.app}" in "${file}"`);
  }
  const { approval, plan, running } = engine.store.getSnapshot();
  if (approval !== undefined) engine.send({ type: 'approve', revision: approval.revision });
  else if (act.kind === 'apply' && !running && (plan?.steps.length ?? 0) > 0) engine.send({ type: 'apply' });
  const within = AbortSignal.any([signal, AbortSignal.timeout(longestMs)]);
  while (!nodesShow()) {
    within.throwIfAborted();
    refuseEnded(engine.store.getSnapshot(), { startedAt, now: world.now() });
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Throws if the run has ended and the engine does not repeat it. */
function refuseEnded(
  { outcome, runEndedAt = 0, running }: ClusterView,
  { startedAt, now }: { readonly startedAt: number; readonly now: number },
): void {
  if (outcome === undefined || running || runEndedAt < startedAt) return;
  if (outcome.result === 'failed' && !outcome.error.retryable)
    throw new AppError('command-failed', outcome.error.message);
  if (outcome.result === 'cancelled' || (outcome.result === 'blocked' && now - startedAt > blockedMs))
    throw new AppError('command-failed', `cannot do this step: the run was ${outcome.result}`);
}

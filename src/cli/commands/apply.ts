import type { Engine } from '../../engine/types.ts';
import type { RunOutcome } from '../../model/events.ts';
import { type ExitCode, exitCode, exitCodeOf } from '../exit-code.ts';
import type { Stops } from '../interrupt.ts';
import { createRenderer, type Invocation, say, withEngine } from '../invocation.ts';
import { answerApprovals, canAsk, isRefusedRemoval, removalQuestion } from '../removal.ts';
import { printed } from '../style.ts';
import type { FileChoice } from '../world.ts';

/** Brings the nodes into the desired state. */
export const apply = (invocation: Invocation): Promise<ExitCode> =>
  withEngine(invocation, 'gentle', async (engine, _files, stops) =>
    exitCodeOf(await converge(invocation, engine, stops)),
  );

/** Runs once and prints its events; the last one is `run-finished`, also if the run never started. */
export async function converge(invocation: Invocation, engine: Engine, { hard, soft }: Stops): Promise<RunOutcome> {
  const renderer = createRenderer(invocation, false);
  let ended = false;
  const forget = engine.onEvent((event) => {
    ended ||= event.type === 'run-finished';
    renderer.onEvent(event);
  });
  try {
    const outcome = await engine.converge(hard, soft, removalQuestion(invocation, soft));
    if (!ended) renderer.onEvent({ at: invocation.world.now(), run: 0, type: 'run-finished', outcome });
    return outcome;
  } finally {
    forget();
    renderer.close();
  }
}

/** Applies now and after each save or drift, until Ctrl-C or until a large removal is refused without a terminal. */
export const watch = (invocation: Invocation): Promise<ExitCode> =>
  withEngine(invocation, 'gentle', (...given) => watchUntil(invocation, ...given), { asks: canAsk(invocation) });

async function watchUntil(
  invocation: Invocation,
  engine: Engine,
  files: FileChoice,
  { hard, soft }: Stops,
): Promise<ExitCode> {
  const renderer = createRenderer(invocation, true);
  const refused = new AbortController();
  const forgetAnswers = answerApprovals(invocation, engine);
  const forget = engine.onEvent((event) => {
    renderer.onEvent(event);
    if (event.type === 'run-finished' && isRefusedRemoval(event.outcome)) refused.abort();
  });
  say(invocation, printed`watching ${files.application} and ${files.deployment}; press Ctrl-C to stop\n`);
  try {
    await engine.watch(hard, AbortSignal.any([soft, refused.signal]));
    return refused.signal.aborted ? exitCode.blocked : exitCode.cancelled;
  } finally {
    forget();
    forgetAnswers();
    renderer.close();
  }
}

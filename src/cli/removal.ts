import type { Command } from 'commander';
import type { ConfirmRemoval } from '../engine/run/removal-guard.ts';
import type { Engine } from '../engine/types.ts';
import type { RunOutcome } from '../model/events.ts';
import { isYes } from './confirm.ts';
import type { Invocation } from './invocation.ts';
import { printed } from './style.ts';

/** The option `--allow-removal`. */
export interface RemovalFlag {
  readonly allowRemoval?: boolean;
}

/** For commands whose run may remove applications. */
export const addRemovalOption = (verb: Command): Command =>
  verb.option(
    '--allow-removal',
    'allow a run that stops more than half of the running applications or removes one that belongs to no deployment',
  );

export const allowing = (invocation: Invocation, { allowRemoval = false }: RemovalFlag): Invocation => ({
  ...invocation,
  allowsRemoval: allowRemoval,
});

/** Whether a run was blocked because it would have stopped most of the running applications. */
export const isRefusedRemoval = (outcome: RunOutcome): boolean =>
  outcome.result === 'blocked' && outcome.blockers.some(({ because }) => because === 'removal');

/** Whether there is a person who can be asked. */
export const canAsk = ({ world, options }: Invocation): boolean => world.terminal.ask !== undefined && !options.json;

/** A question on the terminal; undefined without a terminal, and then the run is blocked. */
export function removalQuestion(invocation: Invocation, signal: AbortSignal): ConfirmRemoval | undefined {
  const { ask } = invocation.world.terminal;
  if (ask === undefined || !canAsk(invocation)) return undefined;
  return async (reason) => {
    if (invocation.options.yes) return true;
    try {
      return isYes(await ask(printed`${reason}\nStop them? (yes/no) `, signal));
    } catch {
      // Ctrl-C at the question means no.
      return false;
    }
  };
}

/** Asks while `watch` continues; a new plan ends the question. Returns the function that stops it. */
export function answerApprovals(invocation: Invocation, engine: Engine): () => void {
  let question = new AbortController();
  const forget = engine.onEvent((event) => {
    if (event.type === 'approval-over') question.abort();
    if (event.type !== 'approval-wanted') return;
    question.abort();
    question = new AbortController();
    const { signal } = question;
    const { revision, reason } = event.approval;
    removalQuestion(
      invocation,
      signal,
    )?.(reason).then((isMeant) => {
      if (signal.aborted) return;
      engine.send(isMeant ? { type: 'approve', revision } : { type: 'decline' });
    });
  });
  return () => {
    forget();
    question.abort();
  };
}

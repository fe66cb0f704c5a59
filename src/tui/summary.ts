import type { EngineEvent, RunOutcome } from '../model/events.ts';
import { plainText } from '../model/plain-text.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import { receiptLines } from '../view/run/receipt-lines.ts';
import { namesOf, tellOutcome } from '../view/wording.ts';

/** What was done while the screen was open, in its order, for the terminal that is left behind. */
export function createSummary() {
  const told: ((view: ClusterView) => readonly string[])[] = [];
  let startedAt = 0;
  return {
    onEvent: (event: EngineEvent): void => {
      if (event.type === 'run-started') startedAt = event.at;
      if (event.type === 'move-finished') {
        told.push(({ config }) => receiptLines(event.receipt, namesOf(config)).map(({ text }) => text));
      }
      if (event.type === 'run-finished' && isWorthTelling(event.outcome)) {
        const text = plainText(tellOutcome(event.outcome, event.at - startedAt));
        told.push(() => [text]);
      }
    },
    lines: (view: ClusterView): readonly string[] => told.flatMap((each) => each(view)),
  };
}

const isWorthTelling = (outcome: RunOutcome): boolean => !(outcome.result === 'converged' && outcome.steps === 0);

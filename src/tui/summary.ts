import type { EngineEvent, RunOutcome } from '../model/events.ts';
import { plainText } from '../model/plain-text.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import { receiptLines } from '../view/run/receipt-lines.ts';
import { namesOf, tellOutcome } from '../view/wording.ts';

/** What was done while the screen was open, in order, for the normal screen afterwards. */
export function createSummary() {
  const done: ((view: ClusterView) => readonly string[])[] = [];
  let startedAt = 0;
  return {
    onEvent: (event: EngineEvent): void => {
      if (event.type === 'run-started') startedAt = event.at;
      if (event.type === 'move-finished') {
        done.push(({ config }) => receiptLines(event.receipt, namesOf(config)).map(({ text }) => text));
      }
      if (event.type === 'run-finished' && isWorthPrinting(event.outcome)) {
        const text = plainText(tellOutcome(event.outcome, event.at - startedAt));
        done.push(() => [text]);
      }
    },
    lines: (view: ClusterView): readonly string[] => done.flatMap((each) => each(view)),
  };
}

const isWorthPrinting = (outcome: RunOutcome): boolean => !(outcome.result === 'converged' && outcome.steps === 0);

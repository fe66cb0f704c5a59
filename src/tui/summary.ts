import type { EngineEvent, MoveReceipt, RunOutcome } from '../model/events.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import { plainText } from '../view/lines.ts';
import { receiptLines } from '../view/receipt-lines.ts';
import { namesOf, tellOutcome } from '../view/wording.ts';

/** What was done while the screen was open, for the terminal that is left behind. */
export function createSummary() {
  const receipts: MoveReceipt[] = [];
  const ends: { readonly outcome: RunOutcome; readonly elapsedMs: number }[] = [];
  let startedAt = 0;
  return {
    onEvent: (event: EngineEvent): void => {
      if (event.type === 'run-started') startedAt = event.at;
      if (event.type === 'move-finished') receipts.push(event.receipt);
      if (event.type === 'run-finished' && isWorthTelling(event.outcome)) {
        ends.push({ outcome: event.outcome, elapsedMs: event.at - startedAt });
      }
    },
    lines: (view: ClusterView): readonly string[] => [
      ...receipts.flatMap((receipt) => receiptLines(receipt, namesOf(view.config)).map(({ text }) => text)),
      ...ends.map(({ outcome, elapsedMs }) => plainText(tellOutcome(outcome, elapsedMs))),
    ],
  };
}

const isWorthTelling = (outcome: RunOutcome): boolean => !(outcome.result === 'converged' && outcome.steps === 0);

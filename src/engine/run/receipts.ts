import type { AppName, VolumeId } from '../../model/config.ts';
import type { EngineEventBody, MoveReceipt } from '../../model/events.ts';
import type { Plan, PlannedMove, StepId } from '../../model/plan.ts';
import type { SentStream } from './step-context.ts';

/** Collects what the moves of a run cost, over all its passes. */
export interface ReceiptBook {
  /** The moves of a pass; one that an earlier pass began goes on. */
  begin(moves: readonly PlannedMove[], plan: Plan, at: number): void;
  sent(stream: SentStream): void;
  /** Follows the steps; `refused` counts what the probe saw for an application up to now. */
  see(event: EngineEventBody, at: number): void;
  /** New connections begin to wait in a step that holds ports, and are let in by one that loads a table. */
  waited(step: StepId, at: number): void;
  refused(app: AppName, count: number): void;
  /** The application was killed because it did not stop within its grace period. */
  killed(app: AppName): void;
  /** Receipts of moves that have come to their end since the last call. */
  take(at: number): MoveReceipt[];
}

interface Entry {
  readonly move: PlannedMove;
  readonly startedAt: number;
  readonly bytes: number[];
  mode: MoveReceipt['mode'];
  stoppedAt?: number;
  answeredAt?: number;
  heldAt?: number;
  letInAt?: number;
  acquired: boolean;
  isKilled?: true;
}

export function createReceiptBook(): ReceiptBook {
  const open = new Map<VolumeId, Entry>();
  const refusals = new Map<AppName, number>();
  let steps = new Map<StepId, Plan['steps'][number]>();

  const see = (event: EngineEventBody, at: number): void => {
    if (event.type !== 'step-started' && event.type !== 'step-finished') return;
    const action = steps.get(event.step)?.action;
    if (action === undefined) return;
    const succeeded = event.type === 'step-finished' && event.outcome.result === 'succeeded';
    for (const entry of open.values()) {
      const { app, volume } = entry.move;
      if (action.kind === 'stop-container' && action.app === app && event.type === 'step-started') {
        entry.stoppedAt ??= at;
      }
      if (action.kind === 'acquire-volume' && action.volume === volume && succeeded) entry.acquired = true;
      if (action.kind === 'check-container' && action.app === app && succeeded) entry.answeredAt = at;
    }
  };

  const waited = (id: StepId, at: number): void => {
    const step = steps.get(id);
    for (const entry of open.values()) {
      if (step === undefined || entry.move.app !== step.group) continue;
      if (step.action.kind === 'hold-ports') entry.heldAt ??= at;
      if (step.action.kind === 'replace-network') entry.letInAt = Math.max(entry.letInAt ?? at, at);
    }
  };

  return {
    waited,
    begin: (moves, plan, at) => {
      steps = new Map(plan.steps.map((step) => [step.id, step]));
      for (const move of moves) {
        const earlier = open.get(move.volume);
        if (earlier?.move.to === move.to) continue;
        open.set(move.volume, { move, startedAt: at, bytes: [], mode: 'none', acquired: false });
      }
    },
    sent: ({ volume, bytes, mode }) => {
      const entry = open.get(volume);
      if (entry === undefined) return;
      entry.bytes.push(bytes);
      // One stream through this machine counts, also among direct ones.
      entry.mode = entry.mode === 'none' || entry.mode === mode ? mode : 'both';
    },
    see,
    refused: (app, count) => {
      refusals.set(app, (refusals.get(app) ?? 0) + count);
    },
    killed: (app) => {
      for (const entry of open.values()) if (entry.move.app === app) entry.isKilled = true;
    },
    take: (at) => {
      const finished = [...open.values()].filter(
        (entry) => entry.acquired && (entry.move.app === undefined || entry.answeredAt !== undefined),
      );
      for (const entry of finished) open.delete(entry.move.volume);
      return finished.map((entry) => toReceipt(entry, refusals, at));
    },
  };
}

function toReceipt(entry: Entry, refusals: ReadonlyMap<AppName, number>, at: number): MoveReceipt {
  const { move, startedAt, bytes, mode, stoppedAt, answeredAt, heldAt, letInAt, isKilled } = entry;
  const refused = move.app === undefined ? undefined : refusals.get(move.app);
  const isDown = stoppedAt !== undefined && answeredAt !== undefined;
  return {
    ...move,
    startedAt,
    rounds: bytes.length,
    bytes,
    mode,
    totalMs: at - startedAt,
    ...(isDown ? { downtimeMs: answeredAt - stoppedAt } : {}),
    ...(heldAt === undefined || letInAt === undefined ? {} : { waitedMs: letInAt - heldAt }),
    ...(refused === undefined ? {} : { refused }),
    ...(isKilled === undefined ? {} : { killed: isKilled }),
  };
}

import type { ClusterState } from '../../model/cluster.ts';
import { AppError } from '../../model/errors.ts';
import type { Plan } from '../../model/plan.ts';
import { createSemaphores } from '../../model/semaphore.ts';
import { execute } from '../run/execute.ts';
import { nodesToLock } from '../run/locks.ts';
import { createTransferSlots, type RunContext } from '../run/step-context.ts';
import type { ActContext } from './context.ts';

const never = new AbortController().signal;

/**
 * Executes the plan of an act under the act's locks. It belongs to no run, so that only `emit` sees its events. Throws the
 * error of the first step that failed.
 */
export async function runPlan(
  context: ActContext,
  plan: Plan,
  state: ClusterState,
  signal: AbortSignal,
  emit: RunContext['emit'] = () => undefined,
): Promise<void> {
  const { config, cluster, input, locks } = context;
  await locks.take(nodesToLock(plan, state), signal);
  const shared: RunContext = {
    config,
    state,
    cluster,
    now: input.deps.now,
    sleep: input.deps.sleep,
    emit,
    transfers: createTransferSlots(),
    tables: createSemaphores(1),
    fills: createSemaphores(1),
    released: new Map(),
    sent: () => undefined,
  };
  const { outcomes } = await execute(plan, shared, { hard: signal, soft: never, lost: locks.lost });
  signal.throwIfAborted();
  for (const outcome of outcomes.values()) {
    if (outcome.result !== 'failed') continue;
    const { code, message, hint, retryable } = outcome.error;
    throw new AppError(code, message, { retryable, ...(hint === undefined ? {} : { hint }) });
  }
}

import { type ClusterState, lastFacts } from '../../model/cluster.ts';
import { nodeOf } from '../../model/config.ts';
import { type ErrorReport, toReport } from '../../model/errors.ts';
import type { StepId } from '../../model/plan.ts';
import { checkContainer } from './check-container.ts';
import { createKnown } from './known.ts';
import type { RunContext } from './step-context.ts';

/** An application that runs in its place and does not answer. */
export interface Unanswered {
  readonly step: StepId;
  readonly error: ErrorReport;
}

/**
 * Asks every application for an answer when nothing else is left to do. The nodes do not record that an earlier check
 * failed, so without this the next run would report `converged`. An application that does not accept at once gets the
 * same time as after a start. Where the image has a health check, the plan has Docker's verdict already.
 */
export async function findUnanswered(
  context: RunContext,
  state: ClusterState,
  signal: AbortSignal,
): Promise<Unanswered | undefined> {
  const checks = Object.values(context.config.applications).map(async ({ name, ports }) => {
    const node = nodeOf(context.config, name);
    const tcp = ports.filter(({ protocol }) => protocol === 'tcp').map(({ external }) => external);
    const seen = node === undefined ? undefined : lastFacts(state.nodes[node]);
    const container = seen?.containers.find((one) => one.managed && one.application === name);
    if (node === undefined || container?.state !== 'running' || container.health !== undefined) return [];
    const { network } = await context.cluster.node(node, signal);
    for (const port of tcp) {
      if (!(await network.accepts(port, signal))) {
        return [{ node, app: name, ports: tcp.map((each) => ({ port: each, protocol: 'tcp' as const })) }];
      }
    }
    return [];
  });
  for (const action of (await Promise.all(checks)).flat()) {
    const step = `check-container:${action.app}:${action.node}`;
    try {
      await checkContainer(
        { kind: 'check-container', ...action },
        { ...context, step, known: createKnown(context.now) },
        signal,
      );
    } catch (error) {
      if (signal.aborted) throw error;
      return { step, error: toReport(error) };
    }
  }
  return undefined;
}

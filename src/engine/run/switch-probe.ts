import type { ClusterState } from '../../model/cluster.ts';
import type { AppName, NodeName } from '../../model/config.ts';
import type { EngineEventBody } from '../../model/events.ts';
import { allowManyListeners } from '../../model/many-listeners.ts';
import type { Plan, StepId } from '../../model/plan.ts';
import type { EngineDeps, Probe } from '../types.ts';

/** Probes the ports of every application that moves in a pass, from its stop to the end of its last step. */
export interface SwitchProbe {
  /** The same emit; the probe follows the steps. */
  tap(emit: (event: EngineEventBody) => void): (event: EngineEventBody) => void;
  /** Ends all probing and reports the counts. */
  end(report: (app: AppName, refused: number) => void): Promise<void>;
}

/** Without a probe nothing is counted. */
export function watchSwitches({ probe, sleep }: EngineDeps, plan: Plan, state: ClusterState): SwitchProbe {
  const running = new Map<AppName, () => Promise<number>>();
  const counted: Promise<readonly [AppName, number]>[] = [];
  const nodes = Object.keys(state.nodes).filter((node) => state.nodes[node]?.status === 'reachable');

  const begin = (step: StepId): void => {
    const stop = plan.steps.find(({ id }) => id === step)?.action;
    if (probe === undefined || stop?.kind !== 'stop-container' || running.has(stop.app)) return;
    const hold = plan.steps.find(({ action, group }) => action.kind === 'hold-ports' && group === stop.app)?.action;
    if (hold?.kind !== 'hold-ports') return;
    // This machine cannot open a virtual address: at the address of a node, no program has that port.
    const external = hold.ports.filter(({ protocol, address }) => protocol === 'tcp' && address === undefined);
    if (external.length === 0) return;
    const ports = external.map(({ port }) => port);
    running.set(stop.app, startProbing({ probe, nodes, ports, sleep }));
  };

  const unfinished = new Map<AppName, Set<StepId>>();
  for (const { id, group } of plan.steps) unfinished.set(group, (unfinished.get(group) ?? new Set()).add(id));

  const finish = (step: StepId): void => {
    const group = plan.steps.find(({ id }) => id === step)?.group ?? '';
    unfinished.get(group)?.delete(step);
    const stop = running.get(group);
    if (stop === undefined || (unfinished.get(group)?.size ?? 0) > 0) return;
    running.delete(group);
    counted.push(stop().then((refused) => [group, refused] as const));
  };

  return {
    tap: (emit) => (event) => {
      if (event.type === 'step-started') begin(event.step);
      emit(event);
      if (event.type === 'step-finished') finish(event.step);
    },
    end: async (report) => {
      for (const [app, stop] of running) counted.push(stop().then((refused) => [app, refused] as const));
      for (const [app, refused] of await Promise.all(counted)) report(app, refused);
    },
  };
}

export interface ProbeOptions {
  readonly probe: Probe;
  readonly nodes: readonly NodeName[];
  readonly ports: readonly number[];
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

const everyMs = 100;

/** Connects to every port on every node, ten times a second, until stopped; resolves to the number of refusals. */
export function startProbing({ probe, nodes, ports, sleep }: ProbeOptions): () => Promise<number> {
  const end = new AbortController();
  // Each probe of a held port waits until the end.
  allowManyListeners(end.signal);
  let refused = 0;
  const ask = async (node: NodeName, port: number): Promise<void> => {
    try {
      if ((await probe(node, port, end.signal)) === 'refused') refused += 1;
    } catch {
      // Without an answer nothing is known about the port.
    }
  };
  const loop = async (): Promise<void> => {
    const pending = new Set<Promise<void>>();
    while (!end.signal.aborted) {
      for (const node of nodes) {
        for (const port of ports) {
          const asked = ask(node, port).finally(() => pending.delete(asked));
          pending.add(asked);
        }
      }
      await sleep(everyMs, end.signal).catch(() => undefined);
    }
    await Promise.all(pending);
  };
  const running = loop();
  return async () => {
    end.abort();
    await running;
    return refused;
  };
}

import type { ClusterState, NodeState } from '../../model/cluster.ts';
import type { Config, NodeName } from '../../model/config.ts';
import { AppError, toReport } from '../../model/errors.ts';
import type { ClockReading, Examination, ExaminationPart } from '../../model/examination.ts';
import { servedPorts } from '../../view/served-ports.ts';
import type { Cluster, NodeClient, NodeDoctor } from '../node-client.ts';
import { observedNodes, observeNode } from '../observe.ts';
import type { EngineDeps, Examined, ExamineOptions } from '../types.ts';
import { withTimeout } from '../with-timeout.ts';
import { examineConnections } from './examine-connections.ts';

export interface ExamineInput {
  readonly deps: EngineDeps;
  readonly config: Config;
  readonly cluster: Cluster;
}

/** The most channels that a move needs at one time, signals included: the default of MaxSessions. */
const sessionsNeeded = 10;
const clockSamples = 3;
/**
 * Limits for each part, and one for all parts of a node: a node that hangs does not stop the examination, and a slow one
 * (a small machine needs half a minute to read its packages) is examined completely. The stages show what drover waits for.
 */
const limits = {
  sessions: 15_000,
  clock: 15_000,
  system: 40_000,
  provision: 75_000,
  observe: 30_000,
  connects: 20_000,
};
const nodeMs = 120_000;

/** Examines all nodes at once. A failure on a node is one of its results; only an abort is thrown. */
export async function examine(input: ExamineInput, options: ExamineOptions, signal: AbortSignal): Promise<Examined> {
  const { config } = input;
  const nodes = observedNodes(config);
  const say = options.onStage ?? (() => undefined);
  if (options.quick) return { state: await observeEach(input, nodes, signal), examinations: {}, here: [] };
  say('sessions, clock, firewall, pools, units');
  const chosen = nodes.filter((node) => options.only === undefined || node === options.only);
  const examined = await Promise.all(
    chosen.map(async (node) => {
      const found = await examineNode(input, node, signal);
      say(`${config.nodes[node]?.name ?? node}: examined`);
      return [node, found] as const;
    }),
  );
  // After the sessions were counted, because an observation opens sessions too.
  say('applications, volumes, forwards');
  const state = await observeEach(input, nodes, signal);
  const ports = servedPorts(state);
  say(`connections to ${ports.length} ports and between the nodes`);
  const { answers, here } = await examineConnections(
    { ...input, limitMs: limits.connects, ...(options.only === undefined ? {} : { only: options.only }) },
    state,
    signal,
  );
  const examinations = Object.fromEntries(examined);
  for (const [node, answer] of Object.entries(answers)) {
    const before = examinations[node] ?? { failures: [] };
    examinations[node] = Array.isArray(answer)
      ? { ...before, connects: answer }
      : { ...before, failures: [...before.failures, { part: 'connects', error: toReport(answer) }] };
  }
  if (signal.aborted) throw new AppError('cancelled', 'cancelled');
  return { state, examinations, here };
}

async function observeEach(
  { deps, cluster }: ExamineInput,
  nodes: readonly NodeName[],
  signal: AbortSignal,
): Promise<ClusterState> {
  const states = await Promise.all(
    nodes.map(async (node): Promise<readonly [NodeName, NodeState]> => {
      try {
        const observe = (within: AbortSignal) => observeNode(node, cluster, { now: deps.now }, within);
        return [node, await withTimeout(deps, `observe "${node}"`, limits.observe, signal, observe)];
      } catch (error) {
        if (signal.aborted) throw error;
        return [node, { status: 'unreachable', since: deps.now(), error: toReport(error) }];
      }
    }),
  );
  return { nodes: Object.fromEntries(states) };
}

/** One after the other: they share one connection and, on a small node, one processor. */
async function examineNode(input: ExamineInput, node: NodeName, signal: AbortSignal): Promise<Examination> {
  const { deps, cluster, config } = input;
  const failures: { part: ExaminationPart; error: ReturnType<typeof toReport> }[] = [];
  const endAt = deps.now() + nodeMs;
  const attempt = async <T>(part: ExaminationPart, limitMs: number, task: (within: AbortSignal) => Promise<T>) => {
    const left = Math.min(limitMs, endAt - deps.now());
    try {
      if (left <= 0) throw new AppError('timeout', `cannot examine the ${part} of "${node}": the time is over`);
      return await withTimeout(deps, `examine the ${part} of "${node}"`, left, signal, task);
    } catch (error) {
      if (signal.aborted) throw new AppError('cancelled', 'cancelled', { cause: error });
      failures.push({ part, error: toReport(error) });
      return undefined;
    }
  };
  const client: NodeClient | undefined = await attempt('connection', config.settings.timeouts.connectMs, (within) =>
    cluster.node(node, within),
  );
  if (client === undefined) return { failures };
  const { doctor } = client;
  const granted = await attempt('sessions', limits.sessions, (within) => doctor.sessions(sessionsNeeded, within));
  const clock = await attempt('clock', limits.clock, (within) => readClock(deps, doctor, within));
  const system = await attempt('system', limits.system, (within) => doctor.system(within));
  const script = await deps.provisionScript?.();
  const provision =
    script === undefined
      ? undefined
      : await attempt('provision', limits.provision, (within) => doctor.provision(script, within));
  return {
    isRoot: doctor.isRoot,
    failures,
    ...(granted === undefined ? {} : { sessions: { asked: sessionsNeeded, granted } }),
    ...(clock === undefined ? {} : { clock }),
    ...(system === undefined ? {} : { system }),
    ...(provision === undefined ? {} : { provision }),
  };
}

/** The sample with the shortest round trip, as NTP does: the node's time is that of the middle of it. */
async function readClock(deps: EngineDeps, doctor: NodeDoctor, signal: AbortSignal): Promise<ClockReading> {
  let best: ClockReading | undefined;
  for (let sample = 0; sample < clockSamples; sample += 1) {
    const before = deps.now();
    const there = await doctor.clock(signal);
    const after = deps.now();
    const uncertaintyMs = (after - before) / 2;
    if (best === undefined || uncertaintyMs < best.uncertaintyMs) {
      best = { offsetMs: Math.round(there - (before + uncertaintyMs)), uncertaintyMs };
    }
  }
  if (best === undefined) throw new AppError('internal', 'no sample of the clock was taken');
  return best;
}

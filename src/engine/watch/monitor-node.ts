import { freshFacts, type NodeFacts, type NodeState } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';
import { AppError, toReport } from '../../model/errors.ts';
import type { EngineEventBody } from '../../model/events.ts';
import { withSignals } from '../../model/with-signals.ts';
import type { Cluster, ContainerEvent, NodeClient } from '../node-client.ts';
import type { NodeMemory } from '../node-memory.ts';
import { observeNode } from '../observe.ts';
import type { EngineDeps } from '../types.ts';
import { withTimeout } from '../with-timeout.ts';

export interface NodeMonitorInput {
  readonly node: NodeName;
  readonly deps: Pick<EngineDeps, 'now' | 'sleep'>;
  readonly cluster: Cluster;
  readonly emit: (event: EngineEventBody) => void;
  readonly memory: NodeMemory;
  /** Names of the containers to measure. Absent: no figures are read. */
  readonly measured?: () => readonly string[];
  readonly isRunning: () => boolean;
  /** The observed state as the deployment of the files may see it. */
  readonly asOwn: (state: NodeState) => NodeState;
  /** A plan depends on what was just observed. */
  readonly changed: () => void;
}

export interface NodeMonitor {
  observeNow(): void;
  readonly ended: Promise<void>;
}

const figuresEveryMs = 1_000;
/**
 * A node counts as lost when its figures take longer than this, or six times as long as usual, up to the longest limit.
 * The screen shows long before that it is silent; a lost node stops what is planned.
 */
const shortestLimitMs = 4_000;
const longestLimitMs = 12_000;
/** For the first figures after a silence, when the node has to start a shell. */
const firstLimitMs = 12_000;
/** Observing a slow node must leave most of its time to its work: drover rests for so many times as long. */
const restFactor = 3;
/** How often a node is observed although nothing was reported: as a fallback, and for what Docker does not report. */
const pollMs = 20_000;
const pollWithoutFiguresMs = 30_000;
const observeLimitMs = 30_000;
/** Docker reports several events for one change; a run makes many changes. */
const settleMs = 250;
const settleInRunMs = 1_000;
const againMs = 1_000;
const reconnectMs = 5_000;

/**
 * The loops that watch one node: Docker's events; whole observations, after events and from time to time; and with
 * `measured` the figures, which also notice that the node stopped answering. No loop overlaps itself.
 */
export function monitorNode(input: NodeMonitorInput, signal: AbortSignal): NodeMonitor {
  const appointment = createAppointment(input.deps, signal);
  const link = createLink(input);
  const observeIn = (ms: number): void => {
    input.memory.reportChange(input.node);
    appointment.in(ms);
  };
  // What memory has may come from another address, or may have been seen for another deployment.
  input.memory.reportChange(input.node);
  const loops = [
    observeLoop(input, link, appointment, signal),
    eventLoop(input, link, observeIn, signal),
    ...(input.measured === undefined ? [] : [measureLoop(input, input.measured, link, observeIn, signal)]),
  ];
  return { observeNow: () => observeIn(0), ended: Promise.all(loops).then(() => undefined) };
}

/** Whether the node answers. */
interface Link {
  isUp(): boolean;
  /** The node answers. True where it did not before, or was never asked. */
  up(): boolean;
  /** The node did not answer; it has been reported. */
  down(): void;
  /** The node does not answer: aborts the observation in progress, and reports the node as unreachable once. */
  lost(error: unknown): void;
  /** Aborts when the node is lost, until it is up again. */
  signal(): AbortSignal;
}

function createLink({ node, deps, memory, emit, changed }: NodeMonitorInput): Link {
  let isUp = false;
  let gone = new AbortController();
  return {
    isUp: () => isUp,
    up: () => {
      const wasDown = !isUp || memory.nodeState(node)?.status !== 'reachable';
      if (!isUp) gone = new AbortController();
      isUp = true;
      return wasDown;
    },
    down: () => {
      isUp = false;
    },
    lost: (error) => {
      isUp = false;
      gone.abort();
      const before = memory.nodeState(node);
      if (before?.status === 'unreachable') return;
      const state: NodeState = {
        status: 'unreachable',
        since: deps.now(),
        error: toReport(error),
        ...(before === undefined ? {} : { lastFacts: before.facts }),
      };
      memory.keepNode(node, state, memory.beginObservation());
      emit({ type: 'node-observed', node, state });
      changed();
    },
    signal: () => gone.signal,
  };
}

async function measureLoop(
  input: NodeMonitorInput,
  measured: () => readonly string[],
  link: Link,
  observeIn: (ms: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { node, deps, emit } = input;
  let usualMs = 0;
  while (!signal.aborted) {
    try {
      const client = await connect(input, link, signal);
      const limitMs = link.isUp() ? Math.min(longestLimitMs, Math.max(shortestLimitMs, 6 * usualMs)) : firstLimitMs;
      const begin = deps.now();
      const what = `measure node "${node}"`;
      const figures = await withTimeout(deps, what, limitMs, signal, (inner) => client.figures(measured(), inner));
      usualMs = (3 * usualMs + deps.now() - begin) / 4;
      emit({ type: 'figures', node, figures });
      if (link.up()) observeIn(settleMs);
    } catch (error) {
      if (signal.aborted) return;
      if (isSilence(error)) link.lost(error);
      // The node answers, but not as it should: an observation shows what is wrong.
      else if (input.memory.nodeState(node)?.status !== 'unreachable') observeIn(0);
    }
    await pause(deps, Math.max(figuresEveryMs, restFactor * usualMs), signal);
  }
}

const isSilence = (error: unknown): boolean =>
  error instanceof AppError &&
  ['connection-failed', 'timeout', 'host-key-unknown', 'host-key-changed'].includes(error.code);

/** A new connection takes its time. A node that was reachable a moment ago is reported as lost before that is over. */
async function connect(
  { node, deps, cluster, memory }: NodeMonitorInput,
  link: Link,
  signal: AbortSignal,
): Promise<NodeClient> {
  const connecting = cluster.node(node, signal);
  if (memory.nodeState(node)?.status !== 'reachable') return await connecting;
  const done = new AbortController();
  const error = new AppError('connection-failed', `cannot connect to "${node}": no answer yet`, { retryable: true });
  const patience = withSignals([signal, done.signal], (over) => deps.sleep(shortestLimitMs, over)).then(
    () => link.lost(error),
    () => undefined,
  );
  try {
    return await connecting;
  } finally {
    done.abort();
    await patience;
  }
}

async function observeLoop(
  input: NodeMonitorInput,
  link: Link,
  appointment: Appointment,
  signal: AbortSignal,
): Promise<void> {
  const { node, deps, memory, emit, changed, isRunning } = input;
  const hasFigures = input.measured !== undefined;
  const everyMs = hasFigures ? pollMs : pollWithoutFiguresMs;
  let restUntil = 0;
  appointment.in(everyMs);
  while (!signal.aborted) {
    await appointment.kept();
    await pause(deps, Math.max(0, restUntil - deps.now()), signal);
    if (signal.aborted) return;
    const waitMs = putOff();
    appointment.in(waitMs ?? everyMs);
    if (waitMs !== undefined) continue;
    const from = memory.beginObservation();
    const begin = deps.now();
    const state = await withSignals([signal, link.signal()], (inner) => observeOnce(input, inner));
    if (signal.aborted) return;
    restUntil = deps.now() + restFactor * (deps.now() - begin);
    const before = memory.nodeState(node);
    // No answer in time, a node that was reported as lost in the meantime, or a newer observation.
    if (state === undefined || !memory.keepNode(node, state, from)) {
      memory.reportChange(node);
      if (!link.signal().aborted) appointment.in(againMs);
      continue;
    }
    if (!hasFigures && state.status === 'reachable') link.up();
    if (!hasFigures && state.status === 'unreachable') link.down();
    emit({ type: 'node-observed', node, state });
    if (fingerprint(before) !== fingerprint(state)) changed();
  }

  /** For how long the node need not be observed; undefined where it must be observed now. */
  function putOff(): number | undefined {
    // Figures find out whether a lost node is back.
    if (link.signal().aborted) return everyMs;
    // A run observes the nodes itself; only the screen also shows what happens in between.
    if (memory.isChanged(node)) return isRunning() && !hasFigures ? againMs : undefined;
    if (isRunning()) return everyMs;
    const state = memory.nodeState(node);
    const seenUntil = state?.status === 'reachable' ? state.observedAt + everyMs : 0;
    return seenUntil > deps.now() ? seenUntil - deps.now() : undefined;
  }
}

/** Undefined where there was no answer in time: the figures find out whether the node is slow or gone. */
async function observeOnce(input: NodeMonitorInput, signal: AbortSignal): Promise<NodeState | undefined> {
  const { node, deps, cluster, memory } = input;
  const before = memory.state();
  const options = { now: deps.now, ...(before === undefined ? {} : { before }) };
  const observe = (limited: AbortSignal): Promise<NodeState> =>
    observeNode(node, cluster, options, limited).then(input.asOwn);
  try {
    if (input.measured === undefined) return await observe(signal);
    return await withTimeout(deps, `observe node "${node}"`, observeLimitMs, signal, observe);
  } catch {
    return undefined;
  }
}

async function eventLoop(
  input: NodeMonitorInput,
  link: Link,
  observeIn: (ms: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { node, deps, cluster, memory, isRunning } = input;
  let endListening = (): void => undefined;
  // What happened before the node listened, or between two streams, was not reported.
  const opened = (): void => {
    endListening = memory.beginListening(node);
    observeIn(settleMs);
  };
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    try {
      if (isFirst || link.isUp() || input.measured === undefined) {
        const client = await cluster.node(node, signal);
        for await (const event of client.containers.events(signal, opened)) {
          if (!changesContainer(event.action)) continue;
          reportEvent(input, event);
          // Without a screen, containers of other programs count from poll to poll.
          if (event.application === undefined && input.measured === undefined) continue;
          observeIn(isRunning() ? settleInRunMs : settleMs);
        }
        // Docker was restarted, or the connection is lost.
        if (!signal.aborted) observeIn(settleMs);
      }
    } catch {
      // An observation, or the figures, report that the node cannot be reached.
      if (isFirst) observeIn(0);
    }
    endListening();
    endListening = () => undefined;
    await pause(deps, link.isUp() || input.measured !== undefined ? againMs : reconnectMs, signal);
  }
}

/** What Docker reports although nothing changes: health checks are execs, and come every few seconds. */
const withoutEffect = /^(exec_|attach|detach|top|resize|copy|export|archive-path|extract-to-dir|commit|prune)/;

/** True where an action that Docker reports changes the state of the container. */
const changesContainer = (action: string): boolean => !withoutEffect.test(action);

function reportEvent(
  { node, emit, memory }: NodeMonitorInput,
  { action, container, application, exitCode }: ContainerEvent,
): void {
  const isOwn = application !== undefined && !isOfOther(memory.nodeState(node), container);
  emit({
    type: 'container-event',
    node,
    container: container ?? application ?? '',
    ...(isOwn ? { application } : {}),
    action,
    ...(exitCode === undefined ? {} : { exitCode }),
  });
}

/** An event names the application by its label alone: it may be that of another deployment. */
function isOfOther(seen: NodeState | undefined, container: string | undefined): boolean {
  if (seen?.status !== 'reachable') return false;
  return seen.facts.containers.some((one) => one.name === container && one.otherApplication !== undefined);
}

const pause = (deps: Pick<EngineDeps, 'sleep'>, ms: number, signal: AbortSignal): Promise<void> =>
  deps.sleep(ms, signal).catch(() => undefined);

/** Numbers that change all the time and decide nothing. */
const volatile = new Set([
  'usedBytes',
  'referencedBytes',
  'writtenBytes',
  'roundTripMs',
  'scriptMs',
  'pool',
  'observedAt',
  'since',
]);

function fingerprint(state: NodeState | undefined): string {
  const facts: NodeFacts | undefined = freshFacts(state);
  const seen = { status: state?.status, facts };
  return JSON.stringify(seen, (key, value: unknown) => (volatile.has(key) ? undefined : value));
}

/** The time of the next observation, which can only be brought forward until it has come. */
interface Appointment {
  in(ms: number): void;
  /** Resolves when the time has come, or the signal aborts. */
  kept(): Promise<void>;
}

function createAppointment(deps: Pick<EngineDeps, 'now' | 'sleep'>, signal: AbortSignal): Appointment {
  let at = Number.POSITIVE_INFINITY;
  let wake = () => {};
  signal.addEventListener('abort', () => wake(), { once: true });
  return {
    in: (ms) => {
      if (deps.now() + ms >= at) return;
      at = deps.now() + ms;
      wake();
    },
    kept: async () => {
      while (!signal.aborted && deps.now() < at) {
        const woken = new AbortController();
        wake = () => woken.abort();
        const waitMs = at - deps.now();
        if (Number.isFinite(waitMs)) await pause(deps, waitMs, woken.signal);
        else
          await new Promise<void>((resolve) => woken.signal.addEventListener('abort', () => resolve(), { once: true }));
      }
      at = Number.POSITIVE_INFINITY;
    },
  };
}

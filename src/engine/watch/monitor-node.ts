import type { NodeFacts, NodeState } from '../../model/cluster.ts';
import type { NodeName } from '../../model/config.ts';
import { underEither } from '../../model/either-signal.ts';
import { AppError, toReport } from '../../model/errors.ts';
import type { EngineEventBody } from '../../model/events.ts';
import type { NodeMemory } from '../core.ts';
import { inTime } from '../in-time.ts';
import type { Cluster, NodeClient } from '../node-client.ts';
import { observeNode } from '../observe.ts';
import type { EngineDeps } from '../types.ts';
import { changesContainer } from './container-events.ts';

export interface NodeMonitorInput {
  readonly node: NodeName;
  readonly deps: Pick<EngineDeps, 'now' | 'sleep'>;
  readonly cluster: Cluster;
  readonly emit: (event: EngineEventBody) => void;
  readonly memory: NodeMemory;
  /** Names of the containers whose use is measured. */
  readonly measured: () => readonly string[];
  readonly isRunning: () => boolean;
  /** What was observed, as the deployment of the files may see it. */
  readonly asOwn: (state: NodeState) => NodeState;
  /** Something was seen that a plan depends on. */
  readonly changed: () => void;
}

export interface NodeMonitor {
  /** Observe now. */
  look(): void;
  readonly ended: Promise<void>;
}

const figuresEveryMs = 1_000;
/**
 * What a node may take for its figures before it counts as lost: at least this, six times what it usually takes, and
 * never more than the longest. The screen says long before that it is silent; taking it for lost stops what is planned.
 */
const shortestLimitMs = 4_000;
const longestLimitMs = 12_000;
/** Of the first ones after a silence, when a shell has to be started there. */
const firstLimitMs = 12_000;
/** Looking takes its share of a slow node, and must leave most of it to the work: so many times as long it rests. */
const restFactor = 3;
const observeEveryMs = 20_000;
const observeLimitMs = 30_000;
/** Docker tells several events for one change; a run makes many changes. */
const settleMs = 250;
const settleInRunMs = 1_000;
const againMs = 1_000;

/**
 * Three loops for one node: figures, which also find out that it stopped answering; whole observations, when something
 * happened and from time to time; and Docker's events. None of them overlaps itself.
 */
export function monitorNode(input: NodeMonitorInput, signal: AbortSignal): NodeMonitor {
  const due = createDue(input.deps, signal);
  const link = createLink(input);
  const ended = Promise.all([
    measureLoop(input, link, due, signal),
    observeLoop(input, link, due, signal),
    eventLoop(input, link, due, signal),
  ]).then(() => undefined);
  return { look: () => due.in(0), ended };
}

/** Whether the node answers. */
interface Link {
  isUp(): boolean;
  /** It answers; true where it did not before, or was never asked. */
  up(): boolean;
  /** It does not; told once. Aborts what is under way there. */
  lost(error: unknown): void;
  /** Aborts when it is lost. */
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
      memory.keepNode(node, state);
      emit({ type: 'node-observed', node, state });
      changed();
    },
    signal: () => gone.signal,
  };
}

async function measureLoop(input: NodeMonitorInput, link: Link, due: Due, signal: AbortSignal): Promise<void> {
  const { node, deps, emit, measured } = input;
  let usualMs = 0;
  while (!signal.aborted) {
    try {
      const client = await connect(input, link, signal);
      const limitMs = link.isUp() ? Math.min(longestLimitMs, Math.max(shortestLimitMs, 6 * usualMs)) : firstLimitMs;
      const begin = deps.now();
      const what = `measure node "${node}"`;
      const figures = await inTime(deps, what, limitMs, signal, (inner) => client.figures(measured(), inner));
      usualMs = (3 * usualMs + deps.now() - begin) / 4;
      emit({ type: 'figures', node, figures });
      if (link.up()) due.in(0);
    } catch (error) {
      if (signal.aborted) return;
      if (isSilence(error)) link.lost(error);
      // It answers, but not as it should: the whole observation says what is wrong.
      else if (input.memory.nodeState(node)?.status !== 'unreachable') due.in(0);
    }
    await pause(deps, Math.max(figuresEveryMs, restFactor * usualMs), signal);
  }
}

const isSilence = (error: unknown): boolean =>
  error instanceof AppError &&
  ['connection-failed', 'timeout', 'host-key-unknown', 'host-key-changed'].includes(error.code);

/** A new connection takes its time; a node that was there a moment ago is told to be lost before that is over. */
async function connect(
  { node, deps, cluster, memory }: NodeMonitorInput,
  link: Link,
  signal: AbortSignal,
): Promise<NodeClient> {
  const connecting = cluster.node(node, signal);
  if (memory.nodeState(node)?.status !== 'reachable') return await connecting;
  const done = new AbortController();
  const error = new AppError('connection-failed', `cannot connect to "${node}": no answer yet`, { retryable: true });
  const patience = underEither([signal, done.signal], (over) => deps.sleep(shortestLimitMs, over)).then(
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

async function observeLoop(input: NodeMonitorInput, link: Link, due: Due, signal: AbortSignal): Promise<void> {
  const { node, deps, cluster, memory, emit, changed, isRunning } = input;
  let restUntil = 0;
  while (!signal.aborted) {
    const isWanted = await due.wait();
    await pause(deps, Math.max(0, restUntil - deps.now()), signal);
    if (signal.aborted) return;
    due.in(observeEveryMs);
    // A run looks at the nodes itself; and whether a lost node is back is found out by its figures.
    if (!isWanted && (isRunning() || !link.isUp())) continue;
    const stamp = memory.stamp(node);
    const begin = deps.now();
    const state = await underEither([signal, link.signal()], observeOnce);
    if (signal.aborted) return;
    restUntil = deps.now() + restFactor * (deps.now() - begin);
    // Lost meanwhile: that has been told.
    if (state === undefined) continue;
    if (memory.stamp(node) !== stamp) {
      // Somebody has looked later, and these are old news.
      due.in(againMs);
      continue;
    }
    const before = memory.nodeState(node);
    memory.keepNode(node, state);
    emit({ type: 'node-observed', node, state });
    if (fingerprint(before) !== fingerprint(state)) changed();
  }

  async function observeOnce(inner: AbortSignal): Promise<NodeState | undefined> {
    const before = memory.state();
    const options = { now: deps.now, ...(before === undefined ? {} : { before }) };
    try {
      return await inTime(deps, `observe node "${node}"`, observeLimitMs, inner, (limited) =>
        observeNode(node, cluster, options, limited).then(input.asOwn),
      );
    } catch {
      // Slow, or gone: which of the two its figures find out.
      if (!inner.aborted) due.in(againMs);
      return undefined;
    }
  }
}

async function eventLoop(input: NodeMonitorInput, link: Link, due: Due, signal: AbortSignal): Promise<void> {
  const { node, deps, cluster, emit, isRunning, memory } = input;
  while (!signal.aborted) {
    try {
      if (link.isUp()) {
        const client = await cluster.node(node, signal);
        for await (const { action, container, application, exitCode } of client.containers.events(signal)) {
          if (!changesContainer(action)) continue;
          const isOwn = application !== undefined && !isOfOther(memory.nodeState(node), container);
          emit({
            type: 'container-event',
            node,
            container: container ?? application ?? '',
            ...(isOwn ? { application } : {}),
            action,
            ...(exitCode === undefined ? {} : { exitCode }),
          });
          due.in(isRunning() ? settleInRunMs : settleMs);
        }
        // Docker was restarted, or the connection is new: what happened in between was told to nobody.
        due.in(settleMs);
      }
    } catch {
      // That the node cannot be reached is told by its figures.
    }
    await pause(deps, againMs, signal);
  }
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
  const facts: NodeFacts | undefined = state?.status === 'reachable' ? state.facts : undefined;
  const seen = { status: state?.status, facts };
  return JSON.stringify(seen, (key, value: unknown) => (volatile.has(key) ? undefined : value));
}

/** One appointment, that can only be brought forward until it is kept. */
interface Due {
  in(ms: number): void;
  /** Resolves when it is due; true where somebody asked for it, false where only time has passed. */
  wait(): Promise<boolean>;
}

function createDue(deps: Pick<EngineDeps, 'now' | 'sleep'>, signal: AbortSignal): Due {
  let at = Number.POSITIVE_INFINITY;
  let isWanted = false;
  let wake = () => {};
  signal.addEventListener('abort', () => wake(), { once: true });
  return {
    in: (ms) => {
      const wanted = ms < observeEveryMs;
      isWanted ||= wanted;
      if (deps.now() + ms >= at) return;
      at = deps.now() + ms;
      wake();
    },
    wait: async () => {
      while (!signal.aborted && deps.now() < at) {
        const woken = new AbortController();
        wake = () => woken.abort();
        const waitMs = at - deps.now();
        if (Number.isFinite(waitMs)) await pause(deps, waitMs, woken.signal);
        else
          await new Promise<void>((resolve) => woken.signal.addEventListener('abort', () => resolve(), { once: true }));
      }
      const wanted = isWanted;
      at = Number.POSITIVE_INFINITY;
      isWanted = false;
      return wanted;
    },
  };
}

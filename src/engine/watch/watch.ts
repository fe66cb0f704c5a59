import type { ClusterState } from '../../model/cluster.ts';
import type { Config } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import type { ApplyPolicy, EngineEventBody, RunOutcome } from '../../model/events.ts';
import { allowManyListeners } from '../../model/many-listeners.ts';
import type { Plan } from '../../model/plan.ts';
import type { RunSignals } from '../run/execute.ts';
import { createSingleFlight } from '../single-flight.ts';
import type { EngineDeps } from '../types.ts';
import { type Admission, type ApprovalGate, createApprovalGate, type Occasion } from './approval.ts';
import type { RestartBackoff } from './restart-backoff.ts';

export interface WatchInput {
  readonly deps: EngineDeps;
  readonly emit: (event: EngineEventBody) => void;
  readonly restartBackoff: Pick<RestartBackoff, 'begin' | 'forget'>;
  /** One run to its outcome; never throws. */
  readonly run: (config: Config, signals: RunSignals, refuses: Admission['refuses']) => Promise<RunOutcome>;
  /** Observes every node and plans; reads only. */
  readonly plan: (config: Config, signal: AbortSignal) => Promise<Planned>;
  /** Plans from memory, without observing a node; undefined where too little is known, or something newer came up. */
  readonly replan: (config: Config, signal: AbortSignal) => Promise<Planned | undefined>;
  /** Watches the nodes until aborted, and calls `drift` where the plan has changed. */
  readonly monitor: (signal: AbortSignal) => Promise<void>;
}

interface Planned {
  readonly plan: Plan;
  readonly state: ClusterState;
}

/** Decides when a run begins. It does not look at the nodes itself: the monitor reports changed plans. */
export interface Watch {
  start(hard: AbortSignal, soft: AbortSignal): Promise<void>;
  /** A person asks for a run, whatever happened before; false where nothing is watched. */
  applyNow(): boolean;
  /** The plan has changed because of something on a node. */
  drift(): void;
  /** Reads the files again. */
  reread(): void;
  /** Runs the plan that is shown, if it is still the one that has to be run; false where nothing is watched. */
  approve(shown: Plan, seen: Pick<ClusterState, 'nodes'>): boolean;
  decline(): void;
  setPolicy(policy: ApplyPolicy): void;
}

const tickMs = 30_000;

export function createWatch(input: WatchInput): Watch {
  const { policy = 'on-save', asks = false, allowsRemoval = false } = input.deps;
  const gate = createApprovalGate({ policy, asks, allowsRemoval, emit: input.emit });
  let trigger: ((kind: Trigger) => void) | undefined;
  const applyNow = (): boolean => {
    trigger?.('person');
    return trigger !== undefined;
  };
  return {
    applyNow,
    drift: () => trigger?.('drift'),
    reread: () => trigger?.('files'),
    approve: (shown, seen) => {
      if (trigger !== undefined && gate.isOn()) gate.approve(shown, seen);
      return applyNow();
    },
    decline: gate.decline,
    setPolicy: (next) => {
      if (gate.setPolicy(next)) applyNow();
    },
    start: async (hard, soft) => {
      const inner = new AbortController();
      const over = allowManyListeners(AbortSignal.any([hard, soft, inner.signal]));
      const pending = createPendingTriggers(over);
      trigger = pending.add;
      try {
        await watchUntil(input, gate, pending, { hard, soft, over, end: () => inner.abort() });
      } finally {
        trigger = undefined;
        gate.forget();
      }
    },
  };
}

interface WatchSignals extends RunSignals {
  /** Nothing begins any more. */
  readonly over: AbortSignal;
  /** Makes it over. */
  readonly end: () => void;
}

async function watchUntil(
  input: WatchInput,
  gate: ApprovalGate,
  pending: PendingTriggers,
  signals: WatchSignals,
): Promise<void> {
  const { deps } = input;
  const { over } = signals;
  if (deps.watchFiles === undefined) throw new AppError('usage', 'cannot watch: nothing says when the files change');
  const files = createFileReader(input);
  const runner = createRunner(input, gate, pending.add, signals);
  const sources = [
    tick(deps, pending.add, over),
    deps.watchFiles(() => pending.add('files'), over),
    input.monitor(over),
  ];
  // A source that fails ends the watching: without it, changes would go unnoticed.
  const failure = new Promise<never>((_, reject) => {
    for (const source of sources) source.catch(reject);
  });
  input.restartBackoff.begin(() => pending.add('drift'), over);
  pending.add('files');
  try {
    while (!over.aborted) {
      const triggers = await Promise.race([pending.take(), failure]);
      if (!over.aborted) await handle(triggers);
    }
  } finally {
    signals.end();
    await runner.idle();
    await Promise.allSettled(sources);
  }

  async function handle(triggers: ReadonlySet<Trigger>): Promise<void> {
    // A person who asks for a run means the files as they are now.
    const mustRead = triggers.has('files') || triggers.has('person') || files.config() === undefined;
    const isNew = mustRead ? await files.read() : false;
    const config = files.config();
    if (config === undefined) return;
    if (isNew) gate.forget();
    if (isNew || triggers.has('person')) {
      input.restartBackoff.forget();
      runner.request({ config, occasion: isNew ? 'save' : 'person' });
    } else if (triggers.has('drift')) await runner.requestForDrift(config);
  }
}

/** Plans from memory from time to time: waits end, and an application that did not answer is asked again. */
async function tick(
  { sleep }: Pick<EngineDeps, 'sleep'>,
  trigger: (kind: Trigger) => void,
  over: AbortSignal,
): Promise<void> {
  while (!over.aborted) {
    await sleep(tickMs, over).catch(() => undefined);
    if (!over.aborted) trigger('drift');
  }
}

interface Request {
  readonly config: Config;
  readonly occasion: Occasion;
}

/** Runs requests, one at a time, if the gate admits their plan. */
function createRunner(
  input: WatchInput,
  gate: ApprovalGate,
  trigger: (kind: Trigger) => void,
  { hard, soft, over }: WatchSignals,
) {
  const { deps } = input;
  let phase: 'idle' | 'deciding' | 'running' = 'idle';
  /** The files were saved during an approved run. That run goes on, and the save waits for an approval of its own. */
  let isOwed = false;
  /** The plan changed while the gate was deciding. */
  let hasMissed = false;
  const failures = createFailureMemory(input.plan, hard);

  const replan = (config: Config): Promise<Planned | undefined> => input.replan(config, hard).catch(() => undefined);
  const decide = async ({ config, occasion }: Request, stop: AbortSignal): Promise<Admission | undefined> => {
    if (deps.isReadOnly !== true && !gate.isOn()) return gate.unasked();
    // A save, and what a person asks for, is decided after an observation; drift is what the monitor has observed.
    const seen = occasion === 'drift' ? await replan(config) : await input.plan(config, hard).catch(() => undefined);
    // A newer save has taken its place, or the watching ends.
    if (seen === undefined || stop.aborted || over.aborted || deps.isReadOnly) return undefined;
    return gate.admit(seen.plan, seen.state, occasion);
  };
  const runOnce = async (config: Config, stop: AbortSignal, refuses: Admission['refuses']): Promise<void> => {
    let hasRefused = false;
    const outcome = await input.run(config, { hard, soft: AbortSignal.any([soft, stop]) }, (plan, state) => {
      const reason = refuses(plan, state);
      hasRefused ||= reason !== undefined;
      return reason;
    });
    phase = 'idle';
    const mustAsk = hasRefused && gate.isOn();
    await failures.keep(config, outcome, hasRefused && !mustAsk);
    // The monitor does not plan during a run; what the gate refused has to be asked for.
    if (outcome.result === 'converged' || mustAsk) trigger('drift');
  };
  const flight = createSingleFlight<Request>({
    key: ({ config }) => config.revision,
    run: async (request, stop) => {
      phase = 'deciding';
      const admission = await decide(request, stop);
      if (admission !== undefined) {
        phase = 'running';
        await runOnce(request.config, stop, admission.refuses);
      }
      phase = 'idle';
      if (isOwed) trigger('person');
      if (hasMissed) trigger('drift');
      isOwed = false;
      hasMissed = false;
    },
  });

  return {
    /** For a save or a person. */
    request: (request: Request): void => {
      if (phase === 'running' && gate.policy() === 'ask') isOwed = true;
      else flight.request(request);
    },
    requestForDrift: async (config: Config): Promise<void> => {
      hasMissed ||= phase === 'deciding';
      if (phase !== 'idle') return;
      const plan = (await replan(config))?.plan;
      if (gate.isPending() || (plan !== undefined && failures.isWorthRun(plan)))
        flight.request({ config, occasion: 'drift' });
    },
    idle: flight.idle,
  };
}

/** What of the last run must not be tried again before something changes. */
function createFailureMemory(planNow: WatchInput['plan'], signal: AbortSignal) {
  /** The steps that were left after a failure that only a person can fix. */
  let givenUp: string | undefined;
  /** An application did not answer in the last run: it is asked again, also where nothing else is left to do. */
  let isUnanswered = false;

  const leftAfter = async (config: Config): Promise<string | undefined> => {
    const plan = await planNow(config, signal)
      .then(({ plan }) => plan)
      .catch(() => undefined);
    // An application that only needs longer to answer is asked again and again.
    const onlyAsks = isUnanswered && plan?.steps.every(({ action }) => action.kind !== 'start-container');
    return plan === undefined || onlyAsks === true ? undefined : keyOf(plan);
  };
  return {
    keep: async (config: Config, outcome: RunOutcome, isRefused: boolean): Promise<void> => {
      isUnanswered = outcome.result === 'failed' && outcome.error.code === 'unhealthy';
      givenUp = isRefused || needsPerson(outcome) ? await leftAfter(config) : undefined;
    },
    isWorthRun: (plan: Plan): boolean => (plan.steps.length > 0 || isUnanswered) && keyOf(plan) !== givenUp,
  };
}

const keyOf = ({ steps }: Plan): string => steps.map(({ id }) => id).join('\n');

/** A person has to change something before the same steps can succeed. */
function needsPerson(outcome: RunOutcome): boolean {
  return outcome.result === 'cancelled' || (outcome.result === 'failed' && !outcome.error.retryable);
}

/** Keeps the configuration in force: the newest one without problems. */
function createFileReader({ deps, emit }: Pick<WatchInput, 'deps' | 'emit'>) {
  let config: Config | undefined;
  let problemsShown = '';
  return {
    config: () => config,
    /** Reads the files; true where they describe something new. */
    read: async (): Promise<boolean> => {
      const loaded = await deps.load();
      if (!loaded.ok) {
        const shown = JSON.stringify(loaded.problems);
        if (shown !== problemsShown) emit({ type: 'config-rejected', problems: loaded.problems });
        problemsShown = shown;
        return false;
      }
      const isNew = loaded.config.revision !== config?.revision;
      if (isNew || problemsShown !== '') emit({ type: 'config-loaded', config: loaded.config });
      problemsShown = '';
      config = loaded.config;
      return isNew;
    },
  };
}

/** `files`: they were saved. `drift`: the plan may have changed. `person`: a person asks for a run. */
type Trigger = 'files' | 'drift' | 'person';

type PendingTriggers = ReturnType<typeof createPendingTriggers>;

/** Collects triggers while the last ones are handled. */
function createPendingTriggers(over: AbortSignal) {
  let pending = new Set<Trigger>();
  let wake = () => {};
  over.addEventListener('abort', () => wake(), { once: true });
  return {
    add: (kind: Trigger): void => {
      pending.add(kind);
      wake();
    },
    /** Waits for a trigger, or for the end. */
    take: async (): Promise<ReadonlySet<Trigger>> => {
      if (pending.size === 0 && !over.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const taken = pending;
      pending = new Set();
      return taken;
    },
  };
}

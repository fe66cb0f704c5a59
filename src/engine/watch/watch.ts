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
import type { Comebacks } from './comebacks.ts';
import { createMarks, type Mark } from './marks.ts';

export interface WatchInput {
  readonly deps: EngineDeps;
  readonly emit: (event: EngineEventBody) => void;
  readonly comebacks: Pick<Comebacks, 'begin' | 'forget'>;
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

export interface Watch {
  start(hard: AbortSignal, soft: AbortSignal): Promise<void>;
  /** Runs again whatever happened before; false where nothing is watched. */
  retry(): boolean;
  /** Something on a node may have changed. */
  drift(): void;
  /** Reads the files anew. */
  reread(): void;
  /** Runs the plan that is shown, if it is still the one that has to be done; false where nothing is watched. */
  approve(shown: Plan, seen: Pick<ClusterState, 'nodes'>): boolean;
  decline(): void;
  setPolicy(policy: ApplyPolicy): void;
}

const tickMs = 30_000;

/** Carries no content: every mark means that files are read and nodes observed anew. */
export function createWatch(input: WatchInput): Watch {
  const { policy = 'on-save', asks = false, allowsRemoval = false } = input.deps;
  const gate = createApprovalGate({ policy, asks, allowsRemoval, emit: input.emit });
  let mark: ((kind: Mark) => void) | undefined;
  const retry = (): boolean => {
    mark?.('retry');
    return mark !== undefined;
  };
  return {
    retry,
    drift: () => mark?.('drift'),
    reread: () => mark?.('files'),
    approve: (shown, seen) => {
      if (mark !== undefined && gate.isOn()) gate.approve(shown, seen);
      return retry();
    },
    decline: gate.decline,
    setPolicy: (next) => {
      if (gate.setPolicy(next)) retry();
    },
    start: async (hard, soft) => {
      const session = createSession(input, gate, hard, soft);
      mark = session.mark;
      try {
        await session.run();
      } finally {
        mark = undefined;
        gate.forget();
      }
    },
  };
}

interface Request {
  readonly config: Config;
  readonly occasion: Occasion;
}

function createSession(input: WatchInput, gate: ApprovalGate, hard: AbortSignal, soft: AbortSignal) {
  const { deps } = input;
  const inner = new AbortController();
  const over = allowManyListeners(AbortSignal.any([hard, soft, inner.signal]));
  const marks = createMarks(over);
  const files = createFileReader(input);
  let phase: 'idle' | 'deciding' | 'running' = 'idle';
  /** Saved while an approved run was under way, which such a save does not end: it waits for its own approval. */
  let isOwed = false;
  /** Something changed while it was decided whether a plan may run. */
  let hasMissed = false;
  /** The steps of the last run that ended in a failure nobody but a person can mend. */
  let givenUp: string | undefined;
  /** An application did not answer in the last run: asked again, also where nothing else is to do. */
  let isUnanswered = false;

  const look = (config: Config): Promise<Planned | undefined> => input.plan(config, hard).catch(() => undefined);
  const replan = (config: Config): Promise<Planned | undefined> => input.replan(config, hard).catch(() => undefined);
  /** What is not tried again by itself. An application that may only need longer to answer is asked again and again. */
  const leftOver = async (config: Config, unanswered: boolean): Promise<string | undefined> => {
    const steps = (await look(config))?.plan.steps;
    const onlyAsks = unanswered && steps?.every(({ action }) => action.kind !== 'start-container');
    return onlyAsks === true ? undefined : steps?.map(({ id }) => id).join('\n');
  };

  const decide = async ({ config, occasion }: Request, stop: AbortSignal): Promise<Admission | undefined> => {
    if (deps.isReadOnly !== true && !gate.isOn()) return gate.unasked();
    // What the files or a person ask for is decided on a look at the nodes, drift on what the monitor knows of them.
    const seen = await (occasion === 'drift' ? replan(config) : look(config));
    // A newer save has taken its place, or the end has come.
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
    isUnanswered = outcome.result === 'failed' && outcome.error.code === 'unhealthy';
    const mustAsk = hasRefused && gate.isOn();
    const isOver = needsPerson(outcome) || hasRefused !== mustAsk;
    givenUp = isOver ? await leftOver(config, isUnanswered) : undefined;
    // What happened on the nodes while it ran has not been looked at; what was refused has to be asked for.
    if (outcome.result === 'converged' || mustAsk) marks.add('drift');
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
      if (isOwed) marks.add('retry');
      if (hasMissed) marks.add('drift');
      isOwed = false;
      hasMissed = false;
    },
  });

  const handle = async (kinds: ReadonlySet<Mark>): Promise<void> => {
    // A person who asks for another try means the files as they are now.
    const mustRead = kinds.has('files') || kinds.has('retry') || files.config() === undefined;
    const isNew = mustRead ? await files.read() : false;
    const config = files.config();
    if (config === undefined) return;
    if (isNew) gate.forget();
    if (isNew || kinds.has('retry')) {
      input.comebacks.forget();
      if (phase === 'running' && gate.policy() === 'ask') isOwed = true;
      else flight.request({ config, occasion: isNew ? 'save' : 'person' });
      return;
    }
    if (!kinds.has('drift')) return;
    hasMissed ||= phase === 'deciding';
    if (phase !== 'idle') return;
    const steps = (await replan(config))?.plan.steps.map(({ id }) => id).join('\n');
    const isWanted = steps !== undefined && (steps !== '' || isUnanswered) && steps !== givenUp;
    if (isWanted || gate.isPending()) flight.request({ config, occasion: 'drift' });
  };

  const run = async (): Promise<void> => {
    if (deps.watchFiles === undefined) throw new AppError('usage', 'cannot watch: nothing says when the files change');
    const sources = [tick(deps, marks.add, over), deps.watchFiles(() => marks.add('files'), over), input.monitor(over)];
    // A source that fails ends the watching: without it changes would go unnoticed in silence.
    const failure = new Promise<never>((_, reject) => {
      for (const source of sources) source.catch(reject);
    });
    input.comebacks.begin(() => marks.add('drift'), over);
    marks.add('files');
    try {
      while (!over.aborted) {
        const kinds = await Promise.race([marks.take(), failure]);
        if (!over.aborted) await handle(kinds);
      }
    } finally {
      inner.abort();
      await flight.idle();
      await Promise.allSettled(sources);
    }
  };

  return { run, mark: marks.add };
}

/** Keeps the configuration in force: the newest one without problems. */
function createFileReader({ deps, emit }: WatchInput) {
  let config: Config | undefined;
  let problemsShown = '';
  return {
    config: () => config,
    /** Reads the files; true where they say something new. */
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

/** A person has to change something before the same steps can succeed. */
function needsPerson(outcome: RunOutcome): boolean {
  return outcome.result === 'cancelled' || (outcome.result === 'failed' && !outcome.error.retryable);
}

/** Plans from memory from time to time: waits end, and an application that did not answer is asked again. */
async function tick(
  { sleep }: Pick<EngineDeps, 'sleep'>,
  mark: (kind: Mark) => void,
  over: AbortSignal,
): Promise<void> {
  while (!over.aborted) {
    await sleep(tickMs, over).catch(() => undefined);
    if (!over.aborted) mark('drift');
  }
}

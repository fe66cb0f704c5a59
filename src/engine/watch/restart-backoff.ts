import { type ClusterState, freshFacts } from '../../model/cluster.ts';
import type { AppName, Config } from '../../model/config.ts';
import type { Plan } from '../../model/plan.ts';
import { delayRestarts, type ExitedApp, findExited, type RecentExits, steadyMs } from '../../plan/restart-backoff.ts';
import type { EngineDeps } from '../types.ts';

/** Decides, while drover watches, when a container that exited is started again. A run that a person asks for starts all. */
export interface RestartBackoff {
  /** Applies from now on until `over`; `due` is called when a wait is over. */
  begin(due: () => void, over: AbortSignal): void;
  /** The files changed, or a person asks for a run: the count starts again, and every exited container is started. */
  forget(): void;
  /** The plan without the starts that have to wait, and with the reasons. */
  refine(config: Config, plan: Plan, state: ClusterState): Plan;
}

/** Counts the exits of containers as they are observed. The container's id and start time identify one exit. */
export function createRestartBackoff({ now, sleep }: Pick<EngineDeps, 'now' | 'sleep'>): RestartBackoff {
  const ends = new Map<AppName, RecentExits & { readonly run: string }>();
  const up = new Map<AppName, { readonly run: string; readonly since: number }>();
  /** Exits that do not count. */
  let forgiven = new Set<string>();
  let forgives = true;
  let watch: { readonly due: () => void; readonly over: AbortSignal } | undefined;
  let wakesAt: number | undefined;

  const seeUp = (config: Config, state: ClusterState): void => {
    for (const [node, apps] of Object.entries(config.deployment)) {
      const seen = state.nodes[node];
      for (const container of freshFacts(seen)?.containers ?? []) {
        const { application: app, managed, startedAt } = container;
        if (!managed || app === undefined || container.state !== 'running' || !apps.includes(app)) continue;
        const run = `${container.id} ${startedAt}`;
        if (up.get(app)?.run !== run) up.set(app, { run, since: now() });
      }
    }
  };
  const seeEnd = (one: ExitedApp): void => {
    const { name } = one.app;
    const run = runOf(one);
    const last = ends.get(name);
    if (last?.run === run) return;
    const seen = up.get(name);
    const wasUp = seen?.run === run;
    const isSteady = wasUp && now() - seen.since >= steadyMs;
    ends.set(name, { run, count: isSteady ? 1 : (last?.count ?? 0) + 1, lastAt: now(), wasUp });
  };
  const wake = (atMs: number | undefined): void => {
    if (atMs === undefined || watch === undefined || (wakesAt !== undefined && wakesAt <= atMs && wakesAt > now()))
      return;
    const { due, over } = watch;
    wakesAt = atMs;
    const end = (): void => {
      // A timer may end a moment too early: the next plan then waits for the rest.
      if (wakesAt === atMs) wakesAt = undefined;
      due();
    };
    void sleep(Math.max(1, atMs - now()), over).then(end, () => undefined);
  };

  return {
    begin: (due, over) => {
      watch = { due, over };
      forgives = true;
      over.addEventListener('abort', () => {
        watch = undefined;
      });
    },
    forget: () => {
      ends.clear();
      forgives = true;
    },
    refine: (config, plan, state) => {
      if (watch === undefined) return plan;
      seeUp(config, state);
      const all = findExited(config, plan, state);
      if (forgives) forgiven = new Set(all.map(runOf));
      forgives = false;
      const ended = all.filter((one) => !forgiven.has(runOf(one)));
      for (const one of ended) seeEnd(one);
      const none: RecentExits = { count: 0, lastAt: now(), wasUp: true };
      const held = delayRestarts(plan, ended, (app) => ends.get(app) ?? none, now());
      wake(held.nextMs);
      return held.plan;
    },
  };
}

const runOf = ({ container }: Pick<ExitedApp, 'container'>): string => `${container.id} ${container.startedAt}`;

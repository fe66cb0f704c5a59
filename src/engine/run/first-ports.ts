import { type ClusterState, type Container, freshFacts, type NodeFacts } from '../../model/cluster.ts';
import { type AppName, type Config, nodeOf } from '../../model/config.ts';
import { networksOf } from '../../plan/names/desired.ts';
import { type ObserveInput, observeSome } from '../observe-and-report.ts';
import type { RunSignals } from './execute.ts';

/** Pauses between two looks, in milliseconds: a run waits this long for a program that opens a port no file names. */
const firstPortPauses = [250, 500, 1_000, 1_500, 2_000, 2_500] as const;

/** Passes of a run that learn ports. Later ones keep to what is known: a program may open other ports all the time. */
export const learningPasses = 3;

/** A run, with the applications that it has started and whose first port it has not waited for. */
interface StartingRun extends ObserveInput {
  readonly signals: RunSignals;
  readonly started: Set<AppName>;
}

/**
 * Waits, once for each application that this run has started, for a port that only its program knows. True if one has
 * opened: the tables of the nodes lack it.
 */
export async function awaitFirstPorts(run: StartingRun, state: ClusterState): Promise<boolean> {
  const { hard, soft } = run.signals;
  const first = silentApps(run.config, state, run.started);
  run.started.clear();
  let left = first;
  for (const pauseMs of firstPortPauses) {
    if (left.length === 0) break;
    await run.deps.sleep(pauseMs, AbortSignal.any([hard, soft])).catch(() => undefined);
    if (hard.aborted || soft.aborted) return false;
    const nodes = new Set(left.map((app) => nodeOf(run.config, app)));
    left = silentApps(run.config, await observeSome(run, (node) => nodes.has(node), hard), new Set(left));
  }
  return left.length < first.length;
}

/** The state as if no program was seen to listen. */
export function withoutListens(state: ClusterState): ClusterState {
  const nodes = Object.entries(state.nodes).map(([node, seen]) => {
    if (seen.status !== 'reachable') return [node, seen] as const;
    const containers = seen.facts.containers.map(({ listens: _listens, ...rest }) => rest);
    return [node, { ...seen, facts: { ...seen.facts, containers } }] as const;
  });
  return { ...state, nodes: Object.fromEntries(nodes) };
}

/**
 * The applications among these that run, have no port that a file or an image names, and do not listen yet, while an
 * application on another node could call them. Only their program knows the port, so only waiting shows it.
 */
function silentApps(config: Config, state: ClusterState, apps: ReadonlySet<AppName>): AppName[] {
  return [...apps].filter((name) => {
    const app = config.applications[name];
    const node = nodeOf(config, name);
    if (app === undefined || node === undefined || app.mayEnd === 'job') return false;
    const networks = new Set(networksOf(app).map(({ network }) => network));
    const isCalled = Object.entries(config.deployment).some(
      ([other, placed]) =>
        other !== node &&
        placed.some((one) => {
          const caller = config.applications[one];
          return caller !== undefined && networksOf(caller).some(({ network }) => networks.has(network));
        }),
    );
    return isCalled && isSilent(ownContainer(freshFacts(state.nodes[node]), name));
  });
}

const ownContainer = (facts: NodeFacts | undefined, name: AppName): Container | undefined =>
  facts?.containers.find((one) => one.managed && one.application === name);

function isSilent(container: Container | undefined): boolean {
  if (container === undefined || container.state !== 'running' || container.health !== undefined) return false;
  const { names } = container.spec;
  return names?.resolver !== undefined && names.ports.length === 0 && container.listens === undefined;
}

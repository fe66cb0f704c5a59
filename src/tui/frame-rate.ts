import type { NodeFacts, NodeState } from '../model/cluster.ts';
import type { Plan } from '../model/plan.ts';
import type { ClusterView } from '../view/cluster-view.ts';

// When the next frame is due. A frame costs about as much however little it changes, so that frames per second are the
// dial of the processor's load.

/** Between two frames of the clock, which show everything that is not news. */
export const clockMs = 1000;

const workingMs = 200;
const idleMs = 250;
/** Between two frames, in costs of a frame. During a run the screen is watched, otherwise it may be slower. */
const restsOf = { idle: 25, working: 10 } as const;

/** Milliseconds from one frame to the next one that shows news; `costMs` is what a frame takes. */
export function distanceMs(running: boolean, costMs: number): number {
  const [least, rests] = running ? [workingMs, restsOf.working] : [idleMs, restsOf.idle];
  return Math.min(clockMs, Math.max(least, rests * costMs));
}

/** What a frame takes, after one more; one slow frame (a collection, another program) does not slow down the next ones. */
export function averageCost(before: number | undefined, ms: number): number {
  return before === undefined ? ms : before + Math.min(ms - before, before) / 4;
}

/** What is news whenever it is another object; figures, the trail and the commands are not. */
const parts = ['config', 'problems', 'running', 'run', 'steps', 'receipts', 'outcome', 'policy', 'approval'] as const;

/** True where something happened that should not wait for the clock: not figures, and not another look at the same. */
export function isNews(before: ClusterView, after: ClusterView): boolean {
  if (before === after) return false;
  return (
    parts.some((part) => before[part] !== after[part] && !(isEmpty(before[part]) && isEmpty(after[part]))) ||
    !isSamePlan(before.plan, after.plan) ||
    !isSameCluster(before.nodes, after.nodes)
  );
}

/** Each plan comes with new lists. */
const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

function isSamePlan(before: Plan | undefined, after: Plan | undefined): boolean {
  if (before === after) return true;
  if (before === undefined || after === undefined || before.revision !== after.revision) return false;
  const shown = ({ steps, blocked }: Plan): string =>
    JSON.stringify([steps.map(({ id }) => id), blocked.map(({ reason }) => reason)]);
  return shown(before) === shown(after);
}

function isSameCluster(before: ClusterView['nodes'], after: ClusterView['nodes']): boolean {
  if (before === after) return true;
  const names = Object.keys(after);
  return names.length === Object.keys(before).length && names.every((node) => isSameNode(before[node], after[node]));
}

function isSameNode(before: NodeState | undefined, after: NodeState | undefined): boolean {
  if (before === after) return true;
  if (before === undefined || after === undefined || before.status !== after.status) return false;
  if (before.status === 'unreachable' || after.status === 'unreachable') return true;
  return isSameFacts(before.facts, after.facts);
}

/** What containers and volumes are doing; how full they are is a figure. */
function isSameFacts(before: NodeFacts, after: NodeFacts): boolean {
  if (before === after) return true;
  const { containers, volumes } = before;
  return (
    containers.length === after.containers.length &&
    volumes.length === after.volumes.length &&
    containers.every((each, i) => {
      const other = after.containers[i];
      return each.id === other?.id && each.state === other.state && each.health === other.health;
    }) &&
    volumes.every((each, i) => each.id === after.volumes[i]?.id && each.role === after.volumes[i]?.role)
  );
}

import type { NodeFigures } from '../model/cluster.ts';
import type { EarlierFigures, FiguresView } from './cluster-view.ts';

/** Points of a node's graph. */
const keptPoints = 60;

/** How long the last figures of a container that is not measured any more are worth a look. */
const earlierLastMs = 30_000;

/** A node's figures with newer ones; figures of containers that are no longer measured stay for some seconds. */
export function addFigures(before: FiguresView | undefined, latest: NodeFigures): FiguresView {
  const history = before?.cpuHistory ?? [];
  const { cpuPercent } = latest;
  const earlier = earlierOf(before, latest);
  return {
    latest,
    cpuHistory: cpuPercent === undefined ? history : [...history, cpuPercent].slice(-keptPoints),
    ...(earlier.length === 0 ? {} : { earlier: Object.fromEntries(earlier) }),
  };
}

function earlierOf(
  before: FiguresView | undefined,
  latest: NodeFigures,
): readonly (readonly [string, EarlierFigures])[] {
  if (before === undefined) return [];
  const { at, containers } = before.latest;
  const isGone = (name: string): boolean => latest.containers[name] === undefined;
  const isWorth = (each: EarlierFigures): boolean => latest.at - each.at <= earlierLastMs;
  return [
    ...Object.entries(before.earlier ?? {}).filter(([name, each]) => isGone(name) && isWorth(each)),
    ...Object.entries(containers).flatMap(([name, each]) => (isGone(name) ? [[name, { ...each, at }] as const] : [])),
  ];
}

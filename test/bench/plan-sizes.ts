import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/model/config.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import { statusOf } from '../../src/view/status.ts';
import { aLargeCluster, drained, withNames } from '../support/scale.ts';

/** What `measureWork` can measure. */
export const works = ['validate', 'nothing', 'names', 'status', 'drain'] as const;
export type Work = (typeof works)[number];

/** Processor time in milliseconds, and bytes of memory. */
export interface WorkFigures {
  readonly firstMs: number;
  readonly bestMs: number;
  /** What the result keeps, after a collection. */
  readonly keptBytes: number;
  /** The largest size of the process above what it had before. */
  readonly peakBytes: number;
  readonly steps?: number;
}

/** Measures one kind of work on a cluster of so many nodes, ten applications each, at least `runs` times. For a process of its own. */
export function measureWork(work: Work, nodes: number, runs: number): WorkFigures {
  const act = prepare(work, nodes);
  globalThis.gc?.();
  const before = process.memoryUsage();
  const firstMs = timeOf(act).ms;
  // Every size is measured with code that is equally warm: a small one is run more often until it has had its time.
  for (let warm = firstMs; warm < warmUpMs; ) warm += timeOf(act).ms;
  let best = timeOf(act);
  for (let measured = best.ms, run = 1; run < runs || measured < measureMs; run += 1) {
    best = { ms: best.ms, result: undefined };
    const next = timeOf(act);
    measured += next.ms;
    best = { ms: Math.min(best.ms, next.ms), result: next.result };
  }
  const { result } = best;
  const peak = process.resourceUsage().maxRSS * 1024;
  globalThis.gc?.();
  const kept = process.memoryUsage().heapUsed - before.heapUsed;
  const steps = (result as { readonly steps?: readonly unknown[] }).steps?.length;
  return {
    firstMs,
    bestMs: best.ms,
    keptBytes: kept,
    peakBytes: peak - before.rss,
    ...(steps === undefined ? {} : { steps }),
  };
}

/** Processor time before anything is measured, and that a measurement takes at least, in milliseconds. */
const [warmUpMs, measureMs] = [2_000, 1_000];

function timeOf(act: () => unknown): { readonly ms: number; readonly result: unknown } {
  const began = process.cpuUsage();
  const result = act();
  const { user, system } = process.cpuUsage(began);
  return { ms: (user + system) / 1000, result };
}

function prepare(work: Work, nodes: number): () => unknown {
  const large = aLargeCluster(nodes);
  const { config, state } = work === 'names' ? withNames(large) : large;
  if (work === 'validate') {
    const files = filesOf(config);
    return () => {
      const loaded = loadConfig(files);
      if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '));
      return loaded.config;
    };
  }
  if (work === 'status') return () => statusOf(config, state);
  const wanted = work === 'drain' ? drained(config) : config;
  return () => makePlan(wanted, state);
}

/** The files of such a configuration, as a person writes them. */
function filesOf({ applications, deployment }: Config) {
  const names = Object.keys(deployment);
  const address = new Map(names.map((name, at) => [name, `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`]));
  const application = Object.values(applications).map(({ name, image, ports, volumes }) => {
    const lines = [`  ${name}:`, `    image: ${image.repository}:${image.tag}`];
    for (const { internal, external } of ports)
      lines.push(`    ports: [{internal: ${internal}, external: ${external}}]`);
    for (const { mountpoint } of volumes) lines.push(`    volume: {mountpoint: ${mountpoint}}`);
    return lines.join('\n');
  });
  const placed = names.map((name) => `  ${address.get(name)}: [${(deployment[name] ?? []).join(', ')}]`);
  return {
    application: { path: 'application.yml', text: `version: 1\napplications:\n${application.join('\n')}\n` },
    deployment: { path: 'deployment.yml', text: `version: 1\nnodes:\n${placed.join('\n')}\n` },
  };
}

import type { Container } from '../../model/cluster.ts';
import { type Healthcheck, mergeHealthcheck } from '../../model/container/healthcheck.ts';
import { defined } from '../../model/defined.ts';
import type { MemoryContainer } from './types.ts';
import type { MemoryWorld } from './world.ts';

/** Docker's own values. */
const defaultIntervalMs = 30_000;
const defaultRetries = 3;

/**
 * The health of a running container. Its image says how its check goes; otherwise the first check succeeds, unless its
 * program is `false` or it exits with another code than 0.
 */
export function healthOf(world: MemoryWorld, container: MemoryContainer): Container['health'] {
  if (container.state !== 'running' || container.startedAtMs === undefined) return undefined;
  const check = checkOf(container);
  if (check === undefined) return undefined;
  return world.clock.now() < container.startedAtMs + check.afterMs ? 'starting' : check.result;
}

/** What the last check printed. */
export const healthOutputOf = (container: MemoryContainer, health: Container['health']): string | undefined =>
  health === undefined || health === 'starting' ? undefined : checkOf(container)?.output;

function checkOf({ image, spec, imageDefaults }: MemoryContainer) {
  const own = mergeHealthcheck(spec.healthcheck, imageDefaults.healthcheck);
  if (own?.test?.[0] === 'NONE') return undefined;
  return image.health ?? (own?.test === undefined ? undefined : scripted(own));
}

function scripted({ test = [], ...times }: Healthcheck): {
  readonly afterMs: number;
  readonly result: 'healthy' | 'unhealthy';
  readonly output?: string;
} {
  const { intervalMs = defaultIntervalMs, retries = defaultRetries, startPeriodMs = 0, startIntervalMs } = times;
  const line = test.slice(1).join(' ');
  if (line === 'false' || /(?:^| )exit [1-9]/.test(line)) {
    const output = /\becho ([^;&|]*)/.exec(line)?.[1];
    return { afterMs: startPeriodMs + intervalMs * retries, result: 'unhealthy', ...defined({ output }) };
  }
  return { afterMs: startPeriodMs > 0 ? (startIntervalMs ?? intervalMs) : intervalMs, result: 'healthy' };
}

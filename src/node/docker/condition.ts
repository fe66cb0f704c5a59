import type { ContainerCondition } from '../../engine/node-client.ts';
import type { Container } from '../../model/cluster.ts';
import { defined } from '../../model/defined.ts';
import { at, listAt, numberAt, textAt } from '../json.ts';

/** State, health and exit code, and what the last health check printed. */
export function readCondition(inspected: unknown): ContainerCondition {
  const healthOutput = textAt(listAt(inspected, 'State', 'Health', 'Log').at(-1), 'Output')?.slice(-healthOutputChars);
  return { ...conditionOf(inspected), ...defined({ healthOutput: healthOutput === '' ? undefined : healthOutput }) };
}

/** Docker keeps 4 KiB; the end says why. */
const healthOutputChars = 2_000;

/** State, health and exit code. */
export function conditionOf(inspected: unknown): Pick<Container, 'state' | 'health' | 'exit'> {
  const state = stateOf(textAt(inspected, 'State', 'Status'));
  const health = healthOf(textAt(inspected, 'State', 'Health', 'Status'));
  const endedAt = textAt(inspected, 'State', 'FinishedAt');
  const isEnded = state === 'exited' || state === 'dead';
  return {
    state,
    ...defined({ health }),
    ...(isEnded ? { exit: { ...exitOf(inspected), ...defined({ at: endedAt }) } } : {}),
  };
}

/** A container's exit code, and whether it ran out of memory. */
export function exitOf(inspected: unknown): { readonly code: number; readonly oomKilled: boolean } {
  return {
    code: numberAt(inspected, 'State', 'ExitCode') ?? 0,
    oomKilled: at(inspected, 'State', 'OOMKilled') === true,
  };
}

const states = ['created', 'running', 'restarting', 'paused', 'exited', 'dead', 'removing'] as const;

/** Docker's word; `dead` for any other. */
export function stateOf(text: string | undefined): Container['state'] {
  return states.find((state) => state === text) ?? 'dead';
}

function healthOf(text: string | undefined): Container['health'] {
  return text === 'starting' || text === 'healthy' || text === 'unhealthy' ? text : undefined;
}

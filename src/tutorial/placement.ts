import type { AppName } from '../model/config.ts';
import type { Tutorial } from './types.ts';

/** Where the files place the applications when a step begins, with the page's node names. */
export type Placement = Readonly<Record<AppName, string>>;

/**
 * The placement before the step with this id, from the earlier steps in the same folder. An application is on the node
 * where the page first checks that it runs, until a command moves it.
 */
export function placementAt({ steps, parts }: Pick<Tutorial, 'steps' | 'parts'>, id: string): Placement {
  const folder = parts[steps.find((each) => each.id === id)?.part ?? 0]?.folder;
  const mine = steps.filter(({ part }) => parts[part]?.folder === folder);
  const placed = new Map<AppName, string>();
  const moved = new Set<AppName>();
  for (const step of mine) {
    const moves = step.commands.flatMap(({ act }) => (act.kind === 'move' ? [act] : []));
    for (const { app } of moves) moved.add(app);
    for (const check of step.checks) {
      if (check.kind === 'running' && !moved.has(check.app) && !placed.has(check.app)) placed.set(check.app, check.on);
    }
  }
  for (const step of mine) {
    if (step.id === id) break;
    for (const { act } of step.commands) if (act.kind === 'move') placed.set(act.app, act.to);
  }
  return Object.fromEntries(placed);
}

import type { Engine } from '../../engine/types.ts';
import type { AppName, Config, NodeName } from '../../model/config.ts';
import type { RunOutcome } from '../../model/events.ts';
import { movesWith } from '../../model/shared-volumes.ts';
import { fitsOf } from '../../view/move-fit.ts';
import { formatBytes, listNames, nodeTitle } from '../../view/wording.ts';
import { type ExitCode, exitCode, exitCodeOf } from '../exit-code.ts';
import { FilesWrong } from '../files.ts';
import type { Stops } from '../interrupt.ts';
import { configOf, type Invocation, requireNode, say, withEngine } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printed } from '../style.ts';
import { converge } from './apply.ts';
import { editDeployment } from './move.ts';

export interface DrainOptions {
  readonly to?: readonly string[];
  readonly dryRun?: true;
}

/** Applications that move together, and where to. */
interface Departure {
  readonly apps: readonly AppName[];
  readonly to: NodeName;
  readonly neededBytes: number;
}

/** Applications that no other node has room for. */
interface Staying {
  readonly apps: readonly AppName[];
  readonly why: string;
}

interface DrainPlan {
  readonly moves: readonly Departure[];
  readonly stays: readonly Staying[];
}

/** Moves everything that fits away from a node, one after the other, and stops at the first move that fails. */
export async function drain(invocation: Invocation, word: string, options: DrainOptions): Promise<ExitCode> {
  const config = await configOf(invocation);
  const node = requireNode(config, word);
  const targets = options.to?.map((each) => requireNode(config, each)) ?? Object.keys(config.nodes).toSorted();
  return withEngine(invocation, 'gentle', async (engine, files, stops) => {
    const plan = await planDrain(
      engine,
      node,
      targets.filter((each) => each !== node),
      invocation.world.now(),
      stops,
    );
    describePlan(invocation, config, node, plan);
    const done: Departure[] = [];
    let outcome: RunOutcome | undefined;
    for (const move of options.dryRun === true ? [] : plan.moves) {
      const [app = ''] = move.apps;
      say(invocation, printed`\n${listNames(move.apps)} to ${nodeTitle(config, move.to)}\n`);
      await editDeployment(invocation, files.deployment, await configOf(invocation), app, move.to);
      outcome = invocation.options.json
        ? await engine.converge(stops.hard, stops.soft)
        : await converge(invocation, engine, stops);
      if (outcome.result !== 'converged') break;
      done.push(move);
    }
    const left = options.dryRun === true ? [] : plan.moves.filter((move) => !done.includes(move));
    if (left.length > 0)
      say(invocation, printed`still on ${nodeTitle(config, node)}: ${listNames(left.flatMap(({ apps }) => apps))}\n`);
    const ok = left.length === 0 && plan.stays.length === 0;
    if (invocation.options.json) printJson(invocation.world, { ok, node, ...plan, moved: done, left, outcome });
    if (outcome !== undefined && outcome.result !== 'converged') return exitCodeOf(outcome);
    return ok ? exitCode.done : exitCode.blocked;
  });
}

/** What moves where: each to the node with the most free space that it fits on, as far as the earlier ones leave room. */
async function planDrain(
  engine: Engine,
  node: NodeName,
  targets: readonly NodeName[],
  now: number,
  { hard }: Stops,
): Promise<DrainPlan> {
  const planned = await engine.plan(hard);
  if (!planned.ok) throw new FilesWrong(planned.problems);
  const { config } = planned;
  const view = engine.store.getSnapshot();
  const taken = new Map<NodeName, number>();
  const seen = new Set<AppName>();
  const moves: Departure[] = [];
  const stays: Staying[] = [];
  for (const app of await engine.applicationsOn(node, hard)) {
    if (seen.has(app) || config.deployment[node]?.includes(app) !== true) continue;
    const apps = movesWith(config, app);
    for (const one of apps) seen.add(one);
    const room = (to: NodeName, free: number | undefined): number =>
      (free ?? Number.MAX_SAFE_INTEGER) - (taken.get(to) ?? 0);
    const fits = fitsOf(view, apps, now).filter((fit) => targets.includes(fit.node));
    const [best] = fits
      .filter((fit) => fit.against === undefined && fit.neededBytes <= room(fit.node, fit.freeBytes))
      .toSorted((a, b) => room(b.node, b.freeBytes) - room(a.node, a.freeBytes));
    if (best === undefined) {
      const reasons = fits.map((fit) => {
        const space = `needs ${formatBytes(fit.neededBytes)}, has ${formatBytes(Math.max(0, room(fit.node, fit.freeBytes)))}`;
        return `${nodeTitle(config, fit.node)}: ${fit.against ?? space}`;
      });
      stays.push({ apps, why: reasons.length === 0 ? 'there is no other node' : reasons.join('; ') });
      continue;
    }
    taken.set(best.node, (taken.get(best.node) ?? 0) + best.neededBytes);
    moves.push({ apps, to: best.node, neededBytes: best.neededBytes });
  }
  return { moves, stays };
}

function describePlan(invocation: Invocation, config: Config, node: NodeName, { moves, stays }: DrainPlan): void {
  if (moves.length + stays.length === 0) say(invocation, printed`${nodeTitle(config, node)} has no application\n`);
  for (const { apps, to, neededBytes } of moves) {
    say(invocation, printed`  ${listNames(apps)} to ${nodeTitle(config, to)} (${formatBytes(neededBytes)} at most)\n`);
  }
  for (const { apps, why } of stays) say(invocation, printed`  ${listNames(apps)} stays: ${why}\n`);
}

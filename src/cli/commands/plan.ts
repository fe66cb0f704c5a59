import type { PlanResult } from '../../engine/types.ts';
import { planLines } from '../../view/run/plan-lines.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { FilesWrong } from '../files.ts';
import { type Invocation, withEngine } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printLines } from '../style.ts';

export interface PlanOptions {
  readonly detailedExitcode: boolean;
}

/** What `apply` would do, and why; changes nothing. */
export async function plan(invocation: Invocation, { detailedExitcode }: PlanOptions): Promise<ExitCode> {
  const result = await withEngine(invocation, 'prompt', (engine, _files, { hard }) => engine.plan(hard));
  if (!result.ok) throw new FilesWrong(result.problems);
  show(invocation, result);
  if (result.plan.blocked.length > 0) return exitCode.blocked;
  return detailedExitcode && result.plan.steps.length > 0 ? exitCode.changesPending : exitCode.done;
}

function show({ world, options, paint }: Invocation, result: PlanResult & { ok: true }): void {
  const { config, plan: made, forecasts, state } = result;
  if (options.json) {
    printJson(world, { ok: true, ...made, forecasts, unreachable: unreachable(state.nodes) });
    return;
  }
  const lines = planLines(config, made, forecasts);
  world.terminal.out(printLines(options.quiet ? lines.slice(0, 1) : lines, paint));
}

const unreachable = (nodes: (PlanResult & { ok: true })['state']['nodes']): readonly string[] =>
  Object.keys(nodes).filter((node) => nodes[node]?.status === 'unreachable');

import type { Engine } from '../../engine/types.ts';
import type { AppName, Config, NodeName } from '../../model/config.ts';
import { nodeOf } from '../../model/config.ts';
import type { MoveReceipt, RunOutcome } from '../../model/events.ts';
import type { Blocker } from '../../model/plan.ts';
import { movesWith } from '../../model/shared-volumes.ts';
import { diffLines } from '../../view/diff.ts';
import { line } from '../../view/lines.ts';
import { listNames, nodeTitle } from '../../view/wording.ts';
import { type ExitCode, exitCode, exitCodeOf } from '../exit-code.ts';
import { chooseFiles, requireConfig } from '../files.ts';
import type { Stops } from '../interrupt.ts';
import { type Invocation, requireApplication, requireNode, say, withEngine } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printed, printLines } from '../style.ts';
import { converge } from './apply.ts';

export interface MoveOptions {
  /** False: only the file is edited. */
  readonly apply: boolean;
}

interface Edit {
  readonly app: string;
  /** Those that share a volume with it and move too; absent: none. */
  readonly with?: readonly AppName[];
  readonly from: string | null;
  readonly to: string;
  readonly file: string;
  readonly diff: readonly string[];
}

/** Places an application on another node: edits deployment.yml (everything else in it stays), then applies. */
export async function move(
  invocation: Invocation,
  appWord: string,
  nodeWord: string,
  { apply }: MoveOptions,
): Promise<ExitCode> {
  const { world, options } = invocation;
  const files = await chooseFiles(options, world);
  const config = await requireConfig(files, world);
  const app = requireApplication(config, appWord);
  const to = requireNode(config, nodeWord);
  const write = (): Promise<Edit> => editDeployment(invocation, files.deployment, config, app, to);
  if (!apply) {
    const edit = await write();
    if (options.json) printJson(world, { ok: true, ...edit, applied: false });
    return exitCode.done;
  }
  return withEngine(invocation, 'gentle', async (engine, _files, stops) => {
    const blocker = nodeOf(config, app) === to ? undefined : await findAway(engine, config, app, to, stops.hard);
    if (blocker !== undefined) return refuse(invocation, blocker, { app, from: nodeOf(config, app) ?? null, to });
    const edit = await write();
    const { outcome, receipts } = await run(invocation, engine, stops);
    const ok = outcome.result === 'converged';
    if (options.json) printJson(world, { ok, ...edit, applied: true, outcome, receipts });
    return exitCodeOf(outcome);
  });
}

/** A file is not changed for a node that cannot be reached: nothing would follow, and the next run would be blocked. */
async function findAway(
  engine: Engine,
  config: Config,
  app: AppName,
  node: NodeName,
  signal: AbortSignal,
): Promise<Blocker | undefined> {
  const seen = await engine.observe(signal);
  const state = seen.ok ? seen.state.nodes[node] : undefined;
  if (state?.status !== 'unreachable') return undefined;
  const { message, hint } = state.error;
  return {
    app,
    node,
    reason: `cannot move "${app}" to ${nodeTitle(config, node)}: ${message}`,
    hint: hint ?? `see \`drover doctor ${node}\`; the file is as it was, \`--no-apply\` edits it all the same`,
  };
}

function refuse(
  { world, options }: Invocation,
  blocker: Blocker,
  { app, from, to }: Pick<Edit, 'app' | 'from' | 'to'>,
): ExitCode {
  const outcome: RunOutcome = { result: 'blocked', steps: 0, blockers: [blocker] };
  if (options.json) printJson(world, { ok: false, app, from, to, applied: false, outcome });
  world.terminal.err(printed`drover: ${blocker.reason}\n`);
  if (blocker.hint !== undefined) world.terminal.err(printed`  hint: ${blocker.hint}\n`);
  return exitCodeOf(outcome);
}

/** Edits the deployment file and shows the change. Throws `usage` where the file is written in a way that is not known. */
export async function editDeployment(
  invocation: Invocation,
  file: string,
  config: Config,
  app: string,
  to: string,
): Promise<Edit> {
  const { world, paint } = invocation;
  const from = nodeOf(config, app);
  if (from === to) {
    say(invocation, printed`"${app}" is on ${nodeTitle(config, to)} in ${file} already\n`);
    return { app, from, to, file, diff: [] };
  }
  const others = movesWith(config, app).filter((other) => other !== app && nodeOf(config, other) !== to);
  const [{ editFile }, { moveApplications }] = await Promise.all([
    import('../../config/edit/edit-file.ts'),
    import('../../config/edit/edit.ts'),
  ]);
  const { before, after } = await editFile(
    world,
    file,
    (text) => moveApplications(text, [app, ...others], to),
    `move ${listNames([app, ...others])} to ${nodeTitle(config, to)} in "${file}"`,
    'edit the file, then run `drover apply`',
  );
  const diff = diffLines(before, after);
  const verb = others.length === 1 ? 'shares a volume with it and moves too' : 'share volumes with it and move too';
  if (others.length > 0) say(invocation, printed`${listNames(others)} ${verb}\n`);
  say(invocation, printLines([line(file, 'strong'), ...diff], paint));
  const moved = { app, ...(others.length === 0 ? {} : { with: others }), from: from ?? null, to, file };
  return { ...moved, diff: diff.map(({ text }) => text) };
}

/** With --json there is one document at the end, and no line for each event. */
async function run(
  invocation: Invocation,
  engine: Engine,
  stops: Stops,
): Promise<{ outcome: RunOutcome; receipts: readonly MoveReceipt[] }> {
  const receipts: MoveReceipt[] = [];
  const forget = engine.onEvent((event) => {
    if (event.type === 'move-finished') receipts.push(event.receipt);
  });
  try {
    const outcome = invocation.options.json
      ? await engine.converge(stops.hard, stops.soft)
      : await converge(invocation, engine, stops);
    return { outcome, receipts };
  } finally {
    forget();
  }
}

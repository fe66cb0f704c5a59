import type { DivergedCopy, PlanResult } from '../../engine/types.ts';
import { freshFacts } from '../../model/cluster.ts';
import { line } from '../../view/lines.ts';
import { type Status, statusOf, type Verdict } from '../../view/status.ts';
import { statusLines } from '../../view/status-lines.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { FilesWrong, findInFolder } from '../files.ts';
import { type Invocation, withEngine } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printed, printLines } from '../style.ts';
import type { FileChoice } from '../world.ts';
import { divergedLines } from './reseed.ts';

export interface StatusOptions {
  /** Not only nodes that cannot be reached make it fail. */
  readonly check: boolean;
}

/** Prints the observed state of the cluster next to the desired state. */
export async function status(invocation: Invocation, { check }: StatusOptions): Promise<ExitCode> {
  const seen = await withEngine(invocation, 'prompt', async (engine, files, { hard }) => {
    const result = await engine.plan(hard);
    return { files, result, diverged: hasLost(result) ? await engine.diverged(hard) : [] };
  });
  if (!seen.result.ok) throw new FilesWrong(seen.result.problems);
  const { config, state, plan } = seen.result;
  const found = statusOf(config, state, plan);
  if (invocation.options.json)
    printJson(invocation.world, {
      ok: true,
      lab: isLab(seen.files),
      vagrant: isVagrant(seen.files),
      ...found,
      diverged: seen.diverged,
    });
  else show(invocation, found, seen.files, seen.result, seen.diverged);
  const isWell = found.nodes.every(({ reachable }) => reachable) && (!check || isHealthy(found));
  return isWell ? exitCode.done : exitCode.failed;
}

const healthy: ReadonlySet<Verdict> = new Set(['running', 'starting', 'done', 'idle']);

/** For `--check`: every placed application runs, and no standby is older than a failover may lose. */
const isHealthy = ({ applications, standbys }: Status): boolean =>
  applications.every(({ verdict }) => healthy.has(verdict)) && standbys.every(({ isLate }) => !isLate);

function show(
  { world, paint }: Invocation,
  found: Status,
  files: FileChoice,
  { config }: PlanResult & { ok: true },
  diverged: readonly DivergedCopy[],
): void {
  const lab = isLab(files) ? [line('(lab)', 'faint')] : isVagrant(files) ? [line('(Vagrant)', 'faint')] : [];
  world.terminal.out(
    printLines([...lab, ...statusLines(found, config, world.now()), ...divergedLines(diverged, config)], paint),
  );
}

/** True where a copy may be a former owner's: several copies claim to be the owner's, or one of them is diverged. */
function hasLost(result: PlanResult): boolean {
  if (!result.ok) return false;
  const claims = Object.values(result.state.nodes)
    .flatMap((seen) => freshFacts(seen)?.volumes ?? [])
    .filter(({ role }) => role !== 'replica' && role !== 'incoming' && role !== 'retired');
  return new Set(claims.map(({ id }) => id)).size < claims.length || claims.some(({ role }) => role === 'diverged');
}

const isLab = ({ inventory, labInventory }: FileChoice): boolean =>
  inventory === undefined && labInventory !== undefined;

const isVagrant = ({ inventory, vagrantInventory }: FileChoice): boolean =>
  inventory === undefined && vagrantInventory !== undefined;

const beginning = printed`drover keeps several Docker hosts in the state that two YAML files describe, and moves ZFS volumes with their
applications. This folder has no application.yml and deployment.yml.

  drover -C DIR    use the files of another folder
  drover demo      see it work on a simulated cluster
  drover --help    list the commands
`;

const goingOn = printed`
drover plan      show what would change     drover move APP NODE   move an application with its data
drover apply     make the changes           drover --help          list the commands
`;

/** `drover` without a terminal: the status and the next commands; without files, how to start. */
export async function overview(invocation: Invocation): Promise<ExitCode> {
  const { world, options } = invocation;
  const { found } = await findInFolder(options, world);
  const named = options.application !== undefined && options.deployment !== undefined;
  if (!named && found.application === undefined && found.deployment === undefined && !options.json) {
    world.terminal.out(beginning);
    return exitCode.usage;
  }
  const code = await status(invocation, { check: false });
  if (!options.json && !options.quiet) world.terminal.out(goingOn);
  return code;
}

import type { ImportEvent, ImportReport } from '../../engine/docker-imports.ts';
import type { Engine } from '../../engine/types.ts';
import type { RunOutcome } from '../../model/events.ts';
import { foundLines, wayBack } from '../../view/import-lines.ts';
import { alignRows, cell, type Line, line, type TableRow } from '../../view/lines.ts';
import { count, formatBytes, formatDuration } from '../../view/wording.ts';
import { confirm } from '../confirm.ts';
import { type ExitCode, exitCode, exitCodeOf } from '../exit-code.ts';
import {
  findPlace,
  type ImportChoice,
  type ImportPlace,
  type ImportPlan,
  planImport,
  serviceNames,
} from '../import-plan.ts';
import { type Stops, withInterrupts } from '../interrupt.ts';
import { type Invocation, say, withEngine } from '../invocation.ts';
import { requireHosts } from '../node-files.ts';
import { printJson } from '../renderers/json.ts';
import { printed, printer, printLines } from '../style.ts';
import { converge } from './apply.ts';

export interface ImportOptions extends ImportChoice {
  readonly dryRun?: boolean;
  /** False with --no-apply. */
  readonly apply: boolean;
}

/** Lists what a node's Docker has, or takes a part of it over. */
export async function importNode(invocation: Invocation, word: string, options: ImportOptions): Promise<ExitCode> {
  const place = await findPlace(invocation, word);
  const plan = await withInterrupts(invocation.world, 'prompt', ({ hard }) =>
    look(invocation, place, word, options, hard),
  );
  if (plan === undefined) return exitCode.done;
  if (options.dryRun === true) {
    if (invocation.options.json) printJson(invocation.world, { ok: true, imported: false, ...dataOf(plan) });
    return exitCode.done;
  }
  await confirm(invocation, {
    question: printed`Import ${serviceNames(plan.services)}? The containers above are stopped for a moment. (yes/no) `,
    what: `import from "${place.node.name}"`,
    hint: 'answer "yes", or add --yes; --dry-run shows the plan without a question',
  });
  const { world } = invocation;
  for (const { file, text, before, isPrivate } of plan.files) {
    if (before === undefined) await world.createText(file, text, isPrivate === true);
    else await world.replaceText(file, text);
  }
  return carryOut(invocation, place, plan, options);
}

/** Prints the list, or the plan, which it returns. */
async function look(
  invocation: Invocation,
  place: ImportPlace,
  word: string,
  options: ImportOptions,
  signal: AbortSignal,
): Promise<ImportPlan | undefined> {
  const { world, paint } = invocation;
  const { node, config } = place;
  const [key, known] = Object.entries(config.nodes).find(
    ([name, each]) => name === node.name || each.name === node.name,
  ) ?? [node.name, {}];
  const settings = node.user === undefined ? known : { ...known, user: node.user };
  const host = await requireHosts(invocation).open(key, settings, config.settings, signal);
  try {
    const found = await host.imports.find(signal);
    if (options.project === undefined && options.container === undefined) {
      if (invocation.options.json) printJson(world, { ok: true, node: node.name, ...shown(found) });
      else world.terminal.out(printLines(foundLines(found, `drover import ${word}`), paint));
      return undefined;
    }
    const plan = await planImport(invocation, place, host, found, options, signal);
    say(invocation, printLines(planLines(plan, node.name), paint));
    return plan;
  } finally {
    await host.close();
  }
}

/** Without environments, which have passwords. */
const shown = ({
  containers,
  volumes,
}: Awaited<ReturnType<Awaited<ReturnType<ReturnType<typeof requireHosts>['open']>>['imports']['find']>>) => ({
  containers: containers.map(({ settings: _settings, ...rest }) => rest),
  volumes,
});

/** A guess before anything was copied, in milliseconds: two walks, the stop, the start, and a hundredth of the bytes. */
function guessMs({ sizes }: ImportPlan): number {
  const all = [...sizes.values()];
  const walks = all.reduce((sum, { ms }) => sum + 3 * ms, 0);
  const bytes = all.reduce((sum, size) => sum + size.bytes, 0);
  return 3000 + walks + bytes / 100 / 100_000;
}

function planLines(plan: ImportPlan, node: string): readonly (Line | TableRow)[] {
  const rows = plan.services.map(({ name, container, volumes }) => [
    cell(`  ${name}`, 'strong'),
    cell(container.image),
    cell(container.isRunning ? 'running' : 'stopped', container.isRunning ? 'ok' : 'warning'),
    cell(
      volumes
        .map(({ volume, target }) => {
          const size = plan.sizes.get(volume.name);
          return `${volume.name} at ${target}${size === undefined ? '' : ` (${formatBytes(size.bytes)}, ${count(size.files, 'file')})`}`;
        })
        .join(', '),
    ),
  ]);
  const runs = plan.services.some(({ container }) => container.isRunning);
  return [
    line(`from ${node}:`),
    ...alignRows(rows),
    ...plan.remarks.map((text) => line(`  note: ${text}`, 'warning')),
    line('what happens:'),
    ...plan.files.map(({ file, before, isPrivate }) =>
      line(
        `  ${before === undefined ? 'create' : 'change'} ${file}${isPrivate === true ? ' (it has passwords: only you can read it)' : ''}`,
      ),
    ),
    line(
      `  copy ${count(plan.request.volumes.length, 'volume')} into datasets of their own${runs ? ', while they are in use' : ''}`,
    ),
    line(`  stop the old containers, copy the rest, compare every byte, start the applications in ${plan.deployment}`),
    line(`  estimated downtime: ${runs ? `about ${formatDuration(guessMs(plan))}` : 'none, nothing runs'}`),
    line('  the old containers and volumes stay as they are, stopped'),
  ];
}

const dataOf = ({ services, files, sizes, remarks, request }: ImportPlan) => ({
  node: request.node,
  applications: services.map(({ name, container }) => ({ name, container: container.name })),
  volumes: request.volumes.map(({ from, id, app }) => ({ volume: from.name, id, app, ...sizes.get(from.name) })),
  files: files.map(({ file }) => file),
  remarks,
});

/** Copies, places the applications, and applies. The downtime ends when everything is up. */
async function carryOut(
  invocation: Invocation,
  place: ImportPlace,
  plan: ImportPlan,
  { apply }: ImportOptions,
): Promise<ExitCode> {
  const { world, options } = invocation;
  const application = options.application ?? plan.application.split('/').at(-1) ?? plan.application;
  const files = place.application === undefined ? { ...options, application } : options;
  return withEngine({ ...invocation, options: files, verb: 'import' }, 'prompt', async (engine, choice, stops) => {
    const report = await copy(invocation, engine, plan, stops.hard);
    await placeAll(invocation, choice.deployment, plan);
    const outcome = apply ? await start(invocation, engine, stops) : undefined;
    const downMs = report.stoppedAtMs === undefined || !apply ? undefined : world.now() - report.stoppedAtMs;
    if (options.json) {
      const ok = outcome === undefined || outcome.result === 'converged';
      printJson(world, { ok, imported: true, ...dataOf(plan), report, outcome, downtimeMs: downMs });
    } else tell(invocation, plan, report, downMs, outcome);
    return outcome === undefined ? exitCode.done : exitCodeOf(outcome);
  });
}

const start = ({ options, ...rest }: Invocation, engine: Engine, stops: Stops): Promise<RunOutcome> =>
  options.json ? engine.converge(stops.hard, stops.soft) : converge({ options, ...rest }, engine, stops);

async function copy(
  invocation: Invocation,
  engine: Engine,
  { request }: ImportPlan,
  signal: AbortSignal,
): Promise<ImportReport> {
  let at = Number.NEGATIVE_INFINITY;
  const onEvent = (event: ImportEvent): void => {
    if (event.type === 'stage') {
      say(invocation, printed`${event.text}\n`);
      return;
    }
    const now = invocation.world.now();
    if (now - at < 2000 && event.doneBytes < event.totalBytes) return;
    at = now;
    say(invocation, printed`  ${event.volume}: ${formatBytes(event.doneBytes)} of ${formatBytes(event.totalBytes)}\n`);
  };
  return engine.importDocker(request, onEvent, signal);
}

/** Places what is not placed yet, in one edit. */
async function placeAll({ world }: Invocation, file: string, { request, services }: ImportPlan): Promise<void> {
  const [{ editFile }, { moveApplications }] = await Promise.all([
    import('../../config/edit/edit-file.ts'),
    import('../../config/edit/edit.ts'),
  ]);
  const names = services.map(({ name }) => name);
  const hint = 'add them to the list of the node yourself, then run `drover apply`';
  await editFile(
    world,
    file,
    (text) => moveApplications(text, names, request.node),
    `place the applications in "${file}"`,
    hint,
  );
}

function tell(
  invocation: Invocation,
  { request, services, deployment }: ImportPlan,
  { volumes }: ImportReport,
  downMs: number | undefined,
  outcome: RunOutcome | undefined,
): void {
  for (const { volume, dataset, files, comparedBytes } of volumes) {
    const what = `${formatBytes(comparedBytes)} in ${count(files, 'entry', 'entries')} compared, equal`;
    say(invocation, printer(invocation.paint)`${cell('✔', 'ok')} ${volume} -> ${dataset}: ${what}\n`);
  }
  if (downMs !== undefined && outcome?.result === 'converged')
    say(invocation, printed`downtime: ${formatDuration(downMs)}\n`);
  if (outcome === undefined) say(invocation, printed`nothing was started: run \`drover apply\`\n`);
  const where = `take ${serviceNames(services)} out of the lists in ${deployment}, run \`drover apply\`, then on ${request.node}`;
  say(invocation, printed`the old containers and volumes are as they were. To go back: ${where}:\n`);
  for (const command of wayBack(request.containers)) say(invocation, printed`  ${command}\n`);
}

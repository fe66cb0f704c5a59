import type { DivergedCopy, Engine } from '../../engine/types.ts';
import type { ZfsDataset, ZfsSnapshot } from '../../engine/volume-store.ts';
import type { VolumeRole } from '../../model/cluster.ts';
import { type AppName, type Config, findNode, type NodeName } from '../../model/config.ts';
import { type ErrorReport, toReport } from '../../model/errors.ts';
import { appsOnVolume } from '../../model/shared-volumes.ts';
import { alignRows, cell, type Line, line, numberCell, type TableRow } from '../../view/lines.ts';
import { formatBytes, formatDuration, nodeTitle } from '../../view/wording.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { configOf, type Invocation, requireApplication, withEngine } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printLines } from '../style.ts';
import { divergedLines } from './reseed.ts';

interface Seen {
  readonly node: NodeName;
  readonly datasets?: readonly ZfsDataset[];
  readonly error?: ErrorReport;
}

/** Datasets, snapshots and holds below drover's root: of all nodes, of one, or of an application's volumes. */
export async function volumes(invocation: Invocation, word: string | undefined): Promise<ExitCode> {
  const config = await configOf(invocation);
  const node = word === undefined ? undefined : findNode(config, word);
  const app = word === undefined || node !== undefined ? undefined : requireApplication(config, word);
  const nodes = node === undefined ? Object.keys(config.nodes).toSorted() : [node];
  const { seen, diverged } = await withEngine(invocation, 'prompt', async (engine, _files, { hard }) => {
    const all = await Promise.all(nodes.map((each) => look(engine, config, each, app, hard)));
    return { seen: all, diverged: await findDiverged(engine, all, hard) };
  });
  const { world, options, paint } = invocation;
  const isWhole = seen.every(({ error }) => error === undefined);
  if (options.json) printJson(world, { ok: isWhole, nodes: seen, diverged });
  else
    world.terminal.out(printLines([...linesOf(seen, config, world.now()), ...divergedLines(diverged, config)], paint));
  return isWhole ? exitCode.done : exitCode.failed;
}

/** Asked only where one of the datasets is not the owner's and not a standby. */
async function findDiverged(
  engine: Engine,
  seen: readonly Seen[],
  signal: AbortSignal,
): Promise<readonly DivergedCopy[]> {
  const shown = new Set(seen.flatMap(({ datasets = [] }) => datasets.map(({ name }) => name)));
  const isPossible = seen.some(({ datasets = [] }) => datasets.some(({ role }) => role !== undefined && was.has(role)));
  return isPossible ? (await engine.diverged(signal)).filter(({ dataset }) => shown.has(dataset)) : [];
}

/** Roles of a copy that another node may have taken over from. */
const was: ReadonlySet<VolumeRole> = new Set(['diverged', 'frozen', 'released', 'owner']);

async function look(
  engine: Engine,
  config: Config,
  node: NodeName,
  app: AppName | undefined,
  signal: AbortSignal,
): Promise<Seen> {
  try {
    const all = await engine.acts.zfs(node, signal);
    return { node, datasets: app === undefined ? all : all.filter((each) => belongsTo(each, all, config, app)) };
  } catch (error) {
    if (signal.aborted) throw error;
    return { node, error: toReport(error) };
  }
}

/** Its volumes, their data from before a roll-back, and clones of both. */
function belongsTo(dataset: ZfsDataset, all: readonly ZfsDataset[], config: Config, app: AppName): boolean {
  const ids = config.applications[app]?.volumes.map(({ id }) => id) ?? [];
  const isOwn = ({ volume, application }: ZfsDataset): boolean =>
    application === app || ids.some((id) => volume === id || volume?.startsWith(`${id}-before-`) === true);
  return isOwn(dataset) || all.some((other) => isOwn(other) && dataset.name.startsWith(`${other.name}-clone-`));
}

function linesOf(seen: readonly Seen[], config: Config, now: number): readonly (Line | TableRow)[] {
  return seen.flatMap(({ node, datasets, error }, index) => [
    ...(index === 0 ? [] : [line('')]),
    line(nodeTitle(config, node), 'strong'),
    ...(error === undefined ? [] : [line(`  ${error.message}`, 'fault')]),
    ...(datasets?.length === 0 ? [line('  nothing', 'faint')] : []),
    ...alignRows((datasets ?? []).flatMap((dataset) => rowsOf(dataset, config, now))),
  ]);
}

function rowsOf(dataset: ZfsDataset, config: Config, now: number): TableRow[] {
  const users = dataset.volume === undefined ? [] : appsOnVolume(config, dataset.volume);
  const owner = users.length > 1 ? users.join(', ') : dataset.application;
  const app = owner ?? (dataset.volume === undefined ? 'not a volume' : 'no application');
  const whose = dataset.volumeName === undefined ? app : `${app}: ${dataset.volumeName}`;
  return [
    [
      cell(`  ${dataset.name}`),
      numberCell(formatBytes(dataset.usedBytes)),
      cell(ageOf(dataset.createdAt, now), 'faint'),
      cell(dataset.role ?? '-', dataset.role === 'owner' ? 'ok' : 'faint'),
      cell(whose),
    ],
    ...dataset.snapshots.map((each) => snapshotRow(each, now)),
  ];
}

function snapshotRow({ name, usedBytes, createdAt, holds }: ZfsSnapshot, now: number): TableRow {
  const held = holds.length === 0 ? [] : [cell(`held by ${holds.join(', ')}`, 'faint')];
  return [
    cell(`    @${name}`, 'faint'),
    numberCell(formatBytes(usedBytes)),
    cell(ageOf(createdAt, now), 'faint'),
    ...held,
  ];
}

const ageOf = (at: number, now: number): string => `${formatDuration(now - at)} old`;

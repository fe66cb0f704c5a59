import { InvalidArgumentError } from 'commander';
import type { ExportedCompose, VolumeManner, VolumePlace } from '../../config/compose/export-compose.ts';
import type { ObserveResult } from '../../engine/types.ts';
import { freshFacts } from '../../model/cluster.ts';
import { printCommand } from '../../model/command-line.ts';
import { type AppName, type Config, type NodeName, nodeOf, type VolumeId } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import { withKnownVolumes } from '../../model/volume-identity.ts';
import { nodeTitle } from '../../view/wording.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { chooseFiles, FilesWrong } from '../files.ts';
import { type Invocation, requireNode, withEngine } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import { printText, printTexts } from '../style.ts';

export interface ExportOptions {
  readonly volumes: VolumeManner;
  readonly node?: string;
  readonly output?: string;
}

/** The values of `--volumes`. */
export function parseManner(text: string): VolumeManner {
  if (text === 'bind' || text === 'copy') return text;
  throw new InvalidArgumentError('It must be bind or copy.');
}

/** Writes the applications as a plain Compose file, and says where their data is. Changes nothing on the nodes. */
export async function exportFiles(invocation: Invocation, { volumes, node, output }: ExportOptions): Promise<ExitCode> {
  const { world, options } = invocation;
  const { config: files, tree } = await readTree(invocation);
  const only = node === undefined ? undefined : requireNode(files, node);
  const seen = await withEngine(invocation, 'prompt', (engine, _files, { hard }) => engine.observe(hard));
  if (!seen.ok) throw new FilesWrong(seen.problems);
  const config = withKnownVolumes(files, seen.state);
  const places = placesOf(seen);
  const applications = Object.keys(config.applications).filter(
    (app) => only === undefined || nodeOf(config, app) === only,
  );
  const { exportCompose } = await import('../../config/compose/export-compose.ts');
  const request = { config, tree, applications, places } as const;
  const made = exportCompose({ ...request, manner: volumes });
  // Where a volume lies is not part of what an application is.
  await check(invocation, exportCompose({ ...request, manner: 'copy' }).text, applications);
  const file = output === undefined ? undefined : world.resolvePath(world.cwd, output);
  if (file !== undefined) await world.createText(file, made.text, true);
  const steps = stepsOf(config, made, applications, file ?? 'FILE');
  if (options.json)
    printJson(world, { ok: true, file, text: made.text, volumes: made.copies, remarks: made.remarks, steps });
  else {
    if (file === undefined) world.terminal.out(printText(made.text));
    const lines = [
      ...(file === undefined ? [] : [`wrote ${file}; it may have passwords: only you can read it`]),
      "read again with drover's own reader: the same applications; docker compose was not asked",
      ...made.remarks.map((text) => `note: ${text}`),
      ...steps,
    ];
    if (!options.quiet) world.terminal.err(printTexts(lines));
  }
  return exitCode.done;
}

/** The configuration together with the values of the application file. Throws `FilesWrong`. */
async function readTree({ world, options }: Invocation): Promise<{ readonly config: Config; readonly tree: unknown }> {
  const read = await world.readConfig(await chooseFiles(options, world), { keepsTree: true });
  if (!read.ok) throw new FilesWrong(read.problems);
  return { config: read.config, tree: read.tree };
}

/** Where the owner of each volume has it. A container knows its directory; drover's datasets have theirs below /var/lib. */
function placesOf({ config, state }: ObserveResult & { ok: true }): ReadonlyMap<VolumeId, VolumePlace> {
  const places = new Map<VolumeId, VolumePlace>();
  for (const node of Object.keys(state.nodes)) {
    const facts = freshFacts(state.nodes[node]);
    for (const { id, dataset, role } of facts?.volumes ?? []) {
      if (role !== 'owner') continue;
      const bound = facts?.containers.map(({ directories }) => directories?.[id]).find((path) => path !== undefined);
      places.set(id, { node: nodeTitle(config, node), directory: bound ?? `/var/lib/${dataset}/data` });
    }
  }
  return places;
}

/** The text must be a Compose file that has these applications. A failure is a bug of drover's. */
async function check({ world }: Invocation, text: string, applications: readonly AppName[]): Promise<void> {
  const { readConfig } = await import('../../config/read-files.ts');
  const path = world.resolvePath(world.cwd, 'compose.yaml');
  const deployment = { path: 'deployment.yml', text: 'version: 1\nnodes: {}\n' };
  const read = await readConfig({ application: { path, text }, deployment }, undefined, { environment: world.env });
  const [first] = read.ok ? [] : read.problems;
  if (first !== undefined)
    throw new AppError('usage', `cannot export: drover's own reader refuses it: ${first.message}`);
  const names = read.ok ? Object.keys(read.config.applications) : [];
  const lost = applications.filter((app) => !names.includes(app));
  if (lost.length > 0) throw new AppError('usage', `cannot export: ${lost.join(', ')} would be lost`);
}

/** What a person does to go on with Docker Compose. */
function stepsOf(
  config: Config,
  { copies }: ExportedCompose,
  applications: readonly AppName[],
  file: string,
): readonly string[] {
  const nodes = [...new Set(applications.flatMap((app) => nodeOf(config, app) ?? []))];
  const several = nodes.length > 1 ? [onSeveral(config, nodes)] : [];
  const names = applications.join(', ');
  const commands = copies.flatMap(({ volume, key, from }) => {
    const labels = [`project=${config.name}`, `volume=${key}`].flatMap((text) => [
      '--label',
      `com.docker.compose.${text}`,
    ]);
    return [
      `  on ${from.node}: ${printCommand(['docker', 'volume', 'create', ...labels, volume])}`,
      `  on ${from.node}: ${printCommand(['cp', '-a', '--sparse=always', `${from.directory}/.`, `/var/lib/docker/volumes/${volume}/_data/`])}`,
    ];
  });
  return [
    ...several,
    'to go on with Docker Compose:',
    `  take ${names} out of the lists in the deployment file, then drover apply --allow-removal: the containers end, the data stays`,
    ...commands,
    `  on the node: docker compose -f ${file} up -d`,
  ];
}

const onSeveral = (config: Config, nodes: readonly NodeName[]): string =>
  `note: the applications run on ${nodes.map((node) => nodeTitle(config, node)).join(' and ')}: move them together first, or export each node with --node`;

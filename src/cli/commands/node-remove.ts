import type { Host } from '../../engine/host.ts';
import type { NodeFacts, Volume } from '../../model/cluster.ts';
import type { Config, NodeName } from '../../model/config.ts';
import { AppError, toReport } from '../../model/errors.ts';
import type { SetupStep } from '../../model/host-setup.ts';
import { setupRows, standingOf } from '../../view/setup-lines.ts';
import { listNames, nodeTitle } from '../../view/wording.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { withInterrupts } from '../interrupt.ts';
import { type Invocation, requireNode } from '../invocation.ts';
import {
  editFile,
  type FileEdit,
  type NodeFiles,
  placeArguments,
  placedOn,
  readNodeFiles,
  requireHosts,
} from '../node-files.ts';
import { printJson } from '../renderers/json.ts';
import { checkSetUp, performSetUp } from '../set-up.ts';
import { printLines } from '../style.ts';

/** `--purge`: also what drover put on the host. */
export interface RemoveOptions {
  readonly purge: boolean;
}

const stays = 'what stays on it: packages, pool with all datasets, /etc/drover/node-id';

/** Takes a node out of the files. Refuses while anything of drover is there, or may be there. */
export async function nodeRemove(invocation: Invocation, word: string, { purge }: RemoveOptions): Promise<ExitCode> {
  const files = await readNodeFiles(invocation);
  const node = requireNode(files.config, word);
  refusePlaced(files.config, node);
  const steps = await withInterrupts(invocation.world, 'prompt', async ({ hard }) => {
    const host = await openOrRefuse(invocation, files, node, hard);
    try {
      refuseUsed(files.config, node, await observeOrNothing(host, hard));
      return purge ? await purgeHost(invocation, files, node, host, hard) : [];
    } finally {
      await host.close();
    }
  });
  const edits = await takeOut(invocation, files, node);
  if (invocation.options.json) printJson(invocation.world, { ok: true, node, steps, files: edits });
  else if (!invocation.options.quiet) tellEnd(invocation, node, purge, edits);
  return exitCode.done;
}

function refusePlaced(config: Config, node: NodeName): void {
  const placed = placedOn(config, node);
  const [first] = placed;
  if (first === undefined) return;
  const target = Object.keys(config.deployment).find((other) => other !== node) ?? 'NODE';
  throw new AppError(
    'usage',
    `cannot remove ${nodeTitle(config, node)}: ${listNames(placed)} ${placed.length === 1 ? 'is' : 'are'} placed there`,
    {
      hint: `move what is there first: \`drover move ${first} ${target}\``,
    },
  );
}

/** Unreachable is unknown, not empty. */
async function openOrRefuse(
  invocation: Invocation,
  { config }: NodeFiles,
  node: NodeName,
  signal: AbortSignal,
): Promise<Host> {
  try {
    return await requireHosts(invocation).open(node, config.nodes[node] ?? {}, config.settings, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    const { code, message } = toReport(error);
    throw new AppError(code, `cannot remove ${nodeTitle(config, node)}: what it has is unknown: ${message}`, {
      hint: 'bring it back first; if it is gone for good with all its data, take its lines out of both files by hand',
      cause: error,
    });
  }
}

/** Undefined where it never became a node, or is none any more: then nothing of drover can be there. */
async function observeOrNothing(host: Host, signal: AbortSignal): Promise<NodeFacts | undefined> {
  try {
    return await host.observe(signal);
  } catch (error) {
    if (await isBare(host, signal)) return undefined;
    throw error;
  }
}

/** No trace of drover, by provision.sh's own account. */
async function isBare(host: Host, signal: AbortSignal): Promise<boolean> {
  const lines: string[] = [];
  await host.setUp(['--check'], (line) => void lines.push(line), signal);
  const missing = (step: string): boolean =>
    lines.some((line) => /^(?:would do|cannot)\t/.test(line) && line.split('\t')[1]?.startsWith(step));
  return missing('node id') && missing('files');
}

function refuseUsed(config: Config, node: NodeName, facts: NodeFacts | undefined): void {
  if (facts === undefined) return;
  const title = nodeTitle(config, node);
  const containers = facts.containers.filter(({ managed }) => managed);
  if (containers.length > 0) {
    throw new AppError(
      'usage',
      `cannot remove ${title}: drover's containers are there: ${listNames(containers.map(({ name }) => name))}`,
      {
        hint: 'run `drover apply`, which stops and removes what no file places there any more',
      },
    );
  }
  const held = facts.volumes.filter(holdsData);
  const [first] = held;
  if (first === undefined) return;
  const datasets = held.map(({ dataset, role }) => `${dataset} (${role})`).join(', ');
  throw new AppError('usage', `cannot remove ${title}: it has data that no other node has: ${datasets}`, {
    hint:
      first.application === undefined
        ? 'move it to another node first; drover never destroys a dataset'
        : `move it first: place "${first.application}" on another node, and run \`drover apply\``,
  });
}

/** A replica is a copy of what another node owns, and a retired one is given up; everything else may be the only one. */
const holdsData = ({ role }: Volume): boolean => role !== 'replica' && role !== 'retired' && role !== 'incoming';

async function purgeHost(
  invocation: Invocation,
  { config }: NodeFiles,
  node: NodeName,
  host: Host,
  signal: AbortSignal,
): Promise<readonly SetupStep[]> {
  const { world, options, paint } = invocation;
  const args = ['--remove', ...placeArguments(config)];
  const steps = await checkSetUp(invocation, node, host, args, signal);
  if (standingOf(steps) === 'done') return steps;
  const refusal = new AppError('usage', `cannot purge "${node}": nobody confirmed it`, {
    hint: 'answer "yes", or give --yes',
  });
  if (!options.yes) {
    if (world.terminal.ask === undefined || options.json) throw refusal;
    world.terminal.out(printLines(setupRows(steps), paint));
    if (!/^y(es)?$/i.test((await world.terminal.ask(`Do this on ${node}? ${stays}. (yes/no) `)).trim())) throw refusal;
  }
  return performSetUp(invocation, node, host, args, signal);
}

async function takeOut(invocation: Invocation, files: NodeFiles, node: NodeName): Promise<readonly FileEdit[]> {
  const hosts = requireHosts(invocation);
  const keys = keysOf(files.config, node);
  const edits: (FileEdit | undefined)[] = [];
  for (const file of [files.deployment, files.hasInventory ? files.inventory : undefined]) {
    if (file === undefined) continue;
    for (const key of keys) {
      edits.push(await editFile(invocation, file, `remove "${key}"`, (text) => hosts.removeNode(text ?? '', key)));
    }
  }
  return edits.filter((edit) => edit !== undefined);
}

/** A node may stand under its address in one file and under its name in the other. */
function keysOf(config: Config, node: NodeName): readonly string[] {
  const { name, host } = config.nodes[node] ?? {};
  return [...new Set([node, name, host])].filter((key) => key !== undefined);
}

function tellEnd({ world, paint }: Invocation, node: NodeName, purge: boolean, edits: readonly FileEdit[]): void {
  const done = edits.length > 0 ? 'is out of the files' : 'was in no file that can be edited';
  const host = purge
    ? stays
    : `nothing was changed on it; \`drover node remove\` with --purge takes drover's own files off a node`;
  const others = 'The others ask it at their boot until they are told: `drover apply`';
  world.terminal.out(`${paint('✔', 'ok')} ${node} ${done}\n  ${host}\n  ${others}\n`);
}

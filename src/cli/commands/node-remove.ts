import type { Host } from '../../engine/host.ts';
import type { Container, NodeFacts, Volume } from '../../model/cluster.ts';
import { type Config, findNode, type NodeName } from '../../model/config.ts';
import { AppError, toReport } from '../../model/errors.ts';
import type { SetupStep } from '../../model/provisioning.ts';
import { cell } from '../../view/lines.ts';
import { setupRows, verdictOf } from '../../view/provisioning-lines.ts';
import { listNames, nodeTitle } from '../../view/wording.ts';
import { confirm } from '../confirm.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { forgetOnOthers, isAddress, type StillListed } from '../forget-peer.ts';
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
import { checkSetUp, performSetUp } from '../provisioning.ts';
import { printJson } from '../renderers/json.ts';
import { printed, printer, printLines } from '../style.ts';

/** `--purge`: also what drover put on the host. */
export interface RemoveOptions {
  readonly purge: boolean;
  /** The node is lost with its data: drover does not contact it. */
  readonly lost: boolean;
}

const stays = 'what stays on it: packages, pool with all datasets, /etc/drover/node-id';

/**
 * Takes a node out of the files, and out of what the other nodes know of it. Refuses while anything of drover is there,
 * or may be there. An address that no file names any more is accepted too: other nodes may still list it.
 */
export async function nodeRemove(invocation: Invocation, word: string, options: RemoveOptions): Promise<ExitCode> {
  const files = await readNodeFiles(invocation);
  const node = findNode(files.config, word) ?? (isAddress(word) ? word : requireNode(files.config, word));
  refusePlaced(files.config, node);
  return await withInterrupts(invocation.world, 'prompt', async ({ hard }) => {
    const seen = options.lost
      ? { steps: [], addresses: await confirmLost(invocation, files.config, node) }
      : await lookAndPurge(invocation, files, node, options.purge, hard);
    const edits = await takeOut(invocation, files, node);
    const { name, host } = files.config.nodes[node] ?? {};
    const words = [node, name, host, ...seen.addresses].filter((word) => word !== undefined);
    if (files.application !== undefined) await invocation.world.places?.(files.application).forget(words);
    const listed = await forgetOnOthers(invocation, files.config, node, seen.addresses, hard);
    const ok = listed.length === 0;
    if (invocation.options.json) {
      printJson(invocation.world, { ok, node, steps: seen.steps, files: edits, stillListed: listed });
    } else if (!invocation.options.quiet) tellEnd(invocation, node, options, edits);
    if (!ok) throw stillListed(node, listed, seen.addresses[0] ?? node);
    return exitCode.done;
  });
}

/** What was done on the node itself, and the addresses under which the other nodes know it. */
interface Left {
  readonly steps: readonly SetupStep[];
  readonly addresses: readonly string[];
}

async function lookAndPurge(
  invocation: Invocation,
  files: NodeFiles,
  node: NodeName,
  purge: boolean,
  signal: AbortSignal,
): Promise<Left> {
  const host = await openOrRefuse(invocation, files, node, signal);
  try {
    const facts = await observeOrNothing(host, signal);
    refuseUsed(files.config, node, facts);
    const steps = purge ? await purgeHost(invocation, files, node, host, signal) : [];
    return { steps, addresses: [...new Set([facts?.meshAddress ?? host.address, ...addressesOf(files.config, node)])] };
  } finally {
    await host.close();
  }
}

/** What the files say about where it is, as far as it is an address. */
function addressesOf(config: Config, node: NodeName): readonly string[] {
  const { mesh, host } = config.nodes[node] ?? {};
  return [mesh, node, host].filter((text) => text !== undefined && isAddress(text)).map(String);
}

async function confirmLost(invocation: Invocation, config: Config, node: NodeName): Promise<readonly string[]> {
  const question = printed`Is ${nodeTitle(config, node)} lost for good, with all its data? Type ${node} to forget it: `;
  const hint = `type ${node} to confirm, or add --yes`;
  await confirm(invocation, { question, word: node, what: `forget "${node}"`, hint });
  return addressesOf(config, node);
}

function stillListed(node: NodeName, listed: readonly StillListed[], address: string): AppError {
  const names = listNames(listed.map((one) => one.node));
  return new AppError('connection-failed', `cannot make ${names} forget "${node}": ${listed[0]?.why ?? 'unknown'}`, {
    hint: `until then no new volume is created; run this again: drover node remove ${address}`,
  });
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
      hint: `bring it back first; only if it is gone for good, with all its data: drover node remove ${node} --lost`,
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
        hint: removalHint(config, containers),
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

function removalHint(config: Config, containers: readonly Container[]): string {
  const others = containers.flatMap(({ deployment }) =>
    deployment === undefined || deployment === config.name ? [] : [deployment],
  );
  const [other] = others;
  if (other === undefined) return 'run `drover apply`, which stops and removes what no file places there any more';
  return `they belong to the deployment "${other}": place them on another node in its own files, and apply those`;
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
  if (verdictOf(steps) === 'done') return steps;
  if (!options.yes && !options.json && world.terminal.ask !== undefined)
    world.terminal.out(printLines(setupRows(steps), paint));
  const question = printed`Run these steps on ${node}? ${stays}. (yes/no) `;
  await confirm(invocation, { question, what: `purge "${node}"`, hint: 'answer "yes", or add --yes' });
  return performSetUp(invocation, node, host, args, signal);
}

async function takeOut(invocation: Invocation, files: NodeFiles, node: NodeName): Promise<readonly FileEdit[]> {
  const { removeNode } = await import('../../config/edit/edit-nodes.ts');
  const keys = keysOf(files.config, node);
  const edits: (FileEdit | undefined)[] = [];
  for (const file of [files.deployment, files.hasInventory ? files.inventory : undefined]) {
    if (file === undefined) continue;
    for (const key of keys) {
      edits.push(await editFile(invocation, file, `remove "${key}"`, (text) => removeNode(text ?? '', key)));
    }
  }
  return edits.filter((edit) => edit !== undefined);
}

/** A node may stand under its address in one file and under its name in the other. */
function keysOf(config: Config, node: NodeName): readonly string[] {
  const { name, host } = config.nodes[node] ?? {};
  return [...new Set([node, name, host])].filter((key) => key !== undefined);
}

function tellEnd(
  { world, paint }: Invocation,
  node: NodeName,
  { purge, lost }: RemoveOptions,
  edits: readonly FileEdit[],
): void {
  const done = edits.length > 0 ? 'was removed from the files' : 'was not in any file that can be edited';
  const host = purge
    ? stays
    : `nothing was changed on it; \`drover node remove\` with --purge takes drover's own files off a node`;
  world.terminal.out(printer(paint)`${cell('✔', 'ok')} ${node} ${done}\n`);
  if (!lost) world.terminal.out(printed`  ${host}\n`);
}

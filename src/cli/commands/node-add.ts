import type { Host } from '../../engine/host.ts';
import type { NodeFacts } from '../../model/cluster.ts';
import { type Config, findNode, type NodeName } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import type { EmptyDisk, SetupStep } from '../../model/provisioning.ts';
import { cell, line } from '../../view/lines.ts';
import { diskLines, setupRows, verdictOf } from '../../view/provisioning-lines.ts';
import { count, formatBytes } from '../../view/wording.ts';
import { type Confirmation, confirm } from '../confirm.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { withInterrupts } from '../interrupt.ts';
import { type Invocation, say } from '../invocation.ts';
import { type AddTarget, recordNode } from '../node-entries.ts';
import { type FileEdit, type NodeFiles, placeArguments, readNodeFiles, requireHosts } from '../node-files.ts';
import { checkSetUp, performSetUp } from '../provisioning.ts';
import { printJson } from '../renderers/json.ts';
import { printed, printer, printLines } from '../style.ts';
import { decideTrust } from './trust.ts';

/** The options of `node add`, as commander hands them over. */
export interface AddOptions {
  readonly check?: boolean;
  readonly pool?: string;
  readonly name?: string;
  readonly user?: string;
  readonly port?: number;
  readonly identity?: string;
  readonly jump?: string;
  readonly knownHosts?: string;
  readonly fingerprint?: string;
  /** False with --no-files. */
  readonly files: boolean;
}

/** Sets up a host as a node with provision.sh: shows the steps and asks first. */
export async function nodeAdd(invocation: Invocation, word: string, options: AddOptions): Promise<ExitCode> {
  const files = await readNodeFiles(invocation);
  const target = targetOf(invocation, files.config, word, options);
  return withInterrupts(invocation.world, 'prompt', async ({ hard }) => {
    const folders = [invocation.world.resolvePath(files.inventory, '..')];
    await meet(invocation, target, options, folders, hard);
    const hosts = requireHosts(invocation);
    const host = await hosts.open(target.node, target.settings, files.config.settings, hard);
    try {
      return await addHost({ invocation, files, target, host, options, word, signal: hard });
    } finally {
      await host.close();
    }
  });
}

interface Adding {
  readonly invocation: Invocation;
  readonly files: NodeFiles;
  readonly target: AddTarget;
  readonly host: Host;
  readonly options: AddOptions;
  /** The host as typed. */
  readonly word: string;
  readonly signal: AbortSignal;
}

async function addHost(adding: Adding): Promise<ExitCode> {
  const { invocation, files, target, host, options, signal } = adding;
  const args = [...placeArguments(files.config), ...(options.pool === undefined ? [] : ['--pool', options.pool])];
  const steps = await checkSetUp(invocation, target.node, host, args, signal);
  const standing = verdictOf(steps);
  if (standing === 'cannot') return tellCannot(adding, steps);
  if (options.check === true) return tellCheck(adding, steps);
  if (standing === 'would do') {
    show(invocation, steps);
    await confirm(invocation, questionOf(target.node, steps));
  }
  const done = standing === 'done' ? steps : await performSetUp(invocation, target.node, host, args, signal);
  // The observation decides whether it is a node, not the output of the script.
  const facts = await host.observe(signal);
  const edits = options.files ? await recordNode(invocation, files, target, host, signal) : [];
  tellDone(adding, done, facts, edits);
  return exitCode.done;
}

/** The host with its settings: those of the files, overridden by `USER@HOST` and the options. */
function targetOf({ world }: Invocation, config: Config, word: string, options: AddOptions): AddTarget {
  const at = word.lastIndexOf('@');
  const host = word.slice(at + 1);
  if (!/^[A-Za-z0-9_.][A-Za-z0-9_.:%-]*$/.test(host)) {
    throw new AppError('usage', `cannot add "${word}": it is not an address or a host name`);
  }
  const user = options.user ?? (at > 0 ? word.slice(0, at) : undefined);
  const path = (text: string | undefined) => (text === undefined ? undefined : world.resolvePath(world.cwd, text));
  const given = {
    name: options.name,
    user,
    port: options.port,
    identityFile: path(options.identity),
    jump: options.jump,
    knownHostsFile: path(options.knownHosts),
  };
  const known = findNode(config, host);
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const before = known === undefined ? {} : config.nodes[known];
  return {
    node: known ?? host,
    settings: { ...before, ...chosen },
    isKnown: before !== undefined && Object.keys(before).length > 0,
  };
}

/** Confirms the host key as `drover trust` does. --yes confirms the steps, but not the key. */
async function meet(
  invocation: Invocation,
  { node, settings }: AddTarget,
  { fingerprint, knownHosts }: AddOptions,
  folders: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const named = knownHosts === undefined ? folders : undefined;
  const answer = await requireHosts(invocation).askKey(node, settings, signal, named);
  if (answer.known) return;
  await decideTrust(invocation, answer, node, fingerprint);
  const file = await answer.accept();
  say(invocation, printed`${node} is trusted now; its key ${answer.fingerprint} is in ${file}\n`);
}

function show(invocation: Invocation, steps: readonly SetupStep[]): void {
  say(invocation, printLines(setupRows(steps), invocation.paint));
}

function questionOf(node: NodeName, steps: readonly SetupStep[]): Confirmation {
  const todo = count(steps.filter(({ state }) => state === 'would do').length, 'step');
  return {
    question: printed`Run these ${todo} on ${node}? (yes/no) `,
    what: `set up "${node}"`,
    hint: 'answer "yes", or add --yes; --check shows the steps without a question',
  };
}

/** The same command again, for the hints. */
function commandOf({ word, options }: Adding): readonly string[] {
  const flags = Object.entries({
    user: options.user,
    port: options.port,
    identity: options.identity,
    jump: options.jump,
    name: options.name,
    'known-hosts': options.knownHosts,
  }).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, `${value}`]));
  return ['drover', 'node', 'add', word, ...flags];
}

async function tellCannot(adding: Adding, steps: readonly SetupStep[]): Promise<ExitCode> {
  const { invocation, target, host, options, signal } = adding;
  const { world, paint } = invocation;
  const needsDisk = steps.some(({ name, state }) => state === 'cannot' && name.startsWith('pool '));
  const disks: readonly EmptyDisk[] = needsDisk ? await host.emptyDisks(signal) : [];
  if (invocation.options.json) {
    printJson(world, { ok: false, node: target.node, standing: 'cannot', steps, ...(needsDisk ? { disks } : {}) });
    return exitCode.failed;
  }
  world.terminal.out(printLines(setupRows(steps), paint));
  if (needsDisk) world.terminal.out(printLines(diskLines(commandOf(adding), disks), paint));
  const verdict = options.check === true ? 'cannot be set up as a node' : 'was not changed';
  world.terminal.out(printLines([line(`${target.node} ${verdict}`, 'fault')], paint));
  return exitCode.failed;
}

function tellCheck({ invocation, target }: Adding, steps: readonly SetupStep[]): ExitCode {
  const standing = verdictOf(steps);
  const todo = steps.filter(({ state }) => state === 'would do').length;
  if (invocation.options.json) printJson(invocation.world, { ok: true, node: target.node, standing, steps });
  else {
    show(invocation, steps);
    const verdict = standing === 'done' ? 'is a node; nothing to do' : `would be a node after ${count(todo, 'step')}`;
    say(invocation, printed`${target.node} ${verdict}\n`);
  }
  return standing === 'done' ? exitCode.done : exitCode.changesPending;
}

function tellDone(
  { invocation, files, target }: Adding,
  steps: readonly SetupStep[],
  { versions, pool }: NodeFacts,
  edits: readonly FileEdit[],
): void {
  const changed = steps.filter(({ state }) => state === 'did').length;
  if (invocation.options.json) {
    const { node } = target;
    printJson(invocation.world, { ok: true, node, standing: 'done', changed, steps, versions, pool, files: edits });
    return;
  }
  const what = changed === 0 ? 'is already a node; nothing was changed' : 'is a node now';
  say(invocation, printer(invocation.paint)`${cell('✔', 'ok')} ${target.node} ${what}\n`);
  say(
    invocation,
    printed`  OpenZFS ${versions.zfs}, Docker ${versions.docker}; pool "${pool.name}" with ${formatBytes(pool.freeBytes)} free\n`,
  );
  say(
    invocation,
    files.deployment === undefined
      ? printed`  next: write application.yml, and deployment.yml with "nodes: {${target.node}: [APP]}"; then \`drover apply\`\n`
      : printed`  next: \`drover apply\`, then \`drover move APP ${target.node}\`\n`,
  );
}

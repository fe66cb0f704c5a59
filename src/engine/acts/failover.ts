import { type ClusterState, freshFacts } from '../../model/cluster.ts';
import type { Application, AppName, Config, NodeName } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import type { FailoverProof, FailoverReceipt, FailoverVolume } from '../../model/failover.ts';
import type { Plan } from '../../model/plan.ts';
import { movesWith } from '../../model/shared-volumes.ts';
import {
  afterTakeOver,
  applicationsOf,
  type FailoverJudgement,
  goesOn,
  judgeFailover,
  newestTarget,
  placesOfLost,
} from '../../plan/failover.ts';
import { indexInput } from '../../plan/plan-input.ts';
import type { Copy } from '../../plan/volumes/ownership.ts';
import { planReturn } from '../run/recover.ts';
import type { FailoverLook, FailoverReport, FailoverRequest, FenceTest } from '../types.ts';
import { withTimeout } from '../with-timeout.ts';
import { type ActContext, type ActsInput, cannot, refuseOthers } from './context.ts';
import { copiesOn, type LockedNode, lockAll } from './reclaim.ts';
import { runPlan } from './run-plan.ts';

/** How long a fence may take, and how long its node must be silent afterwards. */
const fenceMs = 60_000;
const silenceMs = 10_000;

type Ready = FailoverJudgement & { readonly kind: 'ready' };

/**
 * Takes an application over from a node that is lost: looks, proves that the lost node writes no more, looks again under
 * the locks, writes the receipt, takes the volumes over and starts the application.
 */
export async function failOver(
  context: ActContext,
  request: FailoverRequest,
  signal: AbortSignal,
): Promise<FailoverReport> {
  const app = withShared(context.config, request.app);
  if (app === undefined) throw cannot(context, 'the files do not have it', 'see `drover status`', 'usage');
  for (const { id } of app.volumes) refuseOthers(context, id);
  const say = request.onStage ?? (() => undefined);
  const to = request.to ?? findTarget(context, app);
  const first = judge(context, context.state, app, to, seenCopies(context.state));
  const look = await lookOf(context, context.state, app, to, first, signal);
  say('looking', describeLook(look, context.input.deps.now()));
  if (request.isDryRun === true) return { ...look, proofs: [] };
  if (first.from.length === 0) {
    const locked = await lockAll(context, signal);
    const again = judge(context, context.state, app, to, (await Promise.all(locked.map(copiesOn))).flat());
    await request.onTaken?.(to);
    await start(context, { ...request, to }, again, context.state, signal);
    return { ...look, proofs: [] };
  }
  const before = await earlierReceipt(context, look, first, signal);
  const proofs = before?.proofs ?? (await prove(context, request, app, first, look, signal));
  const locked = await lockAll(context, signal);
  const copies = (await Promise.all(locked.map(copiesOn))).flat();
  const taken = await lookOf(context, context.state, app, to, judge(context, context.state, app, to, copies), signal);
  const receipt = await keepReceipt(context, taken, proofs, locked);
  // A node that a command has just switched off may need a moment to be silent, or may come back.
  if (before === undefined && proofs.some(({ kind }) => kind === 'fence')) {
    say('proving', `waiting for ${silenceMs / 1000} s`);
    await context.input.deps.sleep(silenceMs, signal);
  }
  // Nothing comes between this look and the take-over: a lost node that is back by then is the owner.
  const { state, ready } = await lookAgain(context, app, taken, proofs, locked, signal);
  say('taking', taken.volumes.map(({ dataset, epoch }) => `${dataset} with epoch ${epoch}`).join(', '));
  await take(context, to, ready, locked);
  await request.onTaken?.(to);
  await start(context, { ...request, to }, ready, state, signal);
  return { ...taken, proofs, receipt };
}

/** The application with all volumes of those that share one with it: they can only go to a node together. */
function withShared(config: Config, name: AppName): Application | undefined {
  const app = config.applications[name];
  const all = movesWith(config, name).flatMap((one) => config.applications[one]?.volumes ?? []);
  const volumes = [...new Map(all.map((volume) => [volume.id, volume])).values()];
  return app === undefined ? undefined : { ...app, volumes };
}

function findTarget(context: ActContext, app: Application): NodeName {
  const { config, state } = context;
  const found = newestTarget(indexInput(config, state), app, seenCopies(state));
  if (found !== undefined) return found;
  const hint = 'name a node with --to: drover says why it cannot be that one';
  throw cannot(context, 'no node that can be reached may take it over', hint, 'volume-conflict');
}

/** The applications that a node has, as far as is known while it cannot be reached, in the order of their dependencies. */
export async function applicationsOn(
  { config, observe }: Pick<ActsInput, 'config' | 'observe'>,
  node: NodeName,
  signal: AbortSignal,
): Promise<readonly AppName[]> {
  const inForce = await config();
  return applicationsOf(indexInput(inForce, await observe(inForce, signal)), node).map(({ name }) => name);
}

function seenCopies(state: ClusterState): Copy[] {
  return Object.entries(state.nodes).flatMap(([node, seen]) =>
    (freshFacts(seen)?.volumes ?? []).map((volume) => ({ node, volume })),
  );
}

function judge(
  context: ActContext,
  state: ClusterState,
  app: Application,
  to: NodeName,
  copies: readonly Copy[],
): Ready {
  const judgement = judgeFailover(indexInput(context.config, state), app, to, copies);
  if (judgement.kind === 'ready') return judgement;
  const code = state.nodes[to]?.status === 'reachable' ? 'volume-conflict' : 'connection-failed';
  throw cannot(context, judgement.why, judgement.hint, code);
}

async function lookOf(
  context: ActContext,
  state: ClusterState,
  app: Application,
  to: NodeName,
  { from, away, copies }: Ready,
  signal: AbortSignal,
): Promise<FailoverLook> {
  const taken = copies.filter(({ epoch }) => epoch !== undefined);
  const details = taken.length === 0 ? [] : await (await context.cluster.node(to, signal)).volumes.details(signal);
  const volumes = taken.map(({ id, copy, epoch = 0 }): FailoverVolume => {
    const snapshot = copy.snapshots.at(-1)?.name ?? '';
    const found = details.find(({ name }) => name === copy.dataset)?.snapshots.find(({ name }) => name === snapshot);
    return { volume: id, dataset: copy.dataset, epoch, snapshot, at: found?.createdAt ?? 0 };
  });
  const lostSince = volumes.length === 0 ? undefined : Math.min(...volumes.map(({ at }) => at));
  const plan = startPlan(context, app.name, to, from, copies, state);
  return { app: app.name, from, to, away, volumes, ...defined({ lostSince }), plan };
}

/** The planner's own steps on the state after the take-over. */
function startPlan(
  { config }: ActContext,
  app: AppName,
  to: NodeName,
  from: readonly NodeName[],
  copies: Ready['copies'],
  state: ClusterState,
): Plan {
  // What shares a volume with it comes along.
  const back = new Map(movesWith(config, app).map((one) => [one, to] as const));
  const after = afterTakeOver(state, [...back.keys()], to, from, copies);
  return planReturn(config, after, back, { network: true });
}

function describeLook({ from, volumes, lostSince }: FailoverLook, now: number): string {
  if (from.length === 0) return 'nothing has to be taken over';
  const nodes = from.map((node) => `"${node}"`).join(', ');
  const newest = volumes.map(({ dataset, snapshot }) => `${dataset}@${snapshot}`).join(', ');
  const age =
    lostSince === undefined ? '' : `; ${newest} is ${Math.max(0, Math.round((now - lostSince) / 1000))} s old`;
  return `${nodes} cannot be reached${age}`;
}

/** The receipt of a failover that was cut off in the middle of the same take-over. */
async function earlierReceipt(
  context: ActContext,
  { app, to }: FailoverLook,
  { copies }: Ready,
  signal: AbortSignal,
): Promise<FailoverReceipt | undefined> {
  if (!copies.some(({ epoch }) => epoch === undefined)) return undefined;
  const receipts = await (await context.cluster.node(to, signal)).failovers.read(signal);
  return receipts.find((receipt) => goesOn(receipt, app, to, copies));
}

async function prove(
  context: ActContext,
  request: FailoverRequest,
  app: Application,
  ready: Ready,
  look: FailoverLook,
  signal: AbortSignal,
): Promise<readonly FailoverProof[]> {
  const say = request.onStage ?? (() => undefined);
  if (ready.isAlone && request.isAlone !== true) {
    const why = `no other node can be reached (${ready.away.join(', ')}), so this machine or "${look.to}" may be cut off`;
    throw cannot(context, why, `run drover where it reaches the nodes, or add --alone`, 'connection-failed');
  }
  await checkSilent(context, context.state, app, ready, signal);
  await request.accept?.(look);
  const proofs: FailoverProof[] = [];
  for (const node of ready.from) {
    const way = await request.prove(node, look);
    if (way.kind === 'proven') proofs.push(way.proof);
    else if (way.kind === 'powered-off') proofs.push({ kind: 'powered-off', node });
    else {
      say('proving', `cutting "${node}" off: ${way.command}`);
      proofs.push(await fence(context, node, way.command, signal));
    }
    say('fenced', way.kind === 'powered-off' ? `a person says that "${node}" is switched off` : `"${node}" is cut off`);
  }
  return proofs;
}

async function fence(
  context: ActContext,
  node: NodeName,
  command: string,
  signal: AbortSignal,
): Promise<FailoverProof> {
  const { runHere } = context.input.deps;
  if (runHere === undefined) throw cannot(context, 'no command can be run from here', undefined, 'usage');
  const { code, output } = await withTimeout(
    context.input.deps,
    `cut "${node}" off with its fence command`,
    fenceMs,
    signal,
    (within) => runHere(command, within),
  );
  if (code === 0) return { kind: 'fence', node, command, output };
  const said = output === '' ? 'it printed nothing' : `it printed: ${output}`;
  throw cannot(context, `the fence command of "${node}" exited with ${code}; ${said}`, fenceHint(node), 'usage');
}

const fenceHint = (node: NodeName): string => `try it: drover doctor --fence ${node} --really`;

/** Throws where a node that can be reached reaches one of the lost ones. */
async function checkSilent(
  context: ActContext,
  state: ClusterState,
  app: Application,
  { from, copies }: Ready,
  signal: AbortSignal,
): Promise<void> {
  const [heard] = await findHeard(context, state, from, copies, signal);
  if (heard === undefined) return;
  const why = `"${heard.by}" reaches "${heard.node}", which this machine cannot reach`;
  const hint = `run \`drover move ${app.name}\` from a machine that reaches all nodes`;
  throw cannot(context, why, hint, 'connection-failed');
}

/** Every node that can be reached tries to connect to the lost ones: which of them is heard, and by which node. */
async function findHeard(
  { config, cluster }: Pick<ActContext, 'config' | 'cluster'>,
  state: ClusterState,
  from: readonly NodeName[],
  copies: Ready['copies'],
  signal: AbortSignal,
): Promise<readonly { readonly node: NodeName; readonly by: NodeName }[]> {
  const input = indexInput(config, state);
  const places = placesOfLost(input, from, copies);
  if (places.length === 0) return [];
  const targets = places.map(({ address, port }) => ({ address, port }));
  const asked = [...input.reachable.keys()].filter((node) => !from.includes(node));
  const heard = await Promise.all(
    asked.map(async (by) => {
      const answers = await (await cluster.node(by, signal)).doctor.connect(targets, signal);
      const found = places.find((_place, index) => (answers[index]?.result ?? 'silent') !== 'silent');
      return found === undefined ? [] : [{ node: found.node, by }];
    }),
  );
  return heard.flat();
}

/** Cuts a node off as a failover would, and finds out whether it is silent afterwards. */
export async function testFence(input: ActsInput, node: NodeName, signal: AbortSignal): Promise<FenceTest> {
  const config = await input.config();
  const command = config.nodes[node]?.fence;
  const what = `test the fence of "${node}"`;
  if (command === undefined) {
    throw cannot({ what }, 'drover.yml has none', `add "fence: COMMAND" to ${node} in drover.yml`, 'usage');
  }
  const { runHere } = input.deps;
  if (runHere === undefined) throw cannot({ what }, 'no command can be run from here', undefined, 'usage');
  const done = await withTimeout(input.deps, what, fenceMs, signal, (within) => runHere(command, within));
  if (done.code !== 0) return { ...done, command, reachedFrom: [] };
  await input.deps.sleep(silenceMs, signal);
  const state = await input.observe(config, signal);
  const heard = await findHeard({ config, cluster: input.clusterOf(config) }, state, [node], [], signal);
  const here = state.nodes[node]?.status === 'reachable' ? ['here'] : [];
  return { ...done, command, reachedFrom: [...here, ...heard.map(({ by }) => by)] };
}

/** What is true under the locks, right before the take-over. */
async function lookAgain(
  context: ActContext,
  app: Application,
  { to, volumes }: FailoverLook,
  proofs: readonly FailoverProof[],
  locked: readonly LockedNode[],
  signal: AbortSignal,
): Promise<{ readonly state: ClusterState; readonly ready: Ready }> {
  const state = await context.input.observe(context.config, signal);
  const back = proofs.find(({ node }) => state.nodes[node]?.status === 'reachable');
  if (back !== undefined) {
    const lied = back.kind === 'fence' ? ', although its fence command exited with 0' : '';
    const hint = `run \`drover move ${app.name} ${to}\`${lied === '' ? '' : `, and ${fenceHint(back.node)}`}`;
    throw cannot(context, `"${back.node}" answers${lied}`, hint, 'volume-conflict');
  }
  const ready = judge(context, state, app, to, (await Promise.all(locked.map(copiesOn))).flat());
  const unproven = ready.from.find((node) => !proofs.some((proof) => proof.node === node));
  if (unproven !== undefined) {
    throw cannot(context, `"${unproven}" cannot be reached any more either`, 'run it again', 'connection-failed');
  }
  const epochs = ready.copies.flatMap(({ epoch }) => epoch ?? []);
  if (epochs.join() !== volumes.map(({ epoch }) => epoch).join()) {
    throw cannot(context, 'its copies have changed in the meantime', 'run it again', 'volume-conflict');
  }
  await checkSilent(context, state, app, ready, signal);
  return { state, ready };
}

/** Writes the receipt on the new node. Returns its file. */
async function keepReceipt(
  context: ActContext,
  { app, from, to, volumes }: FailoverLook,
  proofs: readonly FailoverProof[],
  locked: readonly LockedNode[],
): Promise<string> {
  const { owner: by, now } = context.input.deps;
  const { client, guarded } = lockedNode(context, to, locked);
  return client.failovers.keep({ application: app, from, to, at: now(), by, proofs, volumes }, guarded);
}

function lockedNode(context: ActContext, node: NodeName, locked: readonly LockedNode[]): LockedNode {
  const found = locked.find((one) => one.node === node);
  if (found === undefined) throw cannot(context, `"${node}" cannot be reached`, undefined, 'connection-failed');
  return found;
}

/** Makes the copies the owner's, all of them together. */
async function take(
  context: ActContext,
  to: NodeName,
  { copies }: Ready,
  locked: readonly LockedNode[],
): Promise<void> {
  const { client, guarded } = lockedNode(context, to, locked);
  const owner = freshFacts(context.state.nodes[to])?.nodeId ?? '';
  const takes = copies.flatMap(({ copy, epoch }) =>
    epoch === undefined ? [] : [{ seen: copy, epoch, snapshot: `drover-failover-e${epoch}` }],
  );
  if (takes.length > 0) await client.volumes.takeOver(takes, { owner, deployment: context.config.name }, guarded);
}

async function start(
  context: ActContext,
  { app, to, onStage, onEvent }: FailoverRequest & Pick<FailoverLook, 'to'>,
  { from, copies }: Ready,
  state: ClusterState,
  signal: AbortSignal,
): Promise<void> {
  onStage?.('starting', `on "${to}"`);
  const plan = startPlan(context, app, to, from, copies, state);
  const blocker = plan.blocked[0];
  try {
    const { volumes } = await context.cluster.node(to, signal);
    // What was arriving comes from a history that is over.
    for (const { copy } of copies) if (copy.resumeToken !== undefined) await volumes.abortReceive(copy.dataset, signal);
    if (blocker !== undefined && plan.steps.length === 0) throw cannot(context, blocker.reason, blocker.hint);
    const apps = movesWith(context.config, app);
    await runPlan(context, plan, afterTakeOver(state, apps, to, from, copies), signal, onEvent);
  } catch (error) {
    if (signal.aborted || !(error instanceof AppError) || copies.length === 0) throw error;
    const message = `${error.message}; "${to}" owns the volumes of "${app}" now`;
    const hint = error.hint ?? 'run the same command again: it only starts the application';
    throw new AppError(error.code, message, { hint, retryable: error.retryable, cause: error });
  }
  context.input.resumeApp(app);
  onStage?.('serving', `"${app}" answers on "${to}"`);
}

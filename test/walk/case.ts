import type { Config } from '../../src/model/config.ts';
import type { RunOutcome } from '../../src/model/events.ts';
import type { Walk } from './event-kit.ts';
import { events } from './events.ts';
import { type Controller, createController, describeCall, never } from './harness.ts';
import { notConverged } from './invariants.ts';
import { createRandom } from './random.ts';
import { deleted, elsewhere, nodes, removed, type Scenario, scenarios } from './scenarios.ts';
import { createWorld, type World } from './world.ts';

/** One case; it is deterministic. */
export interface Case {
  readonly scenario: string;
  readonly event: string;
  /** At which write of the first run. */
  readonly k: number;
  /** At which call of the second run. */
  readonly m: number;
  /** Which files the second run has. */
  readonly follow: Follow;
  readonly seed: number;
}

export const follows = ['same', 'back', 'elsewhere', 'removed', 'deleted'] as const;
export type Follow = (typeof follows)[number];

export interface CaseReport {
  readonly violations: readonly string[];
  /** Outcomes and events of the runs, in order. */
  readonly story: readonly string[];
}

/** A case as text, which a failure prints and which repeats it. */
export const printCase = (one: Case): string => [one.scenario, one.event, one.k, one.m, one.follow, one.seed].join(' ');

/** Inverse of `printCase`. */
export function parseCase(text: string): Case {
  const [scenario = '', event = '', k = '', m = '', follow = '', seed = ''] = text.trim().split(/\s+/);
  const known = follows.find((one) => one === follow);
  if (known === undefined || events[event] === undefined) throw new Error(`not a case: ${text}`);
  return { scenario, event, k: Number(k), m: Number(m), follow: known, seed: Number(seed) };
}

const applies = 4;

/** What the first run of a scenario does when nothing goes wrong. */
export interface Course {
  /** For each write, what it is, and the kinds of the steps that were running. */
  readonly writes: readonly (readonly string[])[];
  readonly calls: number;
  readonly outcome: string;
}

/** Follows the first run of a scenario, for the choice of cases. */
export async function followCourse(scenario: Scenario): Promise<Course> {
  const stage = await prepare(scenario);
  const controller = createController(stage.world.cluster, stage.world.clock, 'A', scenario.goal);
  const writes: string[][] = [];
  let calls = 0;
  controller.gate = (call, go) => {
    calls += 1;
    const kinds = new Set([...controller.running].map((step) => step.replace(/:.*/, '')));
    if (call.isWrite) writes.push([describeCall(call).replace(/@.*/, ''), ...kinds]);
    return go();
  };
  await run(stage, controller);
  await controller.close();
  stage.world.cluster.intercept(undefined);
  return { writes, calls, outcome: stage.story.at(-1) ?? '' };
}

/** Plays one case to its end; an error of drover is a violation, not thrown. With `isInFull` the story has every write. */
export async function playCase(one: Case, isInFull = false): Promise<CaseReport> {
  const scenario = scenarios.find(({ name }) => name === one.scenario);
  const event = events[one.event];
  if (scenario === undefined || event === undefined) throw new Error(`not a case: ${printCase(one)}`);
  const stage = await prepare(scenario);
  if (isInFull) recordWrites(stage);
  const heals: (() => void | Promise<void>)[] = [];
  const walk: Walk = {
    world: stage.world,
    first: createController(stage.world.cluster, stage.world.clock, 'A', scenario.goal),
    second: createController(stage.world.cluster, stage.world.clock, 'B', followOf(scenario, one.follow)),
    k: one.k,
    m: one.m,
    random: createRandom(printCase(one)),
    run: async (controller) => void (await run(stage, controller)),
    disturb: () => {
      stage.disturbances += 1;
    },
    breakDown: () => {
      stage.isBroken = true;
    },
    healLater: (heal) => heals.push(heal),
  };
  try {
    await event(walk);
    stage.world.watcher.endAllowance();
    for (const heal of heals) await heal();
    stage.isBroken = false;
    await endWell(stage, one, walk);
  } catch (error) {
    stage.world.watcher.report(`it throws: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
  stage.world.watcher.look();
  stage.world.cluster.intercept(undefined);
  return { violations: [...stage.world.watcher.violations], story: stage.story };
}

/** Every write that takes effect, and every violation at its moment, becomes a line of the story. */
function recordWrites({ world, story }: Stage): void {
  let reported = 0;
  world.watcher.onWrite((node, operation) => {
    story.push(`    ${node} ${operation}`);
    for (const text of world.watcher.violations.slice(reported)) story.push(`  ! ${text}`);
    reported = world.watcher.violations.length;
  });
}

interface Stage {
  readonly scenario: Scenario;
  readonly world: World;
  readonly story: string[];
  disturbances: number;
  isBroken: boolean;
  /** Rolls back instead of applying, once. */
  rollBack: ((controller: Controller) => Promise<unknown>) | undefined;
}

/** The beginning of a scenario: all applications run and have written. */
async function prepare(scenario: Scenario): Promise<Stage> {
  const world = createWorld(scenario);
  const stage: Stage = { scenario, world, story: [], disturbances: 0, isBroken: false, rollBack: undefined };
  const neighbour = scenario.neighbour === undefined ? [] : [scenario.neighbour];
  for (const config of [...neighbour, ...scenario.before]) {
    const controller = createController(world.cluster, world.clock, 'setup', config);
    const outcome = await controller.engine.converge(never);
    if (outcome.result !== 'converged') throw new Error(`cannot set the scene: ${printOutcome(outcome)}`);
    await controller.close();
  }
  scenario.prepare?.(world.cluster);
  world.watcher.acknowledge();
  if (scenario.rollsBack !== undefined) await prepareRollBack(stage, scenario.rollsBack);
  return stage;
}

async function prepareRollBack(stage: Stage, app: string): Promise<void> {
  const { world, scenario } = stage;
  const controller = createController(world.cluster, world.clock, 'setup', scenario.goal);
  const refs = await controller.engine.acts.snapshot(app, 'good', never);
  await controller.close();
  for (const { node, dataset, volume, snapshot } of refs) {
    const good = world.cluster
      .machine(node)
      .datasets.get(dataset)
      ?.snapshots.find(({ name }) => name === snapshot);
    if (good !== undefined) world.watcher.allow(volume, good.content);
  }
  stage.rollBack = async ({ engine, signal }) => {
    const [ref] = refs;
    if (ref !== undefined) await engine.acts.rollBack(app, ref, signal);
  };
}

/** The files of the second run. */
function followOf(scenario: Scenario, follow: Follow): Config {
  if (follow === 'back') return scenario.before.at(-1) ?? scenario.goal;
  if (follow === 'elsewhere') return elsewhere(scenario);
  if (follow === 'removed') return removed(scenario);
  return follow === 'deleted' ? deleted(scenario) : scenario.goal;
}

/** Runs one controller and checks that its outcome is true. */
async function run(stage: Stage, controller: Controller): Promise<RunOutcome | undefined> {
  const { world, rollBack } = stage;
  if (controller.isDead()) return undefined;
  const before = stage.disturbances;
  if (rollBack !== undefined) {
    stage.rollBack = undefined;
    const ended = await rollBack(controller).then(
      () => 'rolled back',
      (error: Error) => error.message,
    );
    stage.story.push(`${controller.who}: ${ended}`);
    return undefined;
  }
  const ran = runningApps(world);
  const outcome = await controller.engine.converge(controller.signal);
  stage.story.push(`${controller.who}: ${printOutcome(outcome)}`);
  world.watcher.look();
  if (controller.isDead() || stage.disturbances !== before) return outcome;
  checkNeighbourRuns(stage, controller.config, ran);
  if (outcome.result !== 'converged') {
    // While another run holds a lock, it is responsible for applications that are down.
    if (!stage.isBroken && outcome.result !== 'locked') checkNotLeftDown(world, controller.config, ran);
    return outcome;
  }
  for (const wrong of notConverged(world.cluster, controller.config)) {
    world.watcher.report(`"converged", and ${wrong}`);
  }
  return outcome;
}

const runningApps = ({ cluster }: World): string[] =>
  nodes.flatMap((node) =>
    [...cluster.machine(node).containers.values()].flatMap(({ state, spec }) =>
      state === 'running' ? [spec.application] : [],
    ),
  );

/** No run stops the applications of another deployment. */
function checkNeighbourRuns({ world, scenario: { neighbour } }: Stage, config: Config, ran: readonly string[]): void {
  if (neighbour === undefined || neighbour === config) return;
  const runs = runningApps(world);
  for (const app of Object.values(neighbour.deployment).flat()) {
    // Both deployments may have an application of this name.
    const [before, now] = [ran, runs].map((all) => all.filter((one) => one === app).length);
    if ((now ?? 0) < (before ?? 0) && config.applications[app] === undefined)
      world.watcher.report(`a run has stopped ${app} of another deployment`);
  }
}

/** A run that fails leaves applications running that ran before and that the files still have. */
function checkNotLeftDown(world: World, config: Config, ran: readonly string[]): void {
  const wanted = Object.values(config.deployment).flat();
  const runs = runningApps(world);
  for (const app of ran) {
    if (wanted.includes(app) && !runs.includes(app)) world.watcher.report(`a run that failed leaves ${app} down`);
  }
}

/** After the repair, a few runs converge, the next one has nothing to do, and everything is in its place. */
async function endWell(stage: Stage, one: Case, walk: Walk): Promise<void> {
  const { scenario, world } = stage;
  const end = scenario.end ?? scenario.goal;
  await world.spend(1_000);
  if (walk.random.oneIn(2)) await world.spend(180_000);
  for (const node of Object.keys(end.nodes)) world.cluster.bootGate(node);
  // A volume that was declared deleted stays so until a user decides.
  const mayBlock = one.follow === 'deleted' || (scenario.mayRefuse && scenario.end === undefined);
  const isGood = await converges(stage, end, mayBlock === true);
  // The other deployment is as its files describe, or its own run restores that without changing this one.
  if (scenario.neighbour !== undefined) {
    await converges(stage, scenario.neighbour, false);
    if (isGood) await checkStillGood(stage, end);
  }
  const last = scenario.next ?? scenario.before.at(-1);
  // One more move: what has happened must not prevent the next one.
  if (isGood && last !== undefined && walk.random.oneIn(2)) await converges(stage, last, mayBlock === true);
}

/** Another deployment's run has left everything as it was. */
async function checkStillGood(stage: Stage, config: Config): Promise<void> {
  const controller = createController(stage.world.cluster, stage.world.clock, 'C', config);
  await checkNothingLeft(stage, controller);
  await controller.close();
}

/** Applies these files a few times, each with a new process; true where one of them has converged. */
async function converges(stage: Stage, config: Config, mayBlock: boolean): Promise<boolean> {
  const { world } = stage;
  let outcome: RunOutcome | undefined;
  for (let times = 0; times < applies; times += 1) {
    const controller = createController(world.cluster, world.clock, 'C', config);
    await world.spend(1_000);
    outcome = await run(stage, controller);
    const isGood = outcome?.result === 'converged';
    if (isGood) await checkNothingLeft(stage, controller);
    await controller.close();
    if (isGood) return true;
  }
  if (mayBlock && outcome?.result === 'blocked') return false;
  world.watcher.report(`never converges: ${outcome === undefined ? 'no run' : printOutcome(outcome)}`);
  return false;
}

/** The same files once more have nothing to do. */
async function checkNothingLeft({ world }: Stage, controller: Controller): Promise<void> {
  const writes = world.cluster.writes();
  const outcome = await controller.engine.converge(controller.signal);
  if (outcome.result === 'converged' && outcome.steps === 0 && world.cluster.writes() === writes) return;
  world.watcher.report(`a second run has something to do: ${printOutcome(outcome)}`);
}

function printOutcome(outcome: RunOutcome): string {
  if (outcome.result === 'blocked') {
    return ['blocked', ...outcome.blockers.map(({ reason, hint }) => `${reason} (${hint ?? 'no hint'})`)].join('; ');
  }
  if (outcome.result === 'failed' || outcome.result === 'locked') return `${outcome.result}: ${outcome.error.message}`;
  return outcome.result === 'converged' ? `converged in ${outcome.steps} steps` : outcome.result;
}

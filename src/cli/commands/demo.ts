import type { Engine, PlanResult } from '../../engine/types.ts';
import { AppError, isAbort } from '../../model/errors.ts';
import { type Line, line } from '../../view/lines.ts';
import { statusOf } from '../../view/status.ts';
import { statusLines } from '../../view/status-lines.ts';
import { formatBytes, nodeTitle } from '../../view/wording.ts';
import { type ExitCode, exitCode, exitCodeOf } from '../exit-code.ts';
import type { Stops } from '../interrupt.ts';
import { createRenderer, type Invocation, say, withEngine } from '../invocation.ts';
import { printJsonLine } from '../renderers/json.ts';
import type { ScreenFlags } from '../screen-options.ts';
import { printed, printLines, printTexts } from '../style.ts';
import type { FileChoice, Simulation, World } from '../world.ts';
import { converge } from './apply.ts';
import { editDeployment } from './move.ts';
import { canDraw, screenOptions } from './tui.ts';

export interface DemoOptions extends ScreenFlags {
  /** Without delays. */
  readonly fast: boolean;
}

const first = 'SIMULATION: three nodes in memory; no machine, no Docker and no ZFS is touched.';
const last =
  'SIMULATION: none of this was real. For real nodes: `npm start` (Linux, root) or `vagrant up`. ' +
  'If you have a Compose file: `drover init` in its folder.';

const readMs = 900;

/** A tour on a simulated cluster: apply, apply again, data, move, status. Its first and last line say that it is simulated. */
export async function demo(invocation: Invocation, { fast, ...flags }: DemoOptions): Promise<ExitCode> {
  const { openTuiDemo } = invocation.world;
  if (openTuiDemo !== undefined && flags.plain !== true && !fast && canDraw(invocation)) {
    return await demoOnScreen(invocation, flags, openTuiDemo);
  }
  const simulation = await invocation.world.openSimulation(fast);
  label(invocation, first);
  say(invocation, printed`The planner, the engine and the output are real; times and sizes are simulated.\n`);
  try {
    const { json, quiet, yes } = invocation.options;
    // The simulation has only its own files, whatever the command line names.
    const inside: Invocation = { ...invocation, world: simulation.world, options: { json, quiet, yes } };
    return await withEngine(inside, 'gentle', (engine, files, stops) =>
      play({ invocation: inside, simulation, engine, files, stops }),
    );
  } finally {
    label(invocation, last);
  }
}

async function demoOnScreen(
  invocation: Invocation,
  { plain: _plain, stages: _stages, scale, ...options }: ScreenFlags,
  open: NonNullable<World['openTuiDemo']>,
): Promise<ExitCode> {
  const [nodes = 0, containers = 0, eventsPerSecond = 0] = (scale ?? '').split(',').map(Number);
  const { code, lines } = await open({
    options: screenOptions(invocation, options),
    ...(scale === undefined ? {} : { scale: { nodes, containers, eventsPerSecond } }),
  });
  invocation.world.terminal.out(printTexts(lines));
  return code;
}

/** Printed with --quiet and --json as well: the output must not be mistaken for that of a real cluster. */
function label({ world, options, paint }: Invocation, text: string): void {
  const event = { at: world.now(), run: 0, type: 'simulation', text };
  if (options.json) printJsonLine(world, event);
  else world.terminal.out(printLines([line(text, 'warning')], paint));
}

interface Stage {
  readonly invocation: Invocation;
  readonly simulation: Simulation;
  readonly engine: Engine;
  readonly files: FileChoice;
  readonly stops: Stops;
}

type Scenario = (stage: Stage) => Promise<ExitCode>;

/** Plays the scenarios in order until one fails or Ctrl-C. */
async function play(stage: Stage): Promise<ExitCode> {
  const { simulation, stops } = stage;
  const scenarios: readonly Scenario[] = [applyOnce, applyAgain, writeData, moveAway, showStatus];
  try {
    for (const scenario of scenarios) {
      const code = await scenario(stage);
      if (code !== exitCode.done) return code;
      if (scenario !== showStatus) await simulation.pause(readMs, stops.soft);
      if (stops.soft.aborted) return exitCode.cancelled;
    }
    return exitCode.done;
  } catch (error) {
    if (stops.soft.aborted && isAbort(error)) return exitCode.cancelled;
    throw error;
  }
}

/** Prints the command that does the same on real nodes. */
async function typed({ invocation, simulation, stops }: Stage, command: string): Promise<void> {
  say(invocation, printLines([line(''), line(`$ drover ${command}`, 'strong')], invocation.paint));
  await simulation.pause(readMs / 2, stops.soft);
}

/** A file's text, indented. */
const linesOf = (text: string): readonly Line[] =>
  text
    .trimEnd()
    .split('\n')
    .map((each) => line(each === '' ? '' : `  ${each}`));

const applyOnce: Scenario = async (stage) => {
  const { invocation, files, simulation, stops } = stage;
  const text = await invocation.world.readText(files.deployment);
  say(invocation, printLines([line(''), line(files.deployment, 'strong'), ...linesOf(text)], invocation.paint));
  await simulation.pause(readMs, stops.soft);
  await typed(stage, 'apply');
  return run(stage);
};

const applyAgain: Scenario = async (stage) => {
  await typed(stage, 'apply');
  return run(stage);
};

const run = async ({ invocation, engine, stops }: Stage): Promise<ExitCode> =>
  exitCodeOf(await converge(invocation, engine, stops));

const writeData: Scenario = async ({ invocation, simulation }) => {
  const { application, write, writtenBytes } = simulation;
  write(writtenBytes);
  say(invocation, printed`\n"${application}" now writes ${formatBytes(writtenBytes)} into its volume.\n`);
  return exitCode.done;
};

const moveAway: Scenario = async (stage) => {
  const { invocation, simulation, files } = stage;
  const { application, moveTo } = simulation;
  const read = await invocation.world.readConfig(files);
  if (!read.ok) throw new AppError('internal', 'cannot read the files of the simulation');
  await typed(stage, `move ${application} ${read.config.nodes[moveTo]?.name ?? nodeTitle(read.config, moveTo)}`);
  await editDeployment(invocation, files.deployment, read.config, application, moveTo);
  return run(stage);
};

const showStatus: Scenario = async (stage) => {
  await typed(stage, 'status');
  const seen = await look(stage);
  if (!seen.ok) throw new AppError('internal', 'cannot read the files of the simulation');
  const { invocation, simulation } = stage;
  const { config, state, plan } = seen;
  if (!invocation.options.json) {
    const lines = statusLines(statusOf(config, state, plan), config, simulation.world.now());
    invocation.world.terminal.out(printLines(lines, invocation.paint));
  }
  say(invocation, printed`\n`);
  return exitCode.done;
};

/** With --json the observation is printed as events. */
async function look({ invocation, engine, stops }: Stage): Promise<PlanResult> {
  if (!invocation.options.json) return engine.plan(stops.hard);
  const forget = engine.onEvent(createRenderer(invocation, false).onEvent);
  try {
    return await engine.plan(stops.hard);
  } finally {
    forget();
  }
}

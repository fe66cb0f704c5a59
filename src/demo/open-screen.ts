import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openEditor } from '../cli/editor.ts';
import { exitCode } from '../cli/exit-code.ts';
import type { TuiEnd, World } from '../cli/world.ts';
import { AppError } from '../model/errors.ts';
import type { TuiDeps, TuiSettings } from '../tui/deps.ts';
import { runTui } from '../tui/run-tui.ts';
import { mergeSettings } from '../tui/settings.ts';
import { createTuiSimulation, type SimulationOptions } from './tui-simulation.ts';

/** What the screen needs of the process it runs in. */
export interface ScreenOutside
  extends Pick<TuiDeps, 'stdin' | 'stdout' | 'onSignal' | 'onEnd' | 'onContinue' | 'suspend'> {
  readonly world: Pick<World, 'version' | 'now' | 'env' | 'logBug'>;
  readonly stateFolder: string;
}

const last = 'SIMULATION: nothing of this was real. For real nodes: `npm start` (Linux, root) or `vagrant up`.';

/**
 * The screen on a simulated cluster until it is left. Asks before it applies unless the settings say otherwise, so that
 * what is wrong at first can be looked at. Throws `usage` for a wrong DROVER_SIMULATION.
 */
export async function openScreen(outside: ScreenOutside, given?: TuiSettings): Promise<TuiEnd> {
  const { world, stateFolder, stdin, stdout, onSignal, onEnd, onContinue, suspend } = outside;
  const settings = given ?? mergeSettings(undefined, world.env, { confirm: true });
  const simulation = createTuiSimulation({
    ...scaleOf(world.env.DROVER_SIMULATION),
    policy: settings.asksFirst || settings.isReadOnly ? 'ask' : 'on-save',
  });
  const { engine, label, folder, files, move, fix, placeOf, readHistory, undo, readFile } = simulation;
  try {
    const { lines } = await runTui({
      ...{ engine, label, folder, files, move, fix, placeOf, readHistory, undo, readFile },
      ...{ stdin, stdout, onSignal, suspend, settings },
      ...(onEnd === undefined ? {} : { onEnd }),
      ...(onContinue === undefined ? {} : { onContinue }),
      version: world.version,
      now: world.now,
      env: world.env,
      logBug: world.logBug,
      openEditor: simulation.openEditorWith((file, line, column) =>
        openEditor(
          { file, ...(line === undefined ? {} : { line }), ...(column === undefined ? {} : { column }) },
          world.env,
        ),
      ),
      save: (name, text) => saveIn(join(stateFolder, 'screens'), name, text),
    });
    return { code: exitCode.done, lines: [...lines, last] };
  } finally {
    simulation.end();
    await engine.close();
  }
}

/** `NODES,CONTAINERS,EVENTS A SECOND`, in place of the sample: for measuring. */
function scaleOf(text: string | undefined): Pick<SimulationOptions, 'scale'> {
  if (text === undefined || text === '') return {};
  const [nodes = 0, containers = 0, eventsPerSecond = 0, ...more] = text.split(',').map(Number);
  const numbers = [nodes, containers, eventsPerSecond];
  if (more.length > 0 || !numbers.every((each) => Number.isInteger(each) && each > 0)) {
    throw new AppError('usage', `cannot simulate "${text}": it is not NODES,CONTAINERS,EVENTS A SECOND`, {
      hint: 'set DROVER_SIMULATION to numbers such as 100,2000,10, or leave it out',
    });
  }
  return { scale: { nodes, containers, eventsPerSecond } };
}

async function saveIn(folder: string, name: string, text: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, name);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

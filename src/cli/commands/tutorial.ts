import { AppError } from '../../model/errors.ts';
import { fitted, isOver, stepAt, type TutorialProgress } from '../../tutorial/progress.ts';
import type { Tutorial } from '../../tutorial/types.ts';
import { closest } from '../../view/closest.ts';
import { alignRows, cell } from '../../view/lines.ts';
import { count } from '../../view/wording.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { chooseFiles, FilesWrong } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { printJson } from '../renderers/json.ts';
import type { ScreenFlags } from '../screen-options.ts';
import { printed, printLines, printTexts } from '../style.ts';
import { createGuide } from '../tutorial/guide.ts';
import { followInLines } from '../tutorial/lines.ts';
import { beginOrGoOn, openPlace, type TutorialPlace } from '../tutorial/place.ts';
import type { TutorialWorld } from '../tutorial/world.ts';
import type { World } from '../world.ts';
import { canDraw, screenOptions } from './tui.ts';

export interface TutorialFlags extends ScreenFlags {
  /** The files as the page gives them, and nothing remembered. */
  readonly reset: boolean;
}

/** Lists the tutorials, or leads through one: on the screen, or in lines. */
export async function tutorial(
  invocation: Invocation,
  name: string | undefined,
  flags: TutorialFlags,
): Promise<ExitCode> {
  const { world, options } = invocation;
  const shelf = await need(world);
  const { tutorials, problems } = await shelf.read();
  if (problems.length > 0) throw new FilesWrong(problems);
  if (name === undefined) return await list(invocation, shelf, tutorials);
  const found = find(tutorials, name);
  const place = await openPlace(found, shelf, world, options.directory);
  if (flags.reset) {
    const written = await place.reset();
    // The copies of the original files are gone with the progress; they are made again.
    await openPlace(found, shelf, world, options.directory);
    if (!options.json && !options.quiet)
      world.terminal.out(
        printed`starting again; restored: ${written.join(', ')}
What an earlier try has written is still on its volumes; \`npm run -s lab -- reset\` makes the nodes of the lab as new.
`,
      );
  }
  await requireNodes(found, shelf, world, options.inventory);
  const inLines = flags.plain === true || options.yes || !canDraw(invocation);
  if (inLines || world.openTui === undefined) return await followInLines(invocation, shelf, found, place);
  return await followOnScreen(invocation, { shelf, found, place }, flags, world.openTui);
}

async function need({ tutorials }: World): Promise<TutorialWorld> {
  if (tutorials !== undefined) return await tutorials();
  throw new AppError('usage', 'cannot open a tutorial: there are none here');
}

function find(tutorials: readonly Tutorial[], name: string): Tutorial {
  const names = tutorials.map((each) => each.name);
  const found = tutorials.find((each) => each.name === name);
  if (found !== undefined) return found;
  const near = closest(name, names);
  throw new AppError('usage', `cannot open the tutorial "${name}": there is none of that name`, {
    hint: near === undefined ? `choose one of ${names.join(', ')}` : `did you mean \`drover tutorial ${near}\`?`,
  });
}

async function list(
  { world, options, paint }: Invocation,
  shelf: TutorialWorld,
  tutorials: readonly Tutorial[],
): Promise<ExitCode> {
  const all = await Promise.all(tutorials.map(async (each) => ({ each, progress: await progressOf(each, shelf) })));
  if (options.json) {
    const entries = all.map(({ each: { name, title, about, minutes, steps, page }, progress: { done, at } }) => {
      return { name, title, about, minutes, steps: steps.length, done: done.length, at, page };
    });
    printJson(world, { ok: true, tutorials: entries });
    return exitCode.done;
  }
  const rows = all.map(({ each, progress }) => [
    cell(each.name, 'strong'),
    cell(count(each.steps.length, 'step')),
    cell(`${each.minutes} min`),
    cell(progressText(each, progress), isOver(each, progress) ? 'ok' : 'faint'),
    cell(each.about),
  ]);
  world.terminal.out(printLines(alignRows(rows), paint));
  if (!options.quiet)
    world.terminal.out(printed`\n\`drover tutorial NAME\` opens one, on real nodes: those of the lab, or your own.\n`);
  return exitCode.done;
}

async function progressOf(each: Tutorial, shelf: TutorialWorld): Promise<TutorialProgress> {
  const text = await shelf.readIfThere(`${shelf.stateFolder}/tutorials/${each.name}/progress.json`);
  try {
    return fitted(text === undefined ? undefined : JSON.parse(text), each);
  } catch {
    return fitted(undefined, each);
  }
}

function progressText(each: Tutorial, progress: TutorialProgress): string {
  if (isOver(each, progress)) return 'done';
  return progress.done.length === 0 ? 'not begun' : `${progress.done.length} done, now ${progress.at}`;
}

const answerMs = 5000;

/** A tutorial is about what real nodes do: without any of them it says how to get some. */
async function requireNodes(
  { name, nodes }: Tutorial,
  shelf: TutorialWorld,
  world: World,
  inventory: string | undefined,
): Promise<void> {
  // The reader is responsible for nodes that the page does not use; the screen shows whether they answer.
  if (inventory !== undefined || (world.env.DROVER_INVENTORY ?? '') !== '') return;
  const answers = await Promise.all(
    Object.values(nodes).map((address) => shelf.probe(address, 22, AbortSignal.timeout(answerMs))),
  );
  if (answers.includes('accepted')) return;
  const lab = world.env.DROVER_LAB;
  const inside = lab === undefined || lab === '' || lab === 'default' ? '' : ` (inside of /run/netns/${lab})`;
  throw new AppError(
    'connection-failed',
    `cannot open the tutorial "${name}": none of its nodes answers (${Object.values(nodes).join(', ')})${inside}`,
    { hint: 'start the lab with `npm run -s lab -- up` in the project (or `vagrant up`), then this again' },
  );
}

interface Followed {
  readonly shelf: TutorialWorld;
  readonly found: Tutorial;
  readonly place: TutorialPlace;
}

/** One screen for each folder of files: from part to part they are others. */
async function followOnScreen(
  invocation: Invocation,
  { shelf, found, place }: Followed,
  { plain: _plain, stages: _stages, scale: _scale, reset: _reset, ...options }: TutorialFlags,
  openTui: NonNullable<World['openTui']>,
): Promise<ExitCode> {
  const { world } = invocation;
  for (;;) {
    const progress = await beginOrGoOn(found, place);
    const folder = place.folderOf(found.parts[stepAt(found, progress)?.part ?? 0]?.folder ?? '');
    const { directory: _copy, ...others } = invocation.options;
    const files = await chooseFiles({ ...others, directory: folder }, world);
    const { code, lines, again } = await openTui({
      folder,
      files,
      guide: (engine) => createGuide(engine, { tutorial: found, place, tutorials: shelf, world, progress }),
      options: screenOptions(invocation, options),
    });
    world.terminal.out(printTexts(lines));
    if (again === true) continue;
    const { done } = await place.readProgress();
    world.terminal.out(
      printed`${done.length} of ${found.steps.length} steps done; again: drover tutorial ${found.name}\n`,
    );
    return code;
  }
}

import { defined } from '../../model/defined.ts';
import type { ScreenOptions } from '../../model/settings.ts';
import type { ExitCode } from '../exit-code.ts';
import { chooseFiles, findInFolder } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { proposeDeployment } from '../new-deployment.ts';
import type { ScreenFlags } from '../screen-options.ts';
import { printTexts } from '../style.ts';
import type { DeploymentOffer, FileChoice } from '../world.ts';
import { watch } from './apply.ts';
import { writeProposal } from './init.ts';
import { overview } from './status.ts';

/**
 * `drover` alone: opens the screen if there is a terminal, and otherwise prints the status and changes nothing. `--plain`
 * applies and watches, with a line for each event.
 */
export async function tui(
  invocation: Invocation,
  { plain = false, stages, scale: _, ...options }: ScreenFlags,
): Promise<ExitCode> {
  const { world } = invocation;
  const { openTui } = world;
  const wantsLines = plain || world.env.INK_SCREEN_READER === 'true';
  if (wantsLines && world.terminal.ask !== undefined && (await findFiles(invocation)).files !== undefined) {
    return watch(invocation);
  }
  if (wantsLines || openTui === undefined || !canDraw(invocation)) return overview(invocation);
  let notice: string | undefined;
  for (;;) {
    // While the lab starts, its files can be read; they are applied when it is up.
    const { files, offer } = await findFiles(invocation);
    const { code, lines, again } = await openTui({
      folder: world.resolvePath(world.cwd, invocation.options.directory ?? '.'),
      ...defined({ files, stages, notice, offer }),
      options: screenOptions(invocation, options),
    });
    world.terminal.out(printTexts(lines));
    if (again !== true) return code;
    notice =
      offer !== undefined && !offer.isPlaceholder
        ? 'deployment.yml is written: put a name into another list and save, and it moves'
        : 'the files are written: enter your own nodes with :edit deployment';
  }
}

/** `--no-color` is an option of the whole program. */
export const screenOptions = ({ paint }: Invocation, options: ScreenOptions): ScreenOptions =>
  paint('x', 'strong') === 'x' ? { ...options, noColour: true } : options;

/** Whether there is a terminal for output and input. */
export const canDraw = ({ world, options }: Invocation): boolean =>
  world.terminal.moving &&
  world.terminal.ask !== undefined &&
  !options.json &&
  !options.quiet &&
  world.env.INK_SCREEN_READER !== 'true';

interface Found {
  readonly files?: FileChoice;
  readonly offer?: DeploymentOffer;
}

/**
 * The files; without a deployment file, the one that drover offers to write; nothing if the folder has neither file.
 * Throws `FilesWrong` for everything else.
 */
async function findFiles(invocation: Invocation): Promise<Found> {
  const { world, options } = invocation;
  const { deployment, application } = await findInFolder(options, world);
  if (deployment !== undefined) return { files: await chooseFiles(options, world) };
  if (application === undefined) return {};
  const proposal = await proposeDeployment(invocation, []);
  return { offer: { ...proposal, write: () => writeProposal(world, proposal) } };
}

import { line } from '../../view/lines.ts';
import type { ExitCode } from '../exit-code.ts';
import { chooseFiles } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import type { ScreenFlags } from '../screen-options.ts';
import { printLines } from '../style.ts';
import type { FileChoice, TuiOptions } from '../world.ts';
import { watch } from './apply.ts';
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
  if (wantsLines && world.terminal.ask !== undefined && (await findFiles(invocation)) !== undefined) {
    return watch(invocation);
  }
  if (wantsLines || openTui === undefined || !canDraw(invocation)) return overview(invocation);
  let notice: string | undefined;
  for (;;) {
    // While the lab starts, its files can be read; they are applied when it is up.
    const files = await findFiles(invocation);
    const { code, lines, again } = await openTui({
      folder: world.resolvePath(world.cwd, invocation.options.directory ?? '.'),
      ...(files === undefined ? {} : { files }),
      ...(stages === undefined ? {} : { stages }),
      ...(notice === undefined ? {} : { notice }),
      options: screenOptions(invocation, options),
    });
    world.terminal.out(
      printLines(
        lines.map((text) => line(text)),
        invocation.paint,
      ),
    );
    if (again !== true) return code;
    notice = 'the files are written: enter your own nodes with :edit deployment';
  }
}

/** `--no-color` is an option of the whole program. */
export const screenOptions = ({ paint }: Invocation, options: TuiOptions): TuiOptions & { readonly noColour?: true } =>
  paint('x', 'strong') === 'x' ? { ...options, noColour: true } : options;

/** Whether there is a terminal for output and input. */
export const canDraw = ({ world, options }: Invocation): boolean =>
  world.terminal.moving &&
  world.terminal.ask !== undefined &&
  !options.json &&
  !options.quiet &&
  world.env.INK_SCREEN_READER !== 'true';

/** Undefined if the folder has neither file; `chooseFiles` reports everything else. */
async function findFiles({ world, options }: Invocation): Promise<FileChoice | undefined> {
  const found = await world.findFiles(world.resolvePath(world.cwd, options.directory ?? '.'));
  const isNamed = options.application !== undefined || options.deployment !== undefined;
  if (!isNamed && found.application === undefined && found.deployment === undefined) return undefined;
  return chooseFiles(options, world);
}

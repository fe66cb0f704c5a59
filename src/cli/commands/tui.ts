import type { ExitCode } from '../exit-code.ts';
import { chooseFiles } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import type { FileChoice, TuiOptions } from '../world.ts';
import { watch } from './apply.ts';
import { overview } from './status.ts';

export interface TuiFlags extends TuiOptions {
  /** Lines in place of the screen. */
  readonly plain: boolean;
  /** Progress of a lab on its way up, to be shown first. */
  readonly stages?: string;
}

/**
 * `drover` alone: the screen, where there is a terminal to draw on and to type into. Without one nothing is changed
 * silently: the status is printed. `--plain` is for people: it applies and watches, with a line for each event.
 */
export async function tui(invocation: Invocation, { plain, stages, ...options }: TuiFlags): Promise<ExitCode> {
  const { world } = invocation;
  if (invocation.options.json || invocation.options.quiet || world.openTui === undefined) return overview(invocation);
  const wantsLines = plain || world.env.INK_SCREEN_READER === 'true';
  if (wantsLines) return (await findFiles(invocation)) === undefined ? overview(invocation) : watch(invocation);
  if (!world.terminal.moving || world.terminal.ask === undefined) return overview(invocation);
  const noColour = invocation.paint('x', 'strong') === 'x' ? { noColour: true as const } : {};
  for (;;) {
    const files = stages === undefined ? await findFiles(invocation) : undefined;
    const { code, lines, again } = await world.openTui({
      folder: world.resolvePath(world.cwd, invocation.options.directory ?? '.'),
      ...(files === undefined ? {} : { files }),
      ...(stages === undefined ? {} : { stages }),
      options: { ...options, ...noColour },
    });
    for (const each of lines) world.terminal.out(`${each}\n`);
    if (again !== true) return code;
  }
}

/** Undefined where the folder has none of the two; anything else that is wrong is said by `chooseFiles`. */
async function findFiles({ world, options }: Invocation): Promise<FileChoice | undefined> {
  const found = await world.findFiles(world.resolvePath(world.cwd, options.directory ?? '.'));
  const isNamed = options.application !== undefined || options.deployment !== undefined;
  if (!isNamed && found.application === undefined && found.deployment === undefined) return undefined;
  return chooseFiles(options, world);
}

import { Command, Option } from 'commander';
import type { TuiOptions } from './world.ts';

/** The screen's own options, on `drover` alone and on `drover demo`. */
export function addScreenOptions(command: Command): Command {
  return command
    .option('--plain', 'lines in place of the screen')
    .option('--confirm', 'show each change first and wait, in place of applying on save')
    .option('--read-only', 'look at everything, change nothing')
    .option('--theme <name>', 'auto, dark, light, high-contrast, colour-blind or mono')
    .option('--ascii', 'draw with ASCII signs only (also with $DROVER_ASCII)')
    .option('--mouse', 'the mouse selects, also over ssh inside tmux')
    .option('--no-mouse', 'leave the mouse to the terminal')
    .addOption(new Option('--stages <file>').hideHelp())
    .addOption(new Option('--scale <nodes,containers,events>').hideHelp());
}

export interface ScreenFlags extends TuiOptions {
  readonly plain?: boolean;
  readonly stages?: string;
  readonly scale?: string;
}

/**
 * Those that were given, before the verb or after it: `drover` itself has them too, and commander gives it what stands
 * after the verb as well.
 */
export function screenFlagsOf(command: Command): ScreenFlags {
  const names = new Set(addScreenOptions(new Command()).options.map((option) => option.attributeName()));
  // Commander gives the options just as they are declared above.
  return Object.fromEntries(
    Object.entries(command.optsWithGlobals()).filter(([name]) => names.has(name)),
  ) as ScreenFlags;
}

import { Command, Option } from 'commander';
import type { ScreenOptions } from '../model/settings.ts';

/** The options of the screen, for `drover`, `drover demo` and `drover tutorial`. */
export function addScreenOptions(command: Command): Command {
  return command
    .option('--plain', 'print lines instead of the screen')
    .option('--confirm', 'show each plan and wait for approval, instead of applying on save')
    .option('--read-only', 'change nothing')
    .option('--theme <name>', 'auto, dark, light, high-contrast, colour-blind or mono')
    .option('--ascii', 'draw with ASCII only (default: $DROVER_ASCII)')
    .option('--mouse', 'use the mouse, also over SSH inside tmux')
    .option('--no-mouse', 'do not use the mouse')
    .addOption(new Option('--stages <file>').hideHelp())
    .addOption(new Option('--scale <nodes,containers,events>').hideHelp());
}

export interface ScreenFlags extends ScreenOptions {
  readonly plain?: boolean;
  readonly stages?: string;
  readonly scale?: string;
}

/**
 * The options that were given, before or after the command: `drover` itself has them too, and commander stores those
 * after the command there as well.
 */
export function screenFlagsOf(command: Command): ScreenFlags {
  const names = new Set(addScreenOptions(new Command()).options.map((option) => option.attributeName()));
  // Commander gives the options just as they are declared above.
  return Object.fromEntries(
    Object.entries(command.optsWithGlobals()).filter(([name]) => names.has(name)),
  ) as ScreenFlags;
}

import { type Command, Option } from 'commander';
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

import { join } from 'node:path';
import { expect } from 'vitest';
import { type PtyProgram, startPty } from '../pty/harness.ts';
import { hangsMs, project } from './lab.ts';

/** drover's screen in a pseudo-terminal, as somebody sits before it. */
export interface LabScreen extends PtyProgram {
  /** Prints what is on the screen. */
  show(moment: string): void;
  /** One key after the other, each once the one before it is drawn. */
  keys(...names: readonly string[]): Promise<void>;
  /** Presses `q`; resolves to what is left on the terminal, which has to be as it was. */
  leave(): Promise<string>;
}

/** Starts `drover ARGS` in the folder, with the lab's nodes; `stateFolder` in place of the reader's own. */
export function startScreen(args: readonly string[], cwd: string, stateFolder?: string): LabScreen {
  const { DROVER_LAB, DROVER_LAB_INVENTORY, HOME, XDG_STATE_HOME, XDG_CACHE_HOME } = process.env;
  const screen = startPty([process.execPath, join(project, 'dist', 'drover.js'), ...args], {
    columns: 118,
    rows: 34,
    cwd,
    env: {
      DROVER_LAB,
      DROVER_LAB_INVENTORY,
      HOME,
      XDG_CACHE_HOME,
      XDG_STATE_HOME: stateFolder ?? XDG_STATE_HOME,
    },
  });
  const keys = async (...names: readonly string[]): Promise<void> => {
    for (const name of names) {
      screen.press(name);
      await screen.settled(200);
    }
  };
  return {
    ...screen,
    waitFor: (wanted, ms = hangsMs) => screen.waitFor(wanted, ms),
    keys,
    show: (moment) => console.log(`--- ${moment}\n${screen.screen().join('\n')}`),
    leave: async () => {
      await keys('q');
      expect(await screen.exit).toEqual({ code: 0 });
      expect(screen.isAlternate()).toBe(false);
      expect(screen.sttyAfter()).toBe(screen.sttyBefore());
      const left = screen.history().join('\n');
      console.log(left);
      return left;
    },
  };
}

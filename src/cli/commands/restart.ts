import { actOn } from '../act-on.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Invocation } from '../invocation.ts';

/** Stops the application with its grace and starts the same container again. */
export const restart = (invocation: Invocation, word: string): Promise<ExitCode> =>
  actOn(invocation, word, async ({ acts }, app, signal) => {
    await acts.restart(app, signal);
    return { text: `✔ "${app}" was restarted` };
  });

import { actOn } from '../act-on.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Invocation } from '../invocation.ts';

/** Starts a container that is there; creating one is for apply. */
export const start = (invocation: Invocation, word: string): Promise<ExitCode> =>
  actOn(invocation, word, async ({ acts }, app, signal) => {
    await acts.start(app, signal);
    return { text: `✔ "${app}" is started` };
  });

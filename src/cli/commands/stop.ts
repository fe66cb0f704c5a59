import { actOn } from '../act-on.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Invocation } from '../invocation.ts';

/** Stops the application; its container and its data stay. */
export const stop = (invocation: Invocation, word: string): Promise<ExitCode> =>
  actOn(invocation, word, async ({ acts }, app, signal) => {
    await acts.stop(app, signal);
    return { text: `✔ "${app}" is stopped; \`drover start ${app}\` or the next apply starts it` };
  });

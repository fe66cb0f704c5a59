import { actOn } from '../act-on.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Invocation } from '../invocation.ts';

/** A snapshot of each of the application's volumes, under one name. */
export const snapshot = (invocation: Invocation, word: string, name: string | undefined): Promise<ExitCode> =>
  actOn(invocation, word, async ({ acts }, app, signal) => {
    const snapshots = await acts.snapshot(app, name, signal);
    const lines = snapshots.map((one) => `✔ ${one.dataset}@${one.snapshot} on ${one.node}`);
    return { text: lines, data: { snapshots } };
  });

import { setImmediate as turn } from 'node:timers/promises';

/** Every warning Node.js would print while `work` runs. */
export async function warningsDuring(work: () => Promise<unknown>): Promise<readonly string[]> {
  const seen: string[] = [];
  const note = ({ name, message }: Error): void => void seen.push(`${name}: ${message}`);
  process.on('warning', note);
  try {
    await work();
    // They are told a turn later.
    await turn();
    return seen;
  } finally {
    process.off('warning', note);
  }
}

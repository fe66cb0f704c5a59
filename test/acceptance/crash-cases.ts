import { afterAll, beforeAll, describe, it } from 'vitest';
import { putWrappers } from './crash-nodes.ts';
import { type CrashCase, createStage, printCase } from './crash-play.ts';
import { stateless, writers } from './crash-scenarios.ts';
import { type Folder, folderWith, labIsThere, resetLab } from './lab.ts';

/** Plays the cases in this order; one line for each says what happened. */
export function crashCases(title: string, cases: readonly CrashCase[]): void {
  describe.skipIf(!labIsThere)(title, () => {
    let folder: Folder;
    let stage: ReturnType<typeof createStage>;

    beforeAll(async () => {
      await resetLab();
      await putWrappers();
      folder = await folderWith('');
      stage = createStage(folder, writers, stateless);
    });
    afterAll(async () => {
      stage?.stop();
      await folder?.remove();
    });

    it.each(cases.map((one) => [printCase(one), one] as const))('%s', async (name, one) => {
      const began = performance.now();
      const seconds = (): string => ((performance.now() - began) / 1000).toFixed(1).padStart(5);
      try {
        const what = await stage.play(one);
        console.log(`${seconds()} s  good    ${name} | ${what}`);
      } catch (error) {
        console.log(`${seconds()} s  FAILED  ${name} | ${String(error).slice(0, 300)}`);
        throw error;
      }
    });
  });
}

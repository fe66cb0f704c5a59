import { describe, expect, it } from 'vitest';
import { parseCase, playCase } from './case.ts';
import { chooseCases } from './choose.ts';
import { printReport, walk } from './walk.ts';

const only = process.env.DROVER_WALK_ONLY;
const seed = Number(process.env.DROVER_WALK_SEED ?? 1);
const count = Number(process.env.DROVER_WALK_CASES ?? 2_000);
const timeout = 3_600_000;

describe.runIf(only !== undefined)('one case of the walk', () => {
  it(`ends well: ${only}`, { timeout }, async () => {
    const { violations, story } = await playCase(parseCase(only ?? ''), true);
    console.log(story.join('\n'));
    expect(violations).toEqual([]);
  });
});

describe.runIf(only === undefined)('the walk', () => {
  it('goes the same way every time', { timeout }, async () => {
    const { cases } = await chooseCases(1_000, seed);
    for (const one of cases.filter((_, index) => index % 100 === 7)) {
      expect(await playCase(one, true)).toEqual(await playCase(one, true));
    }
  });

  it(`finds nothing in ${count} cases of seed ${seed}`, { timeout }, async () => {
    const report = await walk(count, seed);
    const text = printReport(report, seed);
    console.log(text);
    expect(report.findings.length, text).toBe(0);
  });
});

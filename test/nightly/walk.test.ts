import { expect, it } from 'vitest';
import { printReport, walk } from '../walk/walk.ts';

const count = Number(process.env.DROVER_WALK_CASES ?? 50_000);
/** Another walk every night; the report says which. */
const seed = Number(process.env.DROVER_WALK_SEED ?? Math.floor(Date.now() / 86_400_000));

it(`the walk finds nothing in ${count} cases of seed ${seed}`, async () => {
  const report = await walk(count, seed);
  const text = printReport(report, seed);
  console.log(text);
  expect(report.findings.length, text).toBe(0);
});

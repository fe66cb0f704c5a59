import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type PlannerCase, runPlannerCase } from '../../cases/planner-case.ts';

const file = new URL('../../cases/plans.json', import.meta.url);
// The file is ours, and a case of another shape fails its own test.
const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { readonly cases: readonly PlannerCase[] };

describe('planner cases', () => {
  it('are all there', () => {
    expect(cases).toHaveLength(36);
  });

  it.each(cases.map((kase) => [kase.id, kase] as const))('%s', (_id, kase) => {
    expect(runPlannerCase(kase)).toEqual([]);
  });

  it('fail where the expectation is another one', () => {
    const [kase] = cases.filter(({ id }) => id === 'volume-resize-before-move');
    const turned = Object.fromEntries(
      Object.entries(kase?.expect ?? {}).map(([n, phases]) => [n, phases.toReversed()]),
    );
    const differences = kase === undefined ? [] : runPlannerCase({ ...kase, expect: turned });
    expect(differences).toContain('10.0.0.2: wait ds-pg comes before start pg');
    expect(kase === undefined ? [] : runPlannerCase({ ...kase, expect: {} })).toContain(
      '10.0.0.2: not expected: start pg',
    );
  });
});

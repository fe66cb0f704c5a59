import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { ClusterState } from '../../../src/model/cluster.ts';
import type { Config } from '../../../src/model/config.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { printPlan } from '../../support/print-plan.ts';

/**
 * Compares a plan's text with `test/golden/plans/<name>.txt`. The files are reviewed like code; `UPDATE_GOLDEN=1`
 * writes them again.
 */
export function expectPlan(name: string, config: Config, state: ClusterState): void {
  const file = new URL(`../../golden/plans/${name}.txt`, import.meta.url);
  const text = printPlan(makePlan(config, state));
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, 'utf8'));
}

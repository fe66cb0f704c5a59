import { expect, it } from 'vitest';
import type { ActionKind } from '../../src/model/plan.ts';
import { moves, others } from '../acceptance/crash-tables.ts';

/** Each kind of step; no file can ask for `retire-volume`. */
const kinds: Readonly<Record<Exclude<ActionKind, 'retire-volume'>, true>> = {
  'pull-image': true,
  'create-volume': true,
  'resize-volume': true,
  'sync-volume': true,
  'hold-ports': true,
  'stop-container': true,
  'freeze-volume': true,
  'send-final': true,
  'release-volume': true,
  'acquire-volume': true,
  'reclaim-volume': true,
  'mount-volume': true,
  'settle-volume': true,
  'start-container': true,
  'check-container': true,
  'replace-network': true,
  'set-boot-rules': true,
  'set-standbys': true,
  'set-deployment': true,
};

it('at each kind of step something goes wrong on real nodes, in at least 40 cases', () => {
  const steps = [...moves, ...others].map(({ event }) => event.step);
  expect(Object.keys(kinds).filter((kind) => !steps.some((step) => step === kind))).toEqual([]);
  expect(steps.length).toBeGreaterThanOrEqual(40);
});

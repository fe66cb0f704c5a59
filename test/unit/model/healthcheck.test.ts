import { describe, expect, it } from 'vitest';
import { healthcheckText, isSameHealthcheck, mergeHealthcheck } from '../../../src/model/container/healthcheck.ts';
import { sinceBoot } from '../../../src/node/observe-node.ts';
import { differences } from '../../../src/plan/container-spec.ts';
import { aContainer, anApplication } from '../../builders.ts';

const image = { test: ['CMD', 'probe'], intervalMs: 30_000, retries: 3 };

describe('a health check', () => {
  it("takes from the image what the file leaves out, and none is the image's own", () => {
    expect(mergeHealthcheck({ intervalMs: 5_000 }, image)).toEqual({ ...image, intervalMs: 5_000 });
    expect(mergeHealthcheck(undefined, image)).toEqual(image);
    expect(mergeHealthcheck({ test: ['NONE'] }, image)).toEqual({ test: ['NONE'] });
  });

  it('is no difference where Docker reports what drover asked for', () => {
    const app = anApplication('web', { healthcheck: { intervalMs: 5_000 } });
    const container = aContainer(app, 'a');
    const seen = (healthcheck: typeof image) => ({
      ...container,
      spec: { ...container.spec, healthcheck },
      imageDefaults: { ...container.imageDefaults, healthcheck: image },
    });
    expect(differences(container.spec, seen({ ...image, intervalMs: 5_000 }))).toEqual([]);
    expect(differences(container.spec, seen(image))).toEqual(['health check changed']);
    const { healthcheck: _none, ...bare } = container.spec;
    expect(differences(bare, seen(image))).toEqual([]);
  });

  it('has no start interval before Docker 25, which is no difference', () => {
    expect(isSameHealthcheck({ ...image, startIntervalMs: 500 }, image)).toBe(true);
    expect(isSameHealthcheck(image, { ...image, startIntervalMs: 500 })).toBe(false);
  });

  it('is shown in words', () => {
    expect(healthcheckText({ ...image, timeoutMs: 1_500 })).toBe(
      'probe, every 30 s, at most 1.5 s, unhealthy after 3 failures',
    );
    expect(healthcheckText({ test: ['NONE'] })).toBe('none');
  });
});

describe('an exit before the node booted', () => {
  const exited = (at: string) =>
    aContainer(anApplication('web'), 'a', { state: 'exited', exit: { code: 0, oomKilled: false, at } });

  it('is marked, by the clock of the node', () => {
    const [before, after] = sinceBoot(
      [exited('2026-01-02T03:04:05.5Z'), exited('2026-01-02T03:04:06Z')],
      `1.5\n2.5\n${Date.parse('2026-01-02T03:04:05.900Z') / 1000}\n`,
    );
    expect(before?.exit?.isBeforeBoot).toBe(true);
    expect(after?.exit?.isBeforeBoot).toBeUndefined();
    expect(sinceBoot([exited('2026-01-02T03:04:05Z')], '1.5\n2.5\n')[0]?.exit?.isBeforeBoot).toBeUndefined();
  });
});

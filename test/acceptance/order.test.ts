import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drover, type Folder, folderWith, labIsThere, node1, node2, onNode, resetLab } from './lab.ts';

const healthy = (after: number): string =>
  `{test: [CMD, test, -f, /ready], interval: 1s, retries: 60}
    post_start: [{command: [sh, -c, "sleep ${after}; touch /ready; echo it is ready"]}]`;

const compose = (code: number): string => `services:
  db:
    image: drover/busybox:1
    command: [sleep, "100000"]
    healthcheck: ${healthy(2)}
    pre_stop: [{command: [echo, draining]}]
  migrate:
    image: drover/busybox:1
    command: [sh, -c, "sleep 2; exit ${code}"]
    depends_on: {db: {condition: service_healthy}}
  web:
    image: drover/busybox:1
    command: [sleep, "100000"]
    depends_on:
      db: {condition: service_started}
      migrate: {condition: service_completed_successfully}
`;

const inspect = (node: string, app: string, what: string): Promise<string> =>
  onNode(node, `docker inspect -f '{{${what}}}' drover-${app} 2>/dev/null || true`);

describe.skipIf(!labIsThere)('services that depend on each other, on two nodes', () => {
  let folder: Folder;
  beforeAll(async () => {
    await resetLab();
    folder = await folderWith(compose(3));
    await folder.deploy({ [node1]: ['db'], [node2]: ['migrate', 'web'] });
  });
  afterAll(() => folder.remove());

  it('do not start after a job that fails', async () => {
    const ran = await drover(['apply'], folder.path);
    expect(ran.code, ran.stdout + ran.stderr).not.toBe(0);
    expect(ran.stdout + ran.stderr).toContain('it exited with code 3');
    expect(ran.stdout + ran.stderr).toContain('"web" is not started: it depends on "migrate"');
    expect((await inspect(node2, 'web', '.State.Status')).trim()).toBe('');
  });

  it('start in order: healthy, done, and then the rest', async () => {
    await folder.application(compose(0));
    const ran = await drover(['apply'], folder.path);
    expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 });
    const endOfJob = Date.parse((await inspect(node2, 'migrate', '.State.FinishedAt')).trim());
    const startOfWeb = Date.parse((await inspect(node2, 'web', '.State.StartedAt')).trim());
    expect(startOfWeb).toBeGreaterThan(endOfJob);
    expect((await inspect(node1, 'db', '.State.Health.Status')).trim()).toBe('healthy');
  });

  it('and the job does not run again, nor is it a fault', async () => {
    const before = await inspect(node2, 'migrate', '.State.StartedAt');
    const ran = await drover(['apply', '--json'], folder.path);
    expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 });
    expect(ran.stdout).not.toContain('"step-started"');
    expect(await inspect(node2, 'migrate', '.State.StartedAt')).toBe(before);
    expect((await drover(['status'], folder.path)).stdout).toMatch(/migrate +\S+ done/);
  });
});

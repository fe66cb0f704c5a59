import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ptyMissing } from '../pty/harness.ts';
import { containersOn, hangsMs, labIsThere, node1, node2, onNode, project, records, resetLab } from './lab.ts';
import { type LabScreen, startScreen } from './screen.ts';

const app = 'mongodb-volume-example';
const container = `drover-${app}`;
const rolesOn = async (node: string): Promise<string> =>
  (await onNode(node, 'zfs get -H -o value -t filesystem -d 1 drover:role drover/volumes')).replace(/-\n/g, '').trim();

/** The header says so; a line of the events may be an old one. */
const isSettled = (rows: readonly string[]): boolean => rows[0]?.includes('matches the files') === true;

/** The tutorial's move, by keys on the real screen; the screen and the cluster have to say the same. */
describe.skipIf(!labIsThere || ptyMissing !== undefined)('the screen on real nodes', () => {
  let folder = '';
  let screen: LabScreen;

  beforeAll(async () => {
    await resetLab();
    folder = await mkdtemp(join(tmpdir(), 'drover-screen-'));
    await cp(join(project, 'tutorials', 'mongodb', '3-data-moves'), folder, { recursive: true });
    screen = startScreen([], folder);
  });
  afterAll(async () => {
    await screen.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('opens within seconds, applies the files and shows the application where it runs', async () => {
    await screen.waitFor('deployment');
    await screen.waitFor(/● mongodb-volume-e\S*\s+up/);
    await screen.waitFor(isSettled);
    screen.show('before');
    expect(await containersOn(node1)).toContain(container);
    expect(await rolesOn(node1)).toBe('owner');
    const inserted = await records('node1', 'insert', '{"the data": "it moves"}');
    expect(inserted, inserted.stderr).toMatchObject({ code: 0 });
  });

  it('m and enter move it with its data, and the move can be watched', async () => {
    await screen.keys('m');
    await screen.waitFor(`move "${app}"`);
    screen.show('choosing');
    await screen.keys('enter');
    await screen.waitFor((rows) => rows.some((row) => row.includes('copying') || row.includes('⇢')));
    await screen.waitFor(/applying \d+\/\d+/);
    screen.show('the board while it moves');
    await screen.keys('2', 'enter');
    await screen.waitFor(/◐ +\d+\. +(copy|hold|stop|freeze|send|release|acquire|start)/);
    screen.show('moving');
    await screen.keys('escape', '1');
    await screen.waitFor(isSettled);
    screen.show('after');
    expect(await containersOn(node2)).toContain(container);
    expect(await containersOn(node1)).not.toContain(container);
    expect(await rolesOn(node2)).toBe('owner');
    expect(await rolesOn(node1)).toBe('replica');
    for (const node of ['node1', 'node2']) expect((await records(node, 'find')).stdout).toContain('it moves');
    const text = await readFile(join(folder, 'deployment.yml'), 'utf8');
    expect(text).toMatch(/172\.16\.255\.251: \[mongodb-volume-example\] # node2/);
  });

  it('shows a container that was killed behind its back, and brings it back', async () => {
    const startedBefore = await onNode(node2, `docker inspect -f '{{.State.StartedAt}}' ${container}`);
    const killedAt = Date.now();
    await onNode(node2, `docker kill ${container}`);
    const told = Date.now();
    await screen.waitFor(/exited|died|137/);
    console.log(`killed in ${told - killedAt} ms; on the screen ${Date.now() - told} ms after that`);
    screen.show('killed');
    const startedAfter = () => onNode(node2, `docker inspect -f '{{.State.StartedAt}}' ${container}`);
    await expect.poll(startedAfter, { timeout: hangsMs, interval: 3_000 }).not.toBe(startedBefore);
    await screen.waitFor(isSettled);
    expect((await records('node1', 'find')).stdout).toContain('it moves');
  });

  it('follows its log, and takes a snapshot that zfs has', async () => {
    await screen.keys('l');
    await screen.waitFor(`logs "${app}"`);
    await screen.waitFor((rows) => rows.slice(2, -3).some((row) => /\w{4}/.test(row)));
    screen.show('logs');
    await screen.keys('escape');
    await screen.waitFor('1 cluster');
    await screen.keys('Z');
    await screen.waitFor(/snapshot "?user-/);
    expect(await onNode(node2, 'zfs list -H -t snapshot -o name -r drover/volumes')).toMatch(/@user-/);
  });

  it('q leaves the terminal as it was, with what was done', async () => {
    const left = await screen.leave();
    expect(left).toContain(`"${app}" moved from node1 to node2`);
  });
});

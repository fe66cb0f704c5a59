// @images web-redis
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPage } from '../../src/tutorial/read-page.ts';
import { ptyMissing } from '../pty/harness.ts';
import { isEmulated } from '../support/lab-record.ts';
import {
  containersOn,
  drover,
  labIsThere,
  node1,
  node2,
  onNode,
  ownersOn,
  pause,
  project,
  records,
  resetLab,
} from './lab.ts';
import { type LabScreen, startScreen } from './screen.ts';

// The pages' commands have tests of their own (*-tutorial.test.ts): here it is whether drover leads through a page.

/** Files and progress of a reader who has never followed a tutorial; the lab is the one there is. */
interface Reader {
  readonly files: string;
  readonly state: string;
  remove(): Promise<void>;
}

async function newReader(): Promise<Reader> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-guided-'));
  const [files, state] = [join(folder, 'files'), join(folder, 'state')];
  await mkdir(join(state, 'drover'), { recursive: true });
  const theirs = process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state');
  await symlink(join(theirs, 'drover', 'lab'), join(state, 'drover', 'lab'));
  return { files, state, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** How many steps the tutorial's pane has ticked off, and the number of the one it is at. */
function standing(screen: LabScreen): { ticked: number; at: number } {
  const [, signs = '', at = '0'] = / ([✔◐○·]+) (\d+)\/\d+ ─╮/.exec(screen.screen().join('\n')) ?? [];
  return { ticked: [...signs].filter((sign) => sign === '✔').length, at: Number(at) };
}

/** For as long as the nodes do not show it, no further step may be ticked; returns how often they were seen so. */
async function untilShown(screen: LabScreen, ticked: number, isShown: () => Promise<boolean>): Promise<number> {
  for (let looks = 0; ; looks += 1) {
    // Before the nodes are asked: what they do not show afterwards, they did not show then.
    const before = standing(screen);
    if (await isShown()) return looks;
    expect(before).toMatchObject({ ticked });
    // Each look is a login, which an emulated node feels.
    await pause(isEmulated() ? 3000 : 300);
  }
}

const ticks = (screen: LabScreen, ticked: number): Promise<readonly string[]> =>
  screen.waitFor(() => standing(screen).ticked === ticked);

describe.skipIf(!labIsThere || ptyMissing !== undefined)('a tutorial on the screen', () => {
  // The first two parts of MongoDB's: they have no data to move, and every way in which a step is done.
  const [first, second] = ['drover-mongodb-example', 'drover-mongodb-port-example'];
  let reader: Reader;
  let screen: LabScreen;
  const open = (): LabScreen => startScreen(['tutorial', 'mongodb', '-C', reader.files], project, reader.state);

  beforeAll(async () => {
    await resetLab();
    reader = await newReader();
    screen = open();
  });
  afterAll(async () => {
    await screen.close();
    await reader.remove();
  });

  it('ticks the first step by itself, and not before node1 runs the application', async () => {
    await screen.waitFor('an application runs on node1');
    expect(standing(screen)).toEqual({ ticked: 0, at: 1 });
    screen.show('opened');
    expect(await untilShown(screen, 0, async () => (await containersOn(node1)).includes(first))).toBeGreaterThan(0);
    await ticks(screen, 1);
    expect(standing(screen)).toEqual({ ticked: 1, at: 2 });
    screen.show('the first step is done');
  });

  it('is moved by nothing but the cluster: not by keys, not by a file that is saved', async () => {
    const file = join(reader.files, '1-move-an-application', 'deployment.yml');
    const before = await readFile(file, 'utf8');
    await screen.keys('m');
    await screen.waitFor('move "mongodb-example"');
    await screen.keys('escape');
    await pause(2500);
    expect(standing(screen)).toEqual({ ticked: 1, at: 2 });
    expect(await readFile(file, 'utf8')).toBe(before);

    const isMoving = screen.waitFor(/applying \d+\/\d+/);
    await writeFile(
      file,
      before.replace('[mongodb-example] # node1', '[] # node1').replace('[] # node2', '[mongodb-example] # node2'),
    );
    expect(await untilShown(screen, 1, async () => !(await containersOn(node1)).includes(first))).toBeGreaterThan(0);
    await isMoving;
    // It may be there by now.
    await untilShown(screen, 1, async () => (await containersOn(node2)).includes(first));
    await screen.waitFor('This part is done');
    expect(standing(screen)).toEqual({ ticked: 2, at: 2 });
    screen.show('moved by an edit from outside');
  });

  it('goes on to the next part, with its files', async () => {
    await screen.keys('>');
    await screen.waitFor('its port answers on both nodes');
    await untilShown(screen, 2, async () => (await containersOn(node1)).includes(second));
    await ticks(screen, 3);
    expect(await containersOn(node2)).toBe('');
    screen.show('both nodes answer');
  });

  it('q leaves the terminal and the nodes as they are; opened again it goes on where it was', async () => {
    const startedAt = () => onNode(node1, `docker inspect -f '{{.State.StartedAt}}' ${second}`);
    const before = await startedAt();
    expect(await screen.leave()).toContain('3 of 9 steps done; again: drover tutorial mongodb');
    await screen.close();
    screen = open();
    await screen.waitFor('what is written through node1');
    expect(standing(screen)).toEqual({ ticked: 3, at: 4 });
    await screen.waitFor(/mongodb-port-e\S*\s+up/);
    expect(await startedAt()).toBe(before);
  });

  it('I does a step for the reader, which counts when clients see it', async () => {
    expect((await records('node2', 'find')).stdout).toContain('0 record(s)');
    expect(standing(screen)).toEqual({ ticked: 3, at: 4 });
    await screen.keys('I');
    await ticks(screen, 4);
    // What its commands printed can still be read: a tick may come within the same second.
    await screen.waitFor('inserted through node1');
    await screen.waitFor('1 record(s) seen through node2');
    screen.show('done for the reader');
    expect((await records('node2', 'find')).stdout).toContain('1 record(s) seen through node2');
    expect(await screen.leave()).toContain('4 of 9 steps done');
  });
});

describe.skipIf(!labIsThere)('a tutorial in lines, all of it done', () => {
  // The shortest with data that move, and one of the few whose image starts at once.
  const name = 'web-redis';
  let reader: Reader;

  beforeAll(async () => {
    await resetLab();
    reader = await newReader();
  });
  afterAll(() => reader.remove());

  it('shows and ticks every step, ends with 0, and the nodes are as the page leaves them', async () => {
    const page = readPage(await readFile(join(project, 'tutorials', name, 'README.md'), 'utf8'), name, name);
    if (page?.ok !== true) throw new Error(`the page of "${name}" is no tutorial`);
    const ran = await drover(['tutorial', name, '--plain', '--yes', '-C', reader.files], project, {
      XDG_STATE_HOME: reader.state,
    });
    console.log(`${ran.stdout}${ran.stderr}exit ${ran.code}`);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const { parts, steps, learnt } = page.tutorial;
    const told = ran.stdout.split('\n').filter((line) => /^(?:\d+\.\d+ |✔ )/.test(line));
    expect(told).toEqual(
      steps.flatMap(({ id, part, title }) => [`${id}  ${parts[part]?.title}: ${title}`, `✔ ${title}`]),
    );
    expect(ran.stdout).toContain(`All steps are done. What you know now:\n  - ${learnt[0]}`);
    expect([await containersOn(node1), await containersOn(node2)]).toEqual(['drover-web\n', 'drover-redis\n']);
    expect([await ownersOn(node1), await ownersOn(node2)]).toEqual([
      [],
      [expect.stringMatching(/^drover\/volumes\/redis/)],
    ]);
    const visit = await fetch(`http://${node1}:8080/`);
    expect(await visit.text()).toContain('I have been seen 5 times.');
  });
});

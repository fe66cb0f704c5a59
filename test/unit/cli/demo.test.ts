import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadedPackages } from '../../support/loaded-packages.ts';
import { makeWorld } from './made-world.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const program = join(root, 'dist', 'drover.js');

const linesOf = (text: string): readonly string[] => text.trimEnd().split('\n');

/** Everything of a text between two of its lines. */
function between(text: string, start: RegExp, end: RegExp): string {
  const from = text.search(start);
  const rest = text.slice(from + 1);
  expect([from >= 0, end.test(rest)]).toEqual([true, true]);
  return rest.slice(0, rest.search(end));
}

describe('demo', () => {
  it('says first and last that it is a simulation, moves the application and its data, and ends well', async () => {
    const made = await makeWorld();
    const { code, out, err } = await made.drover('demo', '--fast');
    expect([code, err]).toEqual([0, '']);
    expect(linesOf(out).at(0)).toMatch(/^SIMULATION: three nodes in memory/);
    expect(linesOf(out).at(-1)).toMatch(/^SIMULATION: none of this was real.*`drover init` in its folder\.$/);
    const move = between(out, /^\$ drover move wiki node2$/m, /^\$ drover status$/m);
    expect(move).toContain('+   node2: [mail, proxy, registry, wiki]');
    expect(move).toMatch(/^ {2}"wiki" moved from node1 to node2 in /m);
    // 160 MiB written, and 3 % of 1.8 GiB that the copy on node2 lacks.
    expect(move).toMatch(/^ {4}sent +21\d MiB /m);
    expect(move).toMatch(/^ {4}downtime +\d/m);
    expect(move).toMatch(/^ {4}refused +0 connections$/m);
    const status = between(out, /^\$ drover status$/m, /^SIMULATION/m);
    expect(status).toMatch(/^wiki +● running +node2 /m);
    expect(status).toMatch(/^volume of "wiki" +node1 +replica +/m);
    expect(status).toMatch(/^volume of "wiki" +node2 +owner +/m);
  });

  it('applies a second time, and there is nothing to do', async () => {
    const made = await makeWorld();
    const { out } = await made.drover('demo', '--fast');
    const applies = out.split('\n$ drover ').filter((scene) => scene.startsWith('apply\n'));
    expect(applies.map((scene) => /^converged: (nothing to do|\d+ steps)/m.exec(scene)?.[1])).toEqual([
      '6 steps',
      'nothing to do',
    ]);
  });

  it('touches neither the nodes nor the files outside, whatever files are named', async () => {
    const made = await makeWorld();
    const before = await made.read('deployment.yml');
    const { code } = await made.drover('demo', '--fast', '-d', 'deployment.yml', '-C', '/nowhere/at/all');
    expect([code, made.cluster.writes(), await made.read('deployment.yml')]).toEqual([0, 0, before]);
  });

  it('keeps the label with --quiet, and as JSON prints every event between two labels', async () => {
    const made = await makeWorld();
    const quiet = linesOf((await made.drover('demo', '--fast', '--quiet')).out);
    expect([quiet.at(0), quiet.at(-1)]).toEqual(Array(2).fill(expect.stringMatching(/^SIMULATION: /)));
    expect(quiet.join('\n')).not.toContain('▸');

    const { code, out } = await made.drover('demo', '--fast', '--json');
    const events = linesOf(out).map((each) => JSON.parse(each));
    const label = { type: 'simulation', text: expect.stringMatching(/^SIMULATION: /), at: expect.any(Number), run: 0 };
    expect([code, events.at(0), events.at(-1)]).toEqual([0, label, label]);
    const ends = events.filter(({ type }) => type === 'run-finished').map(({ outcome }) => outcome);
    expect(ends).toEqual([
      { result: 'converged', steps: 6 },
      { result: 'converged', steps: 0 },
      { result: 'converged', steps: 16 },
    ]);
    const receipts = events.filter(({ type }) => type === 'move-finished').map(({ receipt }) => receipt);
    expect(receipts).toMatchObject([{ from: 'node1', to: 'node2', refused: 0 }]);
  });

  it('ends with 130 at Ctrl-C, in a step as well as between two, and still says what it was', async () => {
    const made = await makeWorld();
    for (const moment of ['deployment.yml', '▸ fetch image "registry:2.9" on node2']) {
      const { said, ended } = made.start('demo');
      await vi.waitFor(() => expect(said.out).toContain(moment), { timeout: 60_000, interval: 5 });
      made.interrupt();
      expect(await ended).toBe(130);
      expect(linesOf(said.out).at(-1)).toMatch(/^SIMULATION: /);
    }
  });
});

describe('demo of the built program', () => {
  let folder = '';
  beforeAll(async () => {
    execFileSync(process.execPath, [join(root, 'scripts', 'ts.mjs'), join(root, 'scripts', 'build.ts')]);
    folder = await mkdtemp(join(tmpdir(), 'drover-demo-'));
  }, 60_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const env = (): NodeJS.ProcessEnv => ({ PATH: process.env.PATH, HOME: folder });

  it('works in an empty folder, loads neither SSH nor Docker, and leaves nothing behind', async () => {
    const ran = await new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const options = { cwd: folder, env: { ...env(), NODE_DEBUG: 'esm,module' }, maxBuffer: 2 ** 26 };
      execFile(process.execPath, [program, 'demo', '--fast'], options, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }),
      );
    });
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(/^SIMULATION: /);
    expect(ran.out).toMatch(/^ {2}"wiki" moved from node1 to node2 in /m);
    expect(linesOf(ran.out).at(-1)).toMatch(/^SIMULATION: /);
    expect(loadedPackages(root, ran.err)).toEqual(['commander', 'js-yaml']);
    expect(ran.err).not.toMatch(/Warning/);
    expect(await readdir(folder)).toEqual([]);
  });

  it('begins at once without --fast, and ends with 130 at Ctrl-C', async () => {
    const began = Date.now();
    const child = spawn(process.execPath, [program, 'demo'], { cwd: folder, env: env() });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    let out = '';
    let firstMs = 0;
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk) => {
        if (out === '') firstMs = Date.now() - began;
        out += String(chunk);
        resolve();
      });
    });
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(firstMs).toBeLessThan(2000);
    expect(linesOf(out).at(-1)).toMatch(/^SIMULATION: /);
  });
});

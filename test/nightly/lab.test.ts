/** The lab itself: every fault by its effect, console and logs, five nodes, and that nothing stays. Needs root. */
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labSupport } from './lab-support.ts';
import { labProgram, labTool, pingLoss, run, say, tracesOf, typeOnConsole } from './lab-tool.ts';

const NAME = 'drover-nightly-lab';
const env = { ...process.env, DROVER_LAB: NAME };
const node1 = '172.16.255.250';
const node2 = '172.16.255.251';
const folder = join(process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'drover', 'lab');
const lab = labTool([], env);
const brokenOn = async (name: string): Promise<readonly string[] | undefined> =>
  (await lab.status()).nodes.find((node) => node.name === name)?.broken;

describe.skipIf(!labSupport.ok)('the lab', () => {
  let before: readonly string[] = [];
  const traces = async (): Promise<readonly string[]> =>
    (await tracesOf(NAME, [folder])).filter((line) => !line.startsWith('file') || line.includes(NAME));

  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    await lab.do('destroy');
    before = await traces();
    await lab.do('up');
  });
  afterAll(() => lab.try('destroy'));

  it('is whole', async () => {
    expect(await lab.status()).toMatchObject({
      code: 0,
      nodes: [
        { name: 'node1', state: 'running', ssh: true, reach: node1, broken: [] },
        { name: 'node2', state: 'running', ssh: true, reach: node2, broken: [] },
      ],
    });
  });

  it('loses packets in both directions, and no more after that', async () => {
    expect(await pingLoss(lab, 'node1', node2, 50)).toBeLessThan(5);
    await lab.do('break', 'node2', 'loss', '--loss', '30');
    const lost = await pingLoss(lab, 'node1', node2, 200);
    say(`30 % each way: ${lost} % of the pings unanswered (51 % expected)`);
    expect(lost).toBeGreaterThan(35);
    expect(lost).toBeLessThan(67);
    expect(await brokenOn('node2')).toEqual(['loss']);
    await lab.do('break', 'node2', 'loss', '--undo');
    expect(await pingLoss(lab, 'node1', node2, 50)).toBeLessThan(5);
  });

  it('has a slow link', async () => {
    const megabyte = (): Promise<{ ms: number }> => lab.try('ssh', 'node1', 'head -c 1000000 /dev/urandom');
    const fast = (await megabyte()).ms;
    await lab.do('break', 'node1', 'slow');
    const slow = (await megabyte()).ms;
    await lab.do('break', 'node1', 'slow', '--undo');
    say(`1 MB from node1: ${fast} ms, slowed ${slow} ms`);
    // 1 MB at 2 Mbit/s is 4 s.
    expect(slow).toBeGreaterThan(4000);
    expect((await megabyte()).ms).toBeLessThan(slow);
  });

  it('steps a clock forth and back', async () => {
    const off = async (): Promise<number> => Number(await lab.on('node1', 'date +%s')) - Math.round(Date.now() / 1000);
    await lab.do('break', 'node1', 'clock', '--by=-86400');
    expect(Math.abs((await off()) + 86_400)).toBeLessThan(30);
    await lab.do('break', 'node1', 'clock', '--by', '120');
    expect(Math.abs((await off()) - 120)).toBeLessThan(30);
    await lab.do('break', 'node1', 'clock', '--undo');
    expect(Math.abs(await off())).toBeLessThan(30);
  });

  it('kills Docker, which comes back', async () => {
    await lab.do('break', 'node1', 'docker');
    expect((await lab.try('ssh', 'node1', 'timeout 20 docker info')).code).not.toBe(0);
    await lab.do('break', 'node1', 'docker', '--undo');
    expect(await lab.on('node1', "docker info -f '{{.ServerVersion}}'")).toMatch(/^\d/);
  });

  it('fills the pool', async () => {
    const write =
      'zfs create -o mountpoint=/fill drover/fill && head -c 4M /dev/urandom >/fill/it; s=$?; sync /fill/it';
    const clean = 'zfs destroy drover/fill';
    await lab.do('break', 'node2', 'full');
    expect((await lab.try('ssh', 'node2', `${write}; exit $s`)).code).not.toBe(0);
    await lab.do('break', 'node2', 'full', '--undo');
    await lab.try('ssh', 'node2', clean);
    expect((await lab.try('ssh', 'node2', `${write}; ${clean}; exit $s`)).code).toBe(0);
  });

  it('has a console when the cable is out, and logs from what the machine left', async () => {
    expect(await lab.do('logs', 'node1', '--unit', 'docker', '-n', '20')).toMatch(/dockerd|Docker/);
    await lab.do('break', 'node1', 'cable');
    expect(await pingLoss(lab, 'node2', node1, 3)).toBe(100);
    const console = await typeOnConsole([process.execPath, labProgram, 'console', 'node1'], env, {
      command: 'echo I am $(hostname) as $(id -un)',
      until: /I am node1 as root/,
    });
    expect(console.code).toBe(0);
    expect(console.shown).toContain('ctrl+] leaves it');
    expect(console.shown).toContain('Left the console of node1.');
    const logs = await lab.try('logs', 'node1', '-n', '30');
    expect(logs.code).toBe(3);
    expect(logs.out).toMatch(/node1 does not answer; these are the logs of its machine/);
    expect(logs.out).toMatch(/--- the console: .*console\.log/);
    expect(logs.out).toContain('I am node1 as root');
    await lab.do('break', 'node1', 'cable', '--undo');
    expect((await lab.status()).code).toBe(0);
  });

  it('fixes a power cut and every other fault together', async () => {
    await lab.do('break', 'node1', 'power');
    await lab.do('break', 'node2', 'docker');
    await lab.do('break', 'node2', 'loss', '--loss', '60');
    const broken = await lab.status();
    expect(broken).toMatchObject({ code: 3, nodes: [{ broken: ['power'] }, { broken: ['docker', 'loss'] }] });
    expect((await lab.try('break', 'node1', 'docker')).out).toContain('node1 is off; `npm run lab -- fix node1`');
    await lab.do('fix');
    expect(await lab.status()).toMatchObject({ code: 0, nodes: [{ broken: [] }, { broken: [] }] });
    expect(await lab.on('node2', 'docker ps -q | wc -l')).toBe('0');
    expect(await lab.do('fix')).toBe('Nothing was broken.\n');
  });

  it('leaves nothing behind', async () => {
    await lab.do('break', 'node1', 'loss');
    const during = await traces();
    expect(during.length).toBeGreaterThan(before.length);
    const out = await lab.do('destroy');
    expect(out).toMatch(/removed: machine node1 \(process \d+\)\nremoved: machine node2/);
    expect(out).toContain(`removed: namespace ${NAME} with bridge drover0 and its taps`);
    expect(await traces()).toEqual(before);
  });

  it('has five nodes that reach each other', async () => {
    await lab.do('up', '--nodes', '5');
    const { code, nodes } = await lab.status();
    expect(code).toBe(0);
    expect(nodes.map(({ name, ssh }) => [name, ssh])).toEqual([1, 2, 3, 4, 5].map((at) => [`node${at}`, true]));
    for (const last of [250, 251, 252, 253]) {
      expect(await lab.on('node5', `ping -q -c 3 -W 5 172.16.255.${last}`)).toContain(' 0% packet loss');
    }
    await lab.do('destroy');
    // Made once: the second time all five are restored.
    const again = await run([process.execPath, labProgram, 'up', '--nodes', '5'], env);
    expect(again.code).toBe(0);
    expect(again.out).not.toContain('for the first time');
    say(`five nodes again: ${(again.ms / 1000).toFixed(1)} s`);
    await lab.do('destroy');
    expect(await traces()).toEqual(before);
  });
});

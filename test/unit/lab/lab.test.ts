import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { readNumber } from '../../../lab/commands/break.ts';
import { journalCommand } from '../../../lab/commands/logs.ts';
import { readPorts } from '../../../lab/commands/publish.ts';
import { memoryComplaint } from '../../../lab/commands/up.ts';
import { FAULTS } from '../../../lab/faults.ts';
import { COMMANDS } from '../../../lab/help.ts';
import { withLock } from '../../../lab/lock.ts';
import { reachOf } from '../../../lab/paths.mjs';
import { inBatches } from '../../../lab/states.ts';
import { oldQemu, ROOTLESS_TOOLS, rootlessSupport } from '../../../lab/support.mjs';

const lab = fileURLToPath(new URL('../../../lab', import.meta.url));

const temp = mkdtempSync(join(tmpdir(), 'drover-lab-unit-'));
afterAll(() => rmSync(temp, { recursive: true }));

describe('the memory of the nodes', () => {
  it('fits, or the message names what does', () => {
    expect(memoryComplaint({ memory: 1024, count: 5, freeMb: 23_000 })).toBeUndefined();
    expect(memoryComplaint({ memory: 1024, count: 5, freeMb: 5000 })).toBe(
      '5 nodes of 1024 MB need 5876 MB of memory and 5000 MB are free; use `--memory 832` or `--nodes 4`.',
    );
    expect(memoryComplaint({ memory: 1024, count: 5, freeMb: 900 })).toBe(
      '5 nodes of 1024 MB need 5876 MB of memory and 900 MB are free; free some and run this again.',
    );
  });

  it('is checked against what it proposes', () => {
    for (const freeMb of [1500, 3000, 5000, 9000]) {
      const said = memoryComplaint({ memory: 2048, count: 4, freeMb });
      const memory = /--memory (\d+)/.exec(said ?? '')?.[1];
      const count = /--nodes (\d+)/.exec(said ?? '')?.[1];
      if (memory) expect(memoryComplaint({ memory: Number(memory), count: 4, freeMb })).toBeUndefined();
      if (count) expect(memoryComplaint({ memory: 2048, count: Number(count), freeMb })).toBeUndefined();
    }
  });
});

it('nodes boot for the first time a few at a time', () => {
  expect(inBatches([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(inBatches([], 2)).toEqual([]);
});

describe('ports to publish', () => {
  it('are numbers, with commas or as words, once each', () => {
    expect(readPorts(['27017,9200', '8080:80', '9200'])).toEqual([
      { here: 27017, there: 27017 },
      { here: 9200, there: 9200 },
      { here: 8080, there: 80 },
    ]);
  });

  it.each(['0', '70000', 'http', '1:2:3', '80:', '2222'])('"%s" is refused', (text) => {
    expect(() => readPorts([text])).toThrow();
  });
});

it('the number of a fault may have its unit, and has limits', () => {
  const loss = { name: '--loss', unit: '%', least: 0.1, most: 100 };
  expect(readNumber('30%', loss)).toBe(30);
  expect(readNumber('0.5', loss)).toBe(0.5);
  expect(readNumber(undefined, loss)).toBeUndefined();
  for (const text of ['101', '0', '-3', 'many', '3s']) expect(() => readNumber(text, loss)).toThrow('--loss must be');
  const by = { name: '--by', unit: 's', least: -100, most: 100 };
  expect(readNumber('-60s', by)).toBe(-60);
  expect(readNumber('+60', by)).toBe(60);
});

it('the command for the journal has quoted words', () => {
  expect(journalCommand({ unit: "a'b; reboot", follow: true, lines: 5 })).toBe(
    "'journalctl' '--no-pager' '--output=short-iso' '--lines=5' '--unit=a'\\''b; reboot' '--follow'",
  );
});

it('without root a node is reached at a loopback address of its own', () => {
  expect(reachOf({ rootless: true, loopback: '127.16.255' }, 2)).toEqual({ host: '127.16.255.251', port: 2222 });
  expect(reachOf({}, 2)).toEqual({ host: '172.16.255.251', port: 22 });
});

describe('support for a lab without root', () => {
  const everything = join(temp, 'bin');
  mkdirSync(everything);
  for (const tool of Object.keys(ROOTLESS_TOOLS)) writeFileSync(join(everything, tool), '', { mode: 0o755 });
  const files: Record<string, string> = {
    '/proc/sys/user/max_user_namespaces': '96365',
    '/etc/subuid': 'other:100000:65536\nfred:165536:65536',
    '/etc/subgid': 'fred:165536:65536',
  };
  const machine = (more: object = {}, changed: Record<string, string> = {}) => ({
    platform: 'linux',
    arch: 'x64',
    uid: 1000,
    user: 'fred',
    imageIsThere: false,
    env: { PATH: everything },
    read: (path: string, fallback: string) => ({ ...files, ...changed })[path] ?? fallback,
    ...more,
  });

  it('works', () => expect(rootlessSupport(machine())).toEqual({ ok: true }));

  it.each([
    ['macOS', machine({ platform: 'darwin' }), /runs on Linux only.*vagrant up/],
    ['another processor', machine({ arch: 'arm64' }), /x86-64.*vagrant up/],
    ['no user namespaces', machine({}, { '/proc/sys/user/max_user_namespaces': '0' }), /no user namespaces/],
    [
      'closed user namespaces',
      machine({}, { '/proc/sys/kernel/unprivileged_userns_clone': '0' }),
      /for root only here/,
    ],
    ['no ids', machine({}, { '/etc/subgid': 'other:1:65536' }), /\/etc\/subgid has none for fred \(`sudo usermod/],
    ['too few ids', machine({}, { '/etc/subuid': 'fred:1:1000' }), /\/etc\/subuid has none for fred/],
  ])('%s is reported', (_what, options, reason) => {
    const support = rootlessSupport(options);
    expect(support.ok).toBe(false);
    expect(support.reason).toMatch(reason);
  });

  it('needs no namespaces where the image is built already', () => {
    expect(rootlessSupport(machine({ imageIsThere: true }, { '/etc/subuid': '' }))).toEqual({ ok: true });
  });

  it('refuses an old QEMU, and a program that is not QEMU', () => {
    expect(oldQemu('QEMU emulator version 7.2.22 (Debian 1:7.2)')).toBeUndefined();
    expect(oldQemu('QEMU emulator version 10.0.3')).toBeUndefined();
    expect(oldQemu('QEMU emulator version 6.2.0')).toMatch(/came with QEMU 7\.2, and this is 6\.2; .*vagrant up/);
    expect(oldQemu('nonsense')).toMatch(/this is nonsense/);
  });
});

describe('the lock', () => {
  it('has one holder at a time, also where a holder has removed its file', async () => {
    const path = join(temp, 'a.lock');
    const order: string[] = [];
    const hold = (name: string): Promise<void> =>
      withLock(path, async () => {
        order.push(`${name} in`);
        await new Promise((resolve) => setTimeout(resolve, 150));
        rmSync(path, { force: true });
        await new Promise((resolve) => setTimeout(resolve, 50));
        order.push(`${name} out`);
      });
    await Promise.all([hold('a'), hold('b'), hold('c')]);
    for (let at = 0; at < order.length; at += 2) expect(order[at + 1]).toBe(order[at]?.replace('in', 'out'));
    expect(order).toHaveLength(6);
  });
});

describe('the help', () => {
  it.each(Object.entries(COMMANDS))('of %s has a usage, examples, and names every option', (name, command) => {
    const { help, options } = command;
    expect(help).toMatch(new RegExp(`^Usage: npm run lab -- ${name}`));
    expect(help).toContain('Examples:');
    for (const option of Object.keys(options)) expect(help).toContain(`--${option}`);
  });

  it('names every fault', () => {
    for (const fault of Object.keys(FAULTS)) expect(COMMANDS.break?.help).toMatch(new RegExp(`^ {2}${fault} `, 'm'));
  });
});

describe('wrong words', () => {
  const run = (...args: string[]): Promise<{ code: unknown; err: string }> =>
    new Promise((resolve) => {
      const env = { ...process.env, XDG_STATE_HOME: temp, DROVER_LAB: 'nowhere' };
      execFile(process.execPath, [join(lab, 'lab.mjs'), ...args], { env }, (error, _out, err) =>
        resolve({ code: error?.code, err }),
      );
    });

  it.each([
    [
      ['break', 'node1', 'flood'],
      64,
      /unknown fault "flood"; the faults are cable, loss, power, slow, full, clock, docker\./,
    ],
    [['break', 'node1', 'cable', '--loss', '5'], 64, /--loss is for the fault "loss" only/],
    [['break', 'node1', 'loss', '--loss', '500'], 64, /--loss must be a number from 0\.1 to 100, not "500"/],
    [['publish'], 64, /no port given/],
    [['console', 'node1'], 1, /There is no lab called "nowhere"/],
  ])('%j', async (args, code, said) => {
    const ran = await run(...args);
    expect(ran.code).toBe(code);
    expect(ran.err).toMatch(said);
  });
});

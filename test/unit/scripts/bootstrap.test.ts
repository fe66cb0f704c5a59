import { execFile, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkNode } from '../../../scripts/node-version.mjs';
import { missingOf } from '../../../scripts/prepare.mjs';
import { countTests, failuresIn, type Report, sumOf } from '../../../scripts/test/counts.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

describe('the oldest Node.js', () => {
  it.each(['20.19.0', '20.20.2', '22.0.0', '24.1.0'])('%s is new enough', (version) => {
    expect(checkNode(version)).toBeUndefined();
  });

  it.each(['20.18.9', '18.20.0', '12.0.0'])('%s gets a message with the version that is needed', (version) => {
    expect(checkNode(version)).toMatch(new RegExp(`needs Node\\.js 20\\.19 or newer, and this is ${version}`));
  });
});

describe('the packages that npm has installed', () => {
  const here = { platform: 'linux', arch: 'x64' };
  const tool = (cpu: string, more: object = {}) => ({
    integrity: cpu,
    optional: true,
    os: ['linux'],
    cpu: [cpu],
    ...more,
  });
  const wanted = { '': {}, ink: { integrity: 'one' }, x64: tool('x64'), arm: tool('arm64') };

  it('are enough without those of other platforms', () => {
    expect(missingOf(wanted, { ink: { integrity: 'one' }, x64: { integrity: 'x64' } }, here)).toEqual([]);
    expect(missingOf({ musl: tool('x64', { libc: ['musl'] }) }, {}, here)).toEqual([]);
  });

  it('are not enough in another version, or without the programs for this platform', () => {
    expect(missingOf(wanted, { ink: { integrity: 'two' } }, here)).toEqual(['ink', 'x64']);
    expect(missingOf(wanted, {}, here)).toEqual(['ink', 'x64']);
  });
});

describe('the sums of npm test', () => {
  const report = (more: Partial<Report>): Report => ({
    numPassedTests: 3,
    numFailedTests: 0,
    numPendingTests: 2,
    numTodoTests: 1,
    testResults: [],
    ...more,
  });

  it('take the figures of the report', () => {
    expect(countTests(report({}), 0)).toEqual({ counts: { passed: 3, failed: 0, skipped: 3 }, note: undefined });
  });

  it('count a file that could not be loaded as a failure', () => {
    const name = 'some.test.ts';
    const testResults = [{ name, status: 'failed', assertionResults: [] }];
    expect(countTests(report({ testResults }), 1)).toMatchObject({ counts: { failed: 1 } });
    const failed = { status: 'failed', fullName: 'it works', failureMessages: [] };
    const known = [{ name, status: 'failed', assertionResults: [failed] }];
    expect(countTests(report({ testResults: known, numFailedTests: 1 }), 1)).toMatchObject({ counts: { failed: 1 } });
  });

  it('count a run that crashed as a failure, with or without a report', () => {
    expect(countTests(undefined, 137)).toMatchObject({ counts: { passed: 0, failed: 1, skipped: 0 } });
    expect(countTests(report({}), 1)).toMatchObject({ counts: { passed: 3, failed: 1 } });
  });

  it('name each failed test with its reason, and a file that could not be loaded', () => {
    const failureMessages = ['AssertionError: no\n    at file:///x/node_modules/vitest/a.js\n    at mine.test.ts:3'];
    const assertionResults = [
      { status: 'passed', fullName: 'good', failureMessages: [] },
      { status: 'failed', fullName: 'ports are held', failureMessages },
    ];
    const broken = { name: 'broken.test.ts', status: 'failed', message: 'cannot find it', assertionResults: [] };
    expect(
      failuresIn(report({ testResults: [{ name: 'some.test.ts', status: 'failed', assertionResults }, broken] })),
    ).toEqual([
      { title: 'ports are held', reason: ['AssertionError: no', '    at mine.test.ts:3'] },
      { title: 'broken.test.ts', reason: ['cannot find it'] },
    ]);
    expect(failuresIn(undefined)).toEqual([]);
  });

  it('add up', () => {
    const one = { passed: 1, failed: 2, skipped: 3 };
    expect(sumOf([one, one])).toEqual({ passed: 2, failed: 4, skipped: 6 });
    expect(sumOf([])).toEqual({ passed: 0, failed: 0, skipped: 0 });
  });
});

describe('bootstrap.mjs', () => {
  it('lists its commands', async () => {
    const ran = await new Promise<{ code: unknown; err: string }>((resolve) => {
      execFile(process.execPath, [join(root, 'scripts', 'bootstrap.mjs'), 'fly'], (error, _out, err) =>
        resolve({ code: error?.code, err }),
      );
    });
    expect(ran).toEqual({
      code: 64,
      err: 'unknown command "fly"; the commands are start, test, lab, drover, cases, compose\n',
    });
  });
});

describe('npm start where the lab cannot run', () => {
  it('prints why, names the other way, and marks the simulation as one; Ctrl-C ends it', async () => {
    execFileSync(process.execPath, [join(root, 'scripts', 'ts.mjs'), join(root, 'scripts', 'build.ts')]);
    const script = `
      const { enableTypeScript } = await import(process.argv[1] + '/scripts/ts.mjs');
      enableTypeScript();
      const { labSupport } = await import(process.argv[1] + '/lab/support.mjs');
      const { withoutLab } = await import(process.argv[1] + '/scripts/start.ts');
      process.exitCode = await withoutLab(labSupport({ platform: 'plan9' }).reason, async () => {});`;
    // In a group of its own, as a terminal would send Ctrl-C to all of it.
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, root], { detached: true });
    const ended = new Promise((resolve) => child.once('close', resolve));
    let out = '';
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk) => {
        out += String(chunk);
        if (out.includes('drover apply')) resolve();
      });
      child.once('close', () => resolve());
    });
    process.kill(-(child.pid ?? 0), 'SIGINT');
    expect(await ended).toBe(130);
    const [reason, offer, , label] = out.split('\n');
    expect(reason).toBe('The lab runs on Linux only, and this is plan9; use the Vagrant way instead: `vagrant up`.');
    expect(offer).toContain('simulated cluster');
    expect(label).toMatch(/^SIMULATION: /);
    expect(out.trimEnd().split('\n').at(-1)).toMatch(/^SIMULATION: /);
  });
});

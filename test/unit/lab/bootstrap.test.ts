import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const load = (name: string): Promise<Readonly<Record<string, (...args: unknown[]) => unknown>>> =>
  import(join(root, 'lab', 'bootstrap', name));

describe('the oldest Node.js', async () => {
  const { checkNode } = await load('node-version.mjs');
  it.each(['20.19.0', '20.20.2', '22.0.0', '24.1.0'])('%s is new enough', (version) => {
    expect(checkNode?.(version)).toBeUndefined();
  });

  it.each(['20.18.9', '18.20.0', '12.0.0'])('%s is told what is needed', (version) => {
    expect(checkNode?.(version)).toMatch(new RegExp(`needs Node\\.js 20\\.19 or newer, and this is ${version}`));
  });
});

describe('the sums of npm test', async () => {
  const { countTests, sumOf } = await load('counts.mjs');
  const report = (more: object): object => ({
    numPassedTests: 3,
    numFailedTests: 0,
    numPendingTests: 2,
    numTodoTests: 1,
    testResults: [],
    ...more,
  });

  it('take the figures of the report', () => {
    expect(countTests?.(report({}), 0)).toEqual({ counts: { passed: 3, failed: 0, skipped: 3 }, note: undefined });
  });

  it('count a file that could not be loaded as a failure', () => {
    const testResults = [{ status: 'failed', assertionResults: [] }];
    expect(countTests?.(report({ testResults }), 1)).toMatchObject({ counts: { failed: 1 } });
    const known = [{ status: 'failed', assertionResults: [{ status: 'failed' }] }];
    expect(countTests?.(report({ testResults: known, numFailedTests: 1 }), 1)).toMatchObject({ counts: { failed: 1 } });
  });

  it('count a run that crashed as a failure, with or without a report', () => {
    expect(countTests?.(undefined, 137)).toMatchObject({ counts: { passed: 0, failed: 1, skipped: 0 } });
    expect(countTests?.(report({}), 1)).toMatchObject({ counts: { passed: 3, failed: 1 } });
  });

  it('add up', () => {
    const one = { passed: 1, failed: 2, skipped: 3 };
    expect(sumOf?.([one, one])).toEqual({ passed: 2, failed: 4, skipped: 6 });
    expect(sumOf?.([])).toEqual({ passed: 0, failed: 0, skipped: 0 });
  });
});

describe('bootstrap.mjs', () => {
  it('knows its verbs', async () => {
    const ran = await new Promise<{ code: unknown; err: string }>((resolve) => {
      execFile(process.execPath, [join(root, 'lab', 'bootstrap.mjs'), 'fly'], (error, _out, err) =>
        resolve({ code: error?.code, err }),
      );
    });
    expect(ran).toEqual({ code: 64, err: '"fly" is no verb; there are start, test, lab, drover, cases.\n' });
  });
});

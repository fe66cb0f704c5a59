import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guard, lateCode } from '../../../src/node/fence.ts';

describe('the text at the top of every script that changes an owner', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'drover-fence-'));
    mkdirSync(join(folder, 'set'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['one', '{"owner":"anna","since":"now","token":"one"}', 0],
    ['one', '{"owner":"one","since":"now","token":"two"}', lateCode],
    ['one', '{"owner":"the dead-man of pg","since":"now"}', lateCode],
    ['one', '', lateCode],
    ['', '{"owner":"anna","since":"now","token":"one"}', 0],
  ])('with the token "%s", where the lock file has %s, ends with %i', (token, text, code) => {
    writeFileSync(join(folder, 'set', 'lock'), text);
    const here = guard.replaceAll('/run/drover', `${folder}/set`);
    expect(spawnSync('bash', ['-c', `fence=$1\n${here}`, 'bash', token]).status).toBe(code);
  });
});

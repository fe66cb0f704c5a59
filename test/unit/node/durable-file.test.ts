import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { setScript } from '../../../src/node/boot-rules.ts';
import { saveFunction } from '../../../src/node/command.ts';
import { replaceScript } from '../../../src/node/network/proxy-scripts.ts';

it('a saved file is on disk under its name before the command goes on', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-save-'));
  const log = `sync() { echo "sync $1" >>log; }; mv() { echo mv >>log; command mv "$@"; }\n`;
  const script = `cd '${folder}' || exit 1\n${log}${saveFunction}\necho text | save '${folder}/file' 640`;
  expect(spawnSync('bash', ['-c', script]).status).toBe(0);
  expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('text\n');
  expect(readFileSync(join(folder, 'log'), 'utf8').split('\n')).toEqual([
    `sync ${folder}/file.new`,
    'mv',
    `sync ${folder}`,
    '',
  ]);
  rmSync(folder, { recursive: true });
});

it('so is every file that makes a host a node', () => {
  const provision = readFileSync(new URL('../../../host/provision.sh', import.meta.url), 'utf8');
  const [put = ''] = /^put\(\) \{\n[\s\S]*?\n\}\n/m.exec(provision) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'drover-put-'));
  const run = (log: string) =>
    spawnSync('bash', ['-uc', `cd '${folder}' || exit 1\n${log}${put}\necho text | put '${folder}/file' 0640`]);
  const log = `sync() { echo "sync $1" >>log; }; mv() { echo "mv $1 $2" >>log; command mv "$@"; }\n`;
  expect(run(log).status).toBe(0);
  expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('text\n');
  expect(statSync(join(folder, 'file')).mode & 0o777).toBe(0o640);
  const [synced, moved, ...rest] = readFileSync(join(folder, 'log'), 'utf8').split('\n');
  const [, made = ''] = /^sync (.*)$/.exec(synced ?? '') ?? [];
  expect(made).toMatch(/\/file\.\w{6}$/);
  expect([moved, ...rest]).toEqual([`mv ${made} ${folder}/file`, `sync ${folder}`, '']);
  // A disk that is full: the file stays as it was, and nothing is left beside it.
  expect(run('sync() { return 1; }\n').status).toBe(1);
  expect(readdirSync(folder).sort()).toEqual(['file', 'log']);
  // Nothing else of it puts a file in the place of another one.
  expect(provision.match(/\bmv\b.*/g)?.filter((line) => !line.includes('sync'))).toEqual([
    'mv "$answers/.$peer" "$answers/$peer"; } &',
    'mv $run/waiting.new $run/waiting',
  ]);
  rmSync(folder, { recursive: true });
});

it('what a node reads when it boots is saved so', () => {
  for (const script of [replaceScript, setScript]) expect(script).toContain(saveFunction);
});

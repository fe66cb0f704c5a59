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
  // All else of it that puts a file in the place of another one does so too, but for what a power cut takes away anyway:
  // the answers to one question, and what is in /run.
  const moves = provision.match(/^.*\bmv\b.*$/gm) ?? [];
  const loose = moves.filter((line) => !/\bsync\b.*\bmv\b.*\bsync\b/.test(line));
  expect(loose.map((line) => line.replace(/^.*?(?=\bmv\b)/, ''))).toEqual([
    'mv "$answers/.$peer" "$answers/$peer"; } &',
    'mv $run/waiting.new $run/waiting',
    'mv "$run/.paused.$1" "$run/paused.$1" || exit 1',
  ]);
  rmSync(folder, { recursive: true });
});

// What was sent says which snapshots and bookmarks the next transfer starts from: the rounds remove all others. What was
// received says how old a standby is while its owner is off.
it('so is what the rounds of standbys have sent and received', () => {
  const provision = readFileSync(new URL('../../../host/provision.sh', import.meta.url), 'utf8');
  const [save = ''] = /^save\(\) \{\n[\s\S]*?\n\}\n/m.exec(provision) ?? [];
  const folder = mkdtempSync(join(tmpdir(), 'drover-sent-'));
  const log = `sync() { echo "sync $1" >>log; }; mv() { echo "mv $1 $2" >>log; command mv "$@"; }\n`;
  const script = `cd '${folder}' || exit 1\n${log}${save}\necho text | save '${folder}/sent/n2'`;
  expect(spawnSync('bash', ['-uc', script]).status).toBe(0);
  expect(readFileSync(join(folder, 'sent', 'n2'), 'utf8')).toBe('text\n');
  expect(readFileSync(join(folder, 'log'), 'utf8').split('\n')).toEqual([
    `sync ${folder}/sent/.n2`,
    `mv ${folder}/sent/.n2 ${folder}/sent/n2`,
    `sync ${folder}/sent`,
    '',
  ]);
  for (const file of ['sent/$leaf/$1', 'received/$leaf']) expect(provision).toContain(`| save "$state/${file}"`);
  rmSync(folder, { recursive: true });
});

it('what a node reads when it boots is saved so', () => {
  for (const script of [replaceScript, setScript]) expect(script).toContain(saveFunction);
});

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { setScript } from '../../../src/node/boot-rules.ts';
import { saveFunction } from '../../../src/node/durable-file.ts';
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

it('what a node reads when it boots is saved so', () => {
  for (const script of [replaceScript, setScript]) expect(script).toContain(saveFunction);
});

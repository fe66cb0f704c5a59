import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seal } from '../../../../src/node/zfs/scripts.ts';

/** With the real thing, on the nodes of the lab: test/contract/real-node.test.ts. */
describe('the mountpoint of a dataset, where the file system has no attribute for it', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'drover-seal-'));
    program('perl', 'exit 1');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function program(name: string, text: string): void {
    mkdirSync(join(folder, 'bin'), { recursive: true });
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(folder, 'bin', name), 0o755);
  }
  function sealed(place: string, overlay: 'on' | 'off'): string {
    program('zfs', `printf '%s\\t%s\\n' '${place}' ${overlay}`);
    execFileSync('bash', ['-c', `set -u\n${seal}seal dataset`], {
      cwd: folder,
      env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
    });
    return place;
  }

  it('has a file in the place of the directory, with which zfs can mount it all the same', () => {
    const place = sealed(join(folder, 'volume'), 'on');
    expect(statSync(join(place, 'data')).isFile()).toBe(true);
    expect(readdirSync(sealed(place, 'on'))).toEqual(['data']);
  });

  it('stays empty where zfs mounts on empty directories alone', () => {
    expect(readdirSync(sealed(join(folder, 'volume'), 'off'))).toEqual([]);
  });

  it('loses an empty directory that another program has made, and keeps a full one under another name', () => {
    const place = join(folder, 'volume');
    mkdirSync(join(place, 'data'), { recursive: true });
    expect(readdirSync(sealed(place, 'off'))).toEqual([]);
    mkdirSync(join(place, 'data'));
    writeFileSync(join(place, 'data', 'file'), 'backup');
    const [found = ''] = readdirSync(sealed(place, 'off'));
    expect(found).toMatch(/^found-\d+$/);
    expect(readdirSync(join(place, found))).toEqual(['file']);
  });

  it('is nothing where the dataset has none', () => {
    sealed('none', 'on');
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });
});

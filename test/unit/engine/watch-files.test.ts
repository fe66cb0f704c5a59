import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchFiles } from '../../../src/engine/watch-files.ts';

describe('watching files', () => {
  let folder: string;
  let file: string;
  let calls: number;
  let stop: AbortController;
  let done: Promise<void>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drover-watch-'));
    file = join(folder, 'deployment.yml');
    await writeFile(file, 'one');
    calls = 0;
    stop = new AbortController();
    done = watchFiles(
      [file],
      () => {
        calls += 1;
      },
      stop.signal,
    );
    await pause(300);
  });
  afterEach(async () => {
    stop.abort();
    await done;
    await rm(folder, { recursive: true });
  });

  const calledWithin = async (ms: number, wanted: number): Promise<number> => {
    for (let waited = 0; waited < ms && calls < wanted; waited += 50) await pause(50);
    // One more call would come within the debounce.
    await pause(500);
    return calls;
  };

  it('calls once for a save in several writes', { timeout: 15_000 }, async () => {
    for (const part of ['a', 'b', 'c']) await appendFile(file, part);
    expect(await calledWithin(5_000, 1)).toBe(1);
  });

  it('calls for an editor that renames a new file over the old one, every time', { timeout: 20_000 }, async () => {
    for (let save = 1; save <= 2; save += 1) {
      const temporary = join(folder, `.deployment.yml.${save}`);
      await writeFile(temporary, `version ${save}`);
      await rename(temporary, file);
      expect(await calledWithin(5_000, save)).toBe(save);
    }
  });

  it('calls no more after it was stopped', { timeout: 15_000 }, async () => {
    stop.abort();
    await done;
    await appendFile(file, 'x');
    expect(await calledWithin(600, 1)).toBe(0);
  });
});

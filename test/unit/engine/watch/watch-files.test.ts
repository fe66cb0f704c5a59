import { execFile } from 'node:child_process';
import {
  appendFile,
  cp,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../../../src/config/read-files.ts';
import { type WatchTimes, watchFiles } from '../../../../src/engine/watch/watch-files.ts';

const run = promisify(execFile);
const eventsOnly: WatchTimes = { pollMs: 3_600_000, settleMs: 150, absentMs: 400 };
const withPoll: WatchTimes = { ...eventsOnly, pollMs: 300 };

describe('watching files', () => {
  let folder: string;
  let file: string;
  let calls: number;
  /** What a caller that reads at each call knows. */
  let known: string | undefined;
  let stop: AbortController;
  let done: Promise<void>;

  const begin = async (times: WatchTimes, path = file): Promise<void> => {
    done = watchFiles(
      [path],
      () => {
        calls += 1;
        known = undefined;
        readFile(path, 'utf8').then(
          (text) => {
            known = text;
          },
          () => {
            known = 'absent';
          },
        );
      },
      stop.signal,
      times,
    );
    await until(() => calls > 0);
    // Events of what was done before may still be on their way.
    await pause(300);
    calls = 0;
  };
  const until = async (isSo: () => boolean, ms = 6_000): Promise<void> => {
    for (let waited = 0; waited < ms && !isSo(); waited += 20) await pause(20);
  };
  const expectKnown = async (text: string): Promise<void> => {
    await until(() => known === text);
    expect(known).toBe(text);
  };
  const inFolder = (command: string): Promise<unknown> => run('sh', ['-ec', command], { cwd: folder });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drover-watch-'));
    file = join(folder, 'deployment.yml');
    await writeFile(file, 'zero');
    calls = 0;
    known = undefined;
    stop = new AbortController();
    done = Promise.resolve();
  });
  afterEach(async () => {
    stop.abort();
    await done;
    await rm(folder, { recursive: true });
  });

  it('calls once when it begins, for what was saved before', async () => {
    const count = (): void => {
      calls += 1;
    };
    done = watchFiles([file], count, stop.signal, eventsOnly);
    await until(() => calls > 0);
    await pause(500);
    expect(calls).toBe(1);
  });

  it('calls once for a save in several writes', async () => {
    await begin(eventsOnly);
    for (const part of ['a', 'b', 'c']) await appendFile(file, part);
    await expectKnown('zeroabc');
    await pause(500);
    expect(calls).toBe(1);
  });

  it('waits for the text of a file that was emptied first', async () => {
    await begin(eventsOnly);
    const handle = await open(file, 'w');
    await pause(250);
    await handle.write('late');
    await handle.close();
    await expectKnown('late');
    expect(calls).toBe(1);
  });

  it.each([
    ['a named pipe that nothing writes to', 'mkfifo'],
    ['a link to a device without an end', 'ln -s /dev/zero'],
    ['a link to a device', 'ln -s /dev/tty'],
    ['a folder', 'mkdir'],
    ['a link to itself', 'ln -s deployment.yml'],
  ])('is not held up where the file becomes %s, and goes on when it is a file again', async (_what, make) => {
    const seen: string[] = [];
    const read = (): void => {
      calls += 1;
      const paths = { application: join(folder, 'application.yml'), deployment: file };
      readConfig(paths, stop.signal).then(
        (result) => seen.push(result.ok ? 'valid' : JSON.stringify(result.problems)),
        (error: unknown) => seen.push(String(error)),
      );
    };
    await writeFile(join(folder, 'application.yml'), 'version: 1\napplications: {}\n');
    await writeFile(file, 'version: 1\nnodes: {}\n');
    done = watchFiles([file], read, stop.signal, { ...withPoll, absentMs: 200 });
    await until(() => seen.length > 0);
    seen.length = 0;
    await inFolder(`rm deployment.yml; ${make} deployment.yml`);
    await until(() => seen.length > 0, 60_000);
    expect(seen.at(-1)).toMatch(/not a regular file|it is a folder|cannot be read/);
    seen.length = 0;
    await inFolder("rm -rf deployment.yml; printf 'version: 1\\nnodes: {}\\n' > deployment.yml");
    await until(() => seen.includes('valid'), 60_000);
    expect(seen.at(-1)).toBe('valid');
  });

  it('calls for further files as well, from when they are named, also for one that is made and removed', async () => {
    let more: readonly string[] = [];
    const count = (): void => {
      calls += 1;
      more = [join(folder, '.env'), join(folder, 'secret.txt')];
    };
    await writeFile(join(folder, 'secret.txt'), 'one');
    done = watchFiles([file], count, stop.signal, { ...eventsOnly, pollMs: 100, more: () => more });
    const next = async (change: () => Promise<unknown>): Promise<void> => {
      await pause(700);
      calls = 0;
      await change();
      await until(() => calls > 0, 60_000);
      expect(calls).toBeGreaterThan(0);
    };
    await until(() => calls > 0, 60_000);
    await next(() => writeFile(join(folder, 'secret.txt'), 'other'));
    await next(() => writeFile(join(folder, '.env'), 'A=1'));
    await next(() => rm(join(folder, '.env')));
  });

  it('does not call for other files of the folder', async () => {
    await begin(eventsOnly);
    await writeFile(join(folder, 'log'), 'x');
    await appendFile(join(folder, 'log'), 'y');
    await pause(600);
    expect(calls).toBe(0);
  });

  it('calls no more after it was stopped', async () => {
    await begin(withPoll);
    stop.abort();
    await done;
    await appendFile(file, 'x');
    await pause(800);
    expect(calls).toBe(0);
  });

  describe('sees by events alone, four times in a row, a file that is', () => {
    const ways: Readonly<Record<string, (text: string) => string>> = {
      'written in place': (text) => `printf ${text} > deployment.yml`,
      'renamed over': (text) => `printf ${text} > .new; mv .new deployment.yml`,
      'removed and written': (text) => `rm deployment.yml; printf ${text} > deployment.yml`,
      'removed, and written a moment later': (text) => `rm deployment.yml; sleep 0.05; printf ${text} > deployment.yml`,
      'moved to a backup and written': (text) => `mv deployment.yml deployment.yml~; printf ${text} > deployment.yml`,
      installed: (text) => `printf ${text} > new; install -m 644 new deployment.yml`,
      'unpacked by tar': (text) =>
        `mkdir -p pack; printf ${text} > pack/deployment.yml; tar -C pack -cf pack.tar deployment.yml; tar -xf pack.tar`,
      'hard linked over': (text) => `printf ${text} > new; ln -f new deployment.yml; rm new`,
      'edited by sed -i': (text) => `sed -i s/.*/${text}/ deployment.yml`,
    };
    for (const [way, command] of Object.entries(ways)) {
      it(way, async () => {
        await begin(eventsOnly);
        for (const text of ['one', 'two', 'three', 'four']) {
          await inFolder(command(text));
          await expectKnown(text);
        }
        // And a plain save after all that.
        await writeFile(file, 'plain');
        await expectKnown('plain');
      });
    }

    it('of the same size and time as before', async () => {
      const then = new Date('2026-01-01T00:00:00Z');
      await utimes(file, then, then);
      await begin(eventsOnly);
      await writeFile(join(folder, 'new'), 'ZERO');
      await utimes(join(folder, 'new'), then, then);
      await rename(join(folder, 'new'), file);
      await expectKnown('ZERO');
    });

    it('brought by git: checkout, stash, pull, reset', async () => {
      const git = 'git -c user.name=t -c user.email=t@example.org -c init.defaultBranch=main';
      await inFolder(`${git} init -q .; ${git} add deployment.yml; ${git} commit -qm zero`);
      for (const text of ['one', 'two', 'three']) {
        await inFolder(
          `${git} checkout -qb ${text}; printf ${text} > deployment.yml; ${git} commit -qam ${text}; ${git} checkout -q main`,
        );
      }
      await begin(eventsOnly);
      for (const text of ['one', 'two', 'three']) {
        await inFolder(`${git} checkout -q ${text}`);
        await expectKnown(text);
      }
      await writeFile(file, 'draft');
      await expectKnown('draft');
      await inFolder(`${git} stash -q`);
      await expectKnown('three');
      await inFolder(`${git} stash pop -q`);
      await expectKnown('draft');
      await inFolder(`${git} reset -q --hard main`);
      await expectKnown('zero');
      await inFolder(`${git} checkout -q main; ${git} pull -q . one`);
      await expectKnown('one');
    });
  });

  describe('sees by events alone a link that', () => {
    beforeEach(async () => {
      await mkdir(join(folder, 'versions'));
      await writeFile(join(folder, 'versions', 'a.yml'), 'one');
      await writeFile(join(folder, 'versions', 'b.yml'), 'two');
      await rm(file);
      await symlink('versions/a.yml', file);
    });

    it('is pointed at another file, which then changes', async () => {
      await begin(eventsOnly);
      await inFolder('ln -sfn versions/b.yml deployment.yml');
      await expectKnown('two');
      await inFolder('rm versions/b.yml; printf three > versions/b.yml');
      await expectKnown('three');
      await inFolder('ln -sfn versions/a.yml deployment.yml');
      await expectKnown('one');
    });

    it('becomes a file, and a link again', async () => {
      await begin(eventsOnly);
      await inFolder('rm deployment.yml; printf plain > deployment.yml');
      await expectKnown('plain');
      await inFolder('ln -sf versions/b.yml deployment.yml');
      await expectKnown('two');
    });

    it('stays, while the file behind it is replaced', async () => {
      await begin(eventsOnly);
      for (const text of ['x', 'y']) {
        await inFolder(`printf ${text} > versions/new; mv versions/new versions/a.yml`);
        await expectKnown(text);
      }
    });
  });

  describe('sees by its poll', () => {
    const inner = (): string => join(folder, 'current', 'deployment.yml');

    it('a folder that a link swaps, and what is saved in the new one', async () => {
      await mkdir(join(folder, '1'));
      await mkdir(join(folder, '2'));
      await writeFile(join(folder, '1', 'deployment.yml'), 'one');
      await writeFile(join(folder, '2', 'deployment.yml'), 'two');
      await symlink('1', join(folder, 'current'));
      await begin(withPoll, inner());
      await inFolder('ln -sfn 2 current');
      await expectKnown('two');
      await inFolder('rm 2/deployment.yml; printf three > 2/deployment.yml');
      await expectKnown('three');
    });

    it('a folder that another one replaces under the same name', async () => {
      await mkdir(join(folder, 'current'));
      await writeFile(inner(), 'one');
      await begin(withPoll, inner());
      await cp(join(folder, 'current'), join(folder, 'next'), { recursive: true });
      await writeFile(join(folder, 'next', 'deployment.yml'), 'two');
      await inFolder('mv current old; mv next current');
      await expectKnown('two');
      await inFolder('rm current/deployment.yml; printf three > current/deployment.yml');
      await expectKnown('three');
    });

    it('a folder that is away for a while', async () => {
      await mkdir(join(folder, 'current'));
      await writeFile(inner(), 'one');
      await begin(withPoll, inner());
      await inFolder('mv current away');
      await expectKnown('absent');
      await inFolder('mv away current; printf two > current/deployment.yml');
      await expectKnown('two');
    });
  });
});

import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createStageFeed, type StageFileFeed } from '../../../src/cli/stage-feed.ts';

interface Stage {
  update(text: string): void;
  done(text?: string): void;
  fail(text?: string): void;
}
interface Progress {
  stage(name: string, options?: { readonly expectedMs?: number }): Stage;
  detail(name: string): Stage;
  failure(text: string): void;
  ended(code: number): void;
}
type CreateProgress = (options: { readonly quiet: boolean; readonly env: Record<string, string> }) => Progress;

const progressFile = fileURLToPath(new URL('../../../scripts/progress.mjs', import.meta.url));
let folder = '';
let path = '';
let feed: StageFileFeed | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-stages-'));
  path = join(folder, 'progress.jsonl');
});
afterEach(async () => {
  feed?.close();
  await rm(folder, { recursive: true, force: true });
});

/** The lab's own writer, as a child process of `npm start` has it. */
async function openProgress(): Promise<Progress> {
  // The module has no types; its exports are what the interfaces above say, or the tests fail.
  const { createProgress } = (await import(progressFile)) as { readonly createProgress: CreateProgress };
  return createProgress({ quiet: true, env: { DROVER_PROGRESS_FILE: path } });
}

describe('the stages of a lab', () => {
  it('come from a file that is not there yet, begin, change and end', async () => {
    feed = createStageFeed(path);
    expect(feed.getSnapshot()).toEqual([]);
    const progress = await openProgress();
    const build = progress.stage('building the node image', { expectedMs: 300_000 });
    build.update('compiling\tthe  module');
    await vi.waitFor(() =>
      expect(feed?.getSnapshot()).toEqual([
        {
          name: 'building the node image',
          state: 'running',
          startedAt: expect.any(Number),
          expectedMs: 300_000,
          text: 'compiling the module',
        },
      ]),
    );
    build.done();
    const node = progress.detail('node1 (172.16.255.250)');
    node.done('answers');
    await vi.waitFor(() => expect(feed?.getSnapshot().length).toBe(2));
    const [first, second] = feed.getSnapshot();
    expect(first).toMatchObject({ state: 'done', endedAt: expect.any(Number) });
    expect(first).not.toHaveProperty('text');
    expect(second).toMatchObject({ name: 'node1 (172.16.255.250)', state: 'done', text: 'answers' });
  });

  it('tell their listeners, until these have enough', async () => {
    feed = createStageFeed(path);
    let calls = 0;
    const forget = feed.subscribe(() => {
      calls += 1;
    });
    const progress = await openProgress();
    const stage = progress.stage('one');
    await vi.waitFor(() => expect(calls).toBe(1));
    forget();
    stage.done();
    await vi.waitFor(() => expect(feed?.getSnapshot()[0]?.state).toBe('done'));
    expect(calls).toBe(1);
  });

  it('end with the exit status and the reason, and nothing runs on then', async () => {
    feed = createStageFeed(path);
    const progress = await openProgress();
    progress.stage('restoring node1').update('qemu starts');
    progress.failure('The nodes need 2048 MB of memory and 512 MB are free.');
    progress.ended(1);
    expect(await feed.ended).toEqual({ code: 1, error: 'The nodes need 2048 MB of memory and 512 MB are free.' });
    expect(feed.getSnapshot()).toMatchObject([{ state: 'failed', text: 'qemu starts', endedAt: expect.any(Number) }]);
  });

  it('wait for the rest of a line, and pass over lines that say nothing', async () => {
    const line = JSON.stringify({ event: 'started', id: '1.1', name: 'ü\u001b[31mred', time: 5 });
    await writeFile(
      path,
      `no json\n[1]\nnull\n{"event":"started"}\n{"event":"new kind","id":"7"}\n${line.slice(0, 30)}`,
    );
    feed = createStageFeed(path);
    await vi.waitFor(() => expect(feed?.getSnapshot().length).toBe(1));
    await appendFile(path, `${line.slice(30)}\n`);
    await vi.waitFor(() => expect(feed?.getSnapshot()[1]).toEqual({ name: 'üred', state: 'running', startedAt: 5 }));
  });
});

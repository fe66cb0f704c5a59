import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import type { Terminal } from '../../../src/cli/world.ts';
import { createTutorialWorld } from '../../../src/tutorial-main.ts';
import { makeWorld } from './made-world.ts';

const project = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** `drover tutorial mongodb --plain` with somebody at the terminal, on nodes in memory that run nothing. */
async function follow(ask: NonNullable<Terminal['ask']>) {
  const folder = await mkdtemp(join(tmpdir(), 'drover-lines-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await cp(join(project, 'tutorials'), join(folder, 'package', 'tutorials'), { recursive: true });
  const ran: string[] = [];
  const outside = { packageFolder: join(folder, 'package'), stateFolder: join(folder, 'state'), cwd: folder };
  const shelf = {
    ...createTutorialWorld({ ...outside, env: {}, start: [process.execPath, 'drover.js'], shorten: (path) => path }),
    run: async (words: readonly string[]) => {
      ran.push(words.join(' '));
      return { code: 0, stdout: '', output: '' };
    },
    probe: async () => 'accepted' as const,
  };
  let out = '';
  const terminal: Terminal = {
    out: (text) => {
      out += text;
    },
    err: () => undefined,
    moving: false,
    colour: false,
    columns: () => 100,
    ask,
  };
  const world = await makeWorld(
    { nodes: { '172.16.255.250': {}, '172.16.255.251': {} } },
    { tutorials: async () => shelf, terminal, cwd: folder },
  );
  const { code } = await world.drover('tutorial', 'mongodb', '--plain', '-C', 'files');
  return {
    code,
    out,
    ran,
    progress: await shelf.readIfThere(join(outside.stateFolder, 'tutorials/mongodb/progress.json')),
  };
}

it('leaves a step out where the reader says so, and tells at the end how many are done', async () => {
  const { code, out, ran } = await follow(async () => 's');
  // What clients are asked reads only.
  expect([code, ran.filter((words) => !words.endsWith(' find'))]).toEqual([0, []]);
  expect(out).toContain('1.1  an application moves: an application runs on node1');
  expect(out).toContain('– an application runs on node1');
  expect(out).toContain('0 of 9 steps are done. What you know now:');
});

it('takes Ctrl-C at its question for the end, and goes on there the next time', async () => {
  let question: AbortSignal | undefined;
  const answers = ['s'];
  const { code, out, progress } = await follow(async (_text, signal) => {
    question = signal;
    const answer = answers.shift();
    if (answer === undefined) throw new Error('Aborted with Ctrl+C');
    return answer;
  });
  expect([code, question?.aborted]).toEqual([130, true]);
  expect(out).not.toContain('steps are done');
  expect(JSON.parse(progress ?? '')).toMatchObject({ done: [], at: '1.2' });
});

it('does a step with Enter, and asks again', async () => {
  const answers = ['', 's'];
  const { ran } = await follow(async () => {
    const answer = answers.shift();
    if (answer === undefined) throw new Error('Aborted with Ctrl+C');
    return answer;
  });
  expect(ran[0]).toContain(' apply -C ');
  expect(ran).toHaveLength(3);
});

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Terminal, TuiEnd, TuiRequest } from '../../../src/cli/world.ts';
import { type MadeWorld, makeWorld } from './made-world.ts';

interface Screened {
  readonly world: MadeWorld;
  readonly requests: TuiRequest[];
  readonly out: () => string;
}

/** A person at a terminal; the screen ends in these ways, one after the other. */
async function atTerminal(ends: readonly TuiEnd[], env: Record<string, string> = {}): Promise<Screened> {
  const requests: TuiRequest[] = [];
  let out = '';
  const terminal: Terminal = {
    out: (text) => {
      out += text;
    },
    err: () => undefined,
    moving: true,
    colour: true,
    columns: () => 80,
    ask: () => Promise.resolve(''),
  };
  const world = await makeWorld(
    {},
    {
      env,
      terminal,
      openTui: async (request) => {
        requests.push(request);
        return ends[requests.length - 1] ?? { code: 0, lines: [] };
      },
    },
  );
  return { world, requests, out: () => out };
}

describe('drover without a verb, at a terminal', () => {
  it('opens the screen on the files of the folder, and leaves what it says on the terminal', async () => {
    const { world, requests, out } = await atTerminal([{ code: 0, lines: ['converged: 6 steps'] }]);
    expect((await world.drover('--confirm')).code).toBe(0);
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({
      files: { application: join(world.folder, 'application.yml'), deployment: join(world.folder, 'deployment.yml') },
      options: { confirm: true },
    });
    expect(out()).toBe('converged: 6 steps\n');
  });

  it('opens it again where it has written the files, and says what to do with them', async () => {
    const { world, requests } = await atTerminal([{ code: 0, lines: [], again: true }]);
    for (const name of ['application.yml', 'deployment.yml']) await rm(join(world.folder, name));
    await world.drover();
    expect(requests).toHaveLength(2);
    expect(requests[0]).not.toHaveProperty('files');
    expect(requests[0]).not.toHaveProperty('notice');
    expect(requests[1]?.notice).toContain(':edit deployment');
  });

  it('gives the files to the page of a starting lab as well: they can be read there', async () => {
    const { world, requests } = await atTerminal([{ code: 130, lines: [] }]);
    expect((await world.drover('--stages', '/tmp/progress.jsonl')).code).toBe(130);
    expect(requests[0]).toMatchObject({
      stages: '/tmp/progress.jsonl',
      files: { deployment: join(world.folder, 'deployment.yml') },
    });
  });

  it('draws nothing for a screen reader', async () => {
    const { world, requests } = await atTerminal([], { INK_SCREEN_READER: 'true' });
    const { ended } = world.start();
    setTimeout(world.interrupt, 300);
    await ended;
    expect(requests).toEqual([]);
  });
});

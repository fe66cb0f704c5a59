import { describe, expect, it } from 'vitest';
import { createTuiSimulation } from '../../../src/simulation/tui-simulation.ts';
import { createSession } from '../../../src/tui/session.ts';

describe('what goes on behind the screen', () => {
  it('watches the files and the nodes until the screen is left', async () => {
    const { engine, files } = createTuiSimulation({ fast: true });
    const work = createSession({ engine, files });
    const ended = work.run();
    await expect.poll(() => engine.store.getSnapshot().plan).toBeDefined();
    work.leave('now');
    expect(await ended).toBe('now');
    await engine.close();
  });

  it('is nothing before a lab is up, though there are files: they are for reading then', async () => {
    const { engine, files } = createTuiSimulation({ fast: true });
    let up = (): void => undefined;
    const ended = new Promise<{ code: number }>((resolve) => {
      up = () => resolve({ code: 0 });
    });
    const work = createSession({
      engine,
      files,
      stages: { ended, getSnapshot: () => [], subscribe: () => () => undefined },
    });
    const running = work.run();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(engine.store.getSnapshot().config).toBeUndefined();
    up();
    expect(await running).toBe('again');
    expect(engine.store.getSnapshot().config).toBeUndefined();
    await engine.close();
  });
});

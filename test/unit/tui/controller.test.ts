import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Controller, createController } from '../../../src/tui/controller.ts';
import { unicodeGlyphs } from '../../../src/tui/frame/glyphs.ts';
import { createTheme } from '../../../src/tui/frame/theme.ts';
import { initialState } from '../../../src/tui/initial-state.ts';
import { registry } from '../../../src/tui/parts.ts';
import type { ClusterView } from '../../../src/view/cluster-view.ts';
import { figuresOf } from './cluster-scenes.ts';
import { anInput, aView, aViewWithWork, tenOClock } from './update-parts.ts';

const theme = createTheme('mono', { depth: 0 });

/** The controller before a store that the test fills, with the frames that were drawn. */
function aController(view: ClusterView = aView) {
  let present = view;
  const visible: (readonly string[])[] = [];
  const listeners = new Set<() => void>();
  const store = {
    getSnapshot: () => present,
    subscribe: (listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const controller: Controller = createController({
    store,
    initial: initialState({ columns: 120, rows: 36 }, { theme: 'mono', mouse: true, arrangement: 'auto' }, view),
    about: anInput().about,
    // A clock that shows the same all the time: nothing but the cluster and keys changes what is drawn.
    now: () => tenOClock,
    looks: () => ({ glyphs: unicodeGlyphs, theme, registry }),
    onEffect: () => undefined,
    onVisible: (apps) => visible.push(apps),
    onChanged: () => undefined,
  });
  const drawn: number[] = [];
  const began = performance.now();
  controller.subscribe(() => drawn.push(Math.round(performance.now() - began)));
  const become = (next: ClusterView): void => {
    present = next;
    for (const listener of listeners) listener();
  };
  return { controller, drawn, visible, become };
}

const withFigures = (cpuPercent: number): ClusterView => ({
  ...aView,
  figures: { alpha: figuresOf({ at: tenOClock, cpuPercent }) },
});

describe('the controller', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('shows figures with the clock, once a second however many there are', async () => {
    const { controller, drawn, become } = aController();
    await vi.advanceTimersByTimeAsync(2100);
    const before = drawn.length;
    for (let n = 1; n <= 40; n += 1) {
      become(withFigures(n));
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(drawn.length - before).toBe(2);
    expect(controller.input().view).not.toBe(aView);
    controller.close();
  });

  it('shows news a quarter of a second after the last frame at the latest', async () => {
    const { controller, drawn, become } = aController();
    await vi.advanceTimersByTimeAsync(1900);
    const before = drawn.length;
    become(aViewWithWork);
    await vi.advanceTimersByTimeAsync(10);
    expect(drawn.length).toBe(before + 1);
    become(aView);
    await vi.advanceTimersByTimeAsync(200);
    expect(drawn.length).toBe(before + 1);
    await vi.advanceTimersByTimeAsync(60);
    expect(drawn.length).toBe(before + 2);
    controller.close();
  });

  it('shows what a key does within a sixtieth of a second', async () => {
    const { controller, drawn } = aController();
    await vi.advanceTimersByTimeAsync(1500);
    const [before, frame] = [drawn.length, controller.getScreen()];
    controller.send({ type: 'action', action: 'help' });
    await vi.advanceTimersByTimeAsync(17);
    expect(drawn.length).toBe(before + 1);
    expect(controller.getScreen()).not.toBe(frame);
    controller.close();
  });

  it('draws at least once a second', async () => {
    const { controller, drawn } = aController();
    await vi.advanceTimersByTimeAsync(1100);
    const screen = controller.getScreen();
    await vi.advanceTimersByTimeAsync(3000);
    expect(drawn.length).toBeGreaterThanOrEqual(3);
    expect(controller.getScreen()).not.toBe(screen);
    controller.close();
  });

  it('reports the applications on the screen once for all panes, when they change', async () => {
    const { controller, visible } = aController();
    controller.onShown('cluster', ['wiki', 'shop']);
    controller.onShown('detail', ['wiki']);
    await vi.advanceTimersByTimeAsync(1);
    controller.onShown('detail', []);
    await vi.advanceTimersByTimeAsync(1);
    controller.onShown('cluster', ['wiki']);
    await vi.advanceTimersByTimeAsync(1);
    expect(visible).toEqual([['shop', 'wiki'], ['wiki']]);
    controller.close();
  });

  it('draws nothing any more once it is closed', async () => {
    const { controller, drawn, become } = aController();
    controller.close();
    become(aViewWithWork);
    await vi.advanceTimersByTimeAsync(5000);
    expect(drawn).toEqual([]);
  });
});

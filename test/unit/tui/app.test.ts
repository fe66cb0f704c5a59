import { describe, expect, it } from 'vitest';
import { unicodeGlyphs } from '../../../src/tui/frame/glyphs.ts';
import type { FrameInput } from '../../../src/tui/frame/regions.ts';
import { createTheme } from '../../../src/tui/frame/theme.ts';
import { openDiff } from '../../../src/tui/parts/diff.ts';
import { openHelp } from '../../../src/tui/parts/help.ts';
import { registry } from '../../../src/tui/parts.ts';
import type { UiState } from '../../../src/tui/state.ts';
import { inputOf, sampleView, uiOf } from './cluster-scenes.ts';
import { rendered } from './rendered.ts';

const theme = createTheme('mono', { depth: 0 });
const sample = sampleView();
const size = { columns: 118, rows: 28 };

const screen = (ui: Partial<UiState> = {}, overrides: Partial<FrameInput> = {}): FrameInput => ({
  ...inputOf(sample, uiOf(size, ui)),
  glyphs: unicodeGlyphs,
  theme,
  registry,
  ...overrides,
});

describe('the screen in Ink', () => {
  it('has header, panes and footer in their places, and an overlay over all panes', async () => {
    const app = rendered(screen());
    const lines = app.lines();
    expect(lines).toHaveLength(size.rows);
    expect(lines[0]).toMatch(/^ drover /);
    expect(lines[1]).toMatch(/^╭─ 1 cluster .*╮$/);
    expect(lines.at(-1)).toMatch(/q quit *$/);
    await app.become(screen({ overlays: [openHelp()] }));
    expect(app.lines()[1]).toMatch(/^╭─ help /);
    expect(app.lines().join('\n')).not.toContain('1 cluster');
    app.close();
  });

  it('writes nothing where a frame looks like the one before', async () => {
    const app = rendered(screen());
    const before = app.count();
    await app.become(screen());
    await app.become({ ...screen(), now: screen().now + 1 });
    expect(app.count()).toBe(before);
    await app.become(screen({ filter: 'wiki' }));
    expect(app.count()).toBe(before + 1);
    app.close();
  });

  it('says what it needs on a screen that is too small', async () => {
    const app = rendered(screen({ size: { columns: 52, rows: 14 } }));
    expect(app.lines()[0]?.trim()).toBe('needs 60×16, has 52×14');
    app.close();
  });

  it('draws a page again only where the slice that it shows has changed', async () => {
    let drawn = 0;
    const diff = registry.overlays.diff;
    if (diff === undefined) throw new Error('the registry has no diff');
    const draw: typeof diff.draw = (...given) => {
      drawn += 1;
      return diff.draw(...given);
    };
    const counting = { ...registry, overlays: { ...registry.overlays, diff: { ...diff, draw } } };
    const overlays = [openDiff()];
    const app = rendered(screen({ overlays }, { registry: counting }));
    await app.become(screen({ overlays }, { registry: counting, now: screen().now + 60_000 }));
    expect(drawn).toBe(1);
    await app.become(screen({ overlays: [openDiff('steps')] }, { registry: counting }));
    expect(drawn).toBe(2);
    app.close();
  });
});

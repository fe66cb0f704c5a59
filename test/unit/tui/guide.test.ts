import { describe, expect, it } from 'vitest';
import { disabledReason } from '../../../src/tui/actions/disabled-reason.ts';
import { layoutFor } from '../../../src/tui/frame/regions.ts';
import type { Size } from '../../../src/tui/frame/rows.ts';
import { createTheme } from '../../../src/tui/frame/theme.ts';
import { createKeyOf, keyMapOf, messageForKey } from '../../../src/tui/keymap.ts';
import { guidePart, openGuide } from '../../../src/tui/parts/guide/page.ts';
import { drawGuidePane } from '../../../src/tui/parts/guide/pane.ts';
import { openHelp } from '../../../src/tui/parts/help.ts';
import { registry } from '../../../src/tui/parts.ts';
import type { ScreenInput } from '../../../src/tui/screen.ts';
import { fitRow, widthOfRow } from '../../../src/tui/text/fit.ts';
import { update } from '../../../src/tui/update.ts';
import { type Doing, type GuideView, guideViewOf, type StepBefore } from '../../../src/tutorial/guide-view.ts';
import { startOf, type TutorialProgress } from '../../../src/tutorial/progress.ts';
import { aPlace, aTutorial } from '../tutorial/a-tutorial.ts';
import { inputOf, sampleView, uiOf } from './cluster-scenes.ts';
import { expectGolden, linesOf, play, textOfRow } from './overlay-frames.ts';
import { rendered } from './rendered.ts';
import { allShown } from './update-parts.ts';

const tutorial = aTutorial();
const view = sampleView();
const theme = createTheme('mono', { depth: 0 });

function guideAt(
  progress: TutorialProgress = startOf(tutorial),
  sinceMs = 0,
  doing: readonly Doing[] = [],
  before?: StepBefore,
): GuideView {
  const findings = { view, ports: {}, printed: {} };
  return guideViewOf({ tutorial, place: aPlace(), progress, findings, sinceMs, doing, before });
}

function guided(
  guide: GuideView,
  size: Size = { columns: 80, rows: 24 },
  overlays: ScreenInput['ui']['overlays'] = [],
) {
  const input = inputOf(view, { ...uiOf(size), isGuided: true, overlays });
  return { ...input, guide, about: { ...input.about, keyOf: createKeyOf({}) } } satisfies ScreenInput;
}

/** The whole screen, as text. */
function screenOf(input: ScreenInput): string {
  const app = rendered({ ...input, theme, registry });
  const lines = app.lines().map((line) => line.trimEnd());
  app.close();
  return `${lines.join('\n')}\n`;
}

const late = { version: 1, done: ['1.1'], at: '1.2' } as const;
const partOver = { version: 1, done: ['1.1', '1.2'], at: '1.2' } as const;
const allOver = { version: 1, done: ['1.1', '1.2', '2.1'], at: '2.1' } as const;
const asked: Doing = { command: 'node ask.mjs alpha', lines: ['one', 'two'], state: 'done' };
const doing: readonly Doing[] = [asked, { command: 'node ask.mjs beta', lines: [], state: 'running' }];
const before: StepBefore = { title: 'it is asked', doing: [asked] };

describe('a tutorial next to the panes', () => {
  it('stands below them on a usual screen, and to the right on a wide one', () => {
    const frames = [
      screenOf(guided(guideAt(late, 61_000))),
      screenOf(guided(guideAt(), { columns: 60, rows: 16 })),
      screenOf(guided(guideAt(late, 61_000), { columns: 140, rows: 34 })),
      screenOf(guided(guideAt(startOf(tutorial), 0, doing))),
      screenOf(guided(guideAt(partOver, 0, [asked]))),
      screenOf(guided(guideAt(allOver))),
      screenOf(guided(guideAt(late, 0, [], before), { columns: 140, rows: 34 })),
    ];
    expectGolden('guide', frames.join('\n'));
  });

  it('shows its page whole, and the keys in the help', () => {
    const page = screenOf(guided(guideAt(late, 0, [], before), { columns: 80, rows: 24 }, [openGuide()]));
    const help = screenOf(guided(guideAt(late), { columns: 118, rows: 40 }, [openHelp()]));
    expectGolden('guide-page', page);
    for (const label of ['do this step for me', 'go on to the next step', 'go back a step'])
      expect(help).toContain(label);
  });

  it.each([
    [60, 16],
    [80, 24],
    [100, 30],
    [118, 34],
    [160, 50],
  ])('fits into what it is given on %d x %d', (columns, rows) => {
    for (const guide of [
      guideAt(),
      guideAt(late, 61_000),
      guideAt(partOver, 0, doing),
      guideAt(startOf(tutorial), 0, doing),
      guideAt(late, 0, [], before),
    ]) {
      const input = guided(guide, { columns, rows });
      const layout = layoutFor({ ...input, theme, registry });
      const rect = 'tooSmall' in layout ? undefined : layout.guide;
      const text = screenOf(input);
      // How far the reader is, whatever the part is called.
      expect(text).toContain(`${guide.step.number}/${guide.step.of}`);
      expect(rect).toBeDefined();
      const inside = { columns: (rect?.columns ?? 0) - 2, rows: (rect?.rows ?? 0) - 2 };
      const drawn = drawGuidePane(input, inside).rows;
      expect(drawn.length).toBeLessThanOrEqual(inside.rows);
      expect(drawn.map((row) => widthOfRow(fitRow(row, inside.columns, '…')))).toEqual(drawn.map(() => inside.columns));
    }
  });

  it('has keys of its own, and only there', () => {
    const effectsOf = (key: string, input: ScreenInput) => {
      const message = messageForKey(keyMapOf({}), { key }, input.ui, registry);
      return message === undefined ? undefined : update(input, message, registry, allShown);
    };
    const input = guided(guideAt(late));
    expect(effectsOf('I', input)?.effects).toEqual([{ type: 'guide', request: { kind: 'do' } }]);
    expect(effectsOf('>', input)?.effects).toEqual([{ type: 'guide', request: { kind: 'next' } }]);
    expect(effectsOf('<', input)?.effects).toEqual([{ type: 'guide', request: { kind: 'back' } }]);
    expect(effectsOf('i', input)?.ui.overlays).toEqual([openGuide()]);
    const { isGuided: _none, ...ui } = input.ui;
    expect(effectsOf('I', { ...input, ui })).toBeUndefined();
  });

  it('says why a key is off', () => {
    const reason = (guide: GuideView, action: 'guide-do' | 'guide-back' | 'guide-next') =>
      disabledReason(guided(guide), registry, action);
    expect(reason(guideAt(), 'guide-back')).toBe('this is the first step');
    expect(reason(guideAt(partOver), 'guide-do')).toBe('this step is done');
    expect(reason(guideAt(allOver), 'guide-next')).toBe('this is the last step');
    expect(reason(guideAt(startOf(tutorial), 0, doing), 'guide-next')).toBe('the step is running');
    const input = guided(guideAt());
    const readOnly = { ...input, about: { ...input.about, isReadOnly: true } };
    expect(disabledReason(readOnly, registry, 'guide-do')).toBe('read-only');
  });

  it('goes to a step that is chosen on its page', () => {
    const input = guided(guideAt(late));
    expect(linesOf(guidePart, input, openGuide())[1]).toContain('1.2  it moves');
    const step = play(guidePart, input, openGuide(), ['up', 'open']);
    expect(step.effects).toEqual([{ type: 'guide', request: { kind: 'go', id: '1.1' } }]);
    expect(guidePart.disabledReason?.(input, openGuide(), 'open')).toBe('you are at this step');
    expect(guidePart.draw(input, openGuide(), { columns: 76, rows: 20 }).rows.map(textOfRow).join('\n')).toContain(
      'Like so:',
    );
  });
});

import { describe, expect, it } from 'vitest';
import { eventsPart, shownEntries } from '../../../src/tui/parts/events.ts';
import type { UiState } from '../../../src/tui/state.ts';
import type { TrailEntry } from '../../../src/view/cluster-view.ts';
import { aView } from '../view/move-view.ts';
import { noon, play, textOfRow } from './overlay-frames.ts';
import { expectPanes, paneFrame, paneInput, paneLines } from './pane-frames.ts';

const trail: readonly TrailEntry[] = [
  { at: noon, source: 'file', text: 'saved: "db" node1 → node2' },
  { at: noon + 1000, source: 'node', node: 'node1', text: 'cannot connect to "node1": no answer', tone: 'fault' },
  {
    at: noon + 2000,
    source: 'docker',
    node: 'node2',
    app: 'web',
    text: '"web" ended with 137, out of memory',
    tone: 'fault',
  },
  { at: noon + 3000, source: 'apply', text: 'converged: 4 steps in 2.0 s', tone: 'ok' },
];
const many = Array.from({ length: 50 }, (_, i): TrailEntry => ({ at: noon + i, source: 'act', text: `event ${i}` }));
const size = { columns: 60, rows: 5 };

const shown = (view: ReturnType<typeof aView>, ui: UiState): readonly string[] =>
  eventsPart.draw(paneInput(view), ui, size).rows.map((row) => textOfRow(row).replace(/^.*event/, 'event'));

describe('the events pane', () => {
  it('has the newest at the bottom, with time, source or node, and text', () => {
    const input = paneInput(aView({ trail }));
    expectPanes('events', eventsPart, input, input.ui, [
      [60, 5],
      [118, 7],
    ]);
  });

  it('says that nothing has happened, or nothing that matches', () => {
    const none = paneInput(aView());
    expect(paneLines(eventsPart, none, none.ui)).toEqual(['no events yet']);
    const input = paneInput(aView({ trail }), { filter: 'zzz' });
    expect(paneLines(eventsPart, input, input.ui)).toEqual(['no event matches "zzz"']);
    expect(paneFrame(eventsPart, input, input.ui, { columns: 60, rows: 5 })).toContain('events · 0 of 4 match "zzz"');
  });

  it('follows, until it is scrolled, and then stays where it is', () => {
    const view = aView({ trail: many });
    const ui = paneInput(view).ui;
    expect(shown(view, ui).at(-1)).toBe('event 49');
    const up = play(eventsPart, paneInput(view), ui, ['up', 'up'], size).state;
    expect(shown(view, up)).toEqual(['event 43', 'event 44', 'event 45', 'event 46', 'event 47']);
    const later = aView({ trail: [...many, { at: noon + 99, source: 'act', text: 'event 50' }] });
    expect(shown(later, up).at(-1)).toBe('event 47');
    expect(eventsPart.draw(paneInput(later), up, size).aside).toEqual([{ text: '3 newer below', token: 'dim' }]);
    expect(shown(later, ui).at(-1)).toBe('event 50');
  });

  it.each([['follow'], ['last']] as const)('follows again with %s', (key) => {
    const input = paneInput(aView({ trail: many }));
    const up = play(eventsPart, input, input.ui, ['first'], size).state;
    expect(up.offsets.events).toBe(1);
    expect(shown(input.view, up)[0]).toBe('event 0');
    expect(play(eventsPart, input, up, [key], size).state.offsets.events).toBe(0);
  });

  it('is scrolled by the wheel', () => {
    const input = paneInput(aView({ trail: many }));
    const up = play(eventsPart, input, input.ui, [{ type: 'wheel', pane: 'events', rows: -3 }], size).state;
    expect(shown(input.view, up).at(-1)).toBe('event 46');
  });
});

describe('the filter of events', () => {
  const texts = (filter: string) => shownEntries(aView({ trail }), filter).map(({ source }) => source);

  it.each([
    ['', ['file', 'node', 'docker', 'apply']],
    ['web', ['docker']],
    ['!web', ['file', 'node', 'apply']],
    ['node:node1', ['node']],
    ['NODE2 memory', ['docker']],
    ['state:failed', ['file', 'node', 'docker', 'apply']],
    ['docker', ['docker']],
    ['/node[12]/', ['file', 'node', 'docker']],
    ['!/node[12]/', ['apply']],
    ['/[', ['file', 'node', 'docker', 'apply']],
    ['!/[ web', ['docker']],
  ])('%j lets through %j', (filter, expected) => expect(texts(filter)).toEqual(expected));
});

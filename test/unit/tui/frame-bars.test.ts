import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { openDiff } from '../../../src/tui/parts/diff.ts';
import { drawFooter, noticeMs } from '../../../src/tui/parts/footer.ts';
import { drawHeader } from '../../../src/tui/parts/header.ts';
import { openHistory } from '../../../src/tui/parts/history.ts';
import { openLeave } from '../../../src/tui/parts/leave.ts';
import { openStages } from '../../../src/tui/parts/stages.ts';
import { openWelcome } from '../../../src/tui/parts/welcome.ts';
import { registry } from '../../../src/tui/parts.ts';
import { isFirstPage } from '../../../src/tui/routing.ts';
import type { ScreenInput } from '../../../src/tui/screen.ts';
import type { UiState } from '../../../src/tui/state.ts';
import type { ClusterView } from '../../../src/view/cluster-view.ts';
import { emptyView } from '../../../src/view/reduce.ts';
import { inputOf, now, sampleView, textOf, uiOf } from './cluster-scenes.ts';

const sample = sampleView();
const screen = { columns: 240, rows: 70 };

const header = (view: ClusterView, columns = 240, ui: Partial<UiState> = {}, more: Partial<ScreenInput> = {}): string =>
  textOf(drawHeader(inputOf(view, uiOf(screen, ui), more), columns));

describe('the header', () => {
  it('says which files are in force, who is up, and what is to be done', () => {
    expect(header(sample)).toMatch(
      /^ drover {2}application\.yml, deployment\.yml ✔ 14:02:05 .* 3 nodes ●2 1 unreachable {2}4 changes, 1 blocked {2}applies on save {2}RW {2}14:08 $/,
    );
  });

  it('says that a save has problems, and what stays in force', () => {
    const problems = [
      { file: 'deployment.yml', path: '', message: 'unknown node' },
      { file: 'deployment.yml', path: '', message: 'unknown application' },
    ];
    expect(header({ ...sample, problems })).toContain('✖ 2 problems that of 14:02:05 is in force');
    expect(header({ ...emptyView, problems })).toContain('✖ 2 problems');
    expect(header(emptyView)).toContain('are being read');
  });

  it('says what is running, and for how long', () => {
    const ids = (sample.plan?.steps ?? []).map(({ id }) => id);
    const steps = Object.fromEntries(
      ids.slice(0, 4).map((id, i) => [id, { state: i < 2 ? ('succeeded' as const) : ('waiting' as const) }]),
    );
    const running = { ...sample, running: true, runStartedAt: now - 72_900, steps };
    expect(header(running)).toContain('◐ applying 2/4 1 min 12 s');
    expect(header(running)).not.toContain('4 changes');
    expect(header(sample, 240, { busy: ['restart "db"', 'snapshot "wiki"'] })).toContain('◐ restart "db" +1');
    const approval = { revision: 'r1', because: 'policy', reason: '' } as const;
    expect(header({ ...sample, approval })).toContain('waits for approval');
  });

  it('says whether it asks, whether it may change anything, and that it is a simulation', () => {
    expect(header({ ...sample, policy: 'ask' })).toContain('asks before applying');
    const about = { ...inputOf(sample, uiOf(screen)).about, isReadOnly: true, label: 'simulation' };
    expect(header(sample, 240, {}, { about })).toMatch(/^ drover {2}SIMULATION .*READ-ONLY/);
    // What may not be overlooked stays on the narrowest screen.
    expect(header(sample, 60, {}, { about })).toMatch(/SIMULATION.*4 changes, 1 blocked.* RO/);
  });

  it('says that there is nothing to do', () => {
    const plan = { revision: 'r1', steps: [], blocked: [], notes: [] };
    expect(header({ ...sample, plan })).toContain('matches the files');
  });

  it('is one row of the width asked for, at every width', () => {
    const about = { ...inputOf(sample, uiOf(screen)).about, label: 'シミュレーション\u001b[2J' };
    for (let columns = 20; columns <= 240; columns += 1) {
      expect(stringWidth(header(sample, columns, { busy: ['restart "db"'] }, { about }))).toBe(columns);
    }
  });
});

describe('the footer', () => {
  const footer = (ui: Partial<UiState>, columns: number, off: string[] = []): readonly string[] =>
    drawFooter(
      inputOf(sample, uiOf({ columns, rows: 24 }, ui)),
      {
        actions: ['apply', 'logs', 'move', 'faults'],
        disabledReason: (action) => (off.includes(action) ? 'off' : undefined),
        isAway: (ui.zoomed ?? false) || (ui.overlays ?? []).some((each) => !isFirstPage(registry, each)),
      },
      columns,
    ).map(textOf);

  it('names keys, as many as fit, and always the ways to all others', () => {
    expect(footer({}, 80)[0]?.trimEnd()).toBe(' a apply…  l logs  m move…  ! faults  : cmds  ? help  q quit');
    expect(footer({}, 40)[0]?.trimEnd()).toBe(' a apply…  : cmds  ? help  q quit');
    expect(footer({ overlays: [openLeave()] }, 80)[0]).not.toContain(': cmds');
  });

  it('names the way back wherever one is not on the whole screen', () => {
    expect(footer({ overlays: [openDiff()] }, 80)[0]).toContain('escape back  ? help');
    expect(footer({ zoomed: true }, 80)[0]).toContain('escape back  : cmds  ? help');
    expect(footer({}, 80)[0]).not.toContain('back');
    for (const first of [openWelcome(), openStages()]) {
      expect(footer({ overlays: [first] }, 80)[0]).toMatch(/\? help {2}q quit *$/);
      expect(footer({ overlays: [first] }, 80)[0]).not.toContain('back');
    }
  });

  it('says what keys do there, and says it once where they belong together', () => {
    const rows = drawFooter(
      inputOf(sample, uiOf({ columns: 80, rows: 24 })),
      {
        actions: ['left', 'right', 'open'],
        disabledReason: () => undefined,
        labelOf: (action) => ({ left: '', right: 'choose' })[String(action)],
        isTyping: true,
      },
      80,
    );
    expect(rows.map(textOf)[0]?.trimEnd()).toBe(' left right choose  enter open  : cmds  q quit');
  });

  it('shows a key that is off, but does not offer it', () => {
    const [row = []] = drawFooter(
      inputOf(sample, uiOf({ columns: 80, rows: 24 })),
      { actions: ['apply', 'logs'], disabledReason: (action) => (action === 'logs' ? 'no' : undefined) },
      80,
    );
    expect(row.find(({ text }) => text === 'l logs')?.token).toBe('dim');
    expect(row.find(({ text }) => text === 'a')?.token).toBe('key');
  });

  it('shows a notice while it is fresh, in a row of its own where there is one', () => {
    const notice = { text: 'restarted\n"db"', tone: 'ok', at: now - noticeMs + 1 } as const;
    expect(footer({ notice }, 80)[0]?.trimEnd()).toBe(
      ' ✔ restarted "db"   a apply…  l logs  m move…  ! faults  : cmds  ? help  q quit',
    );
    const long = { ...notice, text: 'a very long sentence '.repeat(9) };
    expect(footer({ notice: long }, 80)[0]?.trimEnd()).toMatch(/^ ✔ a very long .*… {3}: cmds {2}\? help {2}q quit$/);
    expect(footer({ notice: { ...notice, at: now - noticeMs } }, 80)[0]).toContain('a apply…');
    const two = drawFooter(
      inputOf(sample, uiOf({ columns: 80, rows: 40 }, { notice })),
      { actions: ['apply'], disabledReason: () => undefined },
      80,
    ).map(textOf);
    expect(two.map((row) => row.trimEnd())).toEqual([' a apply…  : cmds  ? help  q quit', ' ✔ restarted "db"']);
  });

  it('names the way back next to a notice even where the page names it among its keys', () => {
    const notice = { text: 'a plan of 15 steps waits for approval', tone: 'warn', at: now } as const;
    const ui = uiOf({ columns: 60, rows: 24 }, { notice, overlays: [openHistory()] });
    const [row = []] = drawFooter(
      inputOf(sample, ui),
      { actions: ['step-log', 'follow', 'back'], disabledReason: () => undefined, isAway: true },
      60,
    );
    expect(textOf(row)).toMatch(/ {3}escape back {2}\? help *$/);
  });

  it('shows the filter while it is typed', () => {
    expect(footer({ filtering: true, filter: 'node:be' }, 80)[0]).toMatch(/^ \/node:be▏ .*enter/);
  });

  it('is as wide as asked for', () => {
    for (let columns = 60; columns < 130; columns += 1) {
      expect(footer({}, columns).map((row) => stringWidth(row))).toEqual([columns]);
    }
  });
});

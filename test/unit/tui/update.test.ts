import { describe, expect, it } from 'vitest';
import type { ActionId } from '../../../src/tui/actions/actions.ts';
import { openDiff } from '../../../src/tui/parts/diff.ts';
import { openLeave } from '../../../src/tui/parts/leave.ts';
import { openLogs } from '../../../src/tui/parts/logs/logs.ts';
import { openProblems } from '../../../src/tui/parts/problems.ts';
import type { ReviewState } from '../../../src/tui/parts/run/review.ts';
import { openRun } from '../../../src/tui/parts/run/run.ts';
import { openStages } from '../../../src/tui/parts/stages.ts';
import { openWelcome } from '../../../src/tui/parts/welcome.ts';
import { openZfs } from '../../../src/tui/parts/zfs.ts';
import type { Message } from '../../../src/tui/screen.ts';
import type { Overlay } from '../../../src/tui/state.ts';
import { update } from '../../../src/tui/update.ts';
import type { ClusterView } from '../../../src/view/cluster-view.ts';
import { allShown, anInput, aScreen, aView, aViewWithWork, kindsOf, play, tenOClock } from './update-parts.ts';

const running: ClusterView = { ...aViewWithWork, running: true };
const onWiki = { cursor: { node: 'alpha', app: 'wiki' } };
const { registry } = aScreen();

describe('what gets a message', () => {
  it('is the pane with the focus, where it takes the action', () => {
    const { registry, received } = aScreen({ plan: { actions: ['down'] } });
    play(anInput({ focus: 'plan' }), registry, 'down');
    expect(received).toEqual([{ who: 'plan', message: { type: 'action', action: 'down' } }]);
  });

  it('is the overlay on top before any pane', () => {
    const { registry, received } = aScreen({ cluster: { actions: ['down'] } }, { diff: { actions: ['down'] } });
    play(anInput({ overlays: [openDiff()] }), registry, 'down');
    expect(received.map(({ who }) => who)).toEqual(['diff']);
  });

  it('is the screen, where the part does nothing with an action it names', () => {
    const { registry } = aScreen({ cluster: { actions: ['logs'] } });
    expect(kindsOf(play(anInput(onWiki), registry, 'logs').ui)).toEqual(['logs']);
  });

  it('is nothing behind a question', () => {
    const leave: Overlay = openLeave();
    const input = anInput({ ...onWiki, overlays: [leave] }, running);
    const { ui, effects } = play(input, registry, 'logs', 'apply', 'pane-2', 'refresh');
    expect(ui).toBe(input.ui);
    expect(effects).toEqual([]);
  });

  it('is the pane under the pointer for the wheel, whatever has the focus', () => {
    const { registry, received } = aScreen({
      events: {
        step: (message) => (message.type === 'wheel' ? { notice: { text: 'rolled', tone: 'plain' } } : {}),
      },
    });
    const { ui } = play(anInput(), registry, { type: 'wheel', pane: 'events', rows: 3 });
    expect(received.map(({ who }) => who)).toEqual(['events']);
    expect(ui.notice?.text).toBe('rolled');
  });

  it('is the overlay that asked for an answer, also below another one', () => {
    const { registry, received } = aScreen();
    const overlays: Overlay[] = [openLogs(['wiki']), openRun()];
    play(anInput({ overlays }), registry, { type: 'log-lines', lines: [] });
    expect(received.map(({ who }) => who)).toEqual(['logs']);
  });
});

describe('a step of a part', () => {
  const asking: Message = { type: 'pick', index: 0 };
  const step = (given: object) =>
    aScreen({}, { run: { step: (message) => (message.type === 'pick' ? given : {}) } }).registry;
  const run: Overlay = openRun();
  const input = anInput({ overlays: [run] });

  it('replaces the state of its overlay and no other', () => {
    const diff: Overlay = openDiff();
    const { ui } = play(anInput({ overlays: [diff, run] }), step({ state: { ...run, cursor: 4 } }), asking);
    expect(ui.overlays).toEqual([diff, { ...run, cursor: 4 }]);
  });

  it('closes the overlay, opens another, shows a notice and asks for an effect', () => {
    const given = {
      closes: true,
      opens: openZfs('alpha'),
      effects: [{ type: 'refresh' }],
      notice: { text: 'done', tone: 'ok' },
    };
    const { ui, effects } = play(input, step(given), asking);
    expect(kindsOf(ui)).toEqual(['zfs']);
    expect(ui.notice).toEqual({ text: 'done', tone: 'ok', at: tenOClock });
    expect(effects).toEqual([{ type: 'read-zfs', node: 'alpha' }, { type: 'refresh' }]);
  });

  it('sends on to what is behind, once it is closed', () => {
    const given = { closes: true, sends: [{ type: 'action', action: 'pane-4' }] };
    const { ui } = play(input, step(given), asking);
    expect([ui.focus, kindsOf(ui)]).toEqual(['events', []]);
  });

  it('changes nothing where it is empty', () => {
    expect(play(input, step({}), asking).ui).toBe(input.ui);
  });
});

describe('the screen', () => {
  it('goes from pane to pane, and round', () => {
    const seen = (['next-pane', 'previous-pane'] as const).map((key) => {
      const foci: string[] = [];
      let input = anInput();
      for (let i = 0; i < 5; i += 1) {
        input = { ...input, ui: play(input, registry, key).ui };
        foci.push(input.ui.focus);
      }
      return foci.join(' ');
    });
    expect(seen).toEqual(['plan detail events cluster plan', 'events detail plan cluster events']);
  });

  it('shows a pane alone where it has no room next to others', () => {
    const sizes = { ...allShown, panes: { cluster: { columns: 58, rows: 9 } } };
    const { ui } = update(anInput(), { type: 'action', action: 'pane-3' }, registry, sizes);
    expect([ui.focus, ui.zoomed]).toEqual(['detail', true]);
    const back = update(anInput({ ...ui }), { type: 'action', action: 'back' }, registry, sizes).ui;
    expect([back.focus, back.zoomed]).toEqual(['cluster', false]);
  });

  it('gives the keys back to the board when the pane that had them has no room any more', () => {
    const { registry, received } = aScreen({ cluster: { actions: ['down'] }, events: { actions: ['down'] } });
    const sizes = { ...allShown, panes: { cluster: { columns: 58, rows: 9 } } };
    update(anInput({ focus: 'events' }), { type: 'action', action: 'down' }, registry, sizes);
    expect(received.map(({ who }) => who)).toEqual(['cluster']);
  });

  it('goes back one layer at a time and never leaves', () => {
    const input = anInput({
      overlays: [openDiff()],
      zoomed: true,
      filter: 'wiki',
      faultsOnly: true,
      focus: 'plan',
    });
    const steps: unknown[] = [];
    let now = input;
    for (let i = 0; i < 6; i += 1) {
      const { ui, effects } = play(now, registry, 'back');
      expect(effects).toEqual([]);
      steps.push([ui.overlays.length, ui.zoomed, ui.filter, ui.faultsOnly, ui.focus]);
      now = { ...now, ui };
    }
    expect(steps).toEqual([
      [0, true, 'wiki', true, 'plan'],
      [0, false, 'wiki', true, 'plan'],
      [0, false, '', true, 'plan'],
      [0, false, '', false, 'plan'],
      [0, false, '', false, 'cluster'],
      [0, false, '', false, 'cluster'],
    ]);
  });

  it('takes a filter while it is typed, keeps it at Enter and drops it at Escape', () => {
    const typed: Message[] = [
      { type: 'text', text: 'wik' },
      { type: 'text', text: 'x' },
      { type: 'edit-key', key: 'backspace' },
      { type: 'text', text: 'i' },
    ];
    const kept = play(anInput(), registry, 'filter', ...typed, { type: 'edit-key', key: 'enter' }).ui;
    expect([kept.filter, kept.filtering]).toEqual(['wiki', false]);
    const dropped = play(anInput(), registry, 'filter', ...typed, { type: 'edit-key', key: 'escape' }).ui;
    expect([dropped.filter, dropped.filtering]).toEqual(['', false]);
  });

  it.each<[ActionId, object]>([
    ['faults', { faultsOnly: true }],
    ['sort', { sort: 'name' }],
    ['arrange', { arrangement: 'board' }],
    ['theme', { theme: 'dark' }],
    ['mouse', { mouse: false }],
    ['zoom-in', { zoomed: true }],
    ['focus-plan', { focus: 'plan' }],
  ])('does %s', (action, expected) => {
    expect(play(anInput(), registry, action).ui).toMatchObject(expected);
  });

  it('goes through every theme and comes back', () => {
    const six = play(anInput(), registry, ...Array.from({ length: 6 }, () => 'theme' as const)).ui;
    expect(six.theme).toBe('auto');
  });

  it('marks and unmarks what the cursor is on, and clears all marks', () => {
    expect([...play(anInput(onWiki), registry, 'mark').ui.marks]).toEqual(['wiki']);
    expect([...play(anInput(onWiki), registry, 'mark', 'mark').ui.marks]).toEqual([]);
    expect([...play(anInput({ marks: new Set(['wiki', 'shop']) }), registry, 'clear-marks').ui.marks]).toEqual([]);
  });

  it('lets the cursor settle after whatever may have hidden the row under it', () => {
    const { registry, received } = aScreen();
    play(anInput(), registry, 'faults');
    expect(received).toEqual([{ who: 'cluster', message: { type: 'tick' } }]);
  });

  it('moves focus and cursor with a click, and closes views that lie above', () => {
    const run: Overlay = openRun();
    const click: Message = { type: 'select', pane: 'cluster', item: { node: 'beta' } };
    const { ui } = play(anInput({ focus: 'plan', overlays: [run] }), registry, click);
    expect([ui.focus, ui.cursor, ui.overlays]).toEqual(['cluster', { node: 'beta' }, []]);
  });

  it('remembers size, focus of the terminal and what is running', () => {
    const { ui } = play(
      anInput(),
      registry,
      { type: 'resized', size: { columns: 100, rows: 40 } },
      { type: 'terminal-focus', has: false },
      { type: 'busy', what: 'restart "wiki"', is: true },
      { type: 'busy', what: 'restart "wiki"', is: true },
      { type: 'busy', what: 'restart "wiki"', is: false },
    );
    expect(ui).toMatchObject({ size: { columns: 100, rows: 40 }, hasTerminalFocus: false, busy: ['restart "wiki"'] });
  });
});

describe('apply', () => {
  it('opens the review with Apply chosen where there is something to do', () => {
    const { ui, effects } = play(anInput({}, aViewWithWork), registry, 'apply');
    expect(ui.overlays).toEqual([{ kind: 'review', revision: 'r2', offset: 0, choice: 'apply' }]);
    expect(effects).toEqual([]);
  });

  it('chooses Cancel where much would be stopped', () => {
    const approval = { revision: 'r2', because: 'removal', reason: 'this would stop 2 of 2' } as const;
    const { ui } = play(anInput({}, { ...aViewWithWork, approval }), registry, 'apply');
    expect(ui.overlays[0]).toMatchObject({ kind: 'review', choice: 'cancel' });
  });

  it('says so where there is nothing to do', () => {
    const { ui } = play(anInput(), registry, 'apply');
    expect([ui.overlays, ui.notice?.text]).toEqual([[], 'nothing to do']);
  });

  it('shows the present run', () => {
    expect(kindsOf(play(anInput({}, running), registry, 'apply').ui)).toEqual(['run']);
  });

  it('shows the problems that keep it from having anything to do', () => {
    const problems = [{ file: 'application.yml', path: '', message: 'is wrong' }];
    expect(kindsOf(play(anInput({}, { ...aView, problems }), registry, 'apply').ui)).toEqual(['problems']);
  });

  it('says that what there is cannot be done now', () => {
    const plan = { revision: 'r1', steps: [], blocked: [{ reason: 'gamma is not reachable' }], notes: [] };
    const { ui } = play(anInput({}, { ...aView, plan }), registry, 'apply');
    expect(ui.notice?.text).toBe('not now: gamma is not reachable');
  });
});

describe('back', () => {
  it('leads nowhere from a page that has nothing behind it', () => {
    for (const first of [openWelcome(), openStages()]) {
      expect(kindsOf(play(anInput({ overlays: [first] }), registry, 'back').ui)).toEqual([first.kind]);
    }
  });
});

describe('a notice', () => {
  const notice = { text: 'restarted', tone: 'ok', at: 0 } as const;

  it('gives its place to the keys with the next key, once it could be read', () => {
    const input = anInput({ notice });
    const at = (now: number) =>
      update({ ...input, now }, { type: 'action', action: 'down' }, registry, allShown).ui.notice;
    expect(at(1000)).toEqual(notice);
    expect(at(1500)).toBeUndefined();
  });

  it('stays where nothing but time goes by', () => {
    const input = { ...anInput({ notice }), now: 5000 };
    expect(update(input, { type: 'tick' }, registry, allShown).ui.notice).toEqual(notice);
  });
});

describe('actions on applications', () => {
  it.each<[ActionId, string]>([
    ['restart', 'restart "wiki" on alpha?'],
    ['stop-start', 'stop "wiki" on alpha?'],
  ])('%s asks first, with Cancel chosen', (action, title) => {
    const { ui, effects } = play(anInput(onWiki), registry, action);
    expect(ui.overlays[0]).toMatchObject({ kind: 'confirm', title, choice: 'cancel' });
    expect(effects).toEqual([]);
  });

  it('starts what is stopped', () => {
    const { ui } = play(anInput({ cursor: { node: 'alpha', app: 'shop' } }), registry, 'stop-start');
    expect(ui.overlays[0]).toMatchObject({ effect: { type: 'start', app: 'shop' } });
  });

  it('moves and follows the marked ones, else the one under the cursor', () => {
    const marks = new Set(['wiki', 'shop']);
    for (const action of ['move', 'logs'] as const) {
      expect(play(anInput({ ...onWiki, marks }), registry, action).ui.overlays[0]).toMatchObject({
        kind: action,
        apps: ['shop', 'wiki'],
      });
      expect(play(anInput(onWiki), registry, action).ui.overlays[0]).toMatchObject({ apps: ['wiki'] });
    }
  });

  it.each<[ActionId, object]>([
    ['snapshot', { type: 'snapshot', app: 'wiki' }],
    ['shell', { type: 'shell', app: 'wiki' }],
    ['edit', { type: 'edit-app', app: 'wiki' }],
    ['copy', { type: 'copy', text: 'wiki' }],
  ])('%s is done at once', (action, effect) => {
    expect(play(anInput(onWiki), registry, action).effects).toEqual([effect]);
  });

  it.each([
    ['zfs', 'dataset'],
    ['roll-back', 'snapshot'],
  ] as const)('%s opens the datasets of its node, seeks its %s there, and reads them', (action, what) => {
    const { ui, effects } = play(anInput(onWiki), registry, action);
    expect(ui.overlays).toEqual([openZfs('alpha', { app: 'wiki', what })]);
    expect(effects).toEqual([{ type: 'read-zfs', node: 'alpha' }]);
  });

  it('opens datasets, copies the name and edits the file also on a node', () => {
    const files = { application: 'application.yml', deployment: 'deployment.yml' };
    const input = anInput({ cursor: { node: 'beta' } }, aView, { files });
    expect(play(input, registry, 'zfs').ui.overlays).toEqual([openZfs('beta')]);
    expect(play(input, registry, 'copy').effects).toEqual([{ type: 'copy', text: 'beta' }]);
    expect(play(input, registry, 'edit').effects).toEqual([{ type: 'edit', file: 'deployment.yml' }]);
  });

  it.each<ActionId>(['restart', 'stop-start', 'move', 'logs', 'shell', 'snapshot', 'roll-back', 'zfs'])(
    '%s is refused on a node that does not answer, with the reason',
    (action) => {
      const { ui, effects } = play(anInput({ cursor: { node: 'gamma', app: 'idle' } }), registry, action);
      expect([ui.overlays, effects]).toEqual([[], []]);
      expect(ui.notice?.text).toContain('gamma has been unreachable for 12 s');
    },
  );

  it('leaves the file of an application on a lost node to be edited', () => {
    const { effects } = play(anInput({ cursor: { node: 'gamma', app: 'idle' } }), registry, 'edit');
    expect(effects).toEqual([{ type: 'edit-app', app: 'idle' }]);
  });

  it('says what is missing', () => {
    const reason = (ui: object, action: ActionId, view = aView) => play(anInput(ui, view), registry, action).ui.notice;
    const onShop = { cursor: { node: 'alpha', app: 'shop' } };
    expect(reason({ cursor: { node: 'beta' } }, 'restart')?.text).toBe('restart: no application is under the cursor');
    expect(reason(onShop, 'shell')?.text).toBe('shell in the container: "shop" is not running');
    expect(reason(onShop, 'snapshot')?.text).toBe('snapshot its volumes: "shop" has no volume');
    expect(reason(onWiki, 'restart', running)?.text).toBe('restart: a run is in progress');
  });

  it('does not do what a part has disabled, and says why', () => {
    const { registry, received } = aScreen({ cluster: { actions: ['open'], off: { open: 'there is nothing here' } } });
    const { ui } = play(anInput(), registry, 'open');
    expect(received).toEqual([]);
    expect(ui.notice).toEqual({ text: 'there is nothing here', tone: 'warn', at: tenOClock });
  });
});

describe('a read-only screen', () => {
  const readOnly = { isReadOnly: true };

  it.each<ActionId>(['restart', 'move', 'apply', 'policy', 'undo', 'edit', 'shell', 'snapshot', 'roll-back'])(
    'refuses %s',
    (action) => {
      const { ui, effects } = play(anInput(onWiki, aViewWithWork, readOnly), registry, action);
      expect([ui.overlays, effects]).toEqual([[], []]);
      expect(ui.notice?.text).toMatch(/: read-only$/);
    },
  );

  it('still shows logs, datasets and history', () => {
    for (const action of ['logs', 'zfs', 'history'] as const) {
      expect(kindsOf(play(anInput(onWiki, aView, readOnly), registry, action).ui)).toEqual([action]);
    }
  });

  it('lets no change through', () => {
    const { ui, effects } = play(
      anInput({}, aView, readOnly),
      registry,
      { type: 'effect', effect: { type: 'approve', revision: 'r1' } },
      { type: 'effect', effect: { type: 'copy', text: 'a' } },
    );
    expect(effects).toEqual([{ type: 'copy', text: 'a' }]);
    expect(ui.notice?.text).toBe('nothing is changed: read-only');
  });
});

describe('logs', () => {
  const open: Message = { type: 'open', overlay: openLogs(['wiki']) };

  it('are read when they open and no longer when they close, however they close', () => {
    expect(play(anInput(), registry, open).effects).toEqual([{ type: 'read-logs', apps: ['wiki'] }]);
    for (const close of ['back', 'pane-2'] as const) {
      expect(play(anInput(), registry, open, close).effects.at(-1)).toEqual({ type: 'end-logs' });
    }
  });

  it('of other applications take their place', () => {
    const { ui, effects } = play(anInput(), registry, open, { type: 'open', overlay: openLogs(['shop']) });
    expect(kindsOf(ui)).toEqual(['logs']);
    expect(effects).toEqual([
      { type: 'read-logs', apps: ['wiki'] },
      { type: 'end-logs' },
      { type: 'read-logs', apps: ['shop'] },
    ]);
  });

  it('are not read again when something lies above them', () => {
    expect(play(anInput(), registry, open, 'palette', 'back').effects).toHaveLength(1);
  });
});

describe('leaving', () => {
  it('is immediate where nothing is applied', () => {
    for (const key of ['quit', 'interrupt'] as const) {
      expect(play(anInput(), registry, key).effects).toEqual([{ type: 'leave', how: 'now' }]);
    }
  });

  it('asks during a run', () => {
    for (const key of ['quit', 'interrupt'] as const) {
      const { ui, effects } = play(anInput({}, running), registry, key);
      expect([kindsOf(ui), effects]).toEqual([['leave'], []]);
    }
  });

  it('follows at the next safe point when ctrl+c comes twice within two seconds, whatever is open', () => {
    const first = play(anInput({}, running), registry, 'interrupt').ui;
    const at = (now: number) =>
      update({ ...anInput({}, running), ui: first, now }, { type: 'action', action: 'interrupt' }, registry, allShown);
    expect(at(tenOClock + 2000).effects).toEqual([{ type: 'leave', how: 'after-safe-point' }]);
    expect(at(tenOClock + 2001).effects).toEqual([]);
  });

  it('forgets the first ctrl+c after two seconds', () => {
    const input = anInput({ interruptedAt: tenOClock - 2001 });
    expect(play(input, registry, { type: 'tick' }).ui.interruptedAt).toBeUndefined();
    const fresh = anInput({ interruptedAt: tenOClock - 1000 });
    expect(play(fresh, registry, { type: 'tick' }).ui.interruptedAt).toBe(tenOClock - 1000);
  });
});

describe('when the cluster changes', () => {
  const approval = { revision: 'r2', because: 'removal', reason: 'this would stop 2 of 2' } as const;
  const waiting: ClusterView = { ...aViewWithWork, approval };
  const changed = (before: ClusterView): Message => ({ type: 'view-changed', before });

  it('a plan that waits is shown, with Cancel chosen, and goes when the question is over', () => {
    const { ui } = play(anInput({}, waiting), registry, changed(aViewWithWork));
    expect(ui.overlays).toEqual([{ kind: 'review', revision: 'r2', offset: 0, choice: 'cancel' }]);
    expect(kindsOf(play(anInput({ overlays: ui.overlays }, aView), registry, changed(waiting)).ui)).toEqual([]);
  });

  it('a plan that waits because every plan does stays in its pane: the user expects it', () => {
    const asked: ClusterView = {
      ...aViewWithWork,
      approval: { ...approval, because: 'policy', reason: 'all is asked' },
    };
    const { ui } = play(anInput({}, asked), registry, changed(aViewWithWork));
    expect(ui.overlays).toEqual([]);
    expect(ui.notice?.text).toBe('a plan of 1 step waits for approval: <apply> shows it');
  });

  it('nothing gets between a person and the answer being given', () => {
    const confirm = play(anInput(onWiki), registry, 'restart').ui.overlays;
    const { ui } = play(anInput({ overlays: confirm }, waiting), registry, changed(aViewWithWork));
    expect(kindsOf(ui)).toEqual(['review', 'confirm']);
    expect(ui.notice?.text).toBe('this would stop 2 of 2: <apply> shows it');
  });

  it('a filter that is typed is not interrupted', () => {
    const { ui } = play(anInput({ filtering: true }, waiting), registry, changed(aViewWithWork));
    expect(ui.overlays).toEqual([]);
    expect(ui.notice?.text).toContain('<apply> shows it');
  });

  it('another plan than the one that was read takes the choice back', () => {
    const review: ReviewState = { kind: 'review', revision: 'r2', offset: 7, choice: 'apply' };
    const next: ClusterView = { ...waiting, approval: { ...approval, revision: 'r3' } };
    const { ui } = play(anInput({ overlays: [review] }, next), registry, changed(waiting));
    expect(ui.overlays).toEqual([{ kind: 'review', revision: 'r3', offset: 0, choice: 'cancel' }]);
    const sameRevision: ClusterView = { ...waiting, approval: { ...approval } };
    const again = play(anInput({ overlays: [review] }, sameRevision), registry, changed(waiting)).ui;
    expect(again.overlays[0]).toMatchObject({ choice: 'cancel', offset: 0 });
  });

  it('a review that was closed stays closed while the same plan waits', () => {
    const { ui } = play(anInput({}, { ...waiting, approval: { ...approval } }), registry, changed(waiting));
    expect(ui.overlays).toEqual([]);
  });

  it('a run that starts opens nothing', () => {
    const { ui } = play(anInput({}, running), registry, changed(aViewWithWork));
    expect(ui.overlays).toEqual([]);
  });

  it('the end of a run is received, and the question of leaving is settled by it', () => {
    const ended: ClusterView = {
      ...aView,
      outcome: { result: 'converged', steps: 3 },
      runStartedAt: tenOClock - 4200,
      runEndedAt: tenOClock,
    };
    const leave: Overlay = openLeave();
    const { ui } = play(anInput({ overlays: [leave] }, ended), registry, changed(running));
    expect(ui.overlays).toEqual([]);
    expect(ui.notice).toEqual({ text: 'converged: 3 steps in 4.2 s', tone: 'ok', at: tenOClock });
  });

  it('problems come and go by themselves', () => {
    const problem = { file: 'deployment.yml', line: 3, column: 1, path: '', message: 'is wrong' };
    const broken: ClusterView = { ...aView, problems: [problem, { ...problem, line: 4 }] };
    const open = play(anInput({}, broken), registry, changed(aView)).ui;
    expect(open.overlays).toEqual([openProblems()]);

    const same: ClusterView = { ...broken, problems: [...broken.problems] };
    expect(play(anInput({ overlays: [] }, same), registry, changed(broken)).ui.overlays).toEqual([]);

    const fewer: ClusterView = { ...aView, problems: [problem] };
    const clamped = play(anInput({ overlays: [openProblems(1)] }, fewer), registry, changed(broken)).ui;
    expect(clamped.overlays).toEqual([openProblems()]);

    expect(play(anInput({ overlays: clamped.overlays }, aView), registry, changed(fewer)).ui.overlays).toEqual([]);
  });

  it('the first page says itself that there are no files', () => {
    const problems = [{ file: 'application.yml', path: '', message: 'there is no application.yml' }];
    const welcome: Overlay = openWelcome();
    const { config: _none, ...without } = aView;
    const { ui } = play(anInput({ overlays: [welcome] }, { ...without, problems }), registry, changed(without));
    expect(kindsOf(ui)).toEqual(['welcome']);
    expect(kindsOf(play(anInput({ overlays: [welcome] }), registry, changed(without)).ui)).toEqual([]);
  });

  it('marks of applications that are gone go, and the cursor starts somewhere', () => {
    const { config: _none, ...without } = aView;
    const input = anInput({ cursor: {}, marks: new Set(['wiki', 'gone']) });
    const { ui } = play(input, registry, changed(without));
    expect([...ui.marks]).toEqual(['wiki']);
    expect(ui.cursor).toEqual({ node: 'alpha', app: 'shop' });
  });

  it('every pane and every overlay gets the message', () => {
    const { registry, received } = aScreen();
    play(anInput({ overlays: [openRun()] }), registry, changed(running));
    expect(received.map(({ who }) => who)).toEqual(['cluster', 'plan', 'detail', 'events', 'run']);
  });
});

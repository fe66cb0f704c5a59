import { acts, type ScreenAct, type ScreenActAction } from '../../model/acts.ts';

/** Where the screen itself does an action: always, below no dialog, next to panes only, or in a tutorial. */
type Reach = 'always' | 'views' | 'panes' | 'selection' | 'guide';

interface Row<Id extends string> {
  readonly id: Id;
  /** Default keys: `a`, `A`, `ctrl+u`, `shift+tab`, `up`, `enter`, `escape`, `space`, `pageup`… */
  readonly keys: readonly string[];
  /** Shown in help and palette. */
  readonly label: string;
  /** Shown in the footer, where the label is too long for it. */
  readonly short?: string;
  readonly section: 'navigate' | 'view' | 'plan' | 'application' | 'run' | 'tutorial' | 'general';
  /** Changes something outside of the screen: off with --read-only. */
  readonly changes?: true;
  /** Absent: only parts do it. `selection`: next to panes, to what is under the cursor. */
  readonly reach?: Reach;
}

const info = <Id extends string>(
  section: Row<Id>['section'],
  id: Id,
  keys: readonly string[],
  label: string,
  more: Pick<Row<Id>, 'short' | 'changes' | 'reach'> = {},
): Row<Id> => ({ id, keys, label, section, ...more });

/** The row of an act, which the command line has as well. */
function act(name: ScreenAct): Row<ScreenActAction> {
  const { effect, screen } = acts[name];
  const short = 'short' in screen ? { short: screen.short } : {};
  const changes = effect === 'reads' ? {} : { changes: true as const };
  return info('application', screen.action, screen.keys, screen.label, { reach: 'selection', ...short, ...changes });
}

/**
 * All keys. No control chord changes anything outside of the screen, and none is ctrl+a or ctrl+b, the prefixes of
 * screen and tmux. Two actions may have the same key where no part has both.
 */
const table = [
  info('navigate', 'up', ['up', 'k'], 'up'),
  info('navigate', 'down', ['down', 'j'], 'down'),
  info('navigate', 'left', ['left', 'h'], 'left'),
  info('navigate', 'right', ['right'], 'right'),
  info('navigate', 'first', ['g', 'home'], 'first'),
  info('navigate', 'last', ['G', 'end'], 'last'),
  info('navigate', 'page-up', ['pageup'], 'page up'),
  info('navigate', 'page-down', ['pagedown'], 'page down'),
  info('navigate', 'half-up', ['ctrl+u'], 'half a page up'),
  info('navigate', 'half-down', ['ctrl+d'], 'half a page down'),
  info('navigate', 'next-pane', ['tab'], 'next pane', { reach: 'views' }),
  info('navigate', 'previous-pane', ['shift+tab'], 'previous pane', { reach: 'views' }),
  info('navigate', 'pane-1', ['1'], 'nodes and applications', { reach: 'views' }),
  info('navigate', 'pane-2', ['2'], 'plan', { reach: 'views' }),
  info('navigate', 'pane-3', ['3'], 'details', { reach: 'views' }),
  info('navigate', 'pane-4', ['4'], 'events', { reach: 'views' }),
  info('navigate', 'zoom-in', ['+'], 'this pane alone', { short: 'zoom', reach: 'panes' }),
  info('navigate', 'zoom-out', ['_'], 'all panes again', { reach: 'panes' }),
  info('navigate', 'next-tab', [']'], 'next tab', { reach: 'panes' }),
  info('navigate', 'previous-tab', ['['], 'previous tab', { reach: 'panes' }),
  info('navigate', 'open', ['enter'], 'open', { reach: 'panes' }),
  info('navigate', 'back', ['escape'], 'back', { reach: 'always' }),
  info('view', 'filter', ['/'], 'filter, search', { reach: 'panes' }),
  info('view', 'next-match', ['n'], 'next match'),
  info('view', 'previous-match', ['N'], 'previous match'),
  info('view', 'faults', ['!'], 'only faults and drift', { short: 'faults', reach: 'panes' }),
  info('view', 'sort', ['o'], 'sort', { reach: 'panes' }),
  info('view', 'arrange', ['v'], 'board, table, matrix', { short: 'view', reach: 'panes' }),
  info('view', 'theme', ['T'], 'next theme', { reach: 'always' }),
  info('view', 'mouse', ['M'], 'mouse on, off', { reach: 'always' }),
  info('view', 'refresh', ['R'], 'read the nodes now', { reach: 'views' }),
  info('view', 'redraw', ['ctrl+l'], 'redraw the screen', { reach: 'always' }),
  info('plan', 'focus-plan', ['p'], 'go to the plan', { short: 'plan', reach: 'views' }),
  info('plan', 'diff', ['d'], 'what changes: files, steps', { short: 'diff', reach: 'views' }),
  info('plan', 'apply', ['a'], 'apply, approve', { short: 'apply…', changes: true, reach: 'views' }),
  info('plan', 'policy', ['A'], 'apply on save, or ask first', {
    short: 'on save, or ask',
    changes: true,
    reach: 'views',
  }),
  info('plan', 'undo', ['u'], 'undo the last apply…', { changes: true, reach: 'views' }),
  info('plan', 'history', ['t'], 'earlier runs', { reach: 'views' }),
  info('application', 'mark', ['space'], 'mark', { reach: 'panes' }),
  info('application', 'clear-marks', ['x'], 'clear the marks', { reach: 'panes' }),
  info('application', 'move', ['m'], 'move to another node…', { short: 'move…', changes: true, reach: 'selection' }),
  act('restart'),
  act('stop'),
  act('snapshot'),
  act('rollBack'),
  info('application', 'logs', ['l'], 'logs', { reach: 'selection' }),
  info('application', 'follow', ['f'], 'follow'),
  info('application', 'wrap', ['w'], 'wrap long lines', { short: 'wrap' }),
  act('exec'),
  act('zfs'),
  info('application', 'edit', ['e'], 'edit the file here', { short: 'edit', changes: true, reach: 'selection' }),
  info('application', 'copy', ['y'], 'copy', { reach: 'selection' }),
  info('application', 'fix', ['f'], 'fix it in the file', { short: 'fix', changes: true }),
  info('run', 'cancel', ['c'], 'cancel at a safe point', { short: 'cancel', changes: true, reach: 'views' }),
  info('run', 'step-log', ['L'], 'output of the step', { short: 'output' }),
  info('tutorial', 'guide', ['i'], 'all of this step, and all steps', { short: 'all of it', reach: 'guide' }),
  info('tutorial', 'guide-do', ['I'], 'do this step for me', { short: 'do it', changes: true, reach: 'guide' }),
  info('tutorial', 'guide-next', ['>'], 'go on to the next step', { short: 'go on', changes: true, reach: 'guide' }),
  info('tutorial', 'guide-back', ['<'], 'go back a step', { short: 'go back', changes: true, reach: 'guide' }),
  info('general', 'palette', [':', 'ctrl+p'], 'commands', { short: 'cmds', reach: 'views' }),
  info('general', 'screenshot', ['P', 'ctrl+s'], 'picture of the screen', { reach: 'always' }),
  info('general', 'help', ['?'], 'help', { reach: 'always' }),
  info('general', 'quit', ['q'], 'quit', { reach: 'always' }),
  info('general', 'interrupt', ['ctrl+c'], 'quit', { reach: 'always' }),
  info('general', 'suspend', ['ctrl+z'], 'suspend', { reach: 'always' }),
];

/** Everything a key, a click or the palette can ask for. Names are what a key map in the settings uses. */
export type ActionId = (typeof table)[number]['id'];

export type ActionInfo = Row<ActionId>;

export const actions: readonly ActionInfo[] = table;

/** What the screen itself does within a reach. */
export const actionsWithin = (...reaches: readonly Reach[]): readonly ActionId[] =>
  actions.flatMap(({ id, reach }) => (reach !== undefined && reaches.includes(reach) ? [id] : []));

const byId: ReadonlyMap<string, ActionInfo> = new Map(actions.map((each) => [each.id, each]));

/** The row of an action in the table; undefined where the word is not an action. */
export const infoOf = (id: string): ActionInfo | undefined => byId.get(id);

/** Its label without the dots, which mean that a question comes first. */
export const nameOf = (id: ActionId): string => (infoOf(id)?.label ?? id).replace(/…$/, '');

/** Its name in the footer: the short label, or the label up to its first comma. */
export function shortLabelOf(id: ActionId): string {
  const info = infoOf(id);
  return info?.short ?? (info?.label ?? id).replace(/[,:(].*$/, '');
}

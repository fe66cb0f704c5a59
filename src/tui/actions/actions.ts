import { acts, type ScreenAct, type ScreenActAction } from '../../model/acts.ts';

/** Everything a key, a click or the palette can ask for. Names are what a key map in the settings uses. */
export type ActionId =
  | 'up'
  | 'down'
  | 'left'
  | 'right'
  | 'first'
  | 'last'
  | 'page-up'
  | 'page-down'
  | 'half-up'
  | 'half-down'
  | 'next-pane'
  | 'previous-pane'
  | 'pane-1'
  | 'pane-2'
  | 'pane-3'
  | 'pane-4'
  | 'zoom-in'
  | 'zoom-out'
  | 'next-tab'
  | 'previous-tab'
  | 'open'
  | 'back'
  | 'filter'
  | 'next-match'
  | 'previous-match'
  | 'faults'
  | 'sort'
  | 'arrange'
  | 'theme'
  | 'mouse'
  | 'refresh'
  | 'redraw'
  | 'palette'
  | 'mark'
  | 'clear-marks'
  | 'focus-plan'
  | 'diff'
  | 'apply'
  | 'policy'
  | 'undo'
  | 'history'
  | 'move'
  | ScreenActAction
  | 'logs'
  | 'follow'
  | 'wrap'
  | 'edit'
  | 'copy'
  | 'fix'
  | 'cancel'
  | 'step-log'
  | 'screenshot'
  | 'guide'
  | 'guide-do'
  | 'guide-next'
  | 'guide-back'
  | 'help'
  | 'quit'
  | 'interrupt'
  | 'suspend';

export interface ActionInfo {
  readonly id: ActionId;
  /** Default keys: `a`, `A`, `ctrl+u`, `shift+tab`, `up`, `enter`, `escape`, `space`, `pageup`… */
  readonly keys: readonly string[];
  /** Shown in help and palette. */
  readonly label: string;
  /** Shown in the footer, where the label is too long for it. */
  readonly short?: string;
  readonly section: 'navigate' | 'view' | 'plan' | 'application' | 'run' | 'tutorial' | 'general';
  /** Changes something outside of the screen: off with --read-only. */
  readonly changes?: true;
}

const info = (
  section: ActionInfo['section'],
  id: ActionId,
  keys: readonly string[],
  label: string,
  more: Pick<ActionInfo, 'short' | 'changes'> = {},
): ActionInfo => ({ id, keys, label, section, ...more });

/** The row of an act, which the command line has as well. */
function act(name: ScreenAct): ActionInfo {
  const { effect, screen } = acts[name];
  const short = 'short' in screen ? { short: screen.short } : {};
  const changes = effect === 'reads' ? {} : { changes: true as const };
  return info('application', screen.action, screen.keys, screen.label, { ...short, ...changes });
}

/**
 * All keys. No control chord changes anything outside of the screen, and none is ctrl+a or ctrl+b, the prefixes of
 * screen and tmux. Two actions may have the same key where no part has both.
 */
export const actions: readonly ActionInfo[] = [
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
  info('navigate', 'next-pane', ['tab'], 'next pane'),
  info('navigate', 'previous-pane', ['shift+tab'], 'previous pane'),
  info('navigate', 'pane-1', ['1'], 'nodes and applications'),
  info('navigate', 'pane-2', ['2'], 'plan'),
  info('navigate', 'pane-3', ['3'], 'details'),
  info('navigate', 'pane-4', ['4'], 'events'),
  info('navigate', 'zoom-in', ['+'], 'this pane alone', { short: 'zoom' }),
  info('navigate', 'zoom-out', ['_'], 'all panes again'),
  info('navigate', 'next-tab', [']'], 'next tab'),
  info('navigate', 'previous-tab', ['['], 'previous tab'),
  info('navigate', 'open', ['enter'], 'open'),
  info('navigate', 'back', ['escape'], 'back'),
  info('view', 'filter', ['/'], 'filter, search'),
  info('view', 'next-match', ['n'], 'next match'),
  info('view', 'previous-match', ['N'], 'previous match'),
  info('view', 'faults', ['!'], 'only faults and drift', { short: 'faults' }),
  info('view', 'sort', ['o'], 'sort'),
  info('view', 'arrange', ['v'], 'board, table, matrix', { short: 'view' }),
  info('view', 'theme', ['T'], 'next theme'),
  info('view', 'mouse', ['M'], 'mouse on, off'),
  info('view', 'refresh', ['R'], 'read the nodes now'),
  info('view', 'redraw', ['ctrl+l'], 'redraw the screen'),
  info('plan', 'focus-plan', ['p'], 'go to the plan', { short: 'plan' }),
  info('plan', 'diff', ['d'], 'what changes: files, steps', { short: 'diff' }),
  info('plan', 'apply', ['a'], 'apply, approve', { short: 'apply…', changes: true }),
  info('plan', 'policy', ['A'], 'apply on save, or ask first', { short: 'on save, or ask', changes: true }),
  info('plan', 'undo', ['u'], 'undo the last apply…', { changes: true }),
  info('plan', 'history', ['t'], 'earlier runs'),
  info('application', 'mark', ['space'], 'mark'),
  info('application', 'clear-marks', ['x'], 'clear the marks'),
  info('application', 'move', ['m'], 'move to another node…', { short: 'move…', changes: true }),
  act('restart'),
  act('stop'),
  act('snapshot'),
  act('rollBack'),
  info('application', 'logs', ['l'], 'logs'),
  info('application', 'follow', ['f'], 'follow'),
  info('application', 'wrap', ['w'], 'wrap long lines', { short: 'wrap' }),
  act('exec'),
  act('zfs'),
  info('application', 'edit', ['e'], 'edit the file here', { short: 'edit', changes: true }),
  info('application', 'copy', ['y'], 'copy'),
  info('application', 'fix', ['f'], 'fix it in the file', { short: 'fix', changes: true }),
  info('run', 'cancel', ['c'], 'cancel at a safe point', { short: 'cancel', changes: true }),
  info('run', 'step-log', ['L'], 'output of the step', { short: 'output' }),
  info('tutorial', 'guide', ['i'], 'all of this step, and all steps', { short: 'all of it' }),
  info('tutorial', 'guide-do', ['I'], 'do this step for me', { short: 'do it', changes: true }),
  info('tutorial', 'guide-next', ['>'], 'go on to the next step', { short: 'go on', changes: true }),
  info('tutorial', 'guide-back', ['<'], 'go back a step', { short: 'go back', changes: true }),
  info('general', 'palette', [':', 'ctrl+p'], 'commands', { short: 'cmds' }),
  info('general', 'screenshot', ['P', 'ctrl+s'], 'picture of the screen'),
  info('general', 'help', ['?'], 'help'),
  info('general', 'quit', ['q'], 'quit'),
  info('general', 'interrupt', ['ctrl+c'], 'quit'),
  info('general', 'suspend', ['ctrl+z'], 'suspend'),
];

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

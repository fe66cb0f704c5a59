import type { AppName, NodeName } from '../../model/config.ts';
import { plainText } from '../../model/plain-text.ts';
import type { ClusterView } from '../../view/cluster-view.ts';
import { formatDuration, namesOf } from '../../view/wording.ts';
import { type ConfirmState, openConfirm } from '../parts/confirm.ts';
import { openLogs } from '../parts/logs/logs.ts';
import { allMoving, openMove } from '../parts/move.ts';
import { openZfs } from '../parts/zfs.ts';
import type { ScreenInput, Update } from '../screen.ts';
import type { Item, UiState } from '../state.ts';
import type { ActionId } from './actions.ts';
import { isUp, selectedApps, whereIs } from './selection.ts';

/** Does an action to the application or node under the cursor, or to the marked applications. */
export function actOnApplications(input: ScreenInput, action: ActionId): Update<UiState> {
  const apps = selectedApps(input, action);
  const [app] = apps;
  if (app !== undefined) return onApp[action]?.({ view: input.view, app, apps }) ?? {};
  const { cursor } = input.ui;
  if (action === 'zfs' && cursor.node !== undefined) return { opens: openZfs(cursor.node) };
  if (action === 'edit' && input.about.files !== undefined) {
    return { effects: [{ type: 'edit', file: input.about.files.deployment }] };
  }
  return action === 'copy' ? copy(nameOfItem(input.view, cursor)) : {};
}

interface Target {
  readonly view: ClusterView;
  /** The application under the cursor, or the first that is marked. */
  readonly app: AppName;
  readonly apps: readonly AppName[];
}

const onApp: Readonly<Partial<Record<ActionId, (target: Target) => Update<UiState>>>> = {
  move: ({ view, apps }) => ({ opens: openMove(allMoving(view, apps)) }),
  restart: ({ view, app }) => ({ opens: confirmRestart(view, app) }),
  'stop-start': ({ view, app }) => ({
    opens: isUp(whereIs(view, app)) ? confirmStop(view, app) : confirmStart(view, app),
  }),
  snapshot: ({ app }) => ({ effects: [{ type: 'snapshot', app }] }),
  'roll-back': (target) => zfsOf(target, 'snapshot'),
  zfs: (target) => zfsOf(target, 'dataset'),
  logs: ({ apps }) => ({ opens: openLogs(apps) }),
  shell: ({ app }) => ({ effects: [{ type: 'shell', app }] }),
  edit: ({ app }) => ({ effects: [{ type: 'edit-app', app }] }),
  copy: ({ app }) => copy(app),
};

function zfsOf({ view, app }: Target, what: 'dataset' | 'snapshot'): Update<UiState> {
  const node = whereIs(view, app)?.node;
  return node === undefined ? {} : { opens: openZfs(node, { app, what }) };
}

const copy = (text: string): Update<UiState> => (text === '' ? {} : { effects: [{ type: 'copy', text }] });

function nameOfItem(view: ClusterView, { volume, foreign, node }: Item): string {
  return plainText(foreign ?? volume ?? (node === undefined ? '' : namesOf(view.config).node(node)));
}

const onNode = (view: ClusterView, app: AppName): string => {
  const node: NodeName | undefined = whereIs(view, app)?.node;
  return node === undefined ? '' : ` on ${namesOf(view.config).node(node)}`;
};

const grace = ({ config }: ClusterView): string =>
  config === undefined ? '' : `, within ${formatDuration(config.settings.timeouts.stopMs)}`;

/** Asks before a restart: clients notice it. */
export const confirmRestart = (view: ClusterView, app: AppName): ConfirmState =>
  openConfirm({
    title: `restart "${app}"${onNode(view, app)}?`,
    lines: [
      `drover asks it to stop${grace(view)}, then starts it again`,
      'it is unreachable until it is up again; its data is kept',
    ],
    verb: 'restart',
    effect: { type: 'restart', app },
  });

/** Asks before a stop, and says how long it lasts. */
export const confirmStop = (view: ClusterView, app: AppName): ConfirmState =>
  openConfirm({
    title: `stop "${app}"${onNode(view, app)}?`,
    lines: [
      `drover asks it to stop${grace(view)}; its container and its data are kept`,
      'it stays stopped until it is started here or the files change',
    ],
    verb: 'stop',
    effect: { type: 'stop', app },
  });

/** Asks before a start as well: the application may have been stopped for a reason. */
export const confirmStart = (view: ClusterView, app: AppName): ConfirmState =>
  openConfirm({
    title: `start "${app}"${onNode(view, app)}?`,
    lines: ['starts its container as it is; an apply would update it to match the files'],
    verb: 'start',
    effect: { type: 'start', app },
  });

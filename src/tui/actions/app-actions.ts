import type { AppName, NodeName } from '../../model/config.ts';
import { plainText } from '../../model/plain-text.ts';
import type { ClusterView } from '../../view/cluster-view.ts';
import { formatDuration, namesOf } from '../../view/wording.ts';
import { confirmOverlay, logsOverlay, moveOverlay, zfsOverlay } from '../overlays.ts';
import type { ScreenInput, Step } from '../screen.ts';
import type { ConfirmState, Item, UiState } from '../state.ts';
import type { ActionId } from './actions.ts';
import { isUp, subjectsOf, whereIs } from './selection.ts';

/** Does what was asked to the application (or node) under the cursor, or to the marked ones. */
export function actOnApplications(input: ScreenInput, action: ActionId): Step<UiState> {
  const apps = subjectsOf(input, action);
  const [app] = apps;
  if (app !== undefined) return actOnApp(input, action, app, apps);
  const { cursor } = input.ui;
  if (action === 'zfs' && cursor.node !== undefined) return { opens: zfsOverlay(cursor.node) };
  if (action === 'edit' && input.about.files !== undefined) {
    return { effects: [{ type: 'edit', file: input.about.files.deployment }] };
  }
  return action === 'copy' ? copy(nameOfItem(input.view, cursor)) : {};
}

function actOnApp(input: ScreenInput, action: ActionId, app: AppName, apps: readonly AppName[]): Step<UiState> {
  const { view } = input;
  const node = whereIs(view, app)?.node;
  switch (action) {
    case 'move':
      return { opens: moveOverlay(apps) };
    case 'restart':
      return { opens: confirmRestart(view, app) };
    case 'stop-start':
      return { opens: isUp(whereIs(view, app)) ? confirmStop(view, app) : confirmStart(view, app) };
    case 'snapshot':
      return { effects: [{ type: 'snapshot', app }] };
    case 'roll-back':
    case 'zfs': {
      const what = action === 'zfs' ? 'dataset' : 'snapshot';
      return node === undefined ? {} : { opens: zfsOverlay(node, { app, what }) };
    }
    case 'logs':
      return { opens: logsOverlay(apps) };
    case 'shell':
      return { effects: [{ type: 'shell', app }] };
    case 'edit':
      return { effects: [{ type: 'edit-app', app }] };
    case 'copy':
      return copy(app);
    default:
      return {};
  }
}

const copy = (text: string): Step<UiState> => (text === '' ? {} : { effects: [{ type: 'copy', text }] });

function nameOfItem(view: ClusterView, { volume, foreign, node }: Item): string {
  return plainText(foreign ?? volume ?? (node === undefined ? '' : namesOf(view.config).node(node)));
}

const onNode = (view: ClusterView, app: AppName): string => {
  const node: NodeName | undefined = whereIs(view, app)?.node;
  return node === undefined ? '' : ` on ${namesOf(view.config).node(node)}`;
};

const grace = ({ config }: ClusterView): string =>
  config === undefined ? '' : `, within ${formatDuration(config.settings.timeouts.stopMs)}`;

/** Restarting is asked: its clients notice. */
export const confirmRestart = (view: ClusterView, app: AppName): ConfirmState =>
  confirmOverlay(
    `restart "${app}"${onNode(view, app)}?`,
    [`it is asked to stop${grace(view)}, and started again`, 'nobody can reach it meanwhile; its data stay'],
    'restart',
    { type: 'restart', app },
  );

/** Stopping is asked, and says what happens next. */
export const confirmStop = (view: ClusterView, app: AppName): ConfirmState =>
  confirmOverlay(
    `stop "${app}"${onNode(view, app)}?`,
    [
      `it is asked to stop${grace(view)}; its container and its data stay`,
      'it stays stopped until it is started here, or the files change',
    ],
    'stop',
    { type: 'stop', app },
  );

/** Starting is asked as well: it may have been stopped for a reason. */
export const confirmStart = (view: ClusterView, app: AppName): ConfirmState =>
  confirmOverlay(
    `start "${app}"${onNode(view, app)}?`,
    ['its container is started as it is; an apply makes it as the files say'],
    'start',
    { type: 'start', app },
  );

import type { SnapshotRef } from '../../engine/types.ts';
import type { ZfsDataset, ZfsSnapshot } from '../../engine/volume-store.ts';
import type { NodeName } from '../../model/config.ts';
import { count, formatDuration, nodeTitle } from '../../view/wording.ts';
import type { ActionId } from '../actions/actions.ts';
import type { Size } from '../frame/rows.ts';
import type { Message, OverlayPart, ScreenInput, Update } from '../screen.ts';
import { openConfirm, type Question } from './confirm.ts';
import { cursorAfter, inList } from './list.ts';
import { movingActions } from './page.ts';
import { drawZfs, entriesOf, type ZfsEntry, type ZfsState } from './zfs-view.ts';

/** Datasets of a node, with the cursor on what is sought once they are read. */
export const openZfs = (node: NodeName, seeks?: ZfsState['seeks']): ZfsState => ({
  kind: 'zfs',
  node,
  cursor: 0,
  ...(seeks === undefined ? {} : { seeks }),
});

/** Datasets and snapshots below drover's root on one node, with what can be done to them without losing data. */
export const zfsPart: OverlayPart<ZfsState> = {
  kind: 'zfs',
  answers: ['zfs-read'],
  reads: ({ node }) => ({ key: node, begin: { type: 'read-zfs', node } }),
  actions: ['open', 'snapshot', 'roll-back', 'refresh', 'copy', ...movingActions],
  inFooter: 5,
  labelOf: (_state, action) => (action === 'open' ? 'clone…' : action === 'refresh' ? 'read again' : undefined),
  disabledReason,
  draw: drawZfs,
  update,
};

const entryAt = (state: ZfsState): ZfsEntry | undefined => {
  const entries = entriesOf(state.datasets);
  return entries[inList(state.cursor, entries.length)];
};

function disabledReason(input: ScreenInput, state: ZfsState, action: ActionId): string | undefined {
  if (!['open', 'snapshot', 'roll-back', 'copy'].includes(action)) return undefined;
  const entry = entryAt(state);
  if (entry === undefined) return 'nothing is under the cursor';
  if (action === 'copy') return undefined;
  if (input.about.isReadOnly) return 'read-only';
  if (action === 'open') return entry.snapshot === undefined ? 'select a snapshot to clone' : undefined;
  const { dataset, snapshot } = entry;
  if (dataset.application === undefined) return 'this dataset belongs to no application';
  // Retired data can be rolled back to as well: an earlier roll back has kept it. Only data in use gets snapshots.
  const isFit = dataset.role === 'owner' || (action === 'roll-back' && dataset.role === 'retired');
  if (!isFit) return `this copy is ${dataset.role ?? 'a clone'}; the application uses another one`;
  if (action === 'snapshot') return undefined;
  if (snapshot === undefined) return 'select the snapshot to roll back to';
  return input.view.running ? 'a run is in progress' : undefined;
}

function update(input: ScreenInput, state: ZfsState, message: Message, size: Size): Update<ZfsState> {
  const total = entriesOf(state.datasets).length;
  const cursor = cursorAfter(message, state.cursor, total, Math.max(2, size.rows - 4));
  if (cursor !== undefined) return { state: { ...state, cursor } };
  switch (message.type) {
    case 'zfs-read':
      return message.node === state.node ? read(input, state, message) : {};
    case 'view-changed':
      return hasNewAct(input, message) ? { effects: [{ type: 'read-zfs', node: state.node }] } : {};
    case 'action':
      return act(input, state, message.action);
    default:
      return {};
  }
}

/** The first time, the cursor goes to what is sought. */
function read(
  { about, view }: ScreenInput,
  state: ZfsState,
  message: Extract<Message, { type: 'zfs-read' }>,
): Update<ZfsState> {
  const next = withRead(state, message);
  const { seeks } = state;
  if (seeks === undefined || state.datasets !== undefined || next.datasets === undefined) return { state: next };
  const all = entriesOf(next.datasets);
  const own = new Set(view.config?.applications[seeks.app]?.volumes.map(({ id }) => id));
  const mine = ({ dataset: { application, volume = '', role } }: ZfsEntry): boolean =>
    role === 'owner' && (application === seeks.app || own.has(volume));
  const dataset = Math.max(0, all.findIndex(mine));
  const snapshot = all.findIndex((entry) => mine(entry) && entry.snapshot !== undefined);
  if (seeks.what === 'dataset') return { state: { ...next, cursor: dataset } };
  if (snapshot >= 0) return { state: { ...next, cursor: snapshot } };
  const key = about.keyOf('snapshot');
  const how = key === undefined ? '' : `; ${key} makes one`;
  return {
    state: { ...next, cursor: dataset },
    notice: { text: `"${seeks.app}" has no snapshot${how}`, tone: 'warn' },
  };
}

/** The cursor stays on its entry when entries above it come or go. */
function withRead(state: ZfsState, { datasets, error }: Extract<Message, { type: 'zfs-read' }>): ZfsState {
  const { error: _earlier, ...rest } = state;
  if (datasets === undefined) return { ...rest, ...(error === undefined ? {} : { error }) };
  const before = entryAt(state);
  const at = entriesOf(datasets).findIndex((entry) => before !== undefined && nameOf(entry) === nameOf(before));
  return { ...rest, datasets, cursor: at < 0 ? state.cursor : at };
}

const nameOf = ({ dataset, snapshot }: ZfsEntry): string =>
  snapshot === undefined ? dataset.name : `${dataset.name}@${snapshot.name}`;

/** A snapshot, a clone or a roll back has happened since: the list is out of date. */
function hasNewAct({ view }: ScreenInput, { before }: Extract<Message, { type: 'view-changed' }>): boolean {
  if (view.trail === before.trail) return false;
  const newest = view.trail.findLast(({ source }) => source === 'act');
  return newest !== undefined && newest !== before.trail.findLast(({ source }) => source === 'act');
}

function act(input: ScreenInput, state: ZfsState, action: ActionId): Update<ZfsState> {
  if (action === 'refresh') return { effects: [{ type: 'read-zfs', node: state.node }] };
  const entry = entryAt(state);
  if (entry === undefined || disabledReason(input, state, action) !== undefined) return {};
  return actOn(input, state, action, entry);
}

function actOn(input: ScreenInput, state: ZfsState, action: ActionId, entry: ZfsEntry): Update<ZfsState> {
  const { dataset, snapshot } = entry;
  const { application } = dataset;
  if (action === 'copy') return { effects: [{ type: 'copy', text: nameOf(entry) }] };
  if (action === 'snapshot')
    return application === undefined ? {} : { effects: [{ type: 'snapshot', app: application }] };
  if (snapshot === undefined) return {};
  const ref = refOf(state.node, dataset, snapshot);
  if (action === 'open') return { opens: openConfirm(cloneQuestion(ref)) };
  return action === 'roll-back' && application !== undefined
    ? { opens: openConfirm(rollBackQuestion(input, application, ref, snapshot, dataset)) }
    : {};
}

const refOf = (node: NodeName, dataset: ZfsDataset, snapshot: ZfsSnapshot): SnapshotRef => ({
  node,
  volume: dataset.volume ?? dataset.name,
  dataset: dataset.name,
  snapshot: snapshot.name,
});

const cloneQuestion = (snapshot: SnapshotRef): Question => ({
  title: `clone ${snapshot.snapshot}?`,
  lines: [
    `creates a dataset next to ${snapshot.dataset} with the content of the snapshot, to look into it`,
    'the volume and its application are not touched; the clone takes space only for what changes in it',
    'the snapshot cannot be destroyed while the clone exists',
  ],
  verb: 'clone',
  effect: { type: 'clone-snapshot', snapshot },
});

/** Nothing is destroyed, but what was written since the snapshot is no longer in use: the name has to be typed. */
export function rollBackQuestion(
  { view, now }: ScreenInput,
  app: string,
  ref: SnapshotRef,
  { createdAt }: Pick<ZfsSnapshot, 'createdAt'>,
  { role, snapshots }: Pick<ZfsDataset, 'role' | 'snapshots'>,
): Question {
  const age = formatDuration(Math.max(0, now - createdAt));
  const newer = role === 'owner' ? snapshots.filter((other) => other.createdAt > createdAt).length : 0;
  const others = (view.config?.applications[app]?.volumes.length ?? 1) - 1;
  return {
    title: `roll "${app}" back to ${ref.snapshot}?`,
    lines: [
      `"${app}" continues with the data that its volume had ${age} ago on ${nodeTitle(view.config, ref.node)}`,
      'its present data is kept as a retired dataset with all its snapshots; nothing is destroyed',
      `"${app}" is stopped and started again: it is down for some seconds`,
      ...(newer === 0
        ? []
        : [`${count(newer, 'newer snapshot')} ${newer === 1 ? 'stays' : 'stay'} with the retired dataset`]),
      ...(others <= 0
        ? []
        : [`its other ${count(others, 'volume')} ${others === 1 ? 'goes' : 'go'} back to the same moment`]),
    ],
    verb: 'roll back',
    word: app,
    effect: { type: 'roll-back', app, snapshot: ref },
  };
}

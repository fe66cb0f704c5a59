import type { ZfsDataset, ZfsSnapshot } from '../../engine/node-client.ts';
import type { SnapshotRef } from '../../engine/types.ts';
import type { NodeName } from '../../model/config.ts';
import { count, formatDuration, nodeTitle } from '../../view/wording.ts';
import type { ActionId } from '../actions/actions.ts';
import type { Size } from '../frame/rows.ts';
import { confirmOverlay, zfsOverlay } from '../overlays.ts';
import type { Message, OverlayPart, ScreenInput, Step } from '../screen.ts';
import type { ConfirmState, Effect, Overlay, ZfsState } from '../state.ts';
import { clamp, movingActions, rowsMoved } from './drawing.ts';
import { drawZfs, entriesOf, type ZfsEntry } from './zfs-view.ts';

/** Datasets and snapshots below drover's root on one node, with what can be done to them without losing anything. */
export const zfsPart: OverlayPart<'zfs'> = {
  actions: ['open', 'snapshot', 'roll-back', 'refresh', 'copy', ...movingActions],
  inFooter: 5,
  labelOf: (_state, action) => (action === 'open' ? 'clone…' : action === 'refresh' ? 'read again' : undefined),
  offBecause,
  draw: drawZfs,
  update,
};

/** The datasets of a node, and what reads them. */
export function openZfs(node: NodeName): { readonly overlay: Overlay; readonly effects: readonly Effect[] } {
  return { overlay: zfsOverlay(node), effects: [{ type: 'read-zfs', node }] };
}

const entryAt = (state: ZfsState): ZfsEntry | undefined => {
  const entries = entriesOf(state.datasets);
  return entries[clamp(state.cursor, 0, Math.max(0, entries.length - 1))];
};

function offBecause(input: ScreenInput, state: ZfsState, action: ActionId): string | undefined {
  if (!['open', 'snapshot', 'roll-back', 'copy'].includes(action)) return undefined;
  const entry = entryAt(state);
  if (entry === undefined) return 'there is nothing under the cursor';
  if (action === 'copy') return undefined;
  if (input.about.isReadOnly) return 'read-only';
  if (action === 'open') return entry.snapshot === undefined ? 'choose a snapshot to clone' : undefined;
  const { dataset, snapshot } = entry;
  if (dataset.application === undefined) return 'this dataset belongs to no application';
  // What was put aside by an earlier roll back can be gone back to as well; only the data in use can be snapshotted.
  const isFit = dataset.role === 'owner' || (action === 'roll-back' && dataset.role === 'retired');
  if (!isFit) return `this copy is ${dataset.role ?? 'a clone'}; the application has another one`;
  if (action === 'snapshot') return undefined;
  if (snapshot === undefined) return 'choose the snapshot to go back to';
  return input.view.running ? 'a run is under way' : undefined;
}

function update(input: ScreenInput, state: ZfsState, message: Message, size: Size): Step<ZfsState> {
  switch (message.type) {
    case 'zfs-read':
      return message.node === state.node ? read(input, state, message) : {};
    case 'pick':
      return { state: { ...state, cursor: message.index } };
    case 'view-changed':
      return hasNewAct(input, message) ? { effects: [{ type: 'read-zfs', node: state.node }] } : {};
    case 'action':
      return act(input, state, message.action, size);
    default:
      return {};
  }
}

/** The first time the cursor goes to what was asked for. */
function read(
  { about }: ScreenInput,
  state: ZfsState,
  message: Extract<Message, { type: 'zfs-read' }>,
): Step<ZfsState> {
  const next = withRead(state, message);
  const { seeks } = state;
  if (seeks === undefined || state.datasets !== undefined || next.datasets === undefined) return { state: next };
  const all = entriesOf(next.datasets);
  const mine = (entry: ZfsEntry): boolean => entry.dataset.application === seeks.app && entry.dataset.role === 'owner';
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

/** The cursor stays on what it was on, though rows above it came or went. */
function withRead(state: ZfsState, { datasets, error }: Extract<Message, { type: 'zfs-read' }>): ZfsState {
  const { error: _earlier, ...rest } = state;
  if (datasets === undefined) return { ...rest, ...(error === undefined ? {} : { error }) };
  const before = entryAt(state);
  const at = entriesOf(datasets).findIndex((entry) => before !== undefined && nameOf(entry) === nameOf(before));
  return { ...rest, datasets, cursor: at < 0 ? state.cursor : at };
}

const nameOf = ({ dataset, snapshot }: ZfsEntry): string =>
  snapshot === undefined ? dataset.name : `${dataset.name}@${snapshot.name}`;

/** Somebody snapshotted, cloned or rolled back: what is shown is old. */
function hasNewAct({ view }: ScreenInput, { before }: Extract<Message, { type: 'view-changed' }>): boolean {
  if (view.trail === before.trail) return false;
  const newest = view.trail.findLast(({ source }) => source === 'act');
  return newest !== undefined && newest !== before.trail.findLast(({ source }) => source === 'act');
}

function act(input: ScreenInput, state: ZfsState, action: ActionId, size: Size): Step<ZfsState> {
  const total = entriesOf(state.datasets).length;
  const rows = rowsMoved(action, Math.max(2, size.rows - 4));
  const last = Math.max(0, total - 1);
  if (rows !== undefined) return { state: { ...state, cursor: clamp(clamp(state.cursor, 0, last) + rows, 0, last) } };
  if (action === 'refresh') return { effects: [{ type: 'read-zfs', node: state.node }] };
  const entry = entryAt(state);
  if (entry === undefined || offBecause(input, state, action) !== undefined) return {};
  return actOn(input, state, action, entry);
}

function actOn(input: ScreenInput, state: ZfsState, action: ActionId, entry: ZfsEntry): Step<ZfsState> {
  const { dataset, snapshot } = entry;
  const { application } = dataset;
  if (action === 'copy') return { effects: [{ type: 'copy', text: nameOf(entry) }] };
  if (action === 'snapshot')
    return application === undefined ? {} : { effects: [{ type: 'snapshot', app: application }] };
  if (snapshot === undefined) return {};
  const ref = refOf(state.node, dataset, snapshot);
  if (action === 'open') return { opens: confirmClone(ref) };
  return action === 'roll-back' && application !== undefined
    ? { opens: confirmRollBack(input, application, ref, snapshot, dataset) }
    : {};
}

const refOf = (node: NodeName, dataset: ZfsDataset, snapshot: ZfsSnapshot): SnapshotRef => ({
  node,
  volume: dataset.volume ?? dataset.name,
  dataset: dataset.name,
  snapshot: snapshot.name,
});

const confirmClone = (snapshot: SnapshotRef): ConfirmState =>
  confirmOverlay(
    `clone ${snapshot.snapshot}?`,
    [
      `a new dataset beside ${snapshot.dataset} gets what the snapshot has, to look into it`,
      'the volume and its application are not touched; the clone takes space only for what changes',
      'while the clone is there, the snapshot cannot be destroyed',
    ],
    'clone',
    { type: 'clone-snapshot', snapshot },
  );

/** Nothing is destroyed, but writes since the snapshot are out of use: the name has to be typed. */
export function confirmRollBack(
  { view, now }: ScreenInput,
  app: string,
  ref: SnapshotRef,
  { createdAt }: Pick<ZfsSnapshot, 'createdAt'>,
  { role, snapshots }: Pick<ZfsDataset, 'role' | 'snapshots'>,
): ConfirmState {
  const age = formatDuration(Math.max(0, now - createdAt));
  const newer = role === 'owner' ? snapshots.filter((other) => other.createdAt > createdAt).length : 0;
  const others = (view.config?.applications[app]?.volumes.length ?? 1) - 1;
  return confirmOverlay(
    `roll "${app}" back to ${ref.snapshot}?`,
    [
      `"${app}" goes on from what its volume had ${age} ago on ${nodeTitle(view.config, ref.node)}`,
      'what it has now is kept as a retired dataset, with all its snapshots; nothing is destroyed',
      `"${app}" is stopped for it and started again: it is down for some seconds`,
      ...(newer === 0
        ? []
        : [`${count(newer, 'newer snapshot')} ${newer === 1 ? 'stays' : 'stay'} with the data that are put aside`]),
      ...(others <= 0
        ? []
        : [`its other ${count(others, 'volume')} ${others === 1 ? 'goes' : 'go'} back with it, to the same moment`]),
    ],
    'roll back',
    { type: 'roll-back', app, snapshot: ref },
    app,
  );
}

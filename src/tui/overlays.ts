import type { AppName, NodeName } from '../model/config.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import type {
  ConfirmState,
  Effect,
  GuideState,
  HelpState,
  HistoryState,
  LogsState,
  MoveState,
  PaletteState,
  ReviewState,
  ZfsState,
} from './state.ts';
import { emptyField, fieldOf } from './text/field.ts';

/** The help as it opens: what is typed searches. */
export const helpOverlay: HelpState = { kind: 'help', query: emptyField, isTyping: true, cursor: 0 };

/** The command line with this beginning. */
export const paletteOverlay = (text = ''): PaletteState => ({ kind: 'palette', field: fieldOf(text), cursor: 0 });

export const historyOverlay: HistoryState = { kind: 'history', cursor: 0, isOpen: false };

/** Logs of these applications, followed; with a filter, only the lines that match. */
export const logsOverlay = (apps: readonly AppName[], filter = ''): LogsState => ({
  kind: 'logs',
  apps,
  lines: [],
  isFollowing: true,
  wraps: false,
  search: emptyField,
  searching: 'no',
  filter,
  offset: 0,
  left: 0,
});

/** Datasets of a node, with the cursor on what is sought once they are read. */
export const zfsOverlay = (node: NodeName, seeks?: ZfsState['seeks']): ZfsState => ({
  kind: 'zfs',
  node,
  cursor: 0,
  ...(seeks === undefined ? {} : { seeks }),
});

/** All of the tutorial, with the present step. */
export const guideOverlay: GuideState = { kind: 'guide', offset: 0 };

export const moveOverlay = (apps: readonly AppName[]): MoveState => ({ kind: 'move', apps, cursor: 0 });

/** A question with Cancel chosen. */
export function confirmOverlay(
  title: string,
  lines: readonly string[],
  verb: string,
  effect: Effect,
  word?: string,
): ConfirmState {
  return {
    kind: 'confirm',
    title,
    lines,
    verb,
    ...(word === undefined ? {} : { word }),
    field: emptyField,
    choice: 'cancel',
    effect,
  };
}

/** Undoing is asked: files are written, and applications move. `what` is `the last apply`, `the run of …`. */
export const confirmUndo = ({ policy }: ClusterView, what: string): ConfirmState =>
  confirmOverlay(
    `undo ${what}?`,
    [
      'both files are put back as they were before it; they must not have been edited since',
      policy === 'ask' ? 'the plan for it is shown before anything is done' : 'what follows is applied at once',
      'data that were written since then stay: volumes move back as they are now',
    ],
    'undo',
    { type: 'undo' },
  );

/**
 * The plan that waits, or that would be made. Cancel is chosen where the plan came by itself, so that an Enter meant
 * for something else approves nothing, and where it would stop much of what runs.
 */
export function reviewOverlay(view: ClusterView, cause: 'asked' | 'by itself'): ReviewState {
  const revision = view.approval?.revision ?? view.plan?.revision ?? '';
  const isCareful = cause === 'by itself' || view.approval?.because === 'removal';
  return { kind: 'review', revision, offset: 0, choice: isCareful ? 'cancel' : 'apply' };
}

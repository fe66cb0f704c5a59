import type { ZfsDataset } from '../engine/node-client.ts';
import type { SnapshotRef } from '../engine/types.ts';
import type { AppName, NodeName, VolumeId } from '../model/config.ts';
import type { ErrorReport } from '../model/errors.ts';
import type { RunRecord } from '../model/history.ts';
import type { GuideWish } from '../tutorial/guide-view.ts';
import type { Size } from './frame/rows.ts';

export type Arrangement = 'auto' | 'board' | 'table' | 'matrix';
export type PaneId = 'cluster' | 'plan' | 'detail' | 'events';
export type DetailTab = 'summary' | 'files' | 'zfs' | 'history' | 'commands';
export type ThemeName = 'auto' | 'dark' | 'light' | 'high-contrast' | 'colour-blind' | 'mono';

/** What the cursor of the cluster pane is on; a place in a list would change with every observation. */
export interface Item {
  readonly node?: NodeName;
  readonly app?: AppName;
  /** A volume without an application, or a container that is not drover's. */
  readonly volume?: VolumeId;
  readonly foreign?: string;
}

/** Everything the screen remembers that the cluster does not know. Plain data, replaced and never changed. */
export interface UiState {
  readonly size: Size;
  readonly focus: PaneId;
  readonly zoomed: boolean;
  readonly arrangement: Arrangement;
  readonly cursor: Item;
  readonly marks: ReadonlySet<AppName>;
  /** `wiki`, `!wiki`, `node:beta`, `state:stopped`; empty: everything. */
  readonly filter: string;
  /** The filter is being typed. */
  readonly filtering: boolean;
  readonly faultsOnly: boolean;
  readonly sort: 'node' | 'name' | 'state' | 'data';
  readonly detailTab: DetailTab;
  /** First row that is shown. */
  readonly offsets: Readonly<Record<PaneId, number>>;
  /** Step under the cursor of the plan. */
  readonly planCursor: number;
  readonly theme: ThemeName;
  readonly mouse: boolean;
  readonly hasTerminalFocus: boolean;
  /** The last one gets the keys. */
  readonly overlays: readonly Overlay[];
  readonly notice?: Notice;
  /** A tutorial stands beside the panes. */
  readonly isGuided?: true;
  /** Acts under way, for the header: `restart "db"`. */
  readonly busy: readonly string[];
  /** Time of the first ctrl+c, while a second one would end everything. */
  readonly interruptedAt?: number;
}

export interface Notice {
  readonly text: string;
  readonly tone: 'ok' | 'warn' | 'bad' | 'plain';
  readonly at: number;
}

/** A line of text that is being typed. */
export interface Field {
  readonly text: string;
  /** In characters (code points). */
  readonly caret: number;
}

export type Overlay =
  | HelpState
  | PaletteState
  | ProblemsState
  | ReviewState
  | RunState
  | DiffState
  | MoveState
  | ConfirmState
  | LogsState
  | ZfsState
  | HistoryState
  | LeaveState
  | WelcomeState
  | StagesState
  | GuideState;

export interface HelpState {
  readonly kind: 'help';
  readonly query: Field;
  readonly isTyping: boolean;
  readonly cursor: number;
}
export interface PaletteState {
  readonly kind: 'palette';
  readonly field: Field;
  readonly cursor: number;
}
/** Problems of the newest save, from the view. */
export interface ProblemsState {
  readonly kind: 'problems';
  readonly index: number;
}
/** The plan that waits for approval; Enter approves what is shown. */
export interface ReviewState {
  readonly kind: 'review';
  readonly revision: string;
  readonly offset: number;
  readonly choice: 'cancel' | 'apply';
}
/** The run that is under way, or the last one. */
export interface RunState {
  readonly kind: 'run';
  readonly cursor: number;
  readonly showsOutput: boolean;
  /** Number of the run before the one that is waited for: that one was just asked for. */
  readonly after?: number;
}
export interface DiffState {
  readonly kind: 'diff';
  readonly form: 'files' | 'steps';
  readonly offset: number;
}
export interface MoveState {
  readonly kind: 'move';
  readonly apps: readonly AppName[];
  readonly cursor: number;
}
export interface ConfirmState {
  readonly kind: 'confirm';
  readonly title: string;
  readonly lines: readonly string[];
  /** What the button says that is not Cancel. */
  readonly verb: string;
  /** Has to be typed where data could be meant wrongly. */
  readonly word?: string;
  readonly field: Field;
  readonly choice: 'cancel' | 'go';
  readonly effect: Effect;
}
export interface LogsState {
  readonly kind: 'logs';
  readonly apps: readonly AppName[];
  readonly lines: readonly LogEntry[];
  readonly isFollowing: boolean;
  readonly wraps: boolean;
  readonly search: Field;
  /** `search` marks and jumps, `filter` hides what does not match. */
  readonly searching: 'no' | 'search' | 'filter';
  readonly filter: string;
  readonly offset: number;
  readonly left: number;
  readonly error?: ErrorReport;
}
export interface LogEntry {
  readonly app: AppName;
  readonly node: NodeName;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}
export interface ZfsState {
  readonly kind: 'zfs';
  readonly node: NodeName;
  /** Where the cursor goes as soon as the datasets are read: the application's data, or the newest snapshot of them. */
  readonly seeks?: { readonly app: AppName; readonly what: 'dataset' | 'snapshot' };
  /** Absent while they are read. */
  readonly datasets?: readonly ZfsDataset[];
  readonly error?: ErrorReport;
  readonly cursor: number;
}
export interface HistoryState {
  readonly kind: 'history';
  readonly runs?: readonly RunRecord[];
  /** From the newest run. */
  readonly cursor: number;
  /** The run under the cursor is shown with its steps. */
  readonly isOpen: boolean;
  /** First row of the open run that is shown; absent: the first. */
  readonly offset?: number;
}
/** Asked when somebody leaves while a run goes on. */
export interface LeaveState {
  readonly kind: 'leave';
  readonly cursor: number;
}
/** No files in this folder. */
export interface WelcomeState {
  readonly kind: 'welcome';
  readonly cursor: number;
}
/** The lab on its way up. */
export interface StagesState {
  readonly kind: 'stages';
  /** Rows scrolled back from the newest stage. */
  readonly offset: number;
  /** Which of the things to do meanwhile; absent: the first. */
  readonly cursor?: number;
}

/** All of a tutorial: its steps, and the present one whole. */
export interface GuideState {
  readonly kind: 'guide';
  /** Absent: the present step. */
  readonly cursor?: number;
  /** First row of what is shown of the step. */
  readonly offset: number;
}

/** What the screen asks of the world; done by effects.ts, and answered with messages. */
export type Effect =
  | { readonly type: 'approve'; readonly revision: string }
  | { readonly type: 'decline' }
  | { readonly type: 'cancel-run' }
  | { readonly type: 'refresh' }
  | { readonly type: 'set-policy'; readonly policy: 'on-save' | 'ask' }
  | { readonly type: 'move'; readonly apps: readonly AppName[]; readonly node: NodeName }
  | { readonly type: 'restart' | 'stop' | 'start' | 'snapshot'; readonly app: AppName }
  | { readonly type: 'clone-snapshot'; readonly snapshot: SnapshotRef }
  | { readonly type: 'roll-back'; readonly app: AppName; readonly snapshot: SnapshotRef }
  | { readonly type: 'undo' }
  | { readonly type: 'read-logs'; readonly apps: readonly AppName[] }
  | { readonly type: 'end-logs' }
  | { readonly type: 'read-zfs'; readonly node: NodeName }
  | { readonly type: 'read-history' }
  | { readonly type: 'edit'; readonly file: string; readonly line?: number; readonly column?: number }
  | { readonly type: 'edit-app'; readonly app: AppName }
  | { readonly type: 'fix'; readonly problem: number }
  | { readonly type: 'shell'; readonly app: AppName }
  | { readonly type: 'copy'; readonly text: string }
  | { readonly type: 'screenshot' }
  | { readonly type: 'write-sample'; readonly sample: 'sample' | 'tutorial' }
  | { readonly type: 'look-at-simulation' }
  | { readonly type: 'guide'; readonly wish: GuideWish }
  | { readonly type: 'redraw' }
  | { readonly type: 'suspend' }
  | { readonly type: 'leave'; readonly how: 'now' | 'after-safe-point' };

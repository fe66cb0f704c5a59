import type { SnapshotRef } from '../engine/types.ts';
import type { AppName, NodeName, VolumeId } from '../model/config.ts';
import type { GuideRequest } from '../tutorial/guide-view.ts';
import type { Size } from './frame/rows.ts';

/** In the order in which the key goes through them. */
export const arrangements = ['auto', 'board', 'table', 'matrix'] as const;
export const sorts = ['node', 'name', 'state', 'data'] as const;

export type Arrangement = (typeof arrangements)[number];
export type Sort = (typeof sorts)[number];
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
  readonly sort: Sort;
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
  /** A tutorial is shown next to the panes. */
  readonly isGuided?: true;
  /** What is running, for the header: `restart "db"`. */
  readonly busy: readonly string[];
  /** Time of the first ctrl+c, while a second one would end everything. */
  readonly interruptedAt?: number;
}

export interface Notice {
  readonly text: string;
  readonly tone: 'ok' | 'warn' | 'bad' | 'plain';
  readonly at: number;
}

/** A page or a question over the panes. What else it holds is the business of the part of the same kind. */
export interface Overlay {
  readonly kind: string;
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
  | { readonly type: 'write-offer' }
  | { readonly type: 'look-at-simulation' }
  | { readonly type: 'guide'; readonly request: GuideRequest }
  | { readonly type: 'redraw' }
  | { readonly type: 'suspend' }
  | { readonly type: 'leave'; readonly how: 'now' | 'after-safe-point' };

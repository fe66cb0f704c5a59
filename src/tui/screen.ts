import type { ZfsDataset } from '../engine/volume-store.ts';
import type { NodeName } from '../model/config.ts';
import type { ErrorReport } from '../model/errors.ts';
import type { RunRecord } from '../model/history.ts';
import type { GuideView } from '../tutorial/guide-view.ts';
import type { ClusterView } from '../view/cluster-view.ts';
import type { Stage } from '../view/stages.ts';
import type { ActionId } from './actions/actions.ts';
import type { Offer } from './deps.ts';
import type { Glyphs } from './frame/glyphs.ts';
import type { Rect, Row, Size } from './frame/rows.ts';
import type { LogEntry } from './parts/logs/log-lines.ts';
import type { Effect, Item, Notice, Overlay, PaneId, UiState } from './state.ts';
import type { EditKey } from './text/field.ts';

/** Everything a frame is made from. */
export interface ScreenInput {
  readonly view: ClusterView;
  readonly ui: UiState;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly glyphs: Glyphs;
  readonly about: About;
  /** The lab on its way up, from `TuiDeps.stages`. */
  readonly stages?: readonly Stage[];
  /** The tutorial that is followed, from `TuiDeps.guide`. */
  readonly guide?: GuideView;
}

/** What does not change while the program runs. */
export interface About {
  readonly version: string;
  readonly isReadOnly: boolean;
  /** Shown in the header of a simulated cluster. */
  readonly label?: string;
  /** As they are shown; absent where the folder has none. */
  readonly files?: { readonly application: string; readonly deployment: string };
  readonly folder: string;
  /** What the first page offers to write. */
  readonly offer?: Offer;
  /** Text of the settings file in use, for the help. */
  readonly settingsFile?: string;
  /** Keys of an action as they are in force, for footers and help: `m`, `^u`. */
  readonly keyOf: (action: ActionId) => string | undefined;
}

/** One thing that happened, to the screen. */
export type Message =
  | { readonly type: 'action'; readonly action: ActionId }
  /** Typed or pasted into a field. */
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'edit-key'; readonly key: EditKey }
  | { readonly type: 'select'; readonly pane: PaneId; readonly item?: Item; readonly index?: number }
  | { readonly type: 'wheel'; readonly pane: PaneId; readonly rows: number }
  | { readonly type: 'pick'; readonly index: number }
  | { readonly type: 'open'; readonly overlay: Overlay }
  /** The palette's way to what the screen remembers: `:theme mono`. */
  | { readonly type: 'set'; readonly ui: Partial<ChosenState> }
  | { readonly type: 'close' }
  | { readonly type: 'effect'; readonly effect: Effect }
  | { readonly type: 'resized'; readonly size: Size }
  | { readonly type: 'terminal-focus'; readonly has: boolean }
  | { readonly type: 'notice'; readonly text: string; readonly tone: Notice['tone'] }
  | { readonly type: 'busy'; readonly what: string; readonly is: boolean }
  | { readonly type: 'log-lines'; readonly lines: readonly LogEntry[] }
  | { readonly type: 'logs-failed'; readonly error: ErrorReport }
  | {
      readonly type: 'zfs-read';
      readonly node: NodeName;
      readonly datasets?: readonly ZfsDataset[];
      readonly error?: ErrorReport;
    }
  | { readonly type: 'history-read'; readonly runs: readonly RunRecord[] }
  /** The cluster's view changed: overlays that belong to a run or to problems come and go with it. */
  | { readonly type: 'view-changed'; readonly before: ClusterView }
  | { readonly type: 'tick' };

/** What of the screen can be named in a command. */
export type ChosenState = Pick<
  UiState,
  'theme' | 'filter' | 'arrangement' | 'sort' | 'detailTab' | 'faultsOnly' | 'mouse' | 'zoomed' | 'focus'
>;

/** The inside of a pane, without its border. Rows that are too long or too many are cut when they are placed. */
export interface Drawn {
  readonly rows: readonly Row[];
  /** In the upper border; absent: the pane has no border and gets the whole rectangle. */
  readonly title?: Row;
  /** In the upper border, to the right. */
  readonly aside?: Row;
  /** What the mouse can do, in cells of the inside; the last one that contains the cell counts. */
  readonly hits?: readonly HitArea[];
  /** Shown as a thumb on the right border where not everything fits. */
  readonly scroll?: { readonly offset: number; readonly shown: number; readonly total: number };
}

export interface HitArea extends Rect {
  readonly click: Message;
  /** A second click on the same place within 400 ms; absent: like another click. */
  readonly twice?: Message;
}

/** A pane or an overlay: draws its state and answers keys; pure. `S` is UiState for panes. */
export interface Part<S> {
  /** Draws the inside of the border. */
  readonly draw: (input: ScreenInput, state: S, size: Size) => Drawn;
  /** What `draw` reads: it is called again only where one of these is another one. Absent: on every frame. */
  readonly slice?: (input: ScreenInput, state: S) => readonly unknown[];
  /** Actions it takes, those for the footer first. The screen behind gets all others. */
  readonly actions: readonly ActionId[];
  /** How many of `actions` the footer names. */
  readonly inFooter: number;
  /** What an action does here, in place of its usual label; an empty one is named with the next: `← → choose`. */
  readonly labelOf?: (state: S, action: ActionId) => string | undefined;
  /** Why an action is disabled now; undefined where it is enabled. */
  readonly disabledReason?: (input: ScreenInput, state: S, action: ActionId) => string | undefined;
  /** Keys are text now, and come as `text` and `edit-key`. */
  readonly isTyping?: (state: S) => boolean;
  readonly update: (input: ScreenInput, state: S, message: Message, size: Size) => Update<S>;
}

/** The part of one kind of overlay. */
export interface OverlayPart<S extends Overlay> extends Part<S> {
  readonly kind: S['kind'];
  /** It asks a question: the panes behind it get no keys until it is answered. */
  readonly isDialog?: true;
  /** There is nothing behind it: the folder has no files yet, or the lab is not up. */
  readonly isFirstPage?: true;
  /** Messages that it gets also while another overlay lies above it. */
  readonly answers?: readonly Message['type'][];
  /** What has to be read while it is open. */
  readonly reads?: (state: S) => Reading;
}

export interface Reading {
  /** Another key means that something else is to be read; compared by identity. */
  readonly key: unknown;
  readonly begin: Effect;
  /** Absent: reading ends by itself. */
  readonly end?: Effect;
}

/** What follows from a message: nothing at all where it is empty. */
export interface Update<S> {
  readonly state?: S;
  /** The overlay closes itself. */
  readonly closes?: true;
  readonly opens?: Overlay;
  readonly effects?: readonly Effect[];
  readonly notice?: { readonly text: string; readonly tone: Notice['tone'] };
  /** For whatever is behind, once the overlay has closed or opened others: help and palette run actions so. */
  readonly sends?: readonly Message[];
}

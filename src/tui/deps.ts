import type { Readable, Writable } from 'node:stream';
import type { Engine } from '../engine/types.ts';
import type { AppName, ConfigProblem, NodeName } from '../model/config.ts';
import type { RunRecord } from '../model/history.ts';
import type { GuideFeed } from '../tutorial/guide-view.ts';
import type { StageFeed } from '../view/stages.ts';
import type { ActionId } from './actions/actions.ts';
import type { Arrangement, ThemeName } from './state.ts';

/** What the TUI needs from outside; made in main.ts and demo.ts, and by tests. */
export interface TuiDeps {
  readonly engine: Engine;
  readonly version: string;
  readonly now: () => number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: TtyInput;
  readonly stdout: TtyOutput;
  readonly settings: TuiSettings;
  /** Shown in the header of a simulated cluster. */
  readonly label?: string;
  readonly folder: string;
  /** A notice that is shown when the screen opens. */
  readonly notice?: string;
  /** Absent: the folder has none, and the first page says so. */
  readonly files?: { readonly application: string; readonly deployment: string };
  /** Edits deployment.yml so that the applications are on this node. Throws AppError. */
  readonly move: (apps: readonly AppName[], node: NodeName) => Promise<void>;
  /** Writes the fix a problem offers into its file. Throws AppError where it has none, or the file changed. */
  readonly fix: (problem: ConfigProblem) => Promise<string>;
  /** Where an application stands in its file. */
  readonly placeOf: (
    app: AppName,
  ) => Promise<{ readonly file: string; readonly line: number; readonly column: number }>;
  /** The user's editor at the place, with the terminal; resolves when it ended. */
  readonly openEditor: (file: string, line?: number, column?: number) => Promise<void>;
  /** Writes into the state folder; returns the path. */
  readonly save: (name: string, text: string) => Promise<string>;
  readonly readHistory: () => Promise<readonly RunRecord[]>;
  /** Puts the files back as they were before the last apply; returns the notice to show. Throws AppError. */
  readonly undo: () => Promise<string>;
  /** The text of the file as it is now. */
  readonly readFile: (file: string) => Promise<string>;
  /** The deployment file that the first page offers, in a folder that has an application file alone. */
  readonly offer?: Offer & { readonly write: () => Promise<void> };
  readonly writeSample?: (sample: 'sample' | 'tutorial') => Promise<void>;
  /** Opens the simulated cluster on the same terminal, which `withTerminal` hands over for as long as it is looked at. */
  readonly simulate?: (withTerminal: (work: () => Promise<void>) => Promise<void>) => Promise<void>;
  /** The tutorial that is followed. */
  readonly guide?: GuideFeed;
  /** The lab being built and booted. */
  readonly stages?: StageFeed;
  /** Keeps a bug's stack; returns the file it is in. */
  readonly logBug: (error: unknown) => Promise<string>;
  /** Calls back at SIGINT, SIGTERM and SIGHUP until the returned function is called. */
  readonly onSignal: (listener: (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') => void) => () => void;
  /** Calls back when the process ends, and before it prints why it crashed. */
  readonly onEnd?: (listener: () => void) => () => void;
  /** Calls back when the process goes on after it was stopped from outside. */
  readonly onContinue?: (listener: () => void) => () => void;
  /** Stops this process as ctrl+z in a shell does; returns when it goes on. */
  readonly suspend: () => void;
}

/** Files that the first page shows before they are written. */
export interface Offer {
  readonly application: string;
  /** No node is known: the file names an example. */
  readonly isPlaceholder: boolean;
  readonly files: readonly { readonly file: string; readonly text: string }[];
}

export interface TtyInput extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
}

export interface TtyOutput extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** From the settings file, the environment and the command line, in rising order. */
export interface TuiSettings {
  readonly theme: ThemeName;
  /** No colours at all: NO_COLOR, --no-color, TERM without them. */
  readonly noColour: boolean;
  readonly glyphs: 'unicode' | 'ascii';
  /** Off over ssh inside tmux unless asked for. */
  readonly mouse: boolean;
  readonly isReadOnly: boolean;
  /** Ask before anything is applied. */
  readonly asksFirst: boolean;
  readonly arrangement: Arrangement;
  /** Keys of the user, in place of the action's own. */
  readonly keys: Readonly<Partial<Record<ActionId, readonly string[]>>>;
  /** Bell and notification when a run ends or wants an answer. */
  readonly notifies: boolean;
  readonly settingsFile?: string;
}

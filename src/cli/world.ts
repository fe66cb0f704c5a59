import type { Readable, Writable } from 'node:stream';
import type { Host } from '../engine/host.ts';
import type { Engine } from '../engine/types.ts';
import type {
  AppName,
  ConfigProblem,
  DeploymentName,
  LoadResult,
  NodeName,
  NodeSettings,
  Settings,
} from '../model/config.ts';
import type { ApplyPolicy } from '../model/events.ts';
import type { Printed } from '../model/plain-text.ts';
import type { GuideFeed } from '../tutorial/guide-view.ts';
import type { ExitCode } from './exit-code.ts';
import type { RunJournal } from './run-journal.ts';
import type { PlacesFile } from './state-files.ts';
import type { TutorialWorld } from './tutorial/world.ts';

/** The files of one deployment, as they are read and shown. */
export interface FileChoice {
  readonly deployment: string;
  readonly application: string;
  /** drover.yml: how to reach the nodes. */
  readonly inventory?: string;
  /** The lab's own drover.yml, found by itself: for nodes that nothing else describes. */
  readonly labInventory?: string;
  /** The same of Vagrant's machines, which then stand in the lab's place. */
  readonly vagrantInventory?: string;
}

/** Asks for the machines of a Vagrantfile. */
export interface VagrantRequest {
  /** At or above it lies the Vagrantfile. */
  readonly folder: string;
  /** Asked for by name (`--vagrant`): what is missing is a failure, and not only told. */
  readonly required: boolean;
  /** Nodes that nothing describes; Vagrant is only asked where one of them could be one of its machines. */
  readonly undescribed: () => Promise<readonly NodeName[]>;
  readonly onNote: (text: string) => void;
}

export interface Terminal {
  /** Results. Each call is written at once. */
  readonly out: (text: Printed) => void;
  /** Everything that is no result: failures, progress, questions. */
  readonly err: (text: Printed) => void;
  /** Resolves when what was written has been taken, or the signal aborts; without it, writing waits for nothing. */
  readonly taken?: (signal: AbortSignal) => Promise<void>;
  /** Whether standard output is a terminal that can move its cursor. */
  readonly moving: boolean;
  readonly colour: boolean;
  readonly columns: () => number;
  /** Asks on the terminal, until the signal aborts; rejects at Ctrl-C. Undefined where there is nobody to ask. */
  readonly ask: ((question: Printed, signal?: AbortSignal) => Promise<string>) | undefined;
}

export interface FoundFiles {
  readonly deployment?: string;
  readonly application?: string;
  readonly inventory?: string;
  /** What is missing, or there twice. */
  readonly problems: readonly ConfigProblem[];
}

/** First contact with a node: whether its key is known, and if not, which one it shows. */
export type HostKeyAnswer =
  | { readonly known: true }
  | {
      readonly known: false;
      readonly fingerprint: string;
      /** `ssh-ed25519` and the like. */
      readonly type: string;
      /** Writes the key where drover looks for it; returns that file. */
      readonly accept: () => Promise<string>;
    };

/** Hosts that the files may not name yet, for `drover node`. */
export interface Hosts {
  /** `folders`: those of the files that name the known_hosts file; absent where a person named it. */
  readonly askKey: (
    node: NodeName,
    settings: NodeSettings,
    signal: AbortSignal,
    folders?: readonly string[],
  ) => Promise<HostKeyAnswer>;
  readonly open: (node: NodeName, nodeSettings: NodeSettings, settings: Settings, signal: AbortSignal) => Promise<Host>;
}

/** A cluster in memory with files in memory, for `drover demo`: nothing outside of this process is touched. */
export interface Simulation {
  /** With those files and nodes in place of real ones; everything else as outside. */
  readonly world: World;
  /** The application that moves, and the node it moves to. */
  readonly application: AppName;
  readonly moveTo: NodeName;
  /** Writes into the application's volume where it is placed, as the application itself would. */
  readonly write: (bytes: number) => void;
  /** How much there is to write for a move that can be watched. */
  readonly writtenBytes: number;
  /** Time to read what was printed; rejects when the signal aborts. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** How the screen begins; everything else is in the user's settings file. */
export interface TuiOptions {
  readonly readOnly?: boolean;
  /** Every change is shown first, and waits. */
  readonly confirm?: boolean;
  readonly theme?: string;
  readonly ascii?: boolean;
  readonly mouse?: boolean;
}

/** What the screen asks of its engine; without them it is the engine of the plain verbs. */
export interface EngineOptions {
  /** Somebody is there to answer. */
  readonly asks?: boolean;
  /** Stopping most of what runs is meant. */
  readonly allowsRemoval?: boolean;
  /** The deployment that is taken over from. */
  readonly takesOver?: DeploymentName;
  /** As it was typed. */
  readonly verb?: string;
  readonly policy?: ApplyPolicy;
  readonly isReadOnly?: boolean;
  /** In place of standard error, which belongs to the screen. */
  readonly onNote?: (text: string) => void;
}

export interface TuiRequest {
  readonly folder: string;
  /** Absent: the folder has none. */
  readonly files?: FileChoice;
  /** File in which the lab tells its progress; the screen ends when the lab is up. The files are only read then. */
  readonly stages?: string;
  /** Said when the screen opens. */
  readonly notice?: string;
  /** A tutorial that stands beside the panes, and looks at what this engine sees. */
  readonly guide?: (engine: Engine) => GuideFeed;
  readonly options: TuiOptions & { readonly noColour?: true };
}

export interface TuiDemoRequest {
  readonly options?: TuiOptions & { readonly noColour?: true };
  /** A large cluster in place of the sample, with so much happening to it: for measuring. */
  readonly scale?: { readonly nodes: number; readonly containers: number; readonly eventsPerSecond: number };
}

export interface TuiEnd {
  readonly code: ExitCode;
  /** What stays on the terminal. */
  readonly lines: readonly string[];
  /** There are files now: open it anew. */
  readonly again?: true;
}

/** The process's own streams, for a program that runs in a container. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(on: boolean): unknown };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly stderr: Writable;
}

/** Everything the commands need from outside; made in main.ts, and otherwise by tests. */
export interface World {
  readonly version: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  readonly streams: Streams;
  readonly now: () => number;
  /** Absent where nothing is to be remembered: in the simulation. */
  readonly journal?: RunJournal | undefined;
  /** Where volumes of this application file were seen; absent where nothing is to be remembered. */
  readonly places?: ((applicationFile: string) => PlacesFile) | undefined;
  /** Calls back at each Ctrl-C and SIGTERM until the returned function is called. */
  readonly onInterrupt: (listener: () => void) => () => void;
  readonly readText: (path: string) => Promise<string>;
  /** Atomic: a new file with the old one's mode takes its name; also where there is none yet. */
  readonly replaceText: (path: string, text: string) => Promise<void>;
  /** The files of a folder under their usual names. */
  readonly findFiles: (folder: string) => Promise<FoundFiles>;
  /** The lab's inventory where there is a lab. */
  readonly labInventory: () => Promise<string | undefined>;
  /** A drover.yml for Vagrant's machines, where there are some; absent where nobody looks for them. */
  readonly vagrantInventory?: ((request: VagrantRequest) => Promise<string | undefined>) | undefined;
  readonly readConfig: (files: FileChoice) => Promise<LoadResult>;
  readonly openEngine: (files: FileChoice, options?: EngineOptions) => Promise<Engine>;
  /** `fast`: without the delays a person needs to follow. */
  readonly openSimulation: (fast: boolean) => Promise<Simulation>;
  /** The interactive screen; absent where there is none (tests). */
  readonly openTui?: (request: TuiRequest) => Promise<TuiEnd>;
  /** The same on a simulated cluster. */
  readonly openTuiDemo?: (request: TuiDemoRequest) => Promise<TuiEnd>;
  /** Pages to be led through; absent where there are none (tests). */
  readonly tutorials?: () => Promise<TutorialWorld>;
  readonly askHostKey: (files: FileChoice, node: NodeName, signal: AbortSignal) => Promise<HostKeyAnswer>;
  /** Absent where there are no real hosts: in the simulation. */
  readonly hosts?: Hosts | undefined;
  /** The script that makes a host a node, as it is shown; absent where there is none. */
  readonly provisionPath?: string;
  /** Keeps a bug's stack; returns the file it is in. */
  readonly logBug: (error: unknown) => Promise<string>;
  /** The path the parts lead to, relative to `cwd` where it lies below: so it is short when it is shown. */
  readonly resolvePath: (...parts: readonly string[]) => string;
}

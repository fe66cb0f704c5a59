import type { Readable, Writable } from 'node:stream';
import type { FoundFiles } from '../config/find-files.ts';
import type { ComposeChoice } from '../config/load.ts';
import type { Host } from '../engine/host.ts';
import type { Engine } from '../engine/types.ts';
import type { AppName, DeploymentName, LoadResult, NodeName, NodeSettings, Settings } from '../model/config.ts';
import type { ApplyPolicy } from '../model/events.ts';
import type { Printed } from '../model/plain-text.ts';
import type { ScreenOptions } from '../model/settings.ts';
import type { GuideFeed } from '../tutorial/guide-view.ts';
import type { ExitCode } from './exit-code.ts';
import type { RunJournal } from './run-journal.ts';
import type { PlacesFile } from './state-files.ts';
import type { TutorialWorld } from './tutorial/world.ts';

/** The files of one deployment; paths are as shown to people. */
export interface FileChoice {
  readonly deployment: string;
  readonly application: string;
  /** For a Compose file: what belongs to it. */
  readonly compose?: ComposeChoice;
  /** drover.yml: how to reach the nodes. */
  readonly inventory?: string;
  /** drover.yml of the lab, for nodes that no other file describes. */
  readonly labInventory?: string;
  /** The same for the machines of Vagrant; replaces that of the lab. */
  readonly vagrantInventory?: string;
}

/** A search for the machines of a Vagrantfile. */
export interface VagrantRequest {
  /** The Vagrantfile is in this folder or above it. */
  readonly folder: string;
  /** With `--vagrant`: a missing Vagrantfile or machine is an error instead of a note. */
  readonly required: boolean;
  /** Nodes without settings; Vagrant runs only if one of them could be one of its machines. `any`: nodes are looked for. */
  readonly undescribed: () => Promise<readonly NodeName[] | 'any'>;
  readonly onNote: (text: string) => void;
}

export interface Terminal {
  /** Writes results, each call at once. */
  readonly out: (text: Printed) => void;
  /** Errors, progress and questions. */
  readonly err: (text: Printed) => void;
  /** Resolves when the reader has taken all output, or the signal aborts; absent: writing never waits. */
  readonly taken?: (signal: AbortSignal) => Promise<void>;
  /** Whether standard output is a terminal that can move its cursor. */
  readonly moving: boolean;
  readonly colour: boolean;
  readonly columns: () => number;
  /** Asks on the terminal until the signal aborts; rejects at Ctrl-C. Undefined without a terminal. */
  readonly ask: ((question: Printed, signal?: AbortSignal) => Promise<string>) | undefined;
}

/** Whether the host key of a node is known, and if not, which key the node presents. */
export type HostKeyAnswer =
  | { readonly known: true }
  | {
      readonly known: false;
      readonly fingerprint: string;
      /** `ssh-ed25519` and the like. */
      readonly type: string;
      /** Stores the key in the known_hosts file that drover reads; returns its path. */
      readonly accept: () => Promise<string>;
    };

/** Hosts that the files may not name yet, for `drover node`. */
export interface Hosts {
  /** `folders` of the files that name the known_hosts file; absent if the command line names it. */
  readonly askKey: (
    node: NodeName,
    settings: NodeSettings,
    signal: AbortSignal,
    folders?: readonly string[],
  ) => Promise<HostKeyAnswer>;
  readonly open: (node: NodeName, nodeSettings: NodeSettings, settings: Settings, signal: AbortSignal) => Promise<Host>;
}

/** A cluster and files in memory, for `drover demo`: it touches nothing outside this process. */
export interface Simulation {
  /** Uses those files and nodes instead of real ones, and otherwise the real world. */
  readonly world: World;
  /** The application that moves, and the node it moves to. */
  readonly application: AppName;
  readonly moveTo: NodeName;
  /** Writes into the application's volume where it is placed, as the application itself would. */
  readonly write: (bytes: number) => void;
  /** Bytes to write so that a move takes long enough to watch. */
  readonly writtenBytes: number;
  /** Time to read what was printed; rejects when the signal aborts. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** How an engine is opened. */
export interface EngineOptions {
  /** A person can answer questions. */
  readonly asks?: boolean;
  /** A run may stop most of the running applications. */
  readonly allowsRemoval?: boolean;
  /** The deployment that applications and volumes are taken over from. */
  readonly takesOver?: DeploymentName;
  /** As typed, for the record on the nodes. */
  readonly verb?: string;
  readonly policy?: ApplyPolicy;
  readonly isReadOnly?: boolean;
  /** Receives notes instead of standard error, which the screen covers. */
  readonly onNote?: (text: string) => void;
}

/** What the screen offers to write, and how. */
export interface DeploymentOffer {
  readonly application: string;
  /** No node is known: the file names an example. */
  readonly isPlaceholder: boolean;
  readonly files: readonly { readonly file: string; readonly text: string }[];
  /** Throws `usage` if one of the files exists by now. */
  readonly write: () => Promise<void>;
}

export interface TuiRequest {
  readonly folder: string;
  /** Absent: the folder has none. */
  readonly files?: FileChoice;
  /** File in which the lab writes its progress; the screen ends when the lab is up. Until then nothing is applied. */
  readonly stages?: string;
  /** Shown when the screen opens. */
  readonly notice?: string;
  /** A first deployment.yml, where the folder has an application file alone. */
  readonly offer?: DeploymentOffer;
  /** A tutorial next to the panes, which follows the state of this engine. */
  readonly guide?: (engine: Engine) => GuideFeed;
  readonly options: ScreenOptions;
}

export interface TuiDemoRequest {
  readonly options?: ScreenOptions;
  /** A large cluster instead of the sample, with this many events: for benchmarks. */
  readonly scale?: { readonly nodes: number; readonly containers: number; readonly eventsPerSecond: number };
}

export interface TuiEnd {
  readonly code: ExitCode;
  /** Lines that stay on the terminal. */
  readonly lines: readonly string[];
  /** The folder has files now: open the screen again. */
  readonly again?: true;
}

/** The streams of this process, for a command in a container. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(on: boolean): unknown };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly stderr: Writable;
}

/** Everything the commands need from outside; main.ts and tests create it. */
export interface World {
  readonly version: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  readonly streams: Streams;
  readonly now: () => number;
  /** Absent in the simulation, which records nothing. */
  readonly journal?: RunJournal | undefined;
  /** Where the volumes of this application file were last seen; absent in the simulation. */
  readonly places?: ((applicationFile: string) => PlacesFile) | undefined;
  /** Calls back at each Ctrl-C and SIGTERM until the returned function is called. */
  readonly onInterrupt: (listener: () => void) => () => void;
  readonly readText: (path: string) => Promise<string>;
  /** Creates or replaces a file in one step; an existing file keeps its mode. */
  readonly replaceText: (path: string, text: string) => Promise<void>;
  /** Creates a file, `isPrivate` for its owner alone. Throws `usage` if the file exists: it is never overwritten. */
  readonly createText: (path: string, text: string, isPrivate?: boolean) => Promise<void>;
  /** The files of a folder with the default names; `envFiles` set variables in place of its `.env`. */
  readonly findFiles: (folder: string, envFiles?: readonly string[]) => Promise<FoundFiles>;
  /** drover.yml of the lab, if there is one. */
  readonly labInventory: () => Promise<string | undefined>;
  /** A drover.yml for the machines of Vagrant, if there are any; absent in the simulation. */
  readonly vagrantInventory?: ((request: VagrantRequest) => Promise<string | undefined>) | undefined;
  /** `keepsTree`: the result has the values of the application file as well. */
  readonly readConfig: (files: FileChoice, options?: { readonly keepsTree?: boolean }) => Promise<LoadResult>;
  readonly openEngine: (files: FileChoice, options?: EngineOptions) => Promise<Engine>;
  /** `fast`: without delays. */
  readonly openSimulation: (fast: boolean) => Promise<Simulation>;
  /** Absent in tests. */
  readonly openTui?: (request: TuiRequest) => Promise<TuiEnd>;
  /** The same on a simulated cluster. */
  readonly openTuiDemo?: (request: TuiDemoRequest) => Promise<TuiEnd>;
  /** Absent in tests. */
  readonly tutorials?: () => Promise<TutorialWorld>;
  readonly askHostKey: (files: FileChoice, node: NodeName, signal: AbortSignal) => Promise<HostKeyAnswer>;
  /** Absent in the simulation. */
  readonly hosts?: Hosts | undefined;
  /** Path of the script that sets up a host, as shown to people. */
  readonly provisionPath?: string;
  /** Stores the stack of a bug; returns the path of the file. */
  readonly logBug: (error: unknown) => Promise<string>;
  /** The resolved path; relative to `cwd` if it is below, so that it is short in messages. */
  readonly resolvePath: (...parts: readonly string[]) => string;
}

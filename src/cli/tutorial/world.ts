import type { ConfigProblem } from '../../model/config.ts';
import type { Tutorial } from '../../tutorial/types.ts';

/** What tutorials need from outside; made in tutorial-main.ts, and otherwise by tests. */
export interface TutorialWorld {
  /** The package's own folder, absolute: `tutorials` is in it. */
  readonly packageFolder: string;
  /** A clone of the repository that may be written to: a tutorial's files are edited where they are. */
  readonly isClone: () => Promise<boolean>;
  /** Every page that is a tutorial, in the order of their names, and what is wrong with the others. */
  readonly read: () => Promise<{
    readonly tutorials: readonly Tutorial[];
    readonly problems: readonly ConfigProblem[];
  }>;
  /** Undefined where the file does not exist. */
  readonly readIfThere: (path: string) => Promise<string | undefined>;
  /** Makes the folders above it as well; replaces what is there. */
  readonly write: (path: string, text: string) => Promise<void>;
  /** The folder for state, and everything of one tutorial below it. */
  readonly stateFolder: string;
  readonly forget: (name: string) => Promise<void>;
  /** Words that start the programs a page names. */
  readonly starts: Readonly<Record<'drover' | 'lab' | 'node', readonly string[]>>;
  /** Runs a program, without a shell, in the reader's folder; both streams go to `onLine`. Never throws for its status. */
  readonly run: (
    words: readonly string[],
    onLine: (line: string) => void,
    signal: AbortSignal,
  ) => Promise<{ readonly code: number; readonly stdout: string; readonly output: string }>;
  /** A file of the package as its clone has committed it, by its path in there; undefined where that is unknown. */
  readonly committed: (path: string) => Promise<string | undefined>;
  /** One connection to a TCP port of the node with this address, as a client makes it. */
  readonly probe: (address: string, port: number, signal: AbortSignal) => Promise<'accepted' | 'refused' | 'held'>;
}

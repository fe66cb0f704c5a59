import type { ConfigProblem } from '../../model/config.ts';
import type { Tutorial } from '../../tutorial/types.ts';

/** What tutorials need from the system. tutorial-main.ts makes the real one. */
export interface TutorialWorld {
  /** The package's own folder, absolute: `tutorials` is in it. */
  readonly packageFolder: string;
  /** True in a writable clone of the repository: the reader then edits the tutorial's own files. */
  readonly isClone: () => Promise<boolean>;
  /** All tutorials, sorted by name, and the problems of pages that cannot be read. */
  readonly read: () => Promise<{
    readonly tutorials: readonly Tutorial[];
    readonly problems: readonly ConfigProblem[];
  }>;
  /** Undefined if the file does not exist. */
  readonly readIfThere: (path: string) => Promise<string | undefined>;
  /** Replaces the file; creates its folders. */
  readonly write: (path: string, text: string) => Promise<void>;
  /** The state folder; `forget` removes what it has of one tutorial. */
  readonly stateFolder: string;
  readonly forget: (name: string) => Promise<void>;
  /** The words that start each program. */
  readonly starts: Readonly<Record<'drover' | 'lab' | 'node', readonly string[]>>;
  /** Runs a program in the reader's folder, without a shell; `onLine` gets both streams. Does not throw for an exit status. */
  readonly run: (
    words: readonly string[],
    onLine: (line: string) => void,
    signal: AbortSignal,
  ) => Promise<{ readonly code: number; readonly stdout: string; readonly output: string }>;
  /** The committed text of a file, by its path in the package; undefined if unknown. */
  readonly committed: (path: string) => Promise<string | undefined>;
  /** Opens one TCP connection to the port. */
  readonly probe: (address: string, port: number, signal: AbortSignal) => Promise<'accepted' | 'refused' | 'held'>;
}

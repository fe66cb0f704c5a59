import type { Readable, Writable } from 'node:stream';
import { printCommand, quote } from '../model/command-line.ts';
import { AppError } from '../model/errors.ts';

/** The environment of this process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A command and its arguments; never a line for a shell. */
export type Argv = readonly [string, ...string[]];

/** What a finished command left behind. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

export { printCommand, quote };

const tailLength = 2000;

/** The end of what a command wrote, without surrounding blanks, at most 2000 characters. */
export function tailOf(text: string): string {
  const trimmed = text.trim();
  return trimmed.length <= tailLength ? trimmed : `…${trimmed.slice(-tailLength)}`;
}

/** `command-failed` for a command that ended with a code nobody expected. */
export function commandFailed(node: string, argv: readonly string[], code: number, stderr: string): AppError {
  const tail = tailOf(stderr);
  const why = tail === '' ? `exit status ${code}` : tail;
  return new AppError('command-failed', `cannot run "${shorten(printCommand(argv))}" on "${node}": ${why}`, {
    details: { node, command: printCommand(argv), exit: code, stderr: tail },
  });
}

/** Scripts can be long; a message names only the beginning. */
export function shorten(line: string): string {
  const first = line.split('\n', 1)[0] ?? '';
  return first.length === line.length && line.length <= 200 ? line : `${first.slice(0, 200)}…`;
}

/** How a single command is run; times in milliseconds. */
export interface RunOptions {
  readonly input?: string | Buffer;
  /** Exit codes that are an answer, not a failure; default [0]. */
  readonly okCodes?: readonly number[];
  /** Default: the connection's `commandMs`. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A long-running command. Unread stderr beyond 64 KiB is dropped, its tail is kept. */
export interface SpawnedCommand {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Never rejects for an exit code; rejects with `connection-failed` when the connection is lost. */
  readonly done: Promise<{ readonly code: number; readonly stderrTail: string }>;
}

/** What a program of this machine printed before it failed, as one line; its own error where it printed nothing. */
export function programFailure(error: Error, stderr: string): Error {
  const lines = stderr.trim().split(/\s*[\r\n]+\s*/);
  return new Error(lines.join('; ') || error.message, { cause: error });
}

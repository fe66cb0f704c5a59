import type { Readable, Writable } from 'node:stream';
import { printCommand, quote } from '../model/command-line.ts';
import { AppError } from '../model/errors.ts';

/** The environment of this process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A command and its arguments; never a line for a shell. */
export type Argv = readonly [string, ...string[]];

/** The output and the exit code of a finished command. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

export { printCommand, quote };

/** Every exit code that a command can have. */
export const anyExitCode: readonly number[] = Array.from({ length: 256 }, (_, code) => code);

/** A script as a function `drover`, so that bash runs nothing of a script that a lost connection has cut short. */
export const scriptDefinition = (script: string): string => `drover() {\n${script}\n}\n`;

/** A script as text for the standard input of `bash -s`, which it cannot read itself. */
export const scriptInput = (script: string): string => `${scriptDefinition(script)}drover "$@" </dev/null\n`;

const tailLength = 2000;

/** The end of what a command wrote, without surrounding blanks, at most 2000 characters. */
export function tailOf(text: string): string {
  const trimmed = text.trim();
  return trimmed.length <= tailLength ? trimmed : `…${trimmed.slice(-tailLength)}`;
}

/** `command-failed` for a command that exited with an unexpected code. */
export function commandFailed(node: string, argv: readonly string[], code: number, stderr: string): AppError {
  const tail = tailOf(stderr);
  const why = tail === '' ? `exit status ${code}` : tail;
  return new AppError('command-failed', `cannot run "${shorten(printCommand(argv))}" on "${node}": ${why}`, {
    details: { node, command: printCommand(argv), exit: code, stderr: tail },
  });
}

/** The beginning of a command for a message: scripts can be long. */
export function shorten(line: string): string {
  const first = line.split('\n', 1)[0] ?? '';
  return first.length === line.length && line.length <= 200 ? line : `${first.slice(0, 200)}…`;
}

/** How a single command is run; times in milliseconds. */
export interface RunOptions {
  readonly input?: string | Buffer;
  /** Exit codes that do not count as failures; default [0]. */
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

/** A session that was opened before it is needed. Used once; `argv` is the command as messages name it. */
export interface OpenSession {
  /** False once it has ended, or was used. */
  isWaiting(): boolean;
  /** As `NodeConnection.run`; `line` is sent before the input. */
  run(argv: Argv, line: string, options: RunOptions): Promise<CommandResult>;
  /** As `NodeConnection.spawn`, in the same way. */
  spawn(argv: Argv, line: string, signal: AbortSignal): Promise<SpawnedCommand>;
  /** Ends its input. */
  close(): void;
}

/** The error of a local program: what it printed, as one line, or the given error where it printed nothing. */
export function programFailure(error: Error, stderr: string): Error {
  const lines = stderr.trim().split(/\s*[\r\n]+\s*/);
  return new Error(lines.join('; ') || error.message, { cause: error });
}

/**
 * Shell function `save FILE MODE`: puts its input into FILE, whole or not at all. Once it has returned, the file is there
 * after a power cut too. Without the sync of the folder, the node could boot with the file that FILE has replaced.
 */
export const saveFunction = `save() { cat >"$1.new" && chmod "$2" "$1.new" && sync "$1.new" && mv "$1.new" "$1" && sync "\${1%/*}"; }`;

import type { Duplex, Readable, Writable } from 'node:stream';
import type { NodeSettings } from '../model/config.ts';
import type { Argv, CommandResult } from './command.ts';

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

/** The remote side as seen when the connection was made. */
export interface RemoteSide {
  /** Name or address given to SSH. */
  readonly host: string;
  /** Address the socket is connected to; the host's name behind a jump host. */
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly isRoot: boolean;
  /** `type base64` of every key pinned for this host, the presented one first. */
  readonly hostKeys: readonly string[];
}

/** One SSH connection to a node; everything on it runs as root. */
export interface NodeConnection {
  readonly node: string;
  /**
   * Runs argv (never a shell line) as root (`sudo -n` where the login is not root). Rejects with `command-failed`
   * (node, argv, exit, tail of stderr) unless the exit code is in `okCodes`, `timeout`, `cancelled`, or
   * `connection-failed` when the connection is lost meanwhile.
   */
  run(argv: Argv, options?: RunOptions): Promise<CommandResult>;
  /** Feeds a fixed script to `bash -s -- ARGS` as root; data only through args. Throws as `run` does. */
  script(text: string, args: readonly string[], options?: Omit<RunOptions, 'input'>): Promise<CommandResult>;
  /** A command with streams. Abort: TERM to the remote process, 5 s, then the channel is closed. */
  spawn(argv: Argv, signal: AbortSignal): Promise<SpawnedCommand>;
  /** Channel to a unix socket on the node (direct-streamlocal), with the rights of the login. */
  openUnixSocket(path: string): Promise<Duplex>;
  readonly remote: RemoteSide;
  /** Aborts when the connection is gone. */
  readonly closed: AbortSignal;
  close(): Promise<void>;
}

/** Limits of a connection, in milliseconds, and who hears what it notices. */
export interface ConnectOptions {
  /** From the first packet to a working command; default 15 000. */
  readonly connectMs?: number;
  /** For commands that name no own limit; default 60 000. */
  readonly commandMs?: number;
  /** Things worth a line that are not failures: no ssh program on this machine, a key that cannot be read. */
  readonly onNote?: (text: string) => void;
  /** Environment of this process; default `process.env` (HOME, USER, SSH_AUTH_SOCK, PATH). */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Connects, with strict host keys; throws `connection-failed`, `host-key-unknown`, `host-key-changed`. */
export declare function connect(
  node: string,
  settings: NodeSettings,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<NodeConnection>;

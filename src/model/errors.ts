/** An error as data, for JSON, the log and the screen. */
export interface ErrorReport {
  readonly code: ErrorCode;
  /** What could not be done, to which thing, where: why. Lower case, present tense, names in quotes. */
  readonly message: string;
  /** Imperative: the next thing to do. */
  readonly hint?: string;
  readonly retryable: boolean;
  readonly details?: Readonly<Record<string, string | number | boolean>>;
  readonly causes: readonly string[];
}

/** A code exists only if the program branches on it. */
export type ErrorCode =
  | 'connection-failed'
  | 'host-key-unknown'
  | 'host-key-changed'
  | 'command-failed'
  | 'docker-failed'
  | 'image-missing'
  | 'volume-busy'
  | 'volume-conflict'
  | 'network-failed'
  | 'unhealthy'
  | 'lock-held'
  | 'etcd-failed'
  | 'timeout'
  | 'cancelled'
  | 'usage'
  | 'internal';

export interface AppErrorOptions {
  readonly hint?: string;
  readonly retryable?: boolean;
  readonly details?: Readonly<Record<string, string | number | boolean>>;
  readonly cause?: unknown;
}

/** An expected failure of something outside the program, such as a node. A bug is an ordinary `Error`. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, string | number | boolean>> | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.hint = options.hint;
    this.retryable = options.retryable ?? false;
    this.details = options.details;
  }
}

/** True for an error of the system with one of these codes, such as ENOENT. */
export const isCode = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && codes.some((code) => code === error.code);

/** True for any error that an AbortSignal caused. */
export function isAbort(error: unknown): boolean {
  if (error instanceof AppError) return error.code === 'cancelled';
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
}

/** Any thrown value as data. Never throws. */
export function toReport(error: unknown): ErrorReport {
  if (error instanceof AppError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      retryable: error.retryable,
      ...(error.details === undefined ? {} : { details: error.details }),
      causes: causesOf(error),
    };
  }
  if (isAbort(error)) return { code: 'cancelled', message: 'cancelled', retryable: false, causes: [] };
  return {
    code: 'internal',
    message: error instanceof Error ? error.message : String(error),
    retryable: false,
    causes: causesOf(error),
  };
}

function causesOf(error: unknown): string[] {
  const causes: string[] = [];
  let cause = error instanceof Error ? error.cause : undefined;
  while (cause !== undefined && causes.length < 5) {
    causes.push(cause instanceof Error ? cause.message : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}

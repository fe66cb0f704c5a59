import { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import type DockerModem from 'docker-modem';
import Docker from 'dockerode';
import { AppError } from '../../model/errors.ts';
import { textAt } from '../json.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { cancelled, lostConnection } from '../ssh/errors.ts';
import { createDockerDialler, StreamAgent } from './agent.ts';
import {
  type ByteBudget,
  EndlessAnswer,
  RefusedByDocker,
  readAnswer,
  readRefusal,
  UnusableAnswer,
  unusable,
} from './answer.ts';

/** One request; `what` completes "cannot … on NODE". */
export interface DockerRequest {
  readonly what: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly upload?: Readable;
  /** For the registry; in no message. */
  readonly auth?: Readonly<Record<string, string>>;
  /** Statuses that are an answer besides 200, 201 and 204. */
  readonly okStatus?: readonly number[];
  /** For `json`, until the whole answer is there: default 120 000, and `readMs` of the API for GET. */
  readonly timeoutMs?: number;
  /** For `stream`, until the answer begins; without it, there is no limit. */
  readonly beginMs?: number;
  /** For `json`: bytes that the answer may have; default `dockerAnswerBytes`. */
  readonly limitBytes?: number;
  /** For `json`: bytes that this answer shares with others. */
  readonly budget?: ByteBudget;
}

/** Docker's API on one node, with a version both sides speak. Throws `docker-failed` with `status` in the details. */
export interface DockerApi {
  /** What Docker said of itself when this connection first asked. */
  version(signal: AbortSignal): Promise<DockerVersion>;
  /**
   * The answer as JSON; undefined where there is none. Throws `timeout` where it is not complete in time, and
   * `docker-failed` where it is longer than an answer may be (`dockerAnswerBytes`).
   */
  json(request: DockerRequest, signal: AbortSignal): Promise<unknown>;
  /** The answer's body; destroyed when the signal aborts. */
  stream(request: DockerRequest, signal: AbortSignal): Promise<Readable>;
  /** The channel itself, both ways, once Docker has answered; whoever asked has to destroy it. */
  hijack(request: DockerRequest, signal: AbortSignal): Promise<Duplex>;
}

/** Docker's own version, and the newest of its API that it speaks; empty where it does not say. */
export interface DockerVersion {
  readonly docker: string;
  readonly dockerApi: string;
}

/** What both sides agreed on. */
interface Negotiated {
  readonly modem: DockerModem;
  readonly version: DockerVersion;
}

/** The newest version this program was written for, and the oldest it needs (Docker 20.10). */
const ourVersion = '1.47';
const oldestVersion = '1.41';

/** How many requests of one listing run at the same time. */
export const concurrentRequests = 6;

/** Milliseconds for an answer that only reads, where the caller does not say. */
const defaultReadMs = 60_000;
const changeMs = 120_000;

/** Every request is a request on its own; nothing is kept but some open channels. `readMs`: for the answer to a GET. */
export function createDockerApi(connection: NodeConnection, readMs = defaultReadMs): DockerApi {
  const agent = new StreamAgent(createDockerDialler(connection));
  connection.closed.addEventListener('abort', () => agent.destroy(), { once: true });
  const modemFor = (version?: string): DockerModem => {
    // `agent` is docker-modem's option; dockerode's types leave it out.
    const options = { protocol: 'http' as const, host: 'docker', port: 80, agent };
    return new Docker(version === undefined ? options : { ...options, version }).modem;
  };
  let negotiated: Promise<Negotiated> | undefined;

  const negotiate = async (): Promise<Negotiated> => {
    const what = 'ask Docker for its version';
    const request: DockerRequest = { what, method: 'GET', path: '/version' };
    const limit = AbortSignal.timeout(readMs);
    const answer = await readAnswer(asResponse(await send(modemFor(), request, limit)));
    const theirs = textAt(answer, 'ApiVersion');
    const modem = modemFor(`v${chooseVersion(connection.node, theirs, textAt(answer, 'MinAPIVersion'))}`);
    return { modem, version: { docker: textAt(answer, 'Version') ?? '', dockerApi: theirs ?? '' } };
  };
  const agreed = (): Promise<Negotiated> => {
    negotiated ??= negotiate().catch((error: unknown) => {
      negotiated = undefined;
      throw error;
    });
    return negotiated;
  };
  const call = async <T>(
    request: Dialled,
    signal: AbortSignal,
    take: (answer: IncomingMessage | Duplex) => Promise<T>,
  ): Promise<T> => {
    try {
      signal.throwIfAborted();
      return await take(await send((await agreed()).modem, request, signal));
    } catch (error) {
      const explained = explain(connection, request.what, error, signal);
      // A channel closes only when the other side agrees, and this one goes on sending.
      if (error instanceof EndlessAnswer) await connection.close(explained);
      throw explained;
    }
  };

  return {
    async version(signal) {
      try {
        signal.throwIfAborted();
        return (await agreed()).version;
      } catch (error) {
        throw explain(connection, 'ask Docker for its version', error, signal);
      }
    },
    async json(request, signal) {
      const limitMs = request.timeoutMs ?? (request.method === 'GET' ? readMs : changeMs);
      const limit = AbortSignal.timeout(limitMs);
      try {
        return await call(request, AbortSignal.any([signal, limit]), (answer) =>
          readAnswer(asResponse(answer), request.limitBytes, request.budget),
        );
      } catch (error) {
        if (!limit.aborted || signal.aborted) throw error;
        throw late(connection, request.what, limitMs, error);
      }
    },
    async stream(request, signal) {
      const { beginMs } = request;
      if (beginMs === undefined) return call(request, signal, async (answer) => asResponse(answer));
      const waiting = new AbortController();
      const timer = setTimeout(() => waiting.abort(), beginMs);
      try {
        return await call(request, AbortSignal.any([signal, waiting.signal]), async (answer) => asResponse(answer));
      } catch (error) {
        if (!waiting.signal.aborted || signal.aborted) throw error;
        throw late(connection, request.what, beginMs, error);
      } finally {
        clearTimeout(timer);
      }
    },
    hijack: (request, signal) =>
      call({ ...request, hijack: true }, signal, async (answer) => {
        if (answer instanceof IncomingMessage) {
          answer.destroy();
          throw new UnusableAnswer('it does not hand over the connection');
        }
        // After the upgrade there is the stream that our agent has opened.
        return answer;
      }),
  };
}

function asResponse(answer: IncomingMessage | Duplex): IncomingMessage {
  if (answer instanceof IncomingMessage) return answer;
  answer.destroy();
  throw new UnusableAnswer('it hands over the connection unasked');
}

function late(connection: NodeConnection, what: string, limitMs: number, cause: unknown): AppError {
  const message = `cannot ${what} on "${connection.node}": Docker gives no complete answer within ${limitMs} ms`;
  return new AppError('timeout', message, { retryable: true, cause });
}

/** The newest version both speak. Throws `docker-failed` where there is none. */
export function chooseVersion(node: string, theirs = oldestVersion, theirOldest = oldestVersion): string {
  if (compareVersions(theirs, oldestVersion) < 0) {
    throw new AppError('docker-failed', `cannot use Docker on "${node}": its API is ${theirs}`, {
      hint: 'install Docker 20.10 or newer on the node',
    });
  }
  const ours = compareVersions(ourVersion, theirs) < 0 ? ourVersion : theirs;
  // A Docker that no longer speaks ours gets its own oldest: additions are compatible, and it is the nearest.
  return compareVersions(ours, theirOldest) < 0 ? theirOldest : ours;
}

/** How a daemon's API versions lie to those this program was written for. */
export function fitOf(theirs: string, theirOldest: string): 'well' | 'too old' | 'too new' {
  if (compareVersions(theirs, oldestVersion) < 0) return 'too old';
  return compareVersions(theirOldest, ourVersion) > 0 ? 'too new' : 'well';
}

function compareVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number);
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number);
  return aMajor - bMajor || aMinor - bMinor;
}

/** Base64 for URLs, as Docker's API wants it. */
const encodeAuth = (auth: Readonly<Record<string, string>>): string =>
  Buffer.from(JSON.stringify(auth)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');

type Dialled = DockerRequest & { readonly hijack?: true };

/** The answer, whose body is not read yet. Throws `RefusedByDocker` for a status that is not an answer. */
async function send(modem: DockerModem, request: Dialled, signal: AbortSignal): Promise<IncomingMessage | Duplex> {
  const answer = await dial(modem, request, signal);
  if (!(answer instanceof IncomingMessage)) return answer;
  if ([200, 201, 204, ...(request.okStatus ?? [])].includes(answer.statusCode ?? 0)) return answer;
  throw await readRefusal(answer);
}

/** docker-modem reads a refusal's body, and an answer as JSON, without any limit: to it, every status is a stream. */
const everyStatus: Readonly<Record<number, true>> = Object.fromEntries(
  Array.from({ length: 900 }, (_, status) => [status + 100, true] as const),
);

function dial(modem: DockerModem, request: Dialled, signal: AbortSignal): Promise<IncomingMessage | Duplex> {
  return new Promise((resolve, reject) => {
    modem.dial(
      {
        // dial adds the query only to a path that has a question mark.
        path: `${request.path}?`,
        method: request.method,
        options: { _query: request.query ?? {}, _body: request.body ?? {} },
        ...(request.upload === undefined ? {} : { file: request.upload }),
        ...(request.auth === undefined ? {} : { authconfig: { base64: encodeAuth(request.auth) } }),
        isStream: true,
        hijack: request.hijack === true,
        statusCodes: everyStatus,
        abortSignal: signal,
      },
      (error, answer) => {
        if (error) reject(error);
        // The response itself when asked for a stream, the socket after an upgrade.
        else resolve(answer as IncomingMessage | Duplex);
      },
    );
  });
}

function explain(connection: NodeConnection, what: string, error: unknown, signal: AbortSignal): AppError {
  if (error instanceof AppError) return error;
  const { node } = connection;
  if (error instanceof UnusableAnswer) return unusable(what, node, error);
  if (connection.closed.aborted) return lostConnection(node, connection.closed.reason);
  if (signal.aborted) return cancelled(what, node, signal.reason);
  const status = error instanceof RefusedByDocker ? error.status : undefined;
  const reason = error instanceof Error ? error.message.trim() : String(error);
  return new AppError('docker-failed', `cannot ${what} on "${node}": ${reason}`, {
    details: { node, reason, ...(status === undefined ? {} : { status }) },
    // No status: the daemon went away in the middle, as in a restart.
    retryable: status === undefined || status >= 502,
    cause: error,
  });
}

/** The HTTP status behind a failure of Docker's. */
export function statusOf(error: unknown): number | undefined {
  const status = error instanceof AppError ? error.details?.status : undefined;
  return typeof status === 'number' ? status : undefined;
}

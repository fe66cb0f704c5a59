import { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import type DockerModem from 'docker-modem';
import Docker from 'dockerode';
import { defined } from '../../model/defined.ts';
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
  /** The registry's login; never part of a message. */
  readonly auth?: Readonly<Record<string, string>>;
  /** Statuses that count as success besides 200, 201 and 204. */
  readonly okStatus?: readonly number[];
  /** For `json`: ms until the answer is complete; default 120 000, for GET the `readMs` of the API. */
  readonly timeoutMs?: number;
  /** For `stream`: ms until the answer begins; default: no limit. */
  readonly beginMs?: number;
  /** For `json`: the most bytes of the answer; default `dockerAnswerBytes`. */
  readonly limitBytes?: number;
  /** For `json`: a budget that this answer shares with others. */
  readonly budget?: ByteBudget;
}

/** Docker's API on one node, in a version that both sides support. Throws `docker-failed` with `status` in the details. */
export interface DockerApi {
  /** Docker's versions, asked once for each connection. */
  version(signal: AbortSignal): Promise<DockerVersion>;
  /**
   * The answer as JSON; undefined for an empty one. Throws `timeout` where it is not complete in time, and
   * `docker-failed` where it is too long.
   */
  json(request: DockerRequest, signal: AbortSignal): Promise<unknown>;
  /** The answer's body; destroyed when the signal aborts. */
  stream(request: DockerRequest, signal: AbortSignal): Promise<Readable>;
  /** The connection itself, in both directions, after Docker has agreed. The caller has to destroy it. */
  hijack(request: DockerRequest, signal: AbortSignal): Promise<Duplex>;
}

/** Docker's version, and the newest API version that it supports; empty where Docker does not report them. */
export interface DockerVersion {
  readonly docker: string;
  readonly dockerApi: string;
}

/** What both sides agreed on. */
interface Negotiated {
  readonly modem: DockerModem;
  readonly version: DockerVersion;
}

/** The newest API version that drover was written for, and the oldest that it needs (Docker 20.10). */
const ourVersion = '1.47';
const oldestVersion = '1.41';

/** How many requests of one listing run at the same time. */
export const concurrentRequests = 6;

/** Milliseconds for the answer to a GET, and to a request that changes something. */
const defaultReadMs = 60_000;
const changeMs = 120_000;

/** Requests are independent of each other; a few channels stay open. `readMs`: until the answer to a GET is complete. */
export function createDockerApi(connection: NodeConnection, readMs = defaultReadMs): DockerApi {
  const agreed = createNegotiation(connection, readMs);
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
      // The whole connection: a channel closes only when the other side agrees, and this one keeps sending.
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
          throw new UnusableAnswer('it did not switch protocols');
        }
        // After the upgrade, this is the stream that the agent has opened.
        return answer;
      }),
  };
}

/** Agrees on a version with Docker, once for each connection, and again after a failure. */
function createNegotiation(connection: NodeConnection, readMs: number): () => Promise<Negotiated> {
  const agent = new StreamAgent(createDockerDialler(connection));
  connection.closed.addEventListener('abort', () => agent.destroy(), { once: true });
  const modemFor = (version?: string): DockerModem => {
    // `agent` is docker-modem's option; dockerode's types leave it out.
    const options = { protocol: 'http' as const, host: 'docker', port: 80, agent };
    return new Docker(version === undefined ? options : { ...options, version }).modem;
  };
  const negotiate = async (): Promise<Negotiated> => {
    const request: DockerRequest = { what: 'ask Docker for its version', method: 'GET', path: '/version' };
    const limit = AbortSignal.timeout(readMs);
    const answer = await readAnswer(asResponse(await send(modemFor(), request, limit)));
    const theirs = textAt(answer, 'ApiVersion');
    const modem = modemFor(`v${chooseVersion(connection.node, theirs, textAt(answer, 'MinAPIVersion'))}`);
    return { modem, version: { docker: textAt(answer, 'Version') ?? '', dockerApi: theirs ?? '' } };
  };
  let negotiated: Promise<Negotiated> | undefined;
  return () => {
    negotiated ??= negotiate().catch((error: unknown) => {
      negotiated = undefined;
      throw error;
    });
    return negotiated;
  };
}

function asResponse(answer: IncomingMessage | Duplex): IncomingMessage {
  if (answer instanceof IncomingMessage) return answer;
  answer.destroy();
  throw new UnusableAnswer('it switched protocols unasked');
}

function late(connection: NodeConnection, what: string, limitMs: number, cause: unknown): AppError {
  const message = `cannot ${what} on "${connection.node}": Docker sent no complete answer within ${limitMs} ms`;
  return new AppError('timeout', message, { retryable: true, cause });
}

/** The newest API version that both support. Throws `docker-failed` where there is none. */
export function chooseVersion(node: string, theirs = oldestVersion, theirOldest = oldestVersion): string {
  if (compareVersions(theirs, oldestVersion) < 0) {
    throw new AppError('docker-failed', `cannot use Docker on "${node}": its API is ${theirs}`, {
      hint: 'install Docker 20.10 or newer on the node',
    });
  }
  const ours = compareVersions(ourVersion, theirs) < 0 ? ourVersion : theirs;
  // A Docker that no longer supports ours gets its oldest, which is nearest to ours: newer versions only add to it.
  return compareVersions(ours, theirOldest) < 0 ? theirOldest : ours;
}

/** How the API versions of a Docker fit those that drover was written for. */
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

/** The answer with its body unread. Throws `RefusedByDocker` for a status that is not a success. */
async function send(modem: DockerModem, request: Dialled, signal: AbortSignal): Promise<IncomingMessage | Duplex> {
  const answer = await dial(modem, request, signal);
  if (!(answer instanceof IncomingMessage)) return answer;
  if ([200, 201, 204, ...(request.okStatus ?? [])].includes(answer.statusCode ?? 0)) return answer;
  throw await readRefusal(answer);
}

/** docker-modem reads error bodies and JSON without a limit. As every status counts as success, it leaves them unread. */
const everyStatus: Readonly<Record<number, true>> = Object.fromEntries(
  Array.from({ length: 900 }, (_, status) => [status + 100, true] as const),
);

function dial(modem: DockerModem, request: Dialled, signal: AbortSignal): Promise<IncomingMessage | Duplex> {
  return new Promise((resolve, reject) => {
    modem.dial(
      {
        // docker-modem adds the query only to a path with a question mark.
        path: `${request.path}?`,
        method: request.method,
        options: { _query: request.query ?? {}, _body: request.body ?? {} },
        ...defined({ file: request.upload }),
        ...(request.auth === undefined ? {} : { authconfig: { base64: encodeAuth(request.auth) } }),
        isStream: true,
        hijack: request.hijack === true,
        statusCodes: everyStatus,
        abortSignal: signal,
      },
      (error, answer) => {
        if (error) reject(error);
        // The response for a stream, the socket after an upgrade.
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
    details: { node, reason, ...defined({ status }) },
    // Without a status, Docker stopped during the request, as in a restart.
    retryable: status === undefined || status >= 502,
    cause: error,
  });
}

/** The HTTP status of an error that Docker answered with. */
export function statusOf(error: unknown): number | undefined {
  const status = error instanceof AppError ? error.details?.status : undefined;
  return typeof status === 'number' ? status : undefined;
}

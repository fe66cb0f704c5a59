import type { Duplex, Readable } from 'node:stream';
import type DockerModem from 'docker-modem';
import Docker from 'dockerode';
import { AppError } from '../model/errors.ts';
import { createDockerDialler, StreamAgent } from './docker-agent.ts';
import { isRecord, textAt } from './json.ts';
import type { NodeConnection } from './ssh-connection.ts';
import { cancelled, lostConnection } from './ssh-errors.ts';

/** One request; `what` completes "cannot … on NODE". */
export interface DockerRequest {
  readonly what: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly upload?: Readable;
  /** For the registry; in no message. */
  readonly auth?: Readonly<Record<string, string>>;
  /** Statuses that are an answer besides 200, 201 and 204. */
  readonly okStatus?: readonly number[];
  /** For `json` only; default 120 000. */
  readonly timeoutMs?: number;
}

/** Docker's API on one node, with a version both sides speak. Throws `docker-failed` with `status` in the details. */
export interface DockerApi {
  /** The answer as JSON; undefined where there is none. */
  json(request: DockerRequest, signal: AbortSignal): Promise<unknown>;
  /** The answer's body; destroyed when the signal aborts. */
  stream(request: DockerRequest, signal: AbortSignal): Promise<Readable>;
  /** The channel itself, both ways, once Docker has answered; whoever asked has to destroy it. */
  hijack(request: DockerRequest, signal: AbortSignal): Promise<Duplex>;
}

/** `plain`: the answer as JSON; `stream`: its body; `hijack`: the channel under it. */
type Form = 'plain' | 'stream' | 'hijack';

/** The newest version this program was written for, and the oldest it needs (Docker 20.10). */
const ourVersion = '1.47';
const oldestVersion = '1.41';

/** Every request is a request on its own; nothing is kept but some open channels. */
export function createDockerApi(connection: NodeConnection): DockerApi {
  const agent = new StreamAgent(createDockerDialler(connection));
  connection.closed.addEventListener('abort', () => agent.destroy(), { once: true });
  const modemFor = (version?: string): DockerModem => {
    // `agent` is docker-modem's option; dockerode's types leave it out.
    const options = { protocol: 'http' as const, host: 'docker', port: 80, agent };
    return new Docker(version === undefined ? options : { ...options, version }).modem;
  };
  let negotiated: Promise<DockerModem> | undefined;

  const negotiate = async (): Promise<DockerModem> => {
    const what = 'ask Docker for its version';
    const request: DockerRequest = { what, method: 'GET', path: '/version' };
    const answer = await send(modemFor(), request, 'plain', AbortSignal.timeout(30_000));
    return modemFor(
      `v${chooseVersion(connection.node, textAt(answer, 'ApiVersion'), textAt(answer, 'MinAPIVersion'))}`,
    );
  };
  const call = async (request: DockerRequest, form: Form, signal: AbortSignal): Promise<unknown> => {
    try {
      signal.throwIfAborted();
      negotiated ??= negotiate().catch((error: unknown) => {
        negotiated = undefined;
        throw error;
      });
      return await send(await negotiated, request, form, signal);
    } catch (error) {
      throw explain(connection, request.what, error, signal);
    }
  };

  return {
    async json(request, signal) {
      const limitMs = request.timeoutMs ?? 120_000;
      const limit = AbortSignal.timeout(limitMs);
      try {
        return await call(request, 'plain', AbortSignal.any([signal, limit]));
      } catch (error) {
        if (!limit.aborted || signal.aborted) throw error;
        const message = `cannot ${request.what} on "${connection.node}": Docker gives no answer within ${limitMs} ms`;
        throw new AppError('timeout', message, { retryable: true, cause: error });
      }
    },
    async stream(request, signal) {
      const body = await call(request, 'stream', signal);
      // dial gives the response itself when asked for a stream.
      return body as Readable;
    },
    async hijack(request, signal) {
      const channel = await call(request, 'hijack', signal);
      // dial gives the socket after the upgrade, which is a stream that our agent has opened.
      return channel as Duplex;
    },
  };
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

function send(modem: DockerModem, request: DockerRequest, form: Form, signal: AbortSignal): Promise<unknown> {
  const statusCodes: Record<number, true> = { 200: true, 201: true, 204: true };
  for (const status of request.okStatus ?? []) statusCodes[status] = true;
  return new Promise((resolve, reject) => {
    modem.dial(
      {
        // dial adds the query only to a path that has a question mark.
        path: `${request.path}?`,
        method: request.method,
        options: { _query: request.query ?? {}, _body: request.body ?? {} },
        ...(request.upload === undefined ? {} : { file: request.upload }),
        ...(request.auth === undefined ? {} : { authconfig: { base64: encodeAuth(request.auth) } }),
        isStream: form !== 'plain',
        hijack: form === 'hijack',
        statusCodes,
        abortSignal: signal,
      },
      (error, answer) => {
        if (error) reject(error);
        else resolve(Buffer.isBuffer(answer) && answer.length === 0 ? undefined : answer);
      },
    );
  });
}

function explain(connection: NodeConnection, what: string, error: unknown, signal: AbortSignal): AppError {
  if (error instanceof AppError) return error;
  const { node } = connection;
  if (connection.closed.aborted) return lostConnection(node, connection.closed.reason);
  if (signal.aborted) return cancelled(what, node, signal.reason);
  const status = isRecord(error) && typeof error.statusCode === 'number' ? error.statusCode : undefined;
  const said = isRecord(error) ? textAt(error.json, 'message') : undefined;
  const reason = said ?? (error instanceof Error ? error.message.trim() : String(error));
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

import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import type { KeyChange, KeyRange, KeyStore, LeaseId } from '../../engine/key-store.ts';
import { AppError } from '../../model/errors.ts';
import { etcdAnswerBytes } from '../../model/limits.ts';
import { plainText } from '../../model/plain-text.ts';
import { createLineReader } from '../docker/streams.ts';
import { listAt, numberAt, parseJson, textAt } from '../json.ts';
import { byWrite, compareOf, numberText, rangeOf, readKey, readWatch, requestOf, revisionOf } from './messages.ts';

export interface EtcdOptions {
  /** `https://HOST:PORT` of each member; `http://` only for tests and loopback. */
  readonly endpoints: readonly string[];
  /** PEM: who may sign the members' certificates, and the client's own certificate and key. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** How long one member has to answer. */
  readonly answerMs: number;
}

interface Sent {
  /** The member has the whole request, so it may have carried it out. */
  wasSent: boolean;
}

/**
 * etcd over the JSON gateway that every member has (version 3.4 and later). A member that cannot be reached is passed over;
 * a request that a member may have carried out is never sent to another one.
 *
 * Source: https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/
 */
export class EtcdClient implements KeyStore {
  readonly #options: EtcdOptions;
  /** The member that answered last. */
  #first = 0;

  constructor(options: EtcdOptions) {
    this.#options = options;
  }

  async read(prefix: string, signal: AbortSignal): Promise<KeyRange> {
    const answer = await this.#ask('kv/range', { ...rangeOf(prefix), sort_target: 'KEY' }, 'reads', signal);
    const revision = revisionOf(answer);
    const found = listAt(answer, 'kvs').map(readKey);
    if (revision === undefined || found.some((key) => key === undefined)) throw notEtcd('kv/range');
    return { revision, keys: found.flatMap((key) => (key === undefined ? [] : [key])) };
  }

  async commit(
    conditions: Parameters<KeyStore['commit']>[0],
    writes: Parameters<KeyStore['commit']>[1],
    signal: AbortSignal,
  ): ReturnType<KeyStore['commit']> {
    const body = { compare: conditions.map(compareOf), success: writes.map(requestOf) };
    const answer = await this.#ask('kv/txn', body, 'writes', signal);
    const revision = revisionOf(answer);
    if (revision === undefined) throw notEtcd('kv/txn');
    return { done: isTrue(answer, 'succeeded'), revision };
  }

  async grantLease(seconds: number, signal: AbortSignal): Promise<LeaseId> {
    const lease = numberText(await this.#ask('lease/grant', { TTL: String(seconds) }, 'writes', signal), 'ID');
    if (lease === undefined) throw notEtcd('lease/grant');
    return lease;
  }

  async renewLease(lease: LeaseId, signal: AbortSignal): Promise<number | undefined> {
    // Sending it twice does no harm.
    const answer = await this.#ask('lease/keepalive', { ID: lease }, 'reads', signal);
    const left = numberText(answer, 'result', 'TTL');
    return left === undefined ? undefined : Number(left);
  }

  async endLease(lease: LeaseId, signal: AbortSignal): Promise<void> {
    try {
      await this.#ask('lease/revoke', { ID: lease }, 'reads', signal);
    } catch (error) {
      if (error instanceof AppError && error.details?.status === notFound) return;
      throw error;
    }
  }

  async *changes(
    prefix: string,
    after: string,
    signal: AbortSignal,
  ): AsyncGenerator<readonly KeyChange[] | undefined, void> {
    const start = { ...rangeOf(prefix), start_revision: String(BigInt(after) + 1n) };
    const response = await this.#open('watch', { create_request: start }, 'reads', signal);
    const reader = createLineReader(etcdAnswerBytes);
    try {
      for await (const chunk of response) {
        for (const line of reader.push(chunk as Buffer)) {
          const message = readWatch(parseJson(line));
          if (message.kind === 'canceled') throw etcdFailed(`etcd ended the watch: ${plainText(message.why)}`, 'none');
          if (message.kind === 'compacted') {
            yield undefined;
            return;
          }
          yield* byWrite(message.changes);
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      response.destroy();
    }
    if (!signal.aborted) throw etcdFailed('the connection to etcd was lost', 'none');
  }

  /** One answer as JSON. `reads`: it may be sent again to another member. */
  async #ask(path: string, body: object, kind: 'reads' | 'writes', signal: AbortSignal): Promise<unknown> {
    const response = await this.#open(path, body, kind, signal);
    const text = await readAll(response, kind);
    const answer = parseJson(text);
    if (response.statusCode === 200 && answer !== undefined) return answer;
    const why = textAt(answer, 'message') ?? textAt(answer, 'error') ?? `status ${response.statusCode}`;
    // An error of etcd itself is an answer: the request was not carried out, unless it ran out of time.
    const status = numberAt(answer, 'code') ?? 0;
    const isUnknown = kind === 'writes' && !refusals.has(status);
    throw etcdFailed(`etcd refused ${path}: ${plainText(why)}`, isUnknown ? 'unknown' : 'none', { status });
  }

  async #open(path: string, body: object, kind: 'reads' | 'writes', signal: AbortSignal): Promise<IncomingMessage> {
    const { endpoints, answerMs } = this.#options;
    const reasons: string[] = [];
    for (let turn = 0; turn < endpoints.length; turn += 1) {
      const index = (this.#first + turn) % endpoints.length;
      const endpoint = endpoints[index] ?? '';
      const sent: Sent = { wasSent: false };
      try {
        const response = await this.#send(endpoint, path, JSON.stringify(body), sent, signal);
        this.#first = index;
        return response;
      } catch (error) {
        signal.throwIfAborted();
        const why =
          error instanceof Error && error.name === 'TimeoutError' ? `silent for ${answerMs} ms` : String(error);
        reasons.push(`${endpoint}: ${plainText(why)}`);
        if (sent.wasSent && kind === 'writes')
          throw etcdFailed(`etcd did not answer (${reasons.join('; ')})`, 'unknown');
      }
    }
    throw etcdFailed(`no member of etcd answers (${reasons.join('; ')})`, 'none');
  }

  /** Resolves with the head of the answer, within `answerMs`. */
  #send(endpoint: string, path: string, body: string, sent: Sent, signal: AbortSignal): Promise<IncomingMessage> {
    const { ca, cert, key, answerMs } = this.#options;
    const url = new URL(`/v3/${path}`, endpoint);
    const isTls = url.protocol === 'https:';
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => call.destroy(new DOMException('', 'TimeoutError')), answerMs);
      const call = (isTls ? requestTls : requestPlain)(url, {
        method: 'POST',
        headers,
        signal,
        // A connection of its own: whether the request was sent is known only of a new one.
        agent: false,
        ...(isTls ? { ca, cert, key, minVersion: 'TLSv1.2' as const } : {}),
      });
      call.once('socket', (socket) => {
        socket.once(isTls ? 'secureConnect' : 'connect', () => {
          sent.wasSent = true;
        });
      });
      call.once('response', (response) => {
        clearTimeout(late);
        resolve(response);
      });
      call.once('error', (error) => {
        clearTimeout(late);
        reject(error);
      });
      call.end(body);
    });
  }
}

/** Codes of gRPC. */
const notFound = 5;
/** Invalid argument, not found, permission denied, failed precondition, unauthenticated: nothing was written. */
const refusals: ReadonlySet<number> = new Set([3, notFound, 7, 9, 16]);

function etcdFailed(
  message: string,
  outcome: 'none' | 'unknown',
  details: Readonly<Record<string, number>> = {},
): AppError {
  return new AppError('etcd-failed', message, { retryable: true, details: { ...details, outcome } });
}

const notEtcd = (path: string): AppError => etcdFailed(`the answer to ${path} is not one of etcd`, 'unknown');

const isTrue = (answer: unknown, key: string): boolean =>
  typeof answer === 'object' && answer !== null && Reflect.get(answer, key) === true;

async function readAll(response: IncomingMessage, kind: 'reads' | 'writes'): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      const part = chunk as Buffer;
      bytes += part.length;
      if (bytes > etcdAnswerBytes) throw etcdFailed('the answer of etcd is too long', 'unknown');
      chunks.push(part);
    }
  } catch (error) {
    response.destroy();
    if (error instanceof AppError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw etcdFailed(`the answer of etcd broke off: ${plainText(why)}`, kind === 'writes' ? 'unknown' : 'none');
  }
  return Buffer.concat(chunks).toString('utf8');
}

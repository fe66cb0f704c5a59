import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

export interface ClientReport {
  readonly attempts: number;
  readonly refused: number;
  /** Neither refused nor connected within the limit. */
  readonly timedOut: number;
  /** Connected, and cut before an answer came: what was open when the container stopped. */
  readonly cut: number;
  readonly longestWaitMs: number;
  /** Every whole line that was answered. */
  readonly answers: readonly string[];
}

/** Opens a new connection `perSecond` times a second until stopped; each waits at most `limitMs`. */
export function startClient(
  host: string,
  port: number,
  perSecond: number,
  limitMs = 150_000,
): { stop(): Promise<ClientReport> } {
  const counts: Counts = { attempts: 0, refused: 0, timedOut: 0, cut: 0, longestWaitMs: 0, answers: [] };
  const open = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const attempt = connectOnce(host, port, limitMs, counts).finally(() => open.delete(attempt));
    open.add(attempt);
  }, 1000 / perSecond);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      return { ...counts };
    },
  };
}

type Counts = { -readonly [K in Exclude<keyof ClientReport, 'answers'>]: number } & { answers: string[] };

function connectOnce(host: string, port: number, limitMs: number, counts: Counts): Promise<void> {
  counts.attempts += 1;
  const began = performance.now();
  return new Promise((resolve) => {
    let connected = false;
    let answer = '';
    const socket = connect({ host, port });
    const limit = setTimeout(() => socket.destroy(new Error('limit')), limitMs);
    socket.on('connect', () => {
      connected = true;
      counts.longestWaitMs = Math.max(counts.longestWaitMs, performance.now() - began);
    });
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('utf8');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (connected) return;
      if (error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET') counts.refused += 1;
      else counts.timedOut += 1;
    });
    socket.on('close', () => {
      clearTimeout(limit);
      if (answer.endsWith('\n')) counts.answers.push(answer);
      else if (connected) counts.cut += 1;
      resolve();
    });
  });
}

/** Sends a datagram, again every second, until one comes back; throws after ten. */
export function echoUdp(host: string, port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    let sent = 0;
    const send = (): void => {
      sent += 1;
      if (sent > 10) end(() => reject(new Error(`no answer from ${host}:${port}/udp`)));
      else socket.send(text, port, host);
    };
    const timer = setInterval(send, 1_000);
    const end = (then: () => void): void => {
      clearInterval(timer);
      socket.close();
      then();
    };
    socket.on('message', (answer) => end(() => resolve(answer.toString('utf8'))));
    socket.on('error', (error) => end(() => reject(error)));
    send();
  });
}

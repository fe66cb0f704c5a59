import { connect } from 'node:net';

export interface ClientReport {
  readonly attempts: number;
  readonly refused: number;
  /** Neither refused nor connected within the limit. */
  readonly timedOut: number;
  /** Connected, and cut before an answer came: what was open when the container stopped. */
  readonly cut: number;
  readonly longestWaitMs: number;
}

/** Opens a new connection `perSecond` times a second until stopped; each waits at most `limitMs`. */
export function startClient(
  host: string,
  port: number,
  perSecond: number,
  limitMs = 60_000,
): { stop(): Promise<ClientReport> } {
  const counts = { attempts: 0, refused: 0, timedOut: 0, cut: 0, longestWaitMs: 0 };
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

type Counts = { -readonly [K in keyof ClientReport]: ClientReport[K] };

function connectOnce(host: string, port: number, limitMs: number, counts: Counts): Promise<void> {
  counts.attempts += 1;
  const began = performance.now();
  return new Promise((resolve) => {
    let connected = false;
    let answered = false;
    const socket = connect({ host, port });
    const limit = setTimeout(() => socket.destroy(new Error('limit')), limitMs);
    socket.on('connect', () => {
      connected = true;
      counts.longestWaitMs = Math.max(counts.longestWaitMs, performance.now() - began);
    });
    socket.on('data', () => {
      answered = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (connected) return;
      if (error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET') counts.refused += 1;
      else counts.timedOut += 1;
    });
    socket.on('close', () => {
      clearTimeout(limit);
      if (connected && !answered) counts.cut += 1;
      resolve();
    });
  });
}

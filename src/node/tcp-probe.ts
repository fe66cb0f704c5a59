import { connect } from 'node:net';

/** One connection attempt, as a client makes it; `held` where it neither opens nor is refused before the abort. */
export function probeTcp(host: string, port: number, signal: AbortSignal): Promise<'accepted' | 'refused' | 'held'> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: 'accepted' | 'refused' | 'held'): void => {
      signal.removeEventListener('abort', stop);
      socket.destroy();
      resolve(answer);
    };
    const stop = (): void => end('held');
    socket.once('connect', () => end('accepted'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED' ? 'refused' : 'held'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

import type { Client, ClientChannel } from 'ssh2';
import { underEither } from '../model/either-signal.ts';

/**
 * Opens so many sessions at the same time and keeps each until all were asked for; returns how many the server granted.
 * Afterwards all are closed. Rejects with the reason of the first signal that aborts.
 */
export async function countSessions(client: Client, asked: number, signals: readonly AbortSignal[]): Promise<number> {
  const channels: ClientChannel[] = [];
  const open = (): Promise<void> =>
    new Promise((resolve) => {
      // Waits for input that never comes, so that it is there as long as its channel.
      client.exec('exec cat', (error, channel) => {
        if (!error) {
          channel.on('error', () => undefined).resume();
          channel.stderr.resume();
          channels.push(channel);
        }
        resolve();
      });
    });
  try {
    await underEither(
      signals,
      (stopped) =>
        new Promise<void>((resolve, reject) => {
          const leave = (): void => reject(stopped.reason);
          if (stopped.aborted) return leave();
          stopped.addEventListener('abort', leave, { once: true });
          Promise.all(Array.from({ length: asked }, open)).then(() => resolve(), reject);
        }),
    );
    return channels.length;
  } finally {
    for (const channel of channels) channel.end();
  }
}

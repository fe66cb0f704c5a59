import { setTimeout as pause } from 'node:timers/promises';
import type { Client, ClientChannel } from 'ssh2';
import { withSignals } from '../../model/with-signals.ts';

const closingMs = 10_000;

/**
 * Opens this many sessions at the same time, keeps them until all were asked for, and returns how many the server granted.
 * Then closes all, and waits up to 10 s for the server to confirm. Rejects with the reason of the first aborted signal.
 */
export async function countSessions(client: Client, asked: number, signals: readonly AbortSignal[]): Promise<number> {
  const channels: ClientChannel[] = [];
  const closings: Promise<void>[] = [];
  const open = (): Promise<void> =>
    new Promise((resolve) => {
      // Waits for input that never comes, so that the command lives as long as its channel.
      client.exec('exec cat', (error, channel) => {
        if (!error) {
          channel.on('error', () => undefined).resume();
          channel.stderr.resume();
          channels.push(channel);
          closings.push(new Promise((closed) => channel.once('close', () => closed())));
        }
        resolve();
      });
    });
  const closeAll = (): void => {
    for (const channel of channels) channel.end();
  };
  const openAndClose = async (): Promise<void> => {
    await Promise.all(Array.from({ length: asked }, open));
    closeAll();
    // The server counts a session until its command has ended, which takes a busy node seconds.
    await Promise.race([Promise.all(closings), pause(closingMs, undefined, { ref: false })]);
  };
  try {
    await withSignals(
      signals,
      (stopped) =>
        new Promise<void>((resolve, reject) => {
          const leave = (): void => reject(stopped.reason);
          if (stopped.aborted) return leave();
          stopped.addEventListener('abort', leave, { once: true });
          openAndClose().then(resolve, reject);
        }),
    );
    return channels.length;
  } finally {
    closeAll();
  }
}

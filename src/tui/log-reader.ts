import type { Engine } from '../engine/types.ts';
import type { AppName } from '../model/config.ts';
import { isAbort, toReport } from '../model/errors.ts';
import { shownLineCharacters, waitingLogLines } from '../model/limits.ts';
import { allowManyListeners } from '../model/many-listeners.ts';
import type { LogEntry } from './parts/logs/log-lines.ts';
import type { Message } from './screen.ts';

const gatherMs = 100;
const tail = 200;

/** Follows the logs of several applications at once; lines come in bundles, so that a chatty one costs no more frames. */
export function createLogReader(engine: Engine, send: (message: Message) => void) {
  let over: AbortController | undefined;

  const follow = async (
    app: AppName,
    signal: AbortSignal,
    add: (entry: LogEntry) => Promise<void> | undefined,
  ): Promise<void> => {
    try {
      for await (const { node, stream, text } of engine.logs(app, { follow: true, tail }, signal)) {
        await add({ app, node, stream, text: short(text) });
      }
    } catch (error) {
      if (!signal.aborted && !isAbort(error)) send({ type: 'logs-failed', error: toReport(error) });
    }
  };

  return {
    begin: (apps: readonly AppName[]): void => {
      over?.abort();
      const mine = new AbortController();
      over = mine;
      allowManyListeners(mine.signal);
      const add = gather((lines) => {
        if (!mine.signal.aborted) send({ type: 'log-lines', lines });
      });
      for (const app of apps) void follow(app, mine.signal, add);
    },
    end: (): void => {
      over?.abort();
      over = undefined;
    },
  };
}

/** A copy, not a part: a part would keep the whole of a long line in memory. */
function short(text: string): string {
  return text.length <= shownLineCharacters ? text : Buffer.from(text.slice(0, shownLineCharacters)).toString();
}

/** What the returned function gives is awaited where it is a promise: so many lines wait for the screen already. */
function gather(pass: (lines: readonly LogEntry[]) => void): (entry: LogEntry) => Promise<void> | undefined {
  let waiting: LogEntry[] = [];
  let passed: Promise<void> | undefined;
  return (entry) => {
    waiting.push(entry);
    passed ??= new Promise((resolve) => {
      setTimeout(() => {
        const lines = waiting;
        waiting = [];
        passed = undefined;
        pass(lines);
        resolve();
      }, gatherMs);
    });
    return waiting.length < waitingLogLines ? undefined : passed;
  };
}

import type { Engine } from '../engine/types.ts';
import type { AppName } from '../model/config.ts';
import { isAbort, toReport } from '../model/errors.ts';
import { allowManyListeners } from '../model/many-listeners.ts';
import type { Message } from './screen.ts';
import type { LogEntry } from './state.ts';

const gatherMs = 100;
const tail = 200;

/** Follows the logs of several applications at once; lines come in bundles, so that a chatty one costs no more frames. */
export function createLogReader(engine: Engine, send: (message: Message) => void) {
  let over: AbortController | undefined;

  const follow = async (app: AppName, signal: AbortSignal, add: (entry: LogEntry) => void): Promise<void> => {
    try {
      for await (const { node, stream, text } of engine.logs(app, { follow: true, tail }, signal)) {
        add({ app, node, stream, text });
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

function gather(pass: (lines: readonly LogEntry[]) => void): (entry: LogEntry) => void {
  let waiting: LogEntry[] = [];
  return (entry) => {
    waiting.push(entry);
    if (waiting.length > 1) return;
    setTimeout(() => {
      const lines = waiting;
      waiting = [];
      pass(lines);
    }, gatherMs);
  };
}

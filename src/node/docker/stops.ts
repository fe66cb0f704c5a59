import type { AppName } from '../../model/config.ts';
import type { Argv } from '../command.ts';
import { numberAt, textAt } from '../json.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import type { DockerApi } from './api.ts';

/** How long a watched process is waited for before it is to be stopped, in milliseconds. */
const unusedMs = 120_000;
/** A watch has a session of its own, and a connection has few: other stops wait for Docker's answer. */
const mostWatched = 1;
/** Seconds between two looks at the process. */
const everySeconds = '0.02';

interface Watched {
  readonly id: string;
  hasEnded: boolean;
  /** True when the process has ended; false if the watch ended first. */
  readonly ended: Promise<boolean>;
  leave(): void;
}

/**
 * The ends of processes that are stopped. Docker answers a stop when it has also taken down the container's network, which
 * takes several times as long as most programs need to end. What comes next needs only the end of the program.
 */
export interface Stops {
  /**
   * Watches the main process of the container that `inspect` finds from now on, for two minutes; one at a time. Never throws.
   */
  watch(app: AppName, inspect: () => Promise<unknown>, signal: AbortSignal): Promise<void>;
  /**
   * Runs `stop`, Docker's stop of the container with this id, and calls `exited` as soon as the watched process has ended.
   * A process that has ended before says nothing: Docker may have started another one.
   */
  run<T>(app: AppName, id: string, stop: () => Promise<T>, exited: () => void): Promise<T>;
  /**
   * The same API, whose `json` first waits until Docker has finished every stop whose process has ended: until then it
   * reports the container as running.
   */
  first(api: DockerApi): DockerApi;
}

export function createStops(connection: NodeConnection): Stops {
  const watched = new Map<AppName, Watched>();
  const unfinished = new Set<Promise<unknown>>();
  let beginning = 0;
  return {
    async watch(app, inspect, signal) {
      watched.get(app)?.leave();
      watched.delete(app);
      const others = [...watched.values()].filter((one) => !one.hasEnded);
      if (beginning + others.length >= mostWatched) return;
      beginning += 1;
      try {
        const inspected = await inspect();
        const [pid, id] = [numberAt(inspected, 'State', 'Pid'), textAt(inspected, 'Id')];
        if (pid === undefined || !Number.isSafeInteger(pid) || pid < 2 || id === undefined) return;
        watched.set(app, await watchProcess(connection, pid, id, signal));
      } catch {
        // The stop waits for Docker's answer.
      } finally {
        beginning -= 1;
      }
    },
    async run(app, id, stop, exited) {
      const found = watched.get(app);
      watched.delete(app);
      const isOfUse = found?.id === id && !found.hasEnded;
      const stopped = stop();
      if (isOfUse) {
        const forget = (): void => void unfinished.delete(stopped);
        void found.ended.then((hasEnded) => {
          if (!hasEnded) return;
          unfinished.add(stopped);
          void stopped.then(forget, forget);
          exited();
        });
      }
      try {
        return await stopped;
      } finally {
        found?.leave();
      }
    },
    first: (api) => ({
      ...api,
      json: (request, signal) => Promise.allSettled(unfinished).then(() => api.json(request, signal)),
    }),
  };
}

async function watchProcess(
  connection: NodeConnection,
  pid: number,
  id: string,
  signal: AbortSignal,
): Promise<Watched> {
  const over = new AbortController();
  const argv: Argv = ['tail', '-s', everySeconds, `--pid=${pid}`, '-f', '/dev/null'];
  const command = await connection.spawn(argv, AbortSignal.any([signal, over.signal]));
  const timer = setTimeout(() => over.abort(), unusedMs).unref();
  command.stdin.end();
  command.stdout.resume();
  command.stderr.resume();
  const watched: Watched = {
    id,
    hasEnded: false,
    ended: command.done.then(
      ({ code }) => code === 0,
      () => false,
    ),
    leave: () => {
      clearTimeout(timer);
      over.abort();
    },
  };
  void watched.ended.then(() => {
    watched.hasEnded = true;
  });
  return watched;
}

import type { NodeName } from '../../model/config.ts';
import { allowManyListeners } from '../../model/many-listeners.ts';
import type { Probe } from '../types.ts';

export interface ProbeOptions {
  readonly probe: Probe;
  readonly nodes: readonly NodeName[];
  readonly ports: readonly number[];
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

const everyMs = 100;

/** Connects to every port on every node, ten times a second, until stopped; then says how many were refused. */
export function startProbing({ probe, nodes, ports, sleep }: ProbeOptions): () => Promise<number> {
  const end = new AbortController();
  // Each probe of a held port waits until the end.
  allowManyListeners(end.signal);
  let refused = 0;
  const ask = async (node: NodeName, port: number): Promise<void> => {
    try {
      if ((await probe(node, port, end.signal)) === 'refused') refused += 1;
    } catch {
      // A node that cannot be asked says nothing about its port.
    }
  };
  const loop = async (): Promise<void> => {
    const pending = new Set<Promise<void>>();
    while (!end.signal.aborted) {
      for (const node of nodes) {
        for (const port of ports) {
          const asked = ask(node, port).finally(() => pending.delete(asked));
          pending.add(asked);
        }
      }
      await sleep(everyMs, end.signal).catch(() => undefined);
    }
    await Promise.all(pending);
  };
  const running = loop();
  return async () => {
    end.abort();
    await running;
    return refused;
  };
}

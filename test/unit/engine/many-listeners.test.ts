import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startProbing } from '../../../src/engine/run/switch-probe.ts';
import type { Probe } from '../../../src/engine/types.ts';
import { allowManyListeners } from '../../../src/model/many-listeners.ts';
import { createTuiSimulation } from '../../../src/simulation/tui-simulation.ts';
import { warningsDuring } from '../../fakes/warnings.ts';

const listen = (signal: AbortSignal, times: number): void => {
  for (let n = 0; n < times; n += 1) signal.addEventListener('abort', () => n, { once: true });
};

describe('signals with many listeners', () => {
  it('warn at the eleventh listener unless they are said to have many', async () => {
    const warnings = await warningsDuring(async () => listen(new AbortController().signal, 11));
    expect(warnings).toEqual([expect.stringMatching(/^MaxListenersExceededWarning: .*11 abort listeners/)]);
    const allowed = AbortSignal.any([new AbortController().signal]);
    expect(await warningsDuring(async () => listen(allowManyListeners(allowed), 50))).toEqual([]);
  });

  it('do not warn while the probes of a switch wait at held ports', async () => {
    let waiting = 0;
    // As a TCP connection to a held port: it ends with the probing.
    const probe: Probe = (_node, _port, signal) => {
      waiting += 1;
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve('held'), { once: true }));
    };
    const nodes = ['n1', 'n2'];
    const warnings = await warningsDuring(async () => {
      const stop = startProbing({ probe, nodes, ports: [80], sleep: (_ms, signal) => sleep(1, undefined, { signal }) });
      while (waiting < 40) await sleep(1);
      expect(await stop()).toBe(0);
    });
    expect(warnings).toEqual([]);
  });

  it('do not warn while many nodes are monitored', async () => {
    const scale = { nodes: 12, containers: 12, eventsPerSecond: 1 };
    const simulation = createTuiSimulation({ fast: true, scale });
    const { engine } = simulation;
    const stop = new AbortController();
    const warnings = await warningsDuring(async () => {
      const monitoring = engine.monitor(stop.signal);
      while (Object.keys(engine.store.getSnapshot().nodes).length < scale.nodes) await sleep(5);
      // Now each rests, with its loops, until the next look.
      await sleep(50);
      stop.abort();
      await monitoring;
    });
    simulation.end();
    await engine.close();
    expect(warnings).toEqual([]);
  });
});

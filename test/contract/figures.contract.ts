import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NodeClient } from '../../src/engine/node-client.ts';
import type { ContainerSpec } from '../../src/model/cluster.ts';
import { containerName } from '../../src/model/names.ts';

export interface FiguresUnderTest {
  readonly client: NodeClient;
  /** A program that runs until it is stopped. */
  readonly program: Pick<ContainerSpec, 'image' | 'command'>;
  close(): Promise<void>;
}

/** The suite that the figures over SSH and those in memory both pass. */
export function figuresContract(name: string, make: () => Promise<FiguresUnderTest>): void {
  describe(`the figures, ${name}`, () => {
    const signal = new AbortController().signal;
    const application = `contract-${randomUUID().slice(0, 8)}`;
    let under: FiguresUnderTest;
    const figures = (names: readonly string[] = []) => under.client.figures(names, signal);

    beforeAll(async () => {
      under = await make();
      const spec = {
        application,
        ...under.program,
        ports: [],
        environment: {},
        mounts: [],
        restartPolicy: { name: 'never' },
      } as const;
      await under.client.containers.create(spec, {}, signal);
      await under.client.containers.start(application, signal);
      // An observation comes before every measurement.
      await under.client.observe(signal);
    });
    afterAll(async () => {
      await under?.client.containers.stop(application, 0, signal);
      await under?.client.containers.remove(application, signal);
      await under?.close();
    });

    test('have no load of the processor before there is something to compare with, and one from then on', async () => {
      expect(await figures()).not.toHaveProperty('cpuPercent');
      await pause(50);
      const { cpuPercent, cores } = await figures();
      expect(cpuPercent).toBeGreaterThanOrEqual(0);
      expect(cpuPercent).toBeLessThanOrEqual(100);
      expect(cores).toBeGreaterThanOrEqual(1);
    });

    test('name the pool as an observation does, and less memory in use than there is', async () => {
      const [measured, observed] = [await figures(), await under.client.observe(signal)];
      expect(measured.pool).toMatchObject({
        name: observed.pool.name,
        health: 'ONLINE',
        sizeBytes: observed.pool.sizeBytes,
      });
      expect(measured.memoryUsedBytes).toBeGreaterThan(0);
      expect(measured.memoryUsedBytes).toBeLessThan(measured.memoryTotalBytes);
    });

    test('measure the containers asked for, and leave out what is not there', async () => {
      const names = [containerName(application), 'drover-nowhere'];
      await figures(names);
      await pause(50);
      const { containers } = await figures(names);
      expect(Object.keys(containers)).toEqual([containerName(application)]);
      const own = containers[containerName(application)];
      expect(own?.cpuPercent).toBeGreaterThanOrEqual(0);
      expect(own?.memoryBytes).toBeGreaterThan(0);
      expect((await figures()).containers).toEqual({});
    });

    test('go on after a caller has cancelled', async () => {
      const late = new AbortController();
      const given = under.client.figures([], late.signal);
      late.abort();
      await given.catch(() => undefined);
      expect((await figures()).memoryTotalBytes).toBeGreaterThan(0);
      await expect(under.client.figures([], AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
    });
  });
}

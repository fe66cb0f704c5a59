import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NodeClient } from '../../src/engine/node-client.ts';
import type { Program } from './container-runtime.contract.ts';

/** One node with its dead-man; what the test makes goes with `close`. */
export interface DeadManUnderTest {
  readonly client: NodeClient;
  /** Another controller's connection to the same node. */
  readonly other: NodeClient;
  /** Id of the node, as `drover:owner` has it. */
  readonly nodeId: string;
  /** Runs until TERM, then ends at once. */
  readonly program: Program;
  /** How long the node may take to find that the time is over. */
  readonly slackMs: number;
  /** Until nothing is armed for the application any more, and what its dead-man did is done. */
  over(application: string): Promise<void>;
  close(): Promise<void>;
}

const app = 'contract-dead-man';
const volume = 'contract-dead-man';

/** The suite that the dead-man of a real node and the one in memory both pass. */
export function deadManContract(name: string, make: () => Promise<DeadManUnderTest>): void {
  describe(`the dead-man of a node, ${name}`, () => {
    const signal = new AbortController().signal;
    let under: DeadManUnderTest;
    let client: NodeClient;
    let dataset: string;

    beforeEach(async () => {
      under = await make();
      client = under.client;
      await client.volumes.create(volume, { application: app }, signal);
      dataset = client.volumes.datasetName(volume, app);
      const spec = {
        application: app,
        ...under.program,
        ports: [],
        environment: {},
        mounts: [{ volume, mountpoint: '/data' }],
        restartPolicy: { name: 'always' },
      } as const;
      const directory = await client.volumes.directory(dataset, signal);
      await client.containers.create(spec, { [volume]: directory }, signal);
      await client.containers.start(app, signal);
    });
    afterEach(async () => {
      await client.deadMan.disarm(app, signal);
      await client.containers.stop(app, 1_000, signal);
      await client.containers.remove(app, signal);
      await under.close();
    });

    const stateOf = async () =>
      (await client.containers.list(signal)).find(({ application }) => application === app)?.state;
    const copy = async () => (await client.volumes.list(signal)).find(({ id }) => id === volume);
    /** As the test made it. */
    const seen = (role: 'owner' | 'frozen' = 'owner') =>
      ({ id: volume, dataset, role, owner: under.nodeId, epoch: 1 }) as const;
    const freeze = async (): Promise<void> => {
      await client.containers.stop(app, 5_000, signal);
      await client.volumes.unmount(dataset, signal);
      await client.volumes.setProperties(seen(), { role: 'frozen' }, signal);
    };
    const arm = (afterMs = 1_000) => client.deadMan.arm(app, [seen()], [], afterMs, signal);
    /** As in a run: the mover holds the lock of the node until it is gone. */
    const whileLocked = async (act: () => Promise<void>): Promise<void> => {
      const lock = await under.other.mutex.acquire('anna', signal);
      await act();
      await lock.release();
    };
    const expectRunning = async (): Promise<void> => {
      await under.over(app);
      expect(await stateOf()).toBe('running');
    };
    const expectNothingAfter = async (act: () => Promise<void>): Promise<void> => {
      let before: Awaited<ReturnType<typeof copy>>;
      await whileLocked(async () => {
        await act();
        before = await copy();
      });
      await under.over(app);
      expect(await stateOf()).toBe('exited');
      expect(await copy()).toEqual(before);
    };

    test('a frozen volume is owned and mounted again with the next epoch, and the same container runs on it', async () => {
      const before = (await client.containers.list(signal)).find(({ application }) => application === app);
      await whileLocked(async () => {
        await arm();
        await freeze();
      });
      await expectRunning();
      expect(await copy()).toMatchObject({ role: 'owner', owner: under.nodeId, epoch: 2, mounted: true });
      const after = (await client.containers.list(signal)).find(({ application }) => application === app);
      expect(after?.id).toBe(before?.id);
      // Who still counts on the frozen volume is refused.
      const release = { role: 'released', owner: 'another-node', epoch: 2 } as const;
      await expect(client.volumes.setProperties(seen('frozen'), release, signal)).rejects.toMatchObject({
        code: 'volume-conflict',
      });
    });

    test('stopped and not frozen yet, it is started, and who was about to freeze is refused as well', async () => {
      await whileLocked(async () => {
        await arm();
        await client.containers.stop(app, 5_000, signal);
      });
      await expectRunning();
      expect(await copy()).toMatchObject({ role: 'owner', epoch: 2, mounted: true });
      await expect(client.volumes.setProperties(seen(), { role: 'frozen' }, signal)).rejects.toMatchObject({
        code: 'volume-conflict',
      });
    });

    test('released, nothing is started and nothing is set', async () => {
      await expectNothingAfter(async () => {
        await arm();
        await freeze();
        const next = { role: 'released', owner: 'another-node', epoch: 2 } as const;
        await client.volumes.setProperties(seen('frozen'), next, signal);
      });
      await expect(client.containers.start(app, signal)).rejects.toMatchObject({ code: 'docker-failed' });
    });

    test('a volume that was taken over since, with another epoch, is left alone', async () => {
      await expectNothingAfter(async () => {
        await arm();
        await freeze();
        await client.volumes.setProperties(seen('frozen'), { role: 'owner', epoch: 2 }, signal);
      });
    });

    const second = () =>
      ({
        application: `${app}-2`,
        ...under.program,
        ports: [],
        environment: {},
        mounts: [{ volume, mountpoint: '/data' }],
        restartPolicy: { name: 'never' },
      }) as const;
    const startSecond = async (): Promise<void> => {
      await client.containers.create(second(), { [volume]: await client.volumes.directory(dataset, signal) }, signal);
      await client.containers.start(second().application, signal);
    };
    const removeSecond = async (): Promise<void> => {
      await client.containers.stop(second().application, 1_000, signal);
      await client.containers.remove(second().application, signal);
    };

    test('a volume that another container runs on is left alone', async () => {
      await expectNothingAfter(async () => {
        await arm();
        await client.containers.stop(app, 5_000, signal);
        await startSecond();
      });
      await removeSecond();
    });

    test('two applications that share a frozen volume both run on it again', async () => {
      await startSecond();
      await whileLocked(async () => {
        await client.deadMan.arm(app, [seen()], [second().application, 'contract-missing'], 1_000, signal);
        await client.deadMan.arm(second().application, [seen()], [app], 1_000, signal);
        await client.containers.stop(second().application, 5_000, signal);
        await freeze();
      });
      await expectRunning();
      await under.over(second().application);
      const all = await client.containers.list(signal);
      expect(all.find(({ application }) => application === second().application)?.state).toBe('running');
      expect(await copy()).toMatchObject({ role: 'owner', owner: under.nodeId, epoch: 3, mounted: true });
      await removeSecond();
    });

    test('next to an application that shares the volume and runs, it is started again', async () => {
      await startSecond();
      await whileLocked(async () => {
        await client.deadMan.arm(app, [seen()], [second().application], 1_000, signal);
        await client.containers.stop(app, 5_000, signal);
      });
      await expectRunning();
      expect(await copy()).toMatchObject({ role: 'owner', epoch: 2, mounted: true });
      await removeSecond();
    });

    test('while a run holds the lock of the node, nothing happens; afterwards it acts', async () => {
      await whileLocked(async () => {
        await arm();
        await freeze();
        const before = await copy();
        await pause(1_000 + under.slackMs);
        expect(await stateOf()).toBe('exited');
        expect(await copy()).toEqual(before);
      });
      await expectRunning();
    });

    test('disarmed, nothing happens, also where it waited for the lock already', async () => {
      await expectNothingAfter(async () => {
        await arm();
        await freeze();
        await pause(1_000 + under.slackMs);
        await client.deadMan.disarm(app, signal);
      });
    });

    test('a container that was started and stopped since is left alone', async () => {
      await expectNothingAfter(async () => {
        await arm();
        await client.containers.stop(app, 5_000, signal);
        await client.containers.start(app, signal);
        await client.containers.stop(app, 5_000, signal);
      });
    });

    test('armed again, the last time counts; without a container there is nothing to arm', async () => {
      await whileLocked(async () => {
        await arm(600_000);
        await freeze();
        await arm();
      });
      await expectRunning();
      await client.deadMan.arm('contract-missing', [seen()], [], 1_000, signal);
    });
  });
}

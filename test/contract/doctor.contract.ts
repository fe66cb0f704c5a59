import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NodeClient } from '../../src/engine/node-client.ts';

export interface DoctorUnderTest {
  readonly client: NodeClient;
  /** The text of provision.sh. */
  readonly provision: string;
  /** How far the node's clock may be from this machine's. */
  readonly clockMs: number;
  close(): Promise<void>;
}

/** The suite that the examination over SSH and that in memory both pass, on a node that is well. */
export function doctorContract(name: string, make: () => Promise<DoctorUnderTest>): void {
  describe(`the examination, ${name}`, () => {
    const signal = new AbortController().signal;
    let under: DoctorUnderTest;
    beforeAll(async () => {
      under = await make();
    });
    afterAll(() => under?.close());

    test('counts the sessions that it was granted, and leaves none open', async () => {
      const { doctor } = under.client;
      // sshd grants ten by default; one of them may still be ending, of a command before.
      expect(await doctor.sessions(10, signal)).toBeGreaterThanOrEqual(9);
      expect(await doctor.sessions(10, signal)).toBeGreaterThanOrEqual(9);
    });

    test('reads the clock', async () => {
      const before = Date.now();
      const there = await under.client.doctor.clock(signal);
      expect(there).toBeGreaterThan(before - under.clockMs);
      expect(there).toBeLessThan(Date.now() + under.clockMs);
    });

    test('reads what an observation leaves out, the same as that where both do', async () => {
      const before = Date.now();
      const system = await under.client.doctor.system(signal);
      const after = Date.now();
      const facts = await under.client.observe(signal);
      expect(system).toMatchObject({ forwards: { ipv4: true }, pool: { health: facts.pool.health } });
      expect(system.docker).toMatchObject({ api: facts.versions.dockerApi, fit: 'well' });
      expect(system.zfs.userland).toMatch(/^\d+\.\d+\.\d+/);
      expect(system.zfs.module).toMatch(/^\d+\.\d+\.\d+/);
      expect(system.pool.capacity).toBeLessThan(100);
      expect(system.pool.errors).toBe('No known data errors');
      expect(system.snapshotters).toEqual([]);
      expect(system.firewall.accepted).toEqual(expect.arrayContaining([...facts.network.peers]));
      // Emulated nodes take half a minute for it when the machine is busy.
      expect(system.nowMs).toBeGreaterThan(before - under.clockMs - 1_000);
      expect(system.nowMs).toBeLessThan(after + under.clockMs + 1_000);
    });

    test('sees a dataset with its role, its snapshots and holds', async () => {
      const { volumes, doctor } = under.client;
      const volume = `examined-${Date.now()}`;
      await volumes.create(volume, {}, signal);
      const name = volumes.datasetName(volume, undefined);
      await volumes.snapshot(name, 'drover-e1-1', signal);
      await volumes.hold(name, 'drover-e1-1', 'drover', signal);
      const { datasets, snapshots } = await doctor.system(signal);
      expect(datasets.find((one) => one.name === name)).toMatchObject({
        role: 'owner',
        readonly: false,
        mounted: true,
        canmount: 'noauto',
        autoSnapshot: 'false',
        mountpoint: { source: expect.stringMatching(/^inherited/) },
        hasResumeToken: false,
        bookmarks: 0,
      });
      expect(snapshots.filter(({ dataset }) => dataset === name)).toMatchObject([
        { name: 'drover-e1-1', holds: ['drover'] },
      ]);
    });

    test('has provision.sh say that every step is done', async () => {
      const steps = await under.client.doctor.provision(under.provision, signal);
      expect(steps.length).toBeGreaterThan(3);
      expect(steps.filter(({ state }) => state !== 'done')).toEqual([]);
    });

    test('distinguishes an open port from a closed one, and reads the banner of sshd', async () => {
      const { doctor, observe } = { ...under.client };
      const { meshAddress } = await observe(signal);
      const [place] = doctor.sshPlaces;
      const answers = await doctor.connect(
        [
          { address: place?.address ?? '', port: place?.port ?? 0, banner: true },
          { address: meshAddress, port: 9 },
          { address: '192.0.2.1', port: 9 },
        ],
        signal,
      );
      expect(answers.map(({ result }) => result)).toEqual(['accepted', 'refused', 'silent']);
      expect(answers[0]?.said).toMatch(/^SSH-2\.0/);
      expect(await doctor.connect([], signal)).toEqual([]);
    });
  });
}

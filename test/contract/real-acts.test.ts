import { randomUUID } from 'node:crypto';
import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, SnapshotRef } from '../../src/engine/types.ts';
import type { Config } from '../../src/model/config.ts';
import type { NodeConnection } from '../../src/node/ssh/connection.ts';
import { aConfig, anApplication } from '../builders.ts';
import {
  closePlayground,
  connectTo,
  type LabNode,
  labEngine,
  newPlayground,
  openPlayground,
  patientSettings,
  readLab,
} from './lab.ts';

const [first, second] = readLab();
const signal = AbortSignal.timeout(3_600_000);
const run = randomUUID().slice(0, 8);
const name = `acts-${run}`;
const volume = `acts-volume-${run}`;
const app = anApplication(name, {
  image: { repository: 'drover/busybox', tag: '1' },
  command: ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait'],
  volumes: [{ id: volume, mountpoint: '/data' }],
});

describe.skipIf(first === undefined || second === undefined)('acts on real nodes', () => {
  if (first === undefined || second === undefined) return;
  const playground = newPlayground();
  const nodes = [first, second] as const;
  let connections: readonly NodeConnection[] = [];
  let engine: Engine;
  let config: Config;

  const placedOn = (node: LabNode): Config => {
    const deployment = Object.fromEntries(nodes.map((one) => [one.name, one === node ? [name] : []]));
    return aConfig([app], deployment, {
      revision: `on ${node.name}`,
      nodes: Object.fromEntries(nodes.map((one) => [one.name, one.settings])),
      settings: { ...patientSettings, ...playground },
    });
  };
  const inContainer = async (command: string): Promise<string> => {
    const session = await engine.acts.exec(name, { command: ['sh', '-c', command], tty: false }, signal);
    session.stdin.end();
    const [out, err, code] = await Promise.all([
      readText(session.stdout),
      session.stderr === undefined ? '' : readText(session.stderr),
      session.ended,
    ]);
    expect([err, code]).toEqual(['', 0]);
    return out;
  };
  const volumesOn = async (node: LabNode) =>
    (await engine.acts.zfs(node.name, signal)).map(({ volume: id, role }) => `${id} ${role}`).toSorted();

  beforeAll(async () => {
    connections = await Promise.all(nodes.map((node) => connectTo(node)));
    for (const connection of connections) await openPlayground(connection, playground);
    config = placedOn(first);
    engine = labEngine(() => config);
  });
  afterAll(async () => {
    for (const connection of connections) {
      await connection.script('docker rm -f "drover-$1" >/dev/null 2>&1; true', [name]);
      await closePlayground(connection, playground);
      await connection.close();
    }
    await engine?.close();
  });

  it('an application is stopped, started and restarted, rolled back and moved with what it then has', async () => {
    expect(await engine.converge(signal)).toMatchObject({ result: 'converged' });
    await inContainer('echo good >/data/file; sync');
    const [ref] = await engine.acts.snapshot(name, 'good', signal);
    await inContainer('echo bad >/data/file; echo more >/data/other; sync');
    await engine.acts.stop(name, signal);
    await expect(engine.acts.exec(name, { tty: false }, signal)).rejects.toMatchObject({ code: 'docker-failed' });
    await engine.acts.start(name, signal);
    await engine.acts.restart(name, signal);
    expect(await inContainer('cat /data/file')).toBe('bad\n');

    const good: SnapshotRef = ref ?? expect.fail('no snapshot');
    const kept = await engine.acts.rollBack(name, good, signal);
    expect(kept).toEqual([good.dataset]);
    expect(await inContainer('cat /data/file; ls /data; echo new >>/data/file; cat /data/file')).toBe(
      'good\nfile\ngood\nnew\n',
    );
    expect(await volumesOn(first)).toEqual([
      `${volume} owner`,
      expect.stringMatching(`^${volume}-before-\\d{8}-\\d{6} retired$`),
    ]);
    // The record of which nodes may have copies was of the data that the roll-back replaced: one step writes a new one.
    expect(await engine.converge(signal)).toEqual({ result: 'converged', steps: 1 });
    expect(await engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });

    config = placedOn(second);
    expect(await engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(await inContainer('cat /data/file')).toBe('good\nnew\n');
    expect(await volumesOn(second)).toEqual([`${volume} owner`]);

    // What was before the roll-back is still there, and may be destroyed by a person at any time.
    const [connection] = connections;
    await connection?.script(
      'for s in $(zfs list -H -r -t snapshot -o name "$1"); do zfs holds -H "$s" | while read -r _ t _; do zfs release "$t" "$s"; done; done; zfs destroy -r "$1"',
      kept,
    );
    expect(await volumesOn(first)).toEqual([`${volume} replica`]);
  });
});

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/types.ts';
import type { Config } from '../../src/model/config.ts';
import { isAbort } from '../../src/model/errors.ts';
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
const [writer, reader] = [`writer-${run}`, `reader-${run}`];
const [site, log] = [`site-${run}`, `log-${run}`];
const busybox = {
  image: { repository: 'drover/busybox', tag: '1' },
  command: ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait'],
  restartPolicy: { name: 'always' },
} as const;
const apps = [
  anApplication(writer, { ...busybox, volumes: [{ id: site, mountpoint: '/srv' }] }),
  anApplication(reader, {
    ...busybox,
    volumes: [
      { id: site, mountpoint: '/var/www', readOnly: true },
      { id: log, mountpoint: '/log' },
    ],
  }),
];
const switchMs = 60_000;

describe.skipIf(first === undefined || second === undefined)('two containers that share a volume on real nodes', () => {
  if (first === undefined || second === undefined) return;
  const playground = newPlayground();
  const nodes = [first, second] as const;
  let connections: readonly NodeConnection[] = [];
  let engine: Engine;
  let config: Config;

  const placedOn = (node: LabNode): Config => {
    const names = apps.map(({ name }) => name);
    const deployment = Object.fromEntries(nodes.map((one) => [one.name, one === node ? names : []]));
    return aConfig(apps, deployment, {
      revision: `on ${node.name}`,
      nodes: Object.fromEntries(nodes.map((one) => [one.name, one.settings])),
      settings: { ...patientSettings, ...playground, timeouts: { ...patientSettings.timeouts, switchMs } },
    });
  };
  const newEngine = (): Engine => labEngine(() => config);
  const on = (node: LabNode): NodeConnection => connections[nodes.indexOf(node)] ?? expect.fail('no connection');
  const inside = async (node: LabNode, app: string, command: string): Promise<string> =>
    (await on(node).script('docker exec "drover-$1" sh -c "$2"', [app, command])).stdout;
  const running = async (node: LabNode): Promise<readonly string[]> => {
    const { stdout } = await on(node).script(`docker ps --format '{{.Names}}' | grep -e "-$1$" | sort`, [run], {
      okCodes: [0, 1],
    });
    return stdout.split('\n').filter((line) => line !== '');
  };
  const expectConverged = async (): Promise<void> => {
    const outcome = await engine.converge(signal);
    expect(outcome, JSON.stringify(outcome)).toMatchObject({ result: 'converged' });
  };
  const both = [`drover-${reader}`, `drover-${writer}`];
  const expectShared = async (node: LabNode, text: string): Promise<void> => {
    expect(await running(node)).toEqual(both);
    expect(await inside(node, reader, 'cat /var/www/file')).toBe(text);
    expect(await inside(node, writer, 'cat /srv/file')).toBe(text);
    await expect(inside(node, reader, 'echo no >/var/www/no')).rejects.toThrow();
  };

  beforeAll(async () => {
    connections = await Promise.all(nodes.map((node) => connectTo(node)));
    for (const connection of connections) await openPlayground(connection, playground);
    config = placedOn(first);
    engine = newEngine();
  });
  afterAll(async () => {
    for (const connection of connections) {
      for (const { name } of apps)
        await connection.script('docker rm -f "drover-$1" >/dev/null 2>&1; rm -f "/var/lib/drover/dead-man/$1"', [
          name,
        ]);
      await closePlayground(connection, playground);
      await connection.close();
    }
    await engine?.close();
  });

  it('move with it and back, and go back to a snapshot of it together', async () => {
    await expectConverged();
    await inside(first, writer, 'echo one >/srv/file; sync');
    await expectShared(first, 'one\n');
    for (const node of [second, first]) {
      config = placedOn(node);
      await expectConverged();
      await expectShared(node, 'one\n');
      expect(await engine.converge(signal)).toEqual({ result: 'converged', steps: 0 });
    }
    const [ref] = await engine.acts.snapshot(writer, 'good', signal);
    await inside(first, writer, 'echo two >/srv/file; sync');
    await expectShared(first, 'two\n');
    await engine.acts.rollBack(writer, ref ?? expect.fail('no snapshot'), signal);
    await expectShared(first, 'one\n');
    await expectConverged();
  });

  it('both run again where they were, if drover is gone before the release, and the next run moves them', async () => {
    config = placedOn(second);
    const gone = new AbortController();
    const forget = engine.onEvent((event) => {
      if (event.type === 'step-started' && event.step.startsWith('send-final:')) gone.abort(new Error('killed'));
    });
    await engine.converge(gone.signal).catch((error: unknown) => {
      if (!isAbort(error)) throw error;
    });
    forget();
    await engine.close();
    expect(await running(second)).toEqual([]);
    const records = async () =>
      (await on(first).script('ls /var/lib/drover/dead-man | grep -e "-$1$"', [run], { okCodes: [0, 1] })).stdout;
    expect(await records()).toBe(`${reader}\n${writer}\n`);
    // The node's timers, its lock, and two starts.
    while ((await records()) !== '') await sleep(1_000);
    await expectShared(first, 'one\n');

    engine = newEngine();
    await expectConverged();
    await expectShared(second, 'one\n');
    expect(await running(first)).toEqual([]);
  });
});

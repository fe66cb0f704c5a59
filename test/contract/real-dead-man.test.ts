import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NodeClient } from '../../src/engine/node-client.ts';
import type { RestartPolicy } from '../../src/model/container/fields.ts';
import { createNodeClient } from '../../src/node/connect.ts';
import type { NodeConnection } from '../../src/node/ssh/connection.ts';
import { type DeadManUnderTest, deadManContract } from './dead-man.contract.ts';
import { fenceContract } from './fence.contract.ts';
import { closePlayground, connectTo, newPlayground, openPlayground, patientSettings, readLab } from './lab.ts';

const lab = readLab()[0];
const signal = new AbortController().signal;
const polite = { image: 'drover/busybox:1', command: ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait'] } as const;

const untilOver = `unit=drover-dead-man@$(systemd-escape -- "$1")
for ((at = 0; at < 120; at++)); do
  [ -e "/var/lib/drover/dead-man/$1" ] ||
    systemctl show -P ActiveState "$unit.service" "$unit.timer" | grep -Eqw '(|de)activating|active' || exit 0
  sleep 1
done
exit 1`;

async function openNode(): Promise<{ client: NodeClient; connection: NodeConnection; close(): Promise<void> }> {
  if (lab === undefined) throw new Error('there is no lab');
  const connection = await connectTo(lab);
  const playground = newPlayground();
  await openPlayground(connection, playground);
  return {
    client: createNodeClient(connection, { ...patientSettings, ...playground }, connection.remote.address),
    connection,
    async close() {
      await closePlayground(connection, playground);
      await connection.close();
    },
  };
}

async function openDeadMan(): Promise<DeadManUnderTest> {
  if (lab === undefined) throw new Error('there is no lab');
  const node = await openNode();
  const second = await connectTo(lab);
  const { stdout } = await node.connection.run(['cat', '/etc/drover/node-id']);
  return {
    client: node.client,
    other: createNodeClient(second, patientSettings, second.remote.address),
    nodeId: stdout.trim(),
    program: polite,
    slackMs: 5_000,
    // Polls on the node itself, because many requests would keep an emulated node busy.
    over: async (application) => {
      const { code } = await node.connection.script(untilOver, [application], { timeoutMs: 900_000, okCodes: [0, 1] });
      expect(code, 'its dead-man is at work after two minutes').toBe(0);
    },
    async close() {
      await second.close();
      await node.close();
    },
  };
}

// An emulated node that shares its processor takes minutes for five containers.
describe.skipIf(lab === undefined)('on a real node', () => {
  deadManContract('systemd, OpenZFS and Docker', openDeadMan);
  fenceContract('OpenZFS over SSH', async () => {
    const { client, other, close } = await openDeadMan();
    return { one: client, other, close };
  });

  describe('restart policies', () => {
    const always = { name: 'always' } as const;
    let node: Awaited<ReturnType<typeof openNode>>;
    const apps: string[] = [];
    beforeAll(async () => {
      node = await openNode();
    });
    afterAll(async () => {
      for (const app of apps) {
        await node.client.containers.stop(app, 0, signal);
        await node.client.containers.remove(app, signal);
      }
      await node?.close();
    });

    /** A started container on a volume of its own. */
    const started = async (app: string, restartPolicy: RestartPolicy, command: readonly string[]) => {
      const { volumes, containers } = node.client;
      apps.push(app);
      await volumes.create(app, { application: app }, signal);
      const directory = await volumes.directory(volumes.datasetName(app, app), signal);
      const fixed = { ports: [], environment: {}, mounts: [{ volume: app, mountpoint: '/data' }] };
      const spec = { application: app, image: polite.image, command, restartPolicy, ...fixed };
      await containers.create(spec, { [app]: directory }, signal);
      await containers.start(app, signal);
      return { dataset: volumes.datasetName(app, app), directory };
    };
    const look = async (app: string): Promise<string> => {
      const format = '{{.State.Status}} {{.RestartCount}} {{.State.ExitCode}}';
      return (await node.connection.run(['docker', 'inspect', '-f', format, `drover-${app}`])).stdout.trim();
    };
    const until = async (app: string, wanted: RegExp): Promise<void> => {
      let seen = await look(app);
      for (let i = 0; i < 60 && !wanted.test(seen); i += 1) {
        await pause(2_000);
        seen = await look(app);
      }
      expect(seen).toMatch(wanted);
    };
    /** The program ends as if it had crashed: Docker did not do it. */
    const kill = async (app: string): Promise<void> => {
      await node.connection.script('kill -9 "$(docker inspect -f "{{.State.Pid}}" "drover-$1")"', [app]);
    };
    const inMountpoint = async (directory: string): Promise<string> =>
      (await node.connection.run(['find', directory.replace(/\/data$/, ''), '-mindepth', '1'])).stdout;

    test('always and unless-stopped bring it back, never does not, on-failure so often as it says', async () => {
      const fails = ['sh', '-c', 'exit 3'];
      const ends = ['sh', '-c', 'exit 0'];
      await started('contract-always', always, polite.command);
      await started('contract-unless', { name: 'unless-stopped' }, polite.command);
      await started('contract-never', { name: 'never' }, polite.command);
      await started('contract-twice', { name: 'on-failure', maximumRetryCount: 2 }, fails);
      await started('contract-ended', { name: 'on-failure', maximumRetryCount: 2 }, ends);
      for (const app of ['contract-always', 'contract-unless', 'contract-never']) await kill(app);
      await until('contract-always', /^running 1 /);
      await until('contract-unless', /^running 1 /);
      await until('contract-never', /^exited 0 137$/);
      await until('contract-twice', /^exited 2 3$/);
      await until('contract-ended', /^exited 0 0$/);
    });

    test('none starts a container whose volume is not mounted, and nothing is made in its place', async () => {
      const refused = await started('contract-refused', always, polite.command);
      const stopped = await started('contract-stopped', always, polite.command);
      await node.client.containers.stop('contract-stopped', 5_000, signal);
      // On the host alone: the container has a mount of its own, and a process that ends is what Docker answers to.
      await node.connection.run(['zfs', 'unmount', refused.dataset]);
      await node.client.volumes.unmount(stopped.dataset, signal);
      await kill('contract-refused');
      await until('contract-refused', /^(exited|restarting|created) /);
      await pause(2_000);
      expect(await look('contract-refused')).not.toMatch(/^running/);
      for (const app of ['contract-refused', 'contract-stopped']) {
        await expect(node.client.containers.start(app, signal)).rejects.toMatchObject({ code: 'docker-failed' });
      }
      await node.connection.run(['systemctl', 'restart', 'docker'], { timeoutMs: 900_000 });
      await until('contract-always', /^running /);
      for (const [app, { directory }] of [
        ['contract-refused', refused],
        ['contract-stopped', stopped],
      ] as const) {
        expect(await look(app)).not.toMatch(/^running/);
        expect(await inMountpoint(directory)).toBe('');
      }
    });
  });
});

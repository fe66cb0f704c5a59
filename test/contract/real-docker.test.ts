import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ContainerRuntime, LogLine } from '../../src/engine/node-client.ts';
import type { ContainerSpec } from '../../src/model/cluster.ts';
import { SealedContent } from '../../src/model/container/sealed-content.ts';
import { createNodeClient } from '../../src/node/connect.ts';
import { createDockerRuntime } from '../../src/node/docker/runtime.ts';
import { createNodeMutex } from '../../src/node/node-mutex.ts';
import type { NodeConnection } from '../../src/node/ssh/connection.ts';
import { containerRuntimeContract, type RuntimeUnderTest } from './container-runtime.contract.ts';
import { type FiguresUnderTest, figuresContract } from './figures.contract.ts';
import { connectTo, patientSettings, readLab } from './lab.ts';
import { nodeMutexContract } from './node-mutex.contract.ts';

/** The first node of the lab; reading it says why where there is none. */
const lab = readLab()[0];
const signal = new AbortController().signal;
const image = { repository: 'drover/busybox', tag: '1' };
const busybox = 'drover/busybox:1';
const base = '/var/lib/drover-contract';
const shell = (script: string): Pick<ContainerSpec, 'image' | 'command'> => ({
  image: busybox,
  command: ['sh', '-c', script],
});

const open = (user?: string): Promise<NodeConnection> => {
  if (lab === undefined) throw new Error('there is no lab');
  return connectTo(lab, user);
};

/** As `<dataset's mountpoint>/data`: a directory in one of its own. */
async function makeDirectory(connection: NodeConnection, volume: string): Promise<string> {
  const script = 'rm -rf -- "$1" && mkdir -p -- "$1/data"';
  await connection.script(script, [`${base}/${volume}`]);
  return `${base}/${volume}/data`;
}

async function makeRuntime(user?: string): Promise<RuntimeUnderTest> {
  const connection = await open(user);
  return {
    runtime: createDockerRuntime(connection),
    image,
    absent: { repository: 'localhost:1/drover/nowhere', tag: '1' },
    polite: shell('trap "exit 0" TERM; sleep 3600 & wait'),
    hasFiles: true,
    stubborn: shell('trap "" TERM; sleep 3600'),
    makeDirectory: (volume) => makeDirectory(connection, volume),
    async close() {
      await connection.run(['rm', '-rf', base]);
      await connection.close();
    },
  };
}

async function makeClient(user?: string): Promise<FiguresUnderTest> {
  const connection = await open(user);
  return {
    client: createNodeClient(connection, patientSettings, connection.remote.address),
    program: shell('trap "exit 0" TERM; sleep 3600 & wait'),
    close: () => connection.close(),
  };
}

describe.skipIf(lab === undefined)('on a real node', () => {
  containerRuntimeContract('over SSH as root', () => makeRuntime());
  containerRuntimeContract('over SSH with sudo', () => makeRuntime(process.env.DROVER_LAB_SUDO_USER ?? 'drover'));

  figuresContract('over SSH as root', () => makeClient());
  figuresContract('over SSH with sudo', () => makeClient(process.env.DROVER_LAB_SUDO_USER ?? 'drover'));

  nodeMutexContract('over SSH', async () => {
    const [one, other] = await Promise.all([open(), open()]);
    return {
      one: createNodeMutex(one),
      other: createNodeMutex(other),
      loseOne: () => one.close(),
      close: async () => void (await Promise.all([one.close(), other.close()])),
    };
  });

  describe('what only Docker does', () => {
    let connection: NodeConnection;
    let runtime: ContainerRuntime;
    const fixed = { ports: [], environment: {}, mounts: [], restartPolicy: { name: 'never' } } as const;
    const remove = async (app: string): Promise<void> => {
      await runtime.stop(app, 0, signal);
      await runtime.remove(app, signal);
    };
    const fetchLines = async (app: string, options: { follow: boolean; tail?: number }): Promise<LogLine[]> => {
      const lines: LogLine[] = [];
      for await (const line of runtime.logs(app, options, signal)) lines.push(line);
      return lines;
    };
    /** An image with content, owner and mode at /data/db and a link at /data/link; nothing at /none. */
    const makeImage = `set -eu
dir=$(mktemp -d); mkdir -p "$dir/data/db/sub"; echo hello >"$dir/data/db/sub/file"; ln -s sub "$dir/data/db/link"
chown -R 70:71 "$dir/data/db"; chmod 750 "$dir/data/db"; chmod 640 "$dir/data/db/sub/file"
tar -C "$dir" -c . | docker import --change 'CMD ["/none"]' --change 'VOLUME /data/db' - drover-contract/content:1 >/dev/null
rm -rf "$dir"`;

    beforeAll(async () => {
      connection = await open();
      runtime = createDockerRuntime(connection);
      await connection.script(makeImage, []);
    });
    afterAll(async () => {
      await connection?.script(
        'docker rmi -f drover-contract/content:1 >/dev/null; docker rm -f contract-foreign >/dev/null; rm -rf "$1"',
        [base],
        {
          okCodes: [0, 1],
        },
      );
      await connection?.close();
    });

    const fill = async (app: string, mountpoint: string, directory: string): Promise<void> => {
      const mounts = [{ volume: app, mountpoint }];
      await runtime.create(
        { ...fixed, application: app, image: 'drover-contract/content:1', mounts },
        { [app]: directory },
        signal,
      );
      await runtime.remove(app, signal);
    };
    const listing = async (directory: string): Promise<string> =>
      (await connection.run(['find', directory, '-printf', '%P %U:%G %m %l\n'])).stdout
        .split('\n')
        .map((line) => line.trimEnd())
        .sort()
        .join('\n')
        .trim();
    const leftovers = async (): Promise<string> =>
      (
        await connection.script(
          'docker ps -aq --filter label=drover.fill; docker volume ls -q --filter label=drover.fill',
          [],
        )
      ).stdout;

    const sealed = (text: string) => SealedContent.ofText(text);
    const filesOf = (text: string) =>
      [
        { kind: 'secret', name: 'pw', target: '/run/secrets/pw', uid: 70, gid: 71, mode: 0o440, content: sealed(text) },
        { kind: 'config', name: 'c', target: '/etc/new/deep/c', uid: 0, gid: 0, mode: 0o444, content: sealed('x=1') },
      ] as const;
    const inContainer = async (app: string, script: string): Promise<string> =>
      (await connection.run(['docker', 'exec', `drover-${app}`, 'sh', '-c', script])).stdout;
    const sleeper = { ...fixed, image: busybox, command: ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait'] };

    test('secrets and configs are in the container as asked, in nothing that Docker reports, and survive a restart', async () => {
      const app = 'contract-secret';
      await remove(app);
      const secret = `hunter2 ${Date.now()}`;
      await runtime.create({ ...sleeper, application: app, files: filesOf(secret) }, {}, signal);
      await runtime.start(app, signal);
      const look =
        'cat /run/secrets/pw; stat -c " %u:%g %a" /run/secrets/pw /etc/new/deep/c; stat -c "%u %a" /run/secrets /etc/new';
      const wanted = `${secret} 70:71 440\n 0:0 444\n0 755\n0 755\n`;
      expect(await inContainer(app, look)).toBe(wanted);
      await connection.run(['docker', 'restart', '-t', '1', `drover-${app}`]);
      expect(await inContainer(app, look)).toBe(wanted);
      await connection.run(['docker', 'stop', '-t', '1', `drover-${app}`]);
      // As after a reboot: Docker itself restarts, and the container with it.
      await connection.run(['systemctl', 'restart', 'docker']);
      await connection.run(['docker', 'start', `drover-${app}`]);
      expect(await inContainer(app, look)).toBe(wanted);
      const reported = await connection.script(
        'docker inspect "$1"; docker ps -a --no-trunc --format "{{json .}}"; docker image history busybox 2>&1; docker events --since 10m --until 0s',
        [`drover-${app}`],
        { okCodes: [0, 1] },
      );
      expect(reported.stdout).not.toContain('hunter2');
      const outside = await connection.script(
        'runuser -u nobody -- find /var/lib/docker -name pw 2>/dev/null; ls -ld /var/lib/docker',
        [],
        { okCodes: [0, 1] },
      );
      expect(outside.stdout).toMatch(/^drwx--[-x]--[-x] /);
      await remove(app);
      const left = await connection.script('find /var/lib/docker -path "*run/secrets/pw"', []);
      expect(left.stdout).toBe('');
    });

    test('no process of the node shows a secret while its container is made', async () => {
      const app = 'contract-secret-ps';
      await remove(app);
      const over = '/tmp/drover-contract-ps';
      const watching = connection.script(
        'rm -f "$1.done"; while [ ! -e "$1.done" ]; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n" | grep "hunter[3]"; done; true',
        [over],
        { okCodes: [0, 1] },
      );
      await runtime.create({ ...sleeper, application: app, files: filesOf('hunter3') }, {}, signal);
      await runtime.start(app, signal);
      await connection.run(['touch', `${over}.done`]);
      expect((await watching).stdout).toBe('');
      await remove(app);
    });

    test('a new volume gets the content, owner and mode of the image, and nothing is left over', async () => {
      const directory = await makeDirectory(connection, 'filled');
      await fill('contract-fill', '/data/db', directory);
      expect(await listing(directory)).toBe('70:71 750\nlink 70:71 777 sub\nsub 70:71 755\nsub/file 70:71 640');
      expect((await connection.run(['cat', `${directory}/sub/file`])).stdout).toBe('hello\n');
      expect(await leftovers()).toBe('');
      expect((await connection.run(['ls', `${directory}/..`])).stdout).toBe('data\n');
    });

    test('a volume with anything in it stays as it is', async () => {
      const directory = await makeDirectory(connection, 'kept');
      await connection.run(['touch', `${directory}/.mine`]);
      await fill('contract-kept', '/data/db', directory);
      expect((await connection.run(['ls', '-A', directory])).stdout).toBe('.mine\n');
    });

    test('an image without that path leaves the volume empty', async () => {
      const directory = await makeDirectory(connection, 'bare');
      await fill('contract-bare', '/none/such', directory);
      expect(await listing(directory)).toBe('0:0 755');
    });

    test('leftovers of an interrupted run do no harm', async () => {
      const directory = await makeDirectory(connection, 'cut');
      await connection.script(
        'mkdir "$1.filling"; touch "$1.filling/half"; docker volume create --label drover.fill=contract-cut drover.fill.contract-cut.0',
        [directory],
      );
      await fill('contract-cut', '/data/db', directory);
      expect((await connection.run(['ls', '-A', directory])).stdout).toBe('link\nsub\n');
      expect(await leftovers()).toBe('');
    });

    test('log lines come back separately, in order, and following ends with the container', async () => {
      const application = 'contract-logs';
      const script = 'echo one; sleep 0.3; echo two >&2; sleep 0.3; printf "three ä"; sleep 1';
      await runtime.create({ ...fixed, application, ...shell(script) }, {}, signal);
      await runtime.start(application, signal);
      const lines: LogLine[] = [
        { stream: 'stdout', text: 'one' },
        { stream: 'stderr', text: 'two' },
        { stream: 'stdout', text: 'three ä' },
      ];
      expect(await fetchLines(application, { follow: true })).toEqual(lines);
      expect(await fetchLines(application, { follow: false })).toEqual(lines);
      expect(await fetchLines(application, { follow: false, tail: 1 })).toEqual(lines.slice(2));
      await remove(application);
    });

    test('a program writes to two streams, and its terminal has the size it was given', async () => {
      const application = 'contract-exec';
      await runtime.create({ ...fixed, application, ...shell('sleep 600') }, {}, signal);
      await runtime.start(application, signal);
      const plain = await runtime.exec(
        application,
        { command: ['sh', '-c', 'echo out; echo err >&2; exit 3'], tty: false },
        signal,
      );
      const texts = [readText(plain.stdout), plain.stderr === undefined ? undefined : readText(plain.stderr)];
      expect(await Promise.all([...texts, plain.ended])).toEqual(['out\n', 'err\n', 3]);
      const sized = await runtime.exec(application, { command: ['sh'], tty: true, columns: 80, rows: 24 }, signal);
      await sized.resize(132, 43);
      sized.stdin.write('stty size; exit\r');
      expect(await readText(sized.stdout)).toContain('43 132');
      expect(await sized.ended).toBe(0);
      await remove(application);
    });

    test('a foreign container is listed with its ports, and never touched', async () => {
      await connection.run([
        'docker',
        'run',
        '-d',
        '--name',
        'contract-foreign',
        '-p',
        '41099:80',
        busybox,
        'sleep',
        '600',
      ]);
      const foreign = (await runtime.list(signal)).find((container) => container.name === 'contract-foreign');
      expect(foreign).toMatchObject({
        managed: false,
        state: 'running',
        spec: { ports: [{ internal: 80, external: 41099, protocol: 'tcp' }] },
      });
      expect(foreign).not.toHaveProperty('application');
      await connection.run(['docker', 'rename', 'contract-foreign', 'drover-contract-theirs']);
      for (const touch of [
        () => runtime.stop('contract-theirs', 0, signal),
        () => runtime.remove('contract-theirs', signal),
        () => runtime.start('contract-theirs', signal),
      ]) {
        await expect(touch()).rejects.toThrow('not drover');
      }
      await connection.run(['docker', 'rm', '-f', 'drover-contract-theirs']);
    });

    test('a drain waits for the requests that clients have sent, and for no longer than it may', async () => {
      const application = 'contract-drain';
      const client = createNodeClient(connection, patientSettings, connection.remote.address);
      expect(await client.drain(application, 60_000, signal)).toBe(0);
      const server = 'printf "#!/bin/sh\\nsleep 3; echo done" >/slow; chmod +x /slow; exec nc -ll -p 80 -e /slow';
      await runtime.create({ ...fixed, application, ...shell(server) }, {}, signal);
      await runtime.start(application, signal);
      const ask = `address=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' drover-${application})
for _ in $(seq 100); do exec 3<>/dev/tcp/$address/80 && break; sleep 0.1; done; echo asked; cat <&3`;
      const answer = connection.run(['bash', '-c', ask]);
      const began = async (): Promise<boolean> => (await client.drain(application, 0, signal)) === 1;
      await expect.poll(began, { timeout: 60_000, interval: 100 }).toBe(true);
      expect(await client.drain(application, 60_000, signal)).toBe(0);
      expect((await answer).stdout).toBe('asked\ndone\n');
      await remove(application);
    });

    test("a port that is taken is Docker's refusal, in its words", async () => {
      const first: ContainerSpec = {
        ...fixed,
        application: 'contract-port-1',
        ...shell('sleep 60'),
        ports: [{ internal: 80, external: 41070, protocol: 'tcp' }],
      };
      const second: ContainerSpec = { ...first, application: 'contract-port-2' };
      for (const spec of [first, second]) await runtime.create(spec, {}, signal);
      await runtime.start(first.application, signal);
      await expect(runtime.start(second.application, signal)).rejects.toMatchObject({
        code: 'docker-failed',
        message: expect.stringMatching(/cannot start "drover-contract-port-2" on ".*": .*41070/),
      });
      for (const spec of [first, second]) await remove(spec.application);
    });
  });
});

import { randomUUID } from 'node:crypto';
import { text as readText } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ContainerRuntime } from '../../src/engine/node-client.ts';
import type { Container, ContainerSpec } from '../../src/model/cluster.ts';
import type { AppName, ImageRef, VolumeId } from '../../src/model/config.ts';
import { packTree } from '../../src/model/container/file-tree.ts';
import { SealedContent } from '../../src/model/container/sealed-content.ts';

/** A process in an image, as far as a specification says it. */
export type Program = Pick<ContainerSpec, 'image' | 'command' | 'entrypoint'>;

/** One runtime and what it needs to be tried; whatever `makeDirectory` made goes with `close`. */
export interface RuntimeUnderTest {
  readonly runtime: ContainerRuntime;
  /** An image the node has… */
  readonly image: ImageRef;
  /** …and one that is nowhere. */
  readonly absent: ImageRef;
  /** Runs until TERM, then ends at once. */
  readonly polite: Program;
  /** Runs until KILL. */
  readonly stubborn: Program;
  /** Programs in its containers see files. */
  readonly hasFiles?: true;
  /** An empty directory of a volume on the node. */
  makeDirectory(volume: VolumeId): Promise<string>;
  close(): Promise<void>;
}

/** The suite that the runtime over SSH and the one in memory both pass. */
export function containerRuntimeContract(name: string, makeRuntime: () => Promise<RuntimeUnderTest>): void {
  describe(`the container runtime, ${name}`, () => {
    const signal = new AbortController().signal;
    let under: RuntimeUnderTest;
    let runtime: ContainerRuntime;
    const used = new Set<AppName>();
    let count = 0;
    // A run that was cut off leaves its containers behind; they must not be in the way of the next.
    const run = randomUUID().slice(0, 8);

    beforeAll(async () => {
      under = await makeRuntime();
      runtime = under.runtime;
    });
    afterAll(async () => {
      for (const app of used) {
        await runtime.stop(app, 0, signal);
        await runtime.remove(app, signal);
      }
      await under?.close();
    });

    const aSpec = (changes: Partial<ContainerSpec> = {}): ContainerSpec => {
      count += 1;
      const application = `contract-${run}-${count}`;
      used.add(application);
      return {
        application,
        ...under.polite,
        ports: [],
        environment: {},
        mounts: [],
        restartPolicy: { name: 'never' },
        ...changes,
      };
    };
    const find = async (app: AppName): Promise<Container | undefined> =>
      (await runtime.list(signal)).find((container) => container.application === app);
    const started = async (changes: Partial<ContainerSpec> = {}): Promise<AppName> => {
      const spec = aSpec(changes);
      await runtime.create(spec, {}, signal);
      await runtime.start(spec.application, signal);
      return spec.application;
    };

    test('a created container is listed with the specification it was made from, and does not run', async () => {
      const directory = await under.makeDirectory('contract-volume');
      const spec = aSpec({
        ports: [
          { internal: 80, external: 41080, protocol: 'tcp' },
          { internal: 80, external: 41081, protocol: 'tcp' },
          { internal: 53, external: 41082, protocol: 'udp' },
        ],
        environment: { PLAIN: 'value', WITH_EQUALS: 'a=b=c', EMPTY: '' },
        mounts: [{ volume: 'contract-volume', mountpoint: '/data' }],
        memoryLimitBytes: 64 * 1024 * 1024,
        cpuShares: 512,
        restartPolicy: { name: 'on-failure', maximumRetryCount: 3 },
      });
      await runtime.create(spec, { 'contract-volume': directory }, signal);
      const container = await find(spec.application);
      expect(container).toMatchObject({ name: `drover-${spec.application}`, managed: true, state: 'created' });
      const { environment, ...rest } = container?.spec ?? aSpec();
      const { environment: wanted, ...others } = spec;
      expect(rest).toEqual(others);
      expect(environment).toMatchObject(wanted);
      expect(container?.imageId).toBe(await runtime.imageId(under.image, signal));
      expect(container).not.toHaveProperty('startedAt');
      expect(container).not.toHaveProperty('exit');
    });

    test('files of the node, folders in memory and read-only mounts are read back as they were given', async () => {
      const directory = await under.makeDirectory('contract-read-only');
      const spec = aSpec({
        mounts: [
          { volume: 'contract-read-only', mountpoint: '/data', readOnly: true, noCopy: true },
          { volume: 'contract-read-only', mountpoint: '/data/inner/again' },
        ],
        binds: [
          { source: '/etc', mountpoint: '/node/etc', readOnly: true },
          { source: '/tmp', mountpoint: '/node/tmp', propagation: 'rslave', createsSource: true },
        ],
        tmpfs: { '/scratch': '', '/small': 'size=65536,mode=1770' },
      });
      const directories = { 'contract-read-only': directory };
      await runtime.create(spec, directories, signal);
      const { mounts, binds, tmpfs } = (await find(spec.application))?.spec ?? {};
      expect(mounts).toEqual([
        { volume: 'contract-read-only', mountpoint: '/data', readOnly: true },
        { volume: 'contract-read-only', mountpoint: '/data/inner/again' },
      ]);
      expect(binds?.toSorted((a, b) => (a.source < b.source ? -1 : 1))).toEqual([
        { source: '/etc', mountpoint: '/node/etc', readOnly: true },
        { source: '/tmp', mountpoint: '/node/tmp', propagation: 'rslave' },
      ]);
      expect(tmpfs).toEqual(spec.tmpfs);
    });

    test('files that go with an application are bound, and are no folders of the node', async () => {
      const bytes = packTree({
        isFolder: true,
        files: [{ path: 'in/a.txt', mode: 0o644, bytes: Buffer.from('one\n') }],
      });
      const content = new SealedContent(bytes);
      const file = { kind: 'file', name: './conf', target: '/conf', uid: 0, gid: 0, mode: 0, content } as const;
      const app = await started({ files: [file] });
      const { files, binds } = (await find(app))?.spec ?? {};
      expect(binds).toBeUndefined();
      expect(files).toMatchObject([{ kind: 'file', name: './conf', target: '/conf' }]);
      expect(files?.[0] !== undefined && content.equals(files[0].content)).toBe(true);
      if (under.hasFiles !== true) return;
      const cat = await runtime.exec(app, { command: ['cat', '/conf/in/a.txt'], tty: false }, signal);
      cat.stdin.end();
      expect(await readText(cat.stdout)).toBe('one\n');
      const write = await runtime.exec(app, { command: ['touch', '/conf/new'], tty: false }, signal);
      write.stdin.end();
      write.stdout.resume();
      write.stderr?.resume();
      expect(await write.ended).not.toBe(0);
    });

    test('a file that the node does not have is reported before anything is stopped or created', async () => {
      const spec = aSpec({ binds: [{ source: '/nonexistent/media', mountpoint: '/media' }] });
      await expect(runtime.prepare(spec, signal)).rejects.toThrow(/the node does not have \/nonexistent\/media/);
      await expect(runtime.create(spec, {}, signal)).rejects.toThrow(/the node does not have \/nonexistent\/media/);
      expect(await find(spec.application)).toBeUndefined();
    });

    test('secrets and configs are read back as hashes, and only of a container that has started', async () => {
      const content = SealedContent.ofText(`secret ${run}`);
      const file = {
        kind: 'secret',
        name: 'pw',
        target: '/run/secrets/pw',
        uid: 70,
        gid: 71,
        mode: 0o440,
        content,
      } as const;
      const spec = aSpec({ files: [file], hidesCommand: true });
      await runtime.create(spec, {}, signal);
      expect((await find(spec.application))?.spec.files).toBeUndefined();
      await runtime.start(spec.application, signal);
      const seen = await find(spec.application);
      expect(seen?.spec).toMatchObject({
        files: [{ ...file, content: { hash: expect.any(String), salt: expect.any(String) } }],
        hidesCommand: true,
      });
      expect(JSON.stringify(seen)).not.toContain(`secret ${run}`);
      const [found] = seen?.spec.files ?? [];
      expect(found !== undefined && content.equals(found.content)).toBe(true);
      expect(found !== undefined && SealedContent.ofText('other').equals(found.content)).toBe(false);
      // What a node reports is not content for a container.
      await runtime.stop(spec.application, 0, signal);
      await runtime.remove(spec.application, signal);
      await expect(runtime.create({ ...spec, files: seen?.spec.files ?? [] }, {}, signal)).rejects.toThrow(/content/);
      expect(await find(spec.application)).toBeUndefined();
    });

    test('starting is idempotent, and a running container says since when', async () => {
      const app = await started();
      await runtime.start(app, signal);
      expect(await find(app)).toMatchObject({ state: 'running', startedAt: expect.stringMatching(/^2/) });
    });

    test('a container that ends on TERM is not killed', async () => {
      const app = await started();
      await pause(300);
      const result = await runtime.stop(app, 20_000, signal);
      expect(result).toMatchObject({ killed: false });
      expect(await find(app)).toMatchObject({ state: 'exited', exit: { code: result?.code, oomKilled: false } });
    });

    test('a container that ignores TERM is killed after the grace', async () => {
      const app = await started(under.stubborn);
      await pause(300);
      expect(await runtime.stop(app, 1_000, signal)).toEqual({ code: 137, killed: true });
      expect(await find(app)).toMatchObject({ state: 'exited', exit: { code: 137 } });
    });

    test('the end of a program is reported, and from then on its container is stopped for all, and can be started', async () => {
      const app = await started();
      let isReported = false;
      // On a busy node the end may be noticed only after Docker's answer.
      for (let times = 0; times < 5 && !isReported; times += 1) {
        await pause(300);
        await runtime.prepareStop(app, signal);
        let stopping: Promise<unknown> = Promise.resolve();
        const exited = new Promise<void>((resolve) => {
          stopping = runtime.stop(app, 20_000, signal, () => {
            isReported = true;
            resolve();
          });
        });
        await Promise.race([exited, stopping]);
        expect(await find(app)).toMatchObject({ state: 'exited', exit: { oomKilled: false } });
        await runtime.start(app, signal);
        expect(await find(app)).toMatchObject({ state: 'running' });
        await stopping;
      }
      expect(isReported).toBe(true);
    });

    test('where nothing runs there is nothing to stop', async () => {
      const spec = aSpec();
      expect(await runtime.stop(spec.application, 1_000, signal)).toBeUndefined();
      await runtime.create(spec, {}, signal);
      expect(await runtime.stop(spec.application, 1_000, signal)).toBeUndefined();
    });

    test('a stopped container can be started again', async () => {
      const app = await started();
      await runtime.stop(app, 20_000, signal);
      await runtime.start(app, signal);
      expect(await find(app)).toMatchObject({ state: 'running' });
      expect(await find(app)).not.toHaveProperty('exit');
    });

    test('a running container is not removed, a stopped one is, and a second removal is not an error', async () => {
      const app = await started();
      await expect(runtime.remove(app, signal)).rejects.toMatchObject({ code: 'docker-failed' });
      await runtime.stop(app, 20_000, signal);
      await runtime.remove(app, signal);
      expect(await find(app)).toBeUndefined();
      await runtime.remove(app, signal);
    });

    test('a name is not taken twice', async () => {
      const spec = aSpec();
      await runtime.create(spec, {}, signal);
      await expect(runtime.create(spec, {}, signal)).rejects.toMatchObject({ code: 'docker-failed' });
    });

    test('without its image a container is not created', async () => {
      const { repository, tag } = under.absent;
      const spec = aSpec({ image: `${repository}:${tag}` });
      await expect(runtime.create(spec, {}, signal)).rejects.toMatchObject({ code: 'image-missing' });
      expect(await find(spec.application)).toBeUndefined();
    });

    test('without the directory of its volume a container is not created', async () => {
      const spec = aSpec({ mounts: [{ volume: 'contract-nowhere', mountpoint: '/data' }] });
      const directories = { 'contract-nowhere': '/nonexistent/data' };
      await expect(runtime.create(spec, directories, signal)).rejects.toThrow(/nonexistent|contract-nowhere/);
      expect(await find(spec.application)).toBeUndefined();
    });

    test('what is not there cannot be started, and has no log', async () => {
      const { application } = aSpec();
      await expect(runtime.start(application, signal)).rejects.toMatchObject({ code: 'docker-failed' });
      const read = async (): Promise<void> => {
        for await (const line of runtime.logs(application, { follow: false }, signal)) expect(line).toBeUndefined();
      };
      await expect(read()).rejects.toMatchObject({ code: 'docker-failed' });
    });

    test('an image the node does not have has no id, and cannot be pulled from nowhere', async () => {
      expect(await runtime.imageId(under.image, signal)).toEqual(expect.any(String));
      expect(await runtime.imageId(under.absent, signal)).toBeUndefined();
      await expect(runtime.pull(under.absent, () => undefined, signal)).rejects.toMatchObject({
        code: 'image-missing',
      });
    });

    test('an exported image can be imported', async () => {
      const id = await runtime.imageId(under.image, signal);
      if (id === undefined) throw new Error('the image of the test is not there');
      await runtime.importImage(await runtime.exportImage({ id }, signal), signal, { image: under.image, id });
      expect(await runtime.imageId(under.image, signal)).toBe(id);
    });

    test('events report what happens to an application from when the node listens until they are aborted', async () => {
      const controller = new AbortController();
      const seen: string[] = [];
      const spec = aSpec();
      let isOpen = false;
      const opened = (): void => {
        isOpen = true;
      };
      const watching = (async () => {
        for await (const event of runtime.events(controller.signal, opened)) {
          if (event.application === spec.application) seen.push(event.action);
        }
      })();
      while (!isOpen) await pause(10);
      await runtime.create(spec, {}, signal);
      await runtime.start(spec.application, signal);
      await runtime.stop(spec.application, 20_000, signal);
      await runtime.remove(spec.application, signal);
      for (let i = 0; i < 50 && !seen.includes('destroy'); i += 1) await pause(100);
      controller.abort();
      await watching;
      expect(seen.filter((action) => ['create', 'start', 'die', 'destroy'].includes(action))).toEqual([
        'create',
        'start',
        'die',
        'destroy',
      ]);
    });

    test('a program in the container gets its input, and gives its output and its code', async () => {
      const app = await started();
      const echo = await runtime.exec(app, { command: ['echo', 'one', 'two'], tty: false }, signal);
      echo.stdin.end();
      expect(await Promise.all([readText(echo.stdout), readText(echo.stderr ?? echo.stdout), echo.ended])).toEqual([
        'one two\n',
        '',
        0,
      ]);
      const cat = await runtime.exec(app, { command: ['cat'], tty: false }, signal);
      // More than any buffer on the way holds, so that both directions have to wait for each other.
      const much = 'drover\n'.repeat(200_000);
      cat.stdin.end(much);
      cat.stderr?.resume();
      expect(await readText(cat.stdout)).toBe(much);
      expect(await cat.ended).toBe(0);
      const no = await runtime.exec(app, { command: ['false'], tty: false }, signal);
      no.stdout.resume();
      no.stderr?.resume();
      expect(await no.ended).toBe(1);
    });

    test('a program runs as the user, in the folder and with the variables that are given', async () => {
      const app = await started();
      const say = async (command: readonly string[]): Promise<string> => {
        const options = { command, tty: false, user: '7', workingDir: '/tmp', environment: { COLOUR: 'dark blue' } };
        const session = await runtime.exec(app, options, signal);
        session.stdin.end();
        session.stderr?.resume();
        return (await readText(session.stdout)).trim();
      };
      expect((await say(['env'])).split('\n')).toContain('COLOUR=dark blue');
      expect(await say(['pwd'])).toBe('/tmp');
      expect(await say(['id', '-u'])).toBe('7');
    });

    test('a health check is read back, decides about the health, and says what it printed', async () => {
      const healthcheck = { test: ['CMD', 'true'], intervalMs: 1_000, timeoutMs: 30_000, retries: 1 };
      const failing = { ...healthcheck, test: ['CMD-SHELL', 'echo no answer; exit 1'] };
      const apps = {
        good: await started({ healthcheck }),
        bad: await started({ healthcheck: failing }),
        none: await started({ healthcheck: { test: ['NONE'] } }),
      };
      const until = async (app: AppName, health: string): Promise<unknown> => {
        for (let i = 0; i < 1_200; i += 1) {
          const condition = await runtime.condition(app, signal);
          if (condition?.health === health) return condition;
          await pause(100);
        }
        return await runtime.condition(app, signal);
      };
      expect(await until(apps.good, 'healthy')).toMatchObject({ state: 'running', health: 'healthy' });
      expect(await until(apps.bad, 'unhealthy')).toMatchObject({
        health: 'unhealthy',
        healthOutput: expect.stringMatching(/no answer/),
      });
      expect((await find(apps.bad))?.spec.healthcheck).toEqual(failing);
      expect(await find(apps.bad)).not.toHaveProperty('healthOutput');
      expect(await find(apps.none)).not.toHaveProperty('health');
    });

    test('a container of a job that is done is created with this mark', async () => {
      const spec = aSpec({ isDone: true });
      await runtime.create(spec, {}, signal);
      expect(await find(spec.application)).toMatchObject({ state: 'created', spec: { isDone: true } });
    });

    test('without a command a shell runs, on a terminal of its own, until it is left', async () => {
      const app = await started();
      const shell = await runtime.exec(app, { tty: true, columns: 100, rows: 30 }, signal);
      expect(shell.stderr).toBeUndefined();
      await shell.resize(132, 43);
      shell.stdin.write('echo hello\r');
      shell.stdin.write('exit 7\r');
      expect(await readText(shell.stdout)).toMatch(/\r\nhello\r\n/);
      expect(await shell.ended).toBe(7);
    });

    test('what does not run, or is not there, runs no program, and an abort ends one', async () => {
      const app = await started();
      const controller = new AbortController();
      const cat = await runtime.exec(app, { command: ['cat'], tty: false }, controller.signal);
      controller.abort();
      await expect(cat.ended).rejects.toMatchObject({ code: 'cancelled' });
      await runtime.stop(app, 20_000, signal);
      const options = { command: ['true'], tty: false };
      await expect(runtime.exec(app, options, signal)).rejects.toMatchObject({ code: 'docker-failed' });
      const { application } = aSpec();
      await expect(runtime.exec(application, options, signal)).rejects.toMatchObject({ code: 'docker-failed' });
    });

    test('an aborted call is cancelled', async () => {
      const controller = new AbortController();
      controller.abort();
      await expect(runtime.list(controller.signal)).rejects.toSatisfy(
        (error) =>
          error instanceof Error && ('code' in error ? error.code === 'cancelled' : error.name === 'AbortError'),
      );
    });
  });
}

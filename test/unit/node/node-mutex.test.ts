import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createNodeMutex } from '../../../src/node/node-mutex.ts';
import { connect, type NodeConnection } from '../../../src/node/ssh/connection.ts';
import { nodeMutexContract } from '../../contract/node-mutex.contract.ts';
import { scriptedConnection } from '../../fakes/scripted-connection.ts';
import { noSshd, type PrivateSshd, startSshd } from '../../support/private-sshd.ts';

const noLock = noSshd ?? (existsSync('/usr/bin/flock') ? undefined : 'no /usr/bin/flock');
if (noLock !== undefined) console.log(`skipped: the lock over SSH: ${noLock}`);
const signal = new AbortController().signal;
const source = fileURLToPath(new URL('../../../src/node/', import.meta.url));

describe.skipIf(noLock !== undefined)('over a private sshd', () => {
  let sshd: PrivateSshd;
  let scratch = '';
  let file = '';
  const files = () => ({
    lock: file,
    set: `${file}.set`,
    old: join(open777, 'drover.lock'),
    audit: `${file}.audit`,
  });
  /** As /run/lock is: every login may write there. */
  let open777 = '';
  const mutexOn = (connection: NodeConnection) => createNodeMutex(connection, undefined, files());
  const open = (): Promise<NodeConnection> => connect('node1', sshd.settings, { env: sshd.env }, signal);

  beforeAll(async () => {
    sshd = await startSshd();
    // Below the sources, so that the bundled controller finds its packages.
    scratch = mkdtempSync(join(source, '../../node_modules/.drover-mutex-'));
    file = join(mkdtempSync(join(tmpdir(), 'drover-lock-')), 'drover.lock');
    open777 = mkdtempSync(join(tmpdir(), 'drover-old-lock-'));
    chmodSync(open777, 0o1777);
  });
  afterAll(() => {
    sshd?.close();
    rmSync(scratch, { recursive: true, force: true });
    rmSync(join(file, '..'), { recursive: true, force: true });
    rmSync(open777, { recursive: true, force: true });
  });

  nodeMutexContract('over SSH', async () => {
    const [one, other] = await Promise.all([open(), open()]);
    return {
      one: mutexOn(one),
      other: mutexOn(other),
      loseOne: () => one.close(),
      close: async () => void (await Promise.all([one.close(), other.close()])),
    };
  });

  test('a controller that was killed with -9 no longer holds the lock', async () => {
    const entry = join(scratch, 'controller.ts');
    writeFileSync(
      entry,
      `import { connect } from '${source}ssh/connection.ts';
import { createNodeMutex } from '${source}node-mutex.ts';
const signal = new AbortController().signal;
const connection = await connect('node1', ${JSON.stringify(sshd.settings)}, { env: process.env }, signal);
await createNodeMutex(connection, undefined, ${JSON.stringify(files())}).acquire('the killed one', signal);
console.log('locked');
`,
    );
    const outfile = join(scratch, 'controller.mjs');
    await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', packages: 'external' });
    const controller = spawn(process.execPath, [outfile], {
      env: { ...sshd.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => controller.stdout.once('data', resolve));
    const connection = await open();
    const mutex = mutexOn(connection);
    await expect(mutex.acquire('bert', signal)).rejects.toMatchObject({
      code: 'lock-held',
      message: expect.stringContaining('the killed one'),
    });
    controller.kill('SIGKILL');
    let handle: Awaited<ReturnType<typeof mutex.acquire>> | undefined;
    for (let i = 0; i < 50 && handle === undefined; i += 1) {
      handle = await mutex.acquire('bert', signal).catch(() => undefined);
      if (handle === undefined) await pause(100);
    }
    expect(handle?.lost.aborted).toBe(false);
    await handle?.release();
    await connection.close();
  });

  test('only root can read the audit file, which is bounded and has the address that sshd saw', async () => {
    const connection = await open();
    const audit = join(dirname(file), 'bounded.log');
    const mutex = createNodeMutex(connection, undefined, { ...files(), audit });
    const note = { run: 'r1', deployment: 'shop', verb: 'apply' };
    writeFileSync(audit, `${'x'.repeat(99)}\n`.repeat(11_000));
    await (await mutex.acquire({ owner: 'anna@laptop', note: note }, signal)).release('converged');
    expect(statSync(audit).size).toBeLessThan(600_000);
    expect((await mutex.audit(signal)).map(({ from, event }) => [from, event])).toEqual([
      ['127.0.0.1', 'began'],
      ['127.0.0.1', 'ended'],
    ]);
    rmSync(audit);
    await (await mutex.acquire({ owner: 'anna@laptop', note: note }, signal)).release('converged');
    expect(statSync(audit).mode & 0o777).toBe(0o600);
    await connection.close();
  });

  test('an audit file that is a link is not written to, and the lock is taken all the same', async () => {
    const connection = await open();
    const audit = join(dirname(file), 'linked.log');
    writeFileSync(`${audit}.target`, 'precious');
    symlinkSync(`${audit}.target`, audit);
    const mutex = createNodeMutex(connection, undefined, { ...files(), audit });
    await (await mutex.acquire({ owner: 'anna', note: { run: 'r', deployment: 'd', verb: 'v' } }, signal)).release(
      'done',
    );
    expect(readFileSync(`${audit}.target`, 'utf8')).toBe('precious');
    await connection.close();
  });

  /** Holds the lock file of earlier versions, as the login with this number, until it is killed. */
  const holdOld = async (uid: number): Promise<() => Promise<void>> => {
    const script = `setpriv --reuid=${uid} --clear-groups flock "$0" sh -c 'echo held; exec sleep 1000'`;
    const holder = spawn('sh', ['-c', `exec ${script}`, files().old], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    return async () => {
      const ended = new Promise((resolve) => holder.once('close', resolve));
      process.kill(-(holder.pid ?? 0), 'SIGKILL');
      await ended;
    };
  };

  test('only root can open it, and its folder', async () => {
    const connection = await open();
    const handle = await mutexOn(connection).acquire('anna', signal);
    expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
    for (const name of Object.values(files())) expect(statSync(name).mode & 0o777).toBe(0o600);
    await handle.release();
    await connection.close();
  });

  test('another login that holds the lock of earlier versions, open to all, blocks no run', async () => {
    for (const make of [
      () => writeFileSync(files().old, '', { mode: 0o644 }),
      () => {
        writeFileSync(files().old, 'not yours', { mode: 0o666 });
        chownSync(files().old, 65_534, 65_534);
      },
    ]) {
      rmSync(files().old, { force: true });
      make();
      const end = await holdOld(65_534);
      const connection = await open();
      const handle = await mutexOn(connection).acquire('anna', signal);
      expect(readFileSync(files().old, 'utf8')).toContain('anna');
      await handle.release();
      await connection.close();
      await end();
    }
  });

  test.each(['a directory', 'a link', 'a pipe'])('%s in the place of the old lock is not an obstacle', async (kind) => {
    rmSync(files().old, { recursive: true, force: true });
    writeFileSync(join(open777, 'precious'), 'precious');
    if (kind === 'a directory') mkdirSync(files().old);
    else if (kind === 'a link') symlinkSync(join(open777, 'precious'), files().old);
    else execFileSync('mkfifo', [files().old]);
    const connection = await open();
    const handle = await mutexOn(connection).acquire('anna', signal);
    await handle.release();
    await connection.close();
    expect(readFileSync(join(open777, 'precious'), 'utf8')).toBe('precious');
  });

  test('an earlier version of drover, or of its programs on the node, excludes it and is excluded', async () => {
    rmSync(files().old, { recursive: true, force: true });
    writeFileSync(files().old, '{"owner":"the dead-man of pg","since":"now"}\n', { mode: 0o644 });
    const end = await holdOld(0);
    const connection = await open();
    await expect(mutexOn(connection).acquire('anna', signal)).rejects.toMatchObject({
      code: 'lock-held',
      details: { owner: 'the dead-man of pg' },
    });
    await end();
    const handle = await mutexOn(connection).acquire('anna', signal);
    expect(spawnSync('flock', ['-n', files().old, 'true']).status).toBe(1);
    await handle.release();
    await connection.close();
  });

  test('a symbolic link is not followed', async () => {
    const connection = await open();
    const link = `${file}.link`;
    writeFileSync(`${file}.target`, 'precious');
    symlinkSync(`${file}.target`, link);
    const linked = createNodeMutex(connection, undefined, { ...files(), lock: link });
    await expect(linked.acquire('anna', signal)).rejects.toMatchObject({
      code: 'command-failed',
      message: expect.stringContaining('symbolic link'),
    });
    await connection.close();
  });
});

describe('a node that misbehaves', () => {
  afterEach(() => void vi.useRealTimers());
  /** A node whose command answers so, and ends only where it is stopped. */
  const stubborn = (answer?: string) => {
    const stdout = new PassThrough();
    if (answer !== undefined) stdout.write(answer);
    let stopped = false;
    const connection: NodeConnection = {
      ...scriptedConnection(),
      spawn: async (_argv, stop) => {
        stop.addEventListener('abort', () => {
          stopped = true;
        });
        const done = new Promise<never>(() => undefined);
        return { stdin: new PassThrough(), stdout, stderr: new PassThrough(), done };
      },
    };
    return { mutex: createNodeMutex(connection), isStopped: () => stopped };
  };

  test('and keeps the channel open delays a release by 5 s at most', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    const { mutex, isStopped } = stubborn('locked\n');
    const acquiring = mutex.acquire('anna', signal);
    await vi.advanceTimersByTimeAsync(10);
    const handle = await acquiring;
    let isOver = false;
    const releasing = handle.release().then(() => {
      isOver = true;
    });
    await vi.advanceTimersByTimeAsync(4_900);
    expect(isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    await releasing;
    expect(isStopped()).toBe(true);
    expect(handle.lost.aborted).toBe(false);
  });

  test('and is silent is given up after a minute', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
    const { mutex, isStopped } = stubborn();
    const failure = mutex.acquire('anna', signal).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(61_000);
    expect(await failure).toMatchObject({ code: 'timeout', retryable: true });
    expect(isStopped()).toBe(true);
  });

  test('and prints without end is given up at once', async () => {
    const { mutex, isStopped } = stubborn('a'.repeat(100_000));
    await expect(mutex.acquire('anna', signal)).rejects.toMatchObject({ code: 'command-failed' });
    expect(isStopped()).toBe(true);
  });
});

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNodeMutex } from '../../../src/node/node-mutex.ts';
import { connect, type NodeConnection } from '../../../src/node/ssh-connection.ts';
import { nodeMutexContract } from '../../contract/node-mutex.contract.ts';
import { noSshd, type PrivateSshd, startSshd } from '../../support/private-sshd.ts';

const noLock = noSshd ?? (existsSync('/usr/bin/flock') ? undefined : 'no /usr/bin/flock');
if (noLock !== undefined) console.log(`skipped: the lock over SSH: ${noLock}`);
const signal = new AbortController().signal;
const source = fileURLToPath(new URL('../../../src/node/', import.meta.url));

describe.skipIf(noLock !== undefined)('over a private sshd', () => {
  let sshd: PrivateSshd;
  let scratch = '';
  let file = '';
  const files = () => ({ lock: file, set: `${file}.set`, audit: `${file}.audit` });
  const mutexOn = (connection: NodeConnection) => createNodeMutex(connection, undefined, files());
  const open = (): Promise<NodeConnection> => connect('node1', sshd.settings, { env: sshd.env }, signal);

  beforeAll(async () => {
    sshd = await startSshd();
    // Beside the sources, so that the bundled controller finds its packages.
    scratch = mkdtempSync(join(source, '../../node_modules/.drover-mutex-'));
    file = join(mkdtempSync(join(tmpdir(), 'drover-lock-')), 'drover.lock');
  });
  afterAll(() => {
    sshd?.close();
    rmSync(scratch, { recursive: true, force: true });
    rmSync(join(file, '..'), { recursive: true, force: true });
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

  test('a controller that is killed with -9 holds the lock no longer', async () => {
    const entry = join(scratch, 'controller.ts');
    writeFileSync(
      entry,
      `import { connect } from '${source}ssh-connection.ts';
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

  test('the file of runs is root’s alone, is bounded, and names the address that sshd saw', async () => {
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

  test('a file of runs that is a link is not written to, and the lock is there all the same', async () => {
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

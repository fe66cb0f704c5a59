import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NodeSettings } from '../../../../src/model/config.ts';
import { connect, type NodeConnection } from '../../../../src/node/ssh/connection.ts';
import { fingerprint } from '../../../../src/node/ssh/known-hosts.ts';
import { acceptHostKey } from '../../../../src/node/ssh/trust.ts';
import { warningsDuring } from '../../../fakes/warnings.ts';
import { noSshd, type PrivateSshd, startSshd } from '../../../support/private-sshd.ts';

if (noSshd !== undefined) console.log(`skipped: SSH connections: ${noSshd}`);
const never = new AbortController().signal;

describe.skipIf(noSshd !== undefined)('a connection', () => {
  let sshd: PrivateSshd;
  const opened: NodeConnection[] = [];
  const open = async (
    changes: Partial<NodeSettings> = {},
    env: Record<string, string> = {},
  ): Promise<NodeConnection> => {
    const connection = await connect(
      'node1',
      { ...sshd.settings, ...changes },
      { env: { ...sshd.env, ...env } },
      never,
    );
    opened.push(connection);
    return connection;
  };
  const file = (name: string): string => join(sshd.dir, name);
  const write = (name: string, content: string): string => {
    writeFileSync(file(name), content);
    return file(name);
  };

  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(async () => {
    await Promise.all(opened.map((connection) => connection.close()));
    sshd?.close();
  });

  describe('running commands', () => {
    test('arguments arrive as they are, output and stderr come back separately', async () => {
      const connection = await open();
      const result = await connection.run([
        'sh',
        '-c',
        'printf "%s|" "$@"; echo oops >&2',
        'sh',
        "it's",
        '$HOME',
        'a\nb',
        '*',
        '',
      ]);
      expect(result).toEqual({ stdout: "it's|$HOME|a\nb|*||", stderr: 'oops\n', code: 0 });
      expect(connection.remote).toMatchObject({ host: '127.0.0.1', address: '127.0.0.1', user: 'root', isRoot: true });
    });

    test('input is fed and ended', async () => {
      const bytes = Buffer.alloc(300_000, 'x');
      expect((await (await open()).run(['wc', '-c'], { input: bytes })).stdout.trim()).toBe('300000');
    });

    test('an unexpected exit code is an error, an expected one is not', async () => {
      const connection = await open();
      await expect(connection.run(['sh', '-c', 'echo no >&2; exit 3'])).rejects.toMatchObject({
        code: 'command-failed',
        details: { node: 'node1', exit: 3, stderr: 'no' },
      });
      expect((await connection.run(['sh', '-c', 'exit 3'], { okCodes: [0, 3] })).code).toBe(3);
    });

    test('messages are in English whatever the login speaks', async () => {
      expect((await (await open()).run(['sh', '-c', 'echo $LC_ALL'])).stdout).toBe('C\n');
    });

    test('a script gets its arguments, and commands in it cannot read it as their input', async () => {
      const result = await (await open()).script('cat; echo "$1/$2"', ["o'ne", '$2']);
      expect(result.stdout).toBe("o'ne/$2\n");
    });

    test('a session that was opened ahead runs the next command with its script, once', async () => {
      const connection = await open();
      const script = 'echo "$SECONDS/$1/$(cat)"';
      const text = 'echo "$SECONDS/$1/$(cat)"; exit 3';
      await connection.prepare([script, text], AbortSignal.timeout(300_000));
      // The session is open before bash has started, which counts the seconds.
      await pause(5_000);
      const found = await connection.script(script, ["o'ne\n$2"]);
      expect(found.stdout).toMatch(/^[1-9]\d*\/o'ne\n\$2\/\n$/);
      const input = 'x'.repeat(100_000);
      const command = ['bash', '-c', text, 'drover', 'a b'] as const;
      const read = await connection.run(command, { input, okCodes: [3] });
      expect(read.stdout.replace(/x+/, 'data')).toMatch(/^[1-9]\d*\/a b\/data\n$/);
      expect(read.stdout).toContain(input);
      // The next ones have sessions of their own.
      expect((await connection.script(script, ['again'])).stdout).toMatch(/^\d+\/again\/\n$/);
      await expect(connection.run(command, { input: '' })).rejects.toMatchObject({ details: { exit: 3 } });
    });

    test('a spawned command takes such a session too, and reads the stream behind its arguments', async () => {
      const connection = await open();
      const text = 'shift; exec cat "$@"';
      await connection.prepare([text], AbortSignal.timeout(300_000));
      const command = await connection.spawn(['bash', '-c', text, 'drover', 'word', '-'], AbortSignal.timeout(300_000));
      command.stdin.end('one\ntwo\n');
      const chunks: Buffer[] = [];
      for await (const chunk of command.stdout) chunks.push(chunk);
      expect([Buffer.concat(chunks).toString(), (await command.done).code]).toEqual(['one\ntwo\n', 0]);
    });

    test('sessions that were opened ahead keep no command waiting, and none uses one that has ended', async () => {
      const connection = await open();
      const scripts = Array.from({ length: 9 }, (_, index) => `echo ${index}`);
      await connection.prepare(scripts, AbortSignal.timeout(300_000));
      const commands = Array.from({ length: 8 }, () => connection.run(['sh', '-c', 'sleep 0.5; echo done']));
      expect((await Promise.all(commands)).map(({ stdout }) => stdout)).toEqual(Array(8).fill('done\n'));
      for (const [index, script] of scripts.entries()) {
        expect((await connection.script(script, [])).stdout).toBe(`${index}\n`);
      }
    });

    test('a port of the node accepts, refuses, or cannot be tried', async () => {
      const connection = await open();
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo; // it listens on a TCP port
      expect(await connection.knock('127.0.0.1', port, 60_000)).toBe('accepted');
      server.close();
      await once(server, 'close');
      expect(await connection.knock('127.0.0.1', port, 60_000)).toBe('refused');
      await connection.close();
      expect(await connection.knock('127.0.0.1', port, 60_000)).toBe('unknown');
    });

    test('many sockets and commands on one connection do not leak', async () => {
      const connection = await open();
      const warnings = await warningsDuring(async () => {
        const commands = Array.from({ length: 12 }, () => connection.run(['sleep', '0.1']));
        const sockets = Array.from({ length: 12 }, () => connection.openUnixSocket('/nowhere'));
        expect((await Promise.allSettled(sockets)).every(({ status }) => status === 'rejected')).toBe(true);
        await Promise.all(commands);
      });
      expect(warnings).toEqual([]);
    });

    test('a command over its time is ended on the node', async () => {
      const connection = await open();
      const started = Date.now();
      await expect(connection.run(['sh', '-c', 'sleep 7171 & wait'], { timeoutMs: 300 })).rejects.toMatchObject({
        code: 'timeout',
        retryable: true,
      });
      expect(Date.now() - started).toBeLessThan(4_000);
      await gone('sleep 7171');
    });

    test('a cancelled command is ended on the node', async () => {
      const connection = await open();
      const controller = new AbortController();
      const running = connection.run(['sleep', '7272'], { signal: controller.signal });
      await pause(200);
      controller.abort();
      await expect(running).rejects.toMatchObject({ code: 'cancelled' });
      await gone('sleep 7272');
    });

    test('thirty at once are done, never more than eight at a time', async () => {
      const connection = await open();
      const counter = write('counter', '');
      const one = `echo + >> ${counter}; sleep 1; echo - >> ${counter}`;
      await Promise.all(Array.from({ length: 30 }, () => connection.run(['sh', '-c', one])));
      let now = 0;
      const most = readFileSync(counter, 'utf8')
        .trim()
        .split('\n')
        .map((sign) => (now += sign === '+' ? 1 : -1));
      expect(Math.max(...most)).toBeLessThanOrEqual(8);
      expect(Math.max(...most)).toBeGreaterThan(3);
      expect(most).toHaveLength(60);
    });
  });

  describe('streams', () => {
    test('a spawned command reads stdin, writes stdout, and reports code and stderr at the end', async () => {
      const command = await (await open()).spawn(['sh', '-c', 'tr a-z A-Z; echo last words >&2; exit 4'], never);
      command.stdin.end('hello');
      expect(await text(command.stdout)).toBe('HELLO');
      expect(await command.done).toEqual({ code: 4, stderrTail: 'last words' });
    });

    test('abort sends TERM, and the command may clean up', async () => {
      const controller = new AbortController();
      const script = 'trap "echo cleaned; exit 9" TERM; echo ready; while :; do sleep 0.1; done';
      const command = await (await open()).spawn(['sh', '-c', script], controller.signal);
      const output = text(command.stdout);
      await once(command.stdout, 'data');
      controller.abort();
      expect(await command.done).toMatchObject({ code: 9 });
      expect(await output).toBe('ready\ncleaned\n');
    });

    test('a command that ignores TERM is left after five seconds', async () => {
      const controller = new AbortController();
      const connection = await open();
      const command = await connection.spawn(['sh', '-c', 'trap "" TERM; echo; sleep 8; true'], controller.signal);
      await once(command.stdout, 'data');
      const started = Date.now();
      controller.abort();
      await expect(command.done).rejects.toMatchObject({ code: 'cancelled' });
      expect(Date.now() - started).toBeGreaterThan(4_500);
    });

    test('a unix socket of the node is reached', async () => {
      const server = createServer((socket) => socket.end('hello from the socket'));
      await new Promise<void>((resolve) => server.listen(file('sock'), resolve));
      const channel = await (await open()).openUnixSocket(file('sock'));
      expect(await text(channel)).toBe('hello from the socket');
      server.close();
      await expect((await open()).openUnixSocket(file('no-sock'))).rejects.toMatchObject({ code: 'connection-failed' });
    });
  });

  describe('host keys', () => {
    test('an unknown key is refused with its fingerprint and the command that accepts it', async () => {
      const error = await open({ knownHostsFile: write('kh-empty', '') }).catch((thrown: unknown) => thrown);
      const print = fingerprint(Buffer.from(sshd.hostKeys.ed25519.split(' ')[1] ?? '', 'base64'));
      expect(error).toMatchObject({ code: 'host-key-unknown', details: { fingerprint: print }, retryable: false });
      expect(error).toHaveProperty('hint', expect.stringContaining(`drover trust node1 --fingerprint ${print}`));
    });

    test('a changed key is refused with the file and the line', async () => {
      const [type, base64] = readFileSync(file('user.pub'), 'utf8').split(' ');
      const known = write('kh-changed', `# mine\n[127.0.0.1]:${sshd.port} ${type} ${base64}\n`);
      const error = await open({ knownHostsFile: known }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'host-key-changed', message: expect.stringContaining(`${known}:2`) });
    });

    test('the server is asked for the type that is pinned', async () => {
      const known = write('kh-ecdsa', `[127.0.0.1]:${sshd.port} ${sshd.hostKeys.ecdsa}\n`);
      expect((await open({ knownHostsFile: known })).remote.hostKeys).toEqual([sshd.hostKeys.ecdsa]);
    });

    test('hashed names and a HostKeyAlias are understood', async () => {
      const known = write('kh-alias', `alias-of-node ${sshd.hostKeys.ed25519}\n`);
      execFileSync('ssh-keygen', ['-q', '-H', '-f', known], { stdio: 'pipe' });
      const config = write('config-alias', 'Host *\n  HostKeyAlias alias-of-node\n');
      expect((await open({ knownHostsFile: known, sshConfigFile: config })).remote.isRoot).toBe(true);
    });

    test('accepting a key saves it once, and only the one with that fingerprint', async () => {
      const known = write('kh-accept', 'other.example.org ssh-ed25519 AAAA');
      const settings = { ...sshd.settings, knownHostsFile: known };
      const accept = (print: string) => acceptHostKey('node1', settings, print, { env: sshd.env }, never);
      await expect(accept('SHA256:AAAA')).rejects.toMatchObject({ code: 'host-key-unknown' });
      expect(readFileSync(known, 'utf8')).not.toContain(sshd.hostKeys.ed25519);
      const print = fingerprint(Buffer.from(sshd.hostKeys.ed25519.split(' ')[1] ?? '', 'base64'));
      expect(await accept(print)).toMatchObject({ file: known, fingerprint: print });
      const content = `other.example.org ssh-ed25519 AAAA\n[127.0.0.1]:${sshd.port} ${sshd.hostKeys.ed25519}\n`;
      expect(readFileSync(known, 'utf8')).toBe(content);
      expect(await accept(print)).not.toHaveProperty('file');
      expect(readFileSync(known, 'utf8')).toBe(content);
      expect((await open({ knownHostsFile: known })).remote.isRoot).toBe(true);
    });

    test('a key is written only into the folder that names the file, and into known_hosts files of this user', async () => {
      const print = fingerprint(Buffer.from(sshd.hostKeys.ed25519.split(' ')[1] ?? '', 'base64'));
      const folder = file('a-folder');
      const ssh = join(sshd.env.HOME ?? '', '.ssh');
      for (const path of [folder, ssh]) mkdirSync(path, { recursive: true });
      const accept = (knownHostsFile: string, keyFolders: readonly string[] | undefined = [folder]) =>
        acceptHostKey(
          'node1',
          { ...sshd.settings, knownHostsFile },
          print,
          { env: sshd.env, ...(keyFolders === undefined ? {} : { keyFolders }) },
          never,
        );
      const elsewhere = write('not-a-folder', 'precious\n');
      const link = join(folder, 'link');
      symlinkSync(elsewhere, link);
      const refused = [elsewhere, link, file('new-elsewhere'), join(ssh, 'authorized_keys'), join(folder, '..', 'up')];
      for (const path of refused) {
        await expect(accept(path)).rejects.toMatchObject({
          code: 'usage',
          hint: expect.stringContaining(sshd.hostKeys.ed25519),
        });
      }
      expect(readFileSync(elsewhere, 'utf8')).toBe('precious\n');
      expect(refused.map((path) => existsSync(path))).toEqual([true, true, false, false, false]);
      for (const path of [join(folder, 'known_hosts'), join(folder, 'keys', 'hosts'), join(ssh, 'known_hosts.test')]) {
        expect(await accept(path)).toMatchObject({ file: path });
        rmSync(path);
      }
      const { knownHostsFile: _own, ...rest } = sshd.settings;
      const sshConfigFile = write('names-a-file', `Host *\n  UserKnownHostsFile ${file('kh2')}\n`);
      const byConfig = acceptHostKey(
        'node1',
        { ...rest, sshConfigFile },
        print,
        { env: sshd.env, keyFolders: [] },
        never,
      );
      await expect(byConfig).rejects.toMatchObject({ code: 'usage' });
      const named = file('named-by-a-person');
      expect(
        await acceptHostKey('node1', { ...sshd.settings, knownHostsFile: named }, print, { env: sshd.env }, never),
      ).toMatchObject({ file: named });
    });

    test('a changed key is never accepted over the old one', async () => {
      const [type, base64] = readFileSync(file('user.pub'), 'utf8').split(' ');
      const known = write('kh-over', `[127.0.0.1]:${sshd.port} ${type} ${base64}\n`);
      const print = fingerprint(Buffer.from(sshd.hostKeys.ed25519.split(' ')[1] ?? '', 'base64'));
      const settings = { ...sshd.settings, knownHostsFile: known };
      await expect(acceptHostKey('node1', settings, print, { env: sshd.env }, never)).rejects.toMatchObject({
        code: 'host-key-changed',
      });
    });
  });

  describe('logging in', () => {
    test('a key that is not accepted is an error, not retryable', async () => {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file('stranger')]);
      const error = await open({ identityFile: file('stranger') }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'connection-failed', retryable: false });
      expect(error).toHaveProperty('hint', expect.stringContaining('ssh-add'));
    });

    test('a key with a passphrase says ssh-add, and is used when the agent has it', async () => {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret', '-f', file('locked')]);
      appendFileSync(file('authorized_keys'), readFileSync(file('locked.pub')));
      const error = await open({ identityFile: file('locked') }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'connection-failed', retryable: false });
      expect(error).toHaveProperty('hint', expect.stringContaining(`ssh-add ${file('locked')}`));

      copyFileSync(file('locked'), file('unlocked'));
      execFileSync('chmod', ['600', file('unlocked')]);
      execFileSync('ssh-keygen', ['-q', '-p', '-P', 'secret', '-N', '', '-f', file('unlocked')]);
      const agent = spawn('ssh-agent', ['-D', '-a', file('agent')], { stdio: 'ignore' });
      try {
        for (let i = 0; i < 50 && !existsSync(file('agent')); i += 1) await pause(50);
        const env = { SSH_AUTH_SOCK: file('agent') };
        // Seven strangers first: without the named key going first, sshd would hang up after six tries.
        for (let i = 0; i < 7; i += 1) {
          execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file(`other${i}`)]);
          execFileSync('ssh-add', ['-q', file(`other${i}`)], { env: { ...process.env, ...env } });
        }
        execFileSync('ssh-add', ['-q', file('unlocked')], { env: { ...process.env, ...env }, stdio: 'pipe' });
        expect((await open({ identityFile: file('locked') }, env)).remote.user).toBe('root');
      } finally {
        agent.kill();
      }
    });

    test('an identity file that is not there is named', async () => {
      await expect(open({ identityFile: '/nope/key' })).rejects.toMatchObject({
        code: 'connection-failed',
        message: expect.stringContaining('/nope/key'),
      });
    });

    test('a port without a listener is retryable', async () => {
      await expect(open({ port: 1 })).rejects.toMatchObject({ code: 'connection-failed', retryable: true });
    });

    test('a silent server is given up after the limit', async () => {
      const server = createServer(() => undefined);
      const port = await new Promise<number>((resolve) => {
        server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
      });
      const started = Date.now();
      const settings = { ...sshd.settings, port };
      await expect(connect('node1', settings, { env: sshd.env, connectMs: 400 }, never)).rejects.toMatchObject({
        code: 'connection-failed',
        retryable: true,
        message: expect.stringContaining('no answer within 400 ms'),
      });
      expect(Date.now() - started).toBeLessThan(3_000);
      server.close();
    });
  });

  describe('ways through', () => {
    test('a ProxyCommand is used, and its output is shown when it fails', async () => {
      const relay = write(
        'relay.mjs',
        `import { connect } from 'node:net'; const s = connect(${sshd.port}, '127.0.0.1'); process.stdin.pipe(s); s.pipe(process.stdout); s.on('close', () => process.exit());`,
      );
      mkdirSync(file('home/.ssh'), { recursive: true });
      // In the user's own folder: elsewhere it would have to be allowed first.
      const config = write('home/.ssh/config-proxy', `Host *\n  ProxyCommand ${process.execPath} ${relay}\n`);
      expect((await (await open({ sshConfigFile: config })).run(['echo', 'through'])).stdout).toBe('through\n');
      const broken = write('home/.ssh/config-broken', 'Host *\n  ProxyCommand sh -c "echo no way >&2; exit 5"\n');
      await expect(open({ sshConfigFile: broken })).rejects.toMatchObject({
        code: 'connection-failed',
        message: expect.stringContaining('no way'),
      });
    });

    test('a chain of jump hosts is used, and each is verified', async () => {
      mkdirSync(file('home/.ssh'), { recursive: true });
      const config = write(
        'config-jump',
        `Host hop1 hop2\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  User root\n  IdentityFile ${file('user')}\n`,
      );
      const connection = await open({ sshConfigFile: config, jump: 'hop1,root@hop2' });
      expect((await connection.run(['sh', '-c', 'echo $SSH_CONNECTION'])).stdout).toContain(String(sshd.port));
      const empty = write('kh-jump', '');
      const error = await open({ sshConfigFile: config, knownHostsFile: empty, jump: 'hop1' }).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'host-key-unknown', message: expect.stringContaining('at "hop1"') });
    });
  });
});

describe.skipIf(noSshd !== undefined)('a connection that is lost', () => {
  test('fails all running commands as retryable', async () => {
    const sshd = await startSshd();
    try {
      const connection = await connect('node1', sshd.settings, { env: sshd.env }, never);
      const command = await connection.spawn(['cat'], never);
      const running = connection.run(['sh', '-c', 'cat; sleep 3'], { input: 'x' });
      const failed = expect(running).rejects.toMatchObject({ code: 'connection-failed', retryable: true });
      const ended = expect(command.done).rejects.toMatchObject({ code: 'connection-failed', retryable: true });
      await pause(300);
      sshd.kill();
      await Promise.all([failed, ended]);
      expect(connection.closed.aborted).toBe(true);
      await expect(connection.run(['true'])).rejects.toMatchObject({ code: 'connection-failed', retryable: true });
      await expect(connection.openUnixSocket('/x')).rejects.toMatchObject({ code: 'connection-failed' });
      await connection.close();
    } finally {
      sshd.close();
    }
  });

  test('and a server with few sessions is retried', async () => {
    const sshd = await startSshd(['MaxSessions 2']);
    try {
      const connection = await connect('node1', sshd.settings, { env: sshd.env }, never);
      const results = await Promise.all(
        Array.from({ length: 6 }, (_, i) => connection.run(['sh', '-c', `sleep 0.2; echo ${i}`])),
      );
      expect(results.map((result) => result.stdout.trim())).toEqual(['0', '1', '2', '3', '4', '5']);
      await connection.close();
    } finally {
      sshd.close();
    }
  });
});

/** Waits until no process has this command line. */
async function gone(line: string): Promise<void> {
  for (let attempt = 0; attempt < 40; attempt += 1) {
    const lines = execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' }).split('\n');
    if (!lines.some((args) => args.trim() === line)) return;
    await pause(50);
  }
  throw new Error(`"${line}" still runs`);
}

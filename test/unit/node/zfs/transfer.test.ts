import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { TransferRequest } from '../../../../src/engine/node-client.ts';
import { lateCode } from '../../../../src/node/fence.ts';
import { createTransfer, receiveArgs, sendArgs } from '../../../../src/node/zfs/transfer.ts';

import { forcedCommand, probeRoute, sendDirect } from '../../../../src/node/zfs/transfer-direct.ts';
import {
  authorizeScript,
  directScript,
  fencedReceive,
  fencedSend,
  forbidScript,
} from '../../../../src/node/zfs/transfer-scripts.ts';

import { scriptedConnection } from '../../../fakes/scripted-connection.ts';

const root = 'drover/volumes';
const dataset = 'drover/volumes/web-1';
const request: TransferRequest = {
  from: 'node1',
  to: 'node2',
  source: { kind: 'snapshot', dataset, snapshot: 'drover-e1-2', base: '@drover-e1-1' },
  dataset,
  properties: { 'drover:vol': 'v', 'drover:role': 'incoming' },
};

describe('the two commands of a transfer', () => {
  it('send one increment with the flags of the dataset, from a snapshot or a bookmark', () => {
    const { source } = request;
    expect(sendArgs(source)(['-L', '-c'])).toEqual(['-L', '-c', '-i', '@drover-e1-1', `${dataset}@drover-e1-2`]);
    expect(sendArgs({ kind: 'snapshot', dataset, snapshot: '@s', base: '#b' })([])).toEqual([
      '-i',
      '#b',
      `${dataset}@s`,
    ]);
    expect(sendArgs({ kind: 'snapshot', dataset, snapshot: 's' })([])).toEqual([`${dataset}@s`]);
  });

  it('resume with the token alone, which carries the flags', () => {
    expect(sendArgs({ kind: 'resume', token: '1-ab-cd' })(['-L'])).toEqual(['-t', '1-ab-cd']);
    expect(() => sendArgs({ kind: 'resume', token: '-R x' })).toThrow('not a resume token of zfs');
  });

  it('receive resumably, unmounted, read-only, never with force', () => {
    const args = receiveArgs(request, root);
    expect(args.slice(0, 3)).toEqual(['receive', '-s', '-u']);
    const options = args.slice(3, -1);
    const words = (mark: string) => options.filter((_, at) => at % 2 === 1 && options[at - 1] === mark);
    expect(words('-o')).toEqual([
      'readonly=on',
      'canmount=noauto',
      'setuid=off',
      'devices=off',
      'drover:vol=v',
      'drover:role=incoming',
    ]);
    expect(words('-x')).toEqual(['mountpoint', 'sharenfs', 'sharesmb', 'exec']);
    expect(words('-o').length + words('-x').length).toBe(options.length / 2);
    expect(args.at(-1)).toBe(dataset);
    expect(args).not.toContain('-F');
    expect(() => receiveArgs({ ...request, dataset: 'drover' }, root)).toThrow('is not below');
    expect(() => receiveArgs({ ...request, properties: { '-F': 'x' } }, root)).toThrow('not valid');
  });

  it('survive sshd’s quoting and the login shell as the same words', () => {
    const odd = { ...request, properties: { 'drover:app': `a "b" 'c' $(id) \\d` } };
    const command = forcedCommand({ token: 'one' }, receiveArgs(odd, root), true);
    // What sshd reads from the file, and then gives to the login shell.
    expect(command).not.toContain('\n');
    const line = command.replaceAll('\\"', '"').replace('exec bash', 'printf "%s\\0"');
    const { stdout } = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
    expect(stdout.split('\0').slice(0, -1)).toEqual(fencedReceive({ token: 'one' }, receiveArgs(odd, root)).slice(1));
    expect(forcedCommand({ token: '' }, receiveArgs(request, root), false)).toMatch(/^exec sudo -n -- bash -c /);
  });
});

describe('one command of a transfer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-fenced-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    ['one', 'said receive -s x\n', 0],
    ['', 'said receive -s x\n', 0],
    ['two', '', lateCode],
  ])('with the token "%s" prints "%s" and ends with %i', (token, said, code) => {
    writeFileSync(join(folder, 'lock'), '{"owner":"anna","token":"one"}');
    writeFileSync(join(folder, 'zfs'), '#!/bin/sh\n[ -e /proc/self/fd/8 ] || echo said "$@"\n', { mode: 0o755 });
    const [program, ...words] = fencedSend({ token }, ['receive', '-s', 'x']).map((word) =>
      word.replace('PATH=', `PATH=${folder}:`).replaceAll('/run/drover', folder),
    );
    const { stdout, status } = spawnSync(program ?? '', words, { encoding: 'utf8' });
    expect([stdout, status]).toEqual([said, code]);
  });
});

describe('what a target receives', () => {
  /** The first record of a stream; kind 1 is a single one, 2 a package; 2 is a filesystem, 3 a block device. */
  const stream = ({ kind = 1, of = 2, magic = 0x2f5bacbacn, record = 0, more = 100_000 } = {}): Buffer => {
    const head = Buffer.alloc(312);
    head.writeUInt32LE(record, 0);
    head.writeBigUInt64LE(magic, 8);
    // Some features, as every stream has.
    head.writeBigUInt64LE(0x1410004n | BigInt(kind), 16);
    head.writeUInt32LE(of, 32);
    return Buffer.concat([head, Buffer.alloc(more, 'x')]);
  };
  const receive = (input: Buffer) => {
    const bin = mkdtempSync(join(tmpdir(), 'drover-receive-'));
    const zfs =
      '#!/bin/sh\n[ "$1" = receive ] || exit 9\ncat >"$2"; [ -s "$2" ] || { echo "cannot receive: failed to read from stream" >&2; exit 1; }\n';
    writeFileSync(join(bin, 'zfs'), zfs, { mode: 0o755 });
    const words = fencedReceive({ token: '' }, ['receive', join(bin, 'got')]).map((word) =>
      word.replace('PATH=', `PATH=${bin}:`).replaceAll('/run/drover', bin),
    );
    const { status, stderr } = spawnSync(words[0] ?? '', words.slice(1), { input, encoding: 'utf8' });
    const got = readFileSync(join(bin, 'got'));
    rmSync(bin, { recursive: true });
    return { status, stderr, got };
  };

  it('is the stream of one snapshot, as it is', () => {
    for (const input of [stream(), stream({ more: 0 }), stream({ more: 3_000_001 })]) {
      const { status, stderr, got } = receive(input);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(got.equals(input)).toBe(true);
    }
  });

  it.each([
    ['a package, which carries properties and children', { kind: 2 }],
    ['a header of no kind', { kind: 0 }],
    ['a header of both kinds', { kind: 3 }],
    ['a block device', { of: 3 }],
    ['another byte order', { magic: BigInt.asUintN(64, 0xacbb5b2fn << 32n) }],
    ['something else', { magic: 0x1f8bn }],
    ['a record that no stream begins with', { record: 1 }],
  ])('is not %s', (_, of) => {
    const { status, stderr, got } = receive(stream(of));
    expect(status).not.toBe(0);
    expect(stderr).toContain('refused: this is not the stream of one snapshot');
    expect(got).toHaveLength(0);
  });

  it('is told to zfs where it is cut off before it begins', () => {
    expect(receive(Buffer.alloc(0))).toMatchObject({
      status: 1,
      stderr: 'cannot receive: failed to read from stream\n',
    });
    expect(receive(Buffer.alloc(311, 'x')).got).toHaveLength(311);
  });
});

describe('the counting pipe', () => {
  const counter = /perl -e '([^']*)'/.exec(directScript)?.[1] ?? '';

  it('passes every byte on and says how many', () => {
    const input = Buffer.alloc(3_000_001, 'x');
    const { stdout, stderr, status } = spawnSync('perl', ['-e', counter], { input, maxBuffer: 2 ** 24 });
    expect(status).toBe(0);
    expect(stdout.equals(input)).toBe(true);
    expect(String(stderr).trim().split('\n').at(-1)).toBe('drover-bytes 3000001');
  });

  it('fails, and still says how many, when nobody takes the bytes', () => {
    const script = 'head -c 3000000 /dev/zero | perl -e "$0" | head -c 1 >/dev/null; echo $((PIPESTATUS[1]))';
    const { stdout, stderr } = spawnSync('bash', ['-c', script, counter], { encoding: 'utf8' });
    expect(stdout.trim()).toBe('1');
    expect(stderr).toMatch(/^drover-bytes \d+\n$/);
  });
});

const keyOf = (letter: string): string => `ssh-ed25519 ${letter.repeat(68)}`;
const mayEdit = spawnSync('getent', ['passwd', userInfo().username]).status === 0 && process.getuid?.() === 0;

/** A script on a home of our own: getent and /run/drover are the only things replaced. */
const runIn = (home: string, script: string, ...args: string[]) => {
  const local = script.replace(/home=\$\([^)]*\)/, `home=${home}`).replaceAll('/run/drover', join(home, 'run'));
  return spawnSync('bash', ['-c', local, 'drover', ...args], { encoding: 'utf8' });
};

describe.skipIf(!mayEdit)('lines in authorized_keys', () => {
  const inHome = (
    before: string | undefined,
    edit: (run: (script: string, ...args: string[]) => void) => void,
  ): string => {
    const home = mkdtempSync(join(tmpdir(), 'drover-keys-'));
    const file = join(home, '.ssh', 'authorized_keys');
    try {
      if (before !== undefined) {
        spawnSync('mkdir', ['-m', '700', join(home, '.ssh')]);
        writeFileSync(file, before, { mode: 0o640 });
      }
      edit((script, ...args) => {
        const { status, stderr } = runIn(home, script, userInfo().username, ...args);
        expect(stderr).toBe('');
        expect(status).toBe(0);
      });
      expect(statSync(file).mode & 0o777).toBe(before === undefined ? 0o600 : 0o640);
      return readFileSync(file, 'utf8');
    } finally {
      rmSync(home, { recursive: true });
    }
  };

  it('allow one command from one address for a while, and go again; the others stay, even without a line end', () => {
    const before = 'ssh-ed25519 AAAA someone@home\n# a note';
    const after = inHome(before, (run) => {
      run(authorizeScript, 'op-1', keyOf('B'), '10.0.0.1', 'exec zfs receive x');
      run(authorizeScript, 'op-2', keyOf('C'), '10.0.0.1', 'exec zfs receive x');
      run(forbidScript, 'op-1');
    });
    const line =
      /restrict,command="exec zfs receive x",from="10.0.0.1",expiry-time="\d{12}" ssh-ed25519 C{68} drover-transfer-op-2\n$/;
    expect(after).toMatch(line);
    expect(after.replace(line, '')).toBe(`${before}\n`);
  });

  it('of operations long over go with the next one', () => {
    const stale =
      'restrict,command="x",from="10.0.0.1",expiry-time="200001010000" ssh-ed25519 DDDD drover-transfer-old\n';
    const foreign = 'expiry-time="200001010000" ssh-ed25519 EEEE someone\n';
    expect(inHome(stale + foreign, (run) => run(forbidScript, 'op-9'))).toBe(foreign);
  });

  const command = 'exec zfs receive x';
  it.each([
    ['a second key on a second line', ['op-1', `${keyOf('B')}\n${keyOf('E')}`, '10.0.0.1', command]],
    ['options before the key', ['op-1', `command="sh" ${keyOf('B')}`, '10.0.0.1', command]],
    ['a tab in the key', ['op-1', keyOf('B').replace(' ', '\t'), '10.0.0.1', command]],
    ['a key of another type', ['op-1', `ssh-rsa ${'B'.repeat(68)}`, '10.0.0.1', command]],
    ['a key with a comment', ['op-1', `${keyOf('B')} x`, '10.0.0.1', command]],
    ['a key that is too long', ['op-1', `${keyOf('B')}B`, '10.0.0.1', command]],
    ['a quote in the address', ['op-1', keyOf('B'), '10.0.0.9"', command]],
    ['a line end in the address', ['op-1', keyOf('B'), `10.0.0.9"\tssh-ed25519\tjunk\n${keyOf('E')}\tx\n#`, command]],
    ['a line end behind the address', ['op-1', keyOf('B'), '10.0.0.9\n', command]],
    ['a pattern as the address', ['op-1', keyOf('B'), '*', command]],
    ['a name as the address', ['op-1', keyOf('B'), 'evil.example', command]],
    ['a letter that only looks like one of an address', ['op-1', keyOf('B'), '10.0.0.１', command]],
    ['a bare quote in the command', ['op-1', keyOf('B'), '10.0.0.1', 'exec x" ssh-ed25519']],
    ['a line end in the command', ['op-1', keyOf('B'), '10.0.0.1', `exec x\n${keyOf('E')}`]],
    ['an escape in the command', ['op-1', keyOf('B'), '10.0.0.1', 'exec x\u001b[2J']],
    ['a line end in the operation', ['op-1\nx', keyOf('B'), '10.0.0.1', command]],
    ['no operation', ['', keyOf('B'), '10.0.0.1', command]],
  ])('stay as they are where the script is given %s', (_, args) => {
    const home = mkdtempSync(join(tmpdir(), 'drover-keys-'));
    const before = 'ssh-ed25519 AAAA someone@home\n';
    spawnSync('mkdir', ['-m', '700', join(home, '.ssh')]);
    writeFileSync(join(home, '.ssh', 'authorized_keys'), before);
    const { status, stderr } = runIn(home, authorizeScript, userInfo().username, ...args);
    expect(stderr).toMatch(/^refused: [a-z ]+ is not valid\n$/);
    expect(status).toBe(1);
    expect(readFileSync(join(home, '.ssh', 'authorized_keys'), 'utf8')).toBe(before);
    expect(readdirSync(join(home, '.ssh'))).toEqual(['authorized_keys']);
    rmSync(home, { recursive: true });
  });

  it('take a command with quotes, backslashes and letters of any language as it is', () => {
    const odd = forcedCommand(
      { token: 'one' },
      receiveArgs({ ...request, properties: { 'drover:app': `a "b" 'ü' \\" \\` } }, root),
      true,
    );
    const after = inHome('', (run) => run(authorizeScript, 'op-1', keyOf('B'), 'fd00::1', odd));
    expect(after).toContain(`restrict,command="${odd}",from="fd00::1",`);
  });

  it('that another program adds while ours are being written stay, and nothing of ours is lost', () => {
    const added = 'ssh-ed25519 EEEE added@meanwhile\n';
    const after = inHome('ssh-ed25519 AAAA someone@home\n', (run) => {
      // The first sync is after the file was read, and before it is replaced.
      const meanwhile = `sync() { [ -e "$file.once" ] || { : >"$file.once"; printf '${added.replace('\n', '\\n')}' >>"$file"; }; command sync "$@"; }\n`;
      run(authorizeScript.replace('set -u\n', `set -u\n${meanwhile}`), 'op-1', keyOf('B'), '10.0.0.1', command);
    });
    expect(after.split('\n').slice(0, 2)).toEqual(['ssh-ed25519 AAAA someone@home', added.trim()]);
    expect(after.match(/drover-transfer-op-1/g)).toHaveLength(1);
  });

  it('are on disk before the new file takes the place of the old one', () => {
    const home = mkdtempSync(join(tmpdir(), 'drover-keys-'));
    const log = 'sync() { echo sync >>"$home/log"; }; mv() { echo mv >>"$home/log"; command mv "$@"; }\n';
    const script = authorizeScript.replace('set -u\n', `set -u\n${log}`);
    expect(runIn(home, script, userInfo().username, 'op-1', keyOf('B'), '10.0.0.1', command).status).toBe(0);
    expect(readFileSync(join(home, 'log'), 'utf8')).toBe('sync\nmv\n');
    rmSync(home, { recursive: true });
  });

  it('are written where there was no file yet', () => {
    const after = inHome(undefined, (run) => run(authorizeScript, 'op-1', keyOf('B'), '10.0.0.1', 'x'));
    expect(after.split('\n')).toHaveLength(2);
  });
});

describe('choosing the way', () => {
  it('asks for a direct way once, and says so when there must be one and is none', async () => {
    const connection = scriptedConnection();
    const end = async () => ({ connection, fence: { token: '' }, meshAddress: '10.0.0.2' });
    const transfer = createTransfer({ end, mode: 'direct', root });
    const attempt = () => transfer(request, () => undefined, new AbortController().signal);
    await expect(attempt()).rejects.toMatchObject({
      code: 'connection-failed',
      hint: expect.stringContaining('relay'),
    });
    // Mesh address and the controller's, the ssh port once each.
    expect(connection.sent[0]?.words.slice(1)).toEqual(['10.0.0.2', '22', '10.0.0.1', '22']);
  });

  const fences = { source: { token: '' }, target: { token: '' } };
  const places = [
    { address: '10.0.0.2', port: 22 },
    { address: 'fd00::2', port: 2222 },
  ];
  const probe = (stdout: string) =>
    probeRoute(
      scriptedConnection(() => ({ stdout })),
      places,
      new AbortController().signal,
    );

  it('takes the place that the source reaches, and the address that it comes from', async () => {
    await expect(probe('10.0.0.2 22 10.0.0.1\n')).resolves.toEqual({ ...places[0], source: '10.0.0.1' });
    await expect(probe('fd00::2 2222 fd00::1\n')).resolves.toEqual({ ...places[1], source: 'fd00::1' });
    await expect(probe('')).resolves.toBeUndefined();
  });

  it.each([
    '10.0.0.2 22 10.0.0.9"\tssh-ed25519\tjunk\nssh-ed25519\tAAAA\tx\n#',
    '10.0.0.2 22 10.0.0.1\nssh-ed25519 AAAA\n',
    '10.0.0.2 22 10.0.0.1\r\n',
    '10.0.0.2 22 10.0.0.1"\n',
    '10.0.0.2 22 10.0.0.1',
    '10.0.0.2\t22\t10.0.0.1\n',
    '10.0.0.2 22\n',
    '10.0.0.2 22 10.0.0.1 x\n',
    '10.0.0.2 2222 10.0.0.1\n',
    '10.0.0.2 022 10.0.0.1\n',
    '127.0.0.1 2602 10.0.0.1\n',
    '-oProxyCommand=id 22 10.0.0.1\n',
    '10.0.0.2 22 evil.example\n',
    '10.0.0.2 22 *\n',
    '10.0.0.2 22 0.0.0.0/0\n',
    '10.0.0.2 22 fe80::1%eth0\n',
    '10.0.0.2 22 10.0.0.１\n',
    '10.0.0.2 22 10.0.0.1\u2028\n',
    `10.0.0.2 22 ${'1'.repeat(300)}\n`,
    '\0',
    '\n',
  ])('refuses %j as the way, and asks the target for nothing', async (stdout) => {
    await expect(probe(stdout)).rejects.toMatchObject({
      code: 'command-failed',
      message: expect.stringMatching(
        /^cannot use the answer of "node1" about its way to the other node: [^\u0000-\u001f]{0,230}$/,
      ),
    });
    const [source, target] = [scriptedConnection(() => ({ stdout })), scriptedConnection()];
    const end = async (node: string) => ({
      connection: node === 'node1' ? source : target,
      fence: { token: '' },
      meshAddress: node === 'node1' ? '10.0.0.1' : '10.0.0.2',
    });
    const transfer = createTransfer({ end, mode: 'auto', root });
    await expect(transfer(request, () => undefined, new AbortController().signal)).rejects.toMatchObject({
      code: 'command-failed',
    });
    expect(target.sent).toEqual([]);
  });

  it.each([
    '',
    'ssh-ed25519 AAAA',
    `ssh-rsa ${'A'.repeat(68)}`,
    `ssh-ed25519 ${'A'.repeat(69)}`,
    `ssh-ed25519\t${'A'.repeat(68)}`,
    `ssh-ed25519 ${'A'.repeat(68)} x`,
    `ssh-ed25519 ${'A'.repeat(67)}"`,
    `ssh-ed25519 ${'A'.repeat(68)}\r`,
    `command="sh" ssh-ed25519 ${'A'.repeat(68)}`,
    `ssh-ed25519 ${'Ａ'.repeat(68)}`,
  ])('authorizes no key such as %j', async (key) => {
    const source = scriptedConnection(() => ({ stdout: `${key}\n-L\n` }));
    const target = scriptedConnection();
    const route = { address: '10.0.0.2', port: 22, source: '10.0.0.1' };
    const send = { operation: 'op-1', source, target, fences, route, dataset, sendArgs: () => [], receiveArgs: [] };
    await expect(sendDirect(send, () => undefined, new AbortController().signal)).rejects.toMatchObject({
      code: 'command-failed',
      message: expect.stringContaining('the key of the transfer'),
    });
    expect(target.sent.map(({ words }) => words[0])).toEqual([forbidScript]);
  });

  it('gives the source no host key that is more than one', async () => {
    const source = scriptedConnection();
    const plain = scriptedConnection();
    const target = { ...plain, remote: { ...plain.remote, hostKeys: ['ssh-ed25519 AAAA\n* ssh-ed25519 BBBB'] } };
    const route = { address: '10.0.0.2', port: 22, source: '10.0.0.1' };
    const send = { operation: 'op-1', source, target, fences, route, dataset, sendArgs: () => [], receiveArgs: [] };
    await expect(sendDirect(send, () => undefined, new AbortController().signal)).rejects.toThrow('its host key');
    expect(source.sent).toEqual([]);
  });

  it('refuses bad names before it asks any node', async () => {
    const connection = scriptedConnection();
    const end = async () => ({ connection, fence: { token: '' }, meshAddress: '10.0.0.2' });
    const transfer = createTransfer({ end, mode: 'auto', root });
    const bad: TransferRequest = { ...request, dataset: 'tank/other' };
    await expect(transfer(bad, () => undefined, new AbortController().signal)).rejects.toThrow('is not below');
    expect(connection.sent).toEqual([]);
  });
});

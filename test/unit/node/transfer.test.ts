import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { TransferRequest } from '../../../src/engine/node-client.ts';
import { lateCode } from '../../../src/node/fence.ts';
import { createTransfer, receiveArgs, sendArgs } from '../../../src/node/transfer.ts';
import { forcedCommand } from '../../../src/node/transfer-direct.ts';
import { authorizeScript, directScript, fencedZfs, forbidScript } from '../../../src/node/transfer-scripts.ts';
import { scriptedConnection } from '../../fakes/scripted-connection.ts';

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
    expect(() => sendArgs({ kind: 'resume', token: '-R x' })).toThrow('not one of zfs');
  });

  it('receive resumably, unmounted, read-only, never with force', () => {
    const args = receiveArgs(request, root);
    const fixed = ['receive', '-s', '-u', '-x', 'mountpoint', '-o', 'readonly=on', '-o', 'canmount=noauto'];
    expect(args).toEqual([...fixed, '-o', 'drover:vol=v', '-o', 'drover:role=incoming', dataset]);
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
    expect(stdout.split('\0').slice(0, -1)).toEqual(fencedZfs({ token: 'one' }, receiveArgs(odd, root)).slice(1));
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
    writeFileSync(join(folder, 'drover.lock'), '{"owner":"anna","token":"one"}');
    writeFileSync(join(folder, 'zfs'), '#!/bin/sh\n[ -e /proc/self/fd/8 ] || echo said "$@"\n', { mode: 0o755 });
    const [program, ...words] = fencedZfs({ token }, ['receive', '-s', 'x']).map((word) =>
      word.replace('PATH=', `PATH=${folder}:`).replaceAll('/run/lock', folder).replaceAll('/run/drover', folder),
    );
    const { stdout, status } = spawnSync(program ?? '', words, { encoding: 'utf8' });
    expect([stdout, status]).toEqual([said, code]);
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

const mayEdit = spawnSync('getent', ['passwd', userInfo().username]).status === 0 && process.getuid?.() === 0;

/** The scripts on a home of our own: getent and /run/drover are the only things replaced. */
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
        const local = script.replace(/home=\$\([^)]*\)/, `home=${home}`).replaceAll('/run/drover', join(home, 'run'));
        const { status, stderr } = spawnSync('bash', ['-c', local, 'drover', userInfo().username, ...args]);
        expect(String(stderr)).toBe('');
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
      run(authorizeScript, 'op-1', 'ssh-ed25519 BBBB', '10.0.0.1', 'exec zfs receive x');
      run(authorizeScript, 'op-2', 'ssh-ed25519 CCCC', '10.0.0.1', 'exec zfs receive x');
      run(forbidScript, 'op-1');
    });
    const line =
      /restrict,command="exec zfs receive x",from="10.0.0.1",expiry-time="\d{12}" ssh-ed25519 CCCC drover-transfer-op-2\n$/;
    expect(after).toMatch(line);
    expect(after.replace(line, '')).toBe(`${before}\n`);
  });

  it('of operations long over go with the next one', () => {
    const stale =
      'restrict,command="x",from="10.0.0.1",expiry-time="200001010000" ssh-ed25519 DDDD drover-transfer-old\n';
    const foreign = 'expiry-time="200001010000" ssh-ed25519 EEEE someone\n';
    expect(inHome(stale + foreign, (run) => run(forbidScript, 'op-9'))).toBe(foreign);
  });

  it('are written where there was no file yet', () => {
    const after = inHome(undefined, (run) => run(authorizeScript, 'op-1', 'ssh-ed25519 BBBB', '10.0.0.1', 'x'));
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

  it('refuses bad names before it asks any node', async () => {
    const connection = scriptedConnection();
    const end = async () => ({ connection, fence: { token: '' }, meshAddress: '10.0.0.2' });
    const transfer = createTransfer({ end, mode: 'auto', root });
    const bad: TransferRequest = { ...request, dataset: 'tank/other' };
    await expect(transfer(bad, () => undefined, new AbortController().signal)).rejects.toThrow('is not below');
    expect(connection.sent).toEqual([]);
  });
});

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TransferRequest } from '../../../../src/engine/node-client.ts';
import { connect, type NodeConnection } from '../../../../src/node/ssh/connection.ts';
import { createTransfer } from '../../../../src/node/zfs/transfer.ts';
import { sendDirect } from '../../../../src/node/zfs/transfer-direct.ts';
import { noSshd, type PrivateSshd, startSshd } from '../../../support/private-sshd.ts';

const noSpace =
  noSshd ?? (spawnSync('unshare', ['--mount', 'true']).status === 0 ? undefined : 'no mount namespaces here');
if (noSpace !== undefined) console.log(`skipped: a hostile source of a transfer: ${noSpace}`);

const root = 'drover/volumes';
const dataset = `${root}/web-1`;
const signal = new AbortController().signal;
const bytes = 3_000_000;

/**
 * A source that lies: OpenSSH on both ends, and on the source a command that every login gets. It answers what the
 * files `way` and `key` say where a script asks for the way or for a key, and otherwise does what it is asked to do.
 */
const liar = `#!/bin/bash
at=\${0%/*}
case $SSH_ORIGINAL_COMMAND in *'bash -s'*) ;; *) exec bash -c "$SSH_ORIGINAL_COMMAND" ;; esac
input=$(cat)
case $input in
  */dev/tcp/*) [ ! -f "$at/way" ] || { cat "$at/way"; exit 0; } ;;
  *ssh-keygen*) [ ! -f "$at/key" ] || { cat "$at/key"; exit 0; } ;;
esac
printf '%s' "$input" | exec bash -c "$SSH_ORIGINAL_COMMAND"
`;

/** What is not there: a volume that can be sent and received. */
const zfs = `#!/bin/bash
case $1 in
  get) echo none ;;
  # Begins like the stream of one snapshot of a filesystem.
  send) perl -e 'print pack "V x4 Q< Q< x8 V x276", 0, 0x2F5BACBAC, 5, 2'; head -c ${bytes - 312} /dev/zero ;;
  receive) wc -c >/root/received ;;
esac
`;

describe.skipIf(noSpace !== undefined)('the source of a transfer is compromised', () => {
  const before = 'ssh-ed25519 AAAA the operator\n';
  let at = '';
  let source: PrivateSshd;
  let target: PrivateSshd;
  let connections: Readonly<Record<string, NodeConnection>>;
  const keys = () => readFileSync(join(at, 'home/.ssh/authorized_keys'), 'utf8');
  const say = (what: 'way' | 'key', text: string): void => writeFileSync(join(at, what), text);
  const request: TransferRequest = {
    from: 'node1',
    to: 'node2',
    source: { kind: 'snapshot', dataset, snapshot: 'drover-e1-1' },
    dataset,
    properties: { 'drover:vol': 'v' },
  };
  const move = (mode: 'auto' | 'direct') =>
    createTransfer({
      end: async (node) => ({
        connection: connections[node] ?? expect.fail(node),
        fence: { token: '' },
        // An address for documentation: nothing answers there, and the source reports something else.
        meshAddress: node === 'node1' ? '192.0.2.1' : '192.0.2.2',
      }),
      mode,
      root,
    })(request, () => undefined, signal).catch((error: unknown) => error);

  beforeAll(async () => {
    at = mkdtempSync(join(tmpdir(), 'drover-hostile-'));
    for (const folder of ['bin', 'home/.ssh']) mkdirSync(join(at, folder), { recursive: true, mode: 0o700 });
    for (const [name, text] of [
      ['liar', liar],
      ['bin/zfs', zfs],
    ] as const) {
      writeFileSync(join(at, name), text);
      chmodSync(join(at, name), 0o755);
    }
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'attacker', '-f', join(at, 'attacker')]);
    const files = { home: join(at, 'home'), programs: join(at, 'bin') };
    [source, target] = await Promise.all([
      startSshd([`ForceCommand ${join(at, 'liar')}`], files),
      startSshd([], files),
    ]);
    const open = (node: string, { settings, env }: PrivateSshd) => connect(node, settings, { env }, signal);
    connections = { node1: await open('node1', source), node2: await open('node2', target) };
  });
  beforeEach(() => {
    writeFileSync(join(at, 'home/.ssh/authorized_keys'), before, { mode: 0o600 });
    for (const what of ['way', 'key']) rmSync(join(at, what), { force: true });
  });
  afterAll(async () => {
    await Promise.all(Object.values(connections ?? {}).map((connection) => connection.close()));
    source?.close();
    target?.close();
    rmSync(at, { recursive: true, force: true });
  });

  /** What the attacker gets at the target's door. */
  const breakIn = () =>
    spawnSync(
      'ssh',
      [
        ...['-F', 'none', '-i', join(at, 'attacker'), '-p', String(target.port), '-o', 'BatchMode=yes'],
        ...['-o', 'IdentitiesOnly=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
        ...['-o', 'LogLevel=ERROR', 'root@127.0.0.1', 'id -un'],
      ],
      { encoding: 'utf8' },
    ).stdout;
  const stolen = () => readFileSync(join(at, 'attacker.pub'), 'utf8').trim();
  const tabs = (text: string): string => text.replaceAll(' ', '\t');

  it('an honest one sends its volume through a key that is gone afterwards', async () => {
    const [from, to] = [connections.node1, connections.node2];
    if (from === undefined || to === undefined) expect.fail('not connected');
    const result = await sendDirect(
      {
        operation: 'honest',
        fences: { source: { token: '' }, target: { token: '' } },
        source: from,
        target: to,
        route: { address: '127.0.0.1', port: target.port, source: '127.0.0.1' },
        dataset,
        sendArgs: () => [`${dataset}@s`],
        receiveArgs: ['receive', dataset],
      },
      () => undefined,
      signal,
    );
    expect(result).toMatchObject({ ok: true, bytes });
    expect(Number(readFileSync(join(at, 'home/received'), 'utf8'))).toBe(bytes);
    expect(keys()).toBe(before);
  });

  it.each(['auto', 'direct'] as const)(
    'nothing of its answer to the question for the way gets in (%s)',
    async (mode) => {
      const attacks = [
        `127.0.0.1 ${target.port} 10.0.0.9"\tssh-ed25519\tjunk\n${tabs(stolen())}\n#\n`,
        `192.0.2.2 22 10.0.0.9"\tssh-ed25519\tjunk\n${tabs(stolen())}\n#\n`,
        `192.0.2.2 22 127.0.0.1",command="sh"\t${tabs(stolen())}\n`,
        `192.0.2.2 22 10.0.0.9\r\n${stolen()}\n`,
        `127.0.0.1 ${target.port} 127.0.0.1\n`,
      ];
      for (const attack of attacks) {
        say('way', attack);
        expect(await move(mode)).toMatchObject({ code: 'command-failed' });
        expect(breakIn()).toBe('');
        expect(keys()).toBe(before);
      }
    },
  );

  it('nothing of what it gives as its key gets in', async () => {
    say('way', '192.0.2.2 22 127.0.0.1\n');
    const attacks = [
      `${stolen()}\nnone\n`,
      `command="sh"\t${tabs(stolen())}\nnone\n`,
      `ssh-ed25519 ${'A'.repeat(68)}\r${stolen()}\nnone\n`,
      `ssh-rsa ${'A'.repeat(372)}\nnone\n`,
    ];
    for (const attack of attacks) {
      say('key', attack);
      expect(await move('auto')).toMatchObject({ code: 'command-failed' });
      expect(breakIn()).toBe('');
      expect(keys()).toBe(before);
    }
  });

  it('a key of its own choice opens the one command and nothing else, and is gone afterwards', async () => {
    say('way', '192.0.2.2 22 127.0.0.1\n');
    say('key', `${stolen().split(' ', 2).join(' ')}\nnone\n`);
    await move('direct');
    expect(breakIn()).not.toContain('root');
    expect(keys()).toBe(before);
  });
});

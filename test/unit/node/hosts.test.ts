import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Host } from '../../../src/engine/host.ts';
import { defaultSettings } from '../../../src/model/config.ts';
import { askKey, openHost, parseDisks } from '../../../src/node/hosts.ts';
import { noSshd, type PrivateSshd, startSshd } from '../../support/private-sshd.ts';

const never = new AbortController().signal;

describe.skipIf(noSshd !== undefined)('a host that is set up over SSH', () => {
  let sshd: PrivateSshd;
  const hosts: Host[] = [];
  const path = (name: string): string => join(sshd.dir, name);
  const open = async (script: string): Promise<Host> => {
    writeFileSync(path('script.sh'), script);
    const host = await openHost('web3', sshd.settings, defaultSettings, path('script.sh'), { env: sshd.env }, never);
    hosts.push(host);
    return host;
  };
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(async () => {
    await Promise.all(hosts.map((host) => host.close()));
    sshd?.close();
  });

  it('hands lines over as they come, with the arguments as they are, and the exit status', async () => {
    const host = await open(
      `printf 'begin\\tpackages\\t%s\\n' "$*"; until [ -e ${path('seen')} ]; do sleep 0.1; done; echo late; echo why >&2; exit 2`,
    );
    const lines: string[] = [];
    // The script only ends when its first line was heard.
    const onLine = (line: string): void => {
      lines.push(line);
      writeFileSync(path('seen'), '');
    };
    expect(await host.setUp(['--pool', "/dev/it's $HOME"], onLine, never)).toEqual({ code: 2, stderr: 'why' });
    expect(lines).toEqual(["begin\tpackages\t--pool /dev/it's $HOME --lines", 'late']);
  });

  it('lets the current step finish when it is cancelled, and runs nothing after it', async () => {
    const real = readFileSync(new URL('../../../host/provision.sh', import.meta.url), 'utf8');
    const head = real.slice(0, real.indexOf('# --- the system'));
    const file = path('steps');
    // The real script's own steps; only what they do is this test's.
    const host = await open(`${head}
no() { false; }
one_done() { [ -e ${file}.one ]; }
one() { touch ${file}.begun; sleep 1; touch ${file}.one; }
two() { touch ${file}.two; }
step one one_done one
step two no two
touch ${file}.after`);
    const cancel = new AbortController();
    const work = host.setUp([], (line) => line.startsWith('begin\tone') && cancel.abort(), cancel.signal);
    await expect(work).rejects.toMatchObject({
      code: 'cancelled',
      hint: expect.stringContaining('go on from there'),
    });
    for (let i = 0; i < 100 && !existsSync(`${file}.one`); i += 1) await pause(100);
    await pause(500);
    expect(['begun', 'one', 'two', 'after'].filter((name) => existsSync(`${file}.${name}`))).toEqual(['begun', 'one']);
  });

  it('shows the key of an unknown host, and keeps it once it is accepted', async () => {
    const settings = { ...sshd.settings, knownHostsFile: path('fresh_known_hosts') };
    const answer = await askKey('web3', settings, { env: sshd.env }, never);
    if (answer.known) throw new Error('it was not accepted yet');
    expect(answer).toMatchObject({ type: 'ssh-ed25519', fingerprint: expect.stringMatching(/^SHA256:/) });
    expect(await answer.accept()).toBe(path('fresh_known_hosts'));
    expect(await askKey('web3', settings, { env: sshd.env }, never)).toEqual({ known: true });
  });

  it('finds the disks of this machine readable', async () => {
    const host = await open('exit 0');
    expect(Array.isArray(await host.emptyDisks(never))).toBe(true);
    expect((await host.hostname(never)).length).toBeGreaterThan(0);
  });
});

describe('empty disks', () => {
  const disk = (more: object): object => ({
    path: '/dev/sdb',
    type: 'disk',
    size: 8 * 2 ** 30,
    ro: false,
    fstype: null,
    pttype: null,
    mountpoint: null,
    model: null,
    ...more,
  });
  const found = (...devices: readonly object[]) =>
    parseDisks(JSON.stringify({ blockdevices: devices })).map(({ path }) => path);

  it('are whole disks that hold nothing', () => {
    expect(parseDisks(JSON.stringify({ blockdevices: [disk({ model: 'ACME 1 ' })] }))).toEqual([
      { path: '/dev/sdb', sizeBytes: 8 * 2 ** 30, model: 'ACME 1' },
    ]);
    expect(found(disk({ path: '/dev/vda', size: '8589934592', ro: '0' }))).toEqual(['/dev/vda']);
  });

  it.each([
    ['a filesystem', { fstype: 'ext4' }],
    ['a pool', { fstype: 'zfs_member' }],
    ['a partition table', { pttype: 'gpt' }],
    ['partitions', { children: [{ path: '/dev/sdb1', type: 'part' }] }],
    ['a mount', { mountpoint: '/data' }],
    ['a medium that is read only', { ro: true }],
    ['another kind of device', { type: 'rom' }],
    ['too little room', { size: 1440 * 1024 }],
    ['no size', { size: null }],
  ])('are none with %s', (_what, more) => expect(found(disk(more))).toEqual([]));

  it('are none where lsblk says something else', () => expect(parseDisks('lsblk: unknown column')).toEqual([]));
});

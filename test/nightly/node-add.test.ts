import { spawn } from 'node:child_process';
import { appendFile, cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tsCommand } from '../../scripts/ts.mjs';
import { pause, project, type Ran, readText, run } from '../acceptance/lab.ts';

const [node, ...machines] = tsCommand(join(project, 'lab', 'plain', 'machines.ts'));
const program = join(project, 'dist', 'drover.js');
const netns = `${process.env.DROVER_LAB ?? 'drover'}-plain`.slice(0, 31);
const [first, second] = ['172.16.255.250', '172.16.255.251'] as const;

interface Plain {
  readonly key: string;
  readonly sshConfig: string;
  readonly knownHosts: string;
}

/** Two Debian 13 as an installer leaves them: no Docker, no OpenZFS, main alone in their sources. */
describe('drover node add on plain machines', () => {
  let plain: Plain;
  let folder = '';
  let fingerprints: Readonly<Record<string, string>> = {};
  const inside = (words: readonly string[]): readonly [string, readonly string[]] => [
    'nsenter',
    [`--net=/run/netns/${netns}`, ...words],
  ];
  const onHost = async (host: string, command: string): Promise<string> => {
    const [file, args] = inside(['ssh', '-F', plain.sshConfig, host, command]);
    return (await run(file, args, { timeoutMs: 1_200_000 })).stdout;
  };
  const words = (args: readonly string[]): readonly string[] => [process.execPath, program, ...args];
  const drover = async (...args: readonly string[]): Promise<Ran> => {
    const began = Date.now();
    const [file, all] = inside(words(args));
    const ran = await run(file, all, { cwd: folder, timeoutMs: 1_800_000 });
    console.log(
      `$ drover ${args.join(' ')}   # exit ${ran.code}, ${Math.round((Date.now() - began) / 1000)} s\n${ran.stdout}${ran.stderr}`,
    );
    return ran;
  };
  /** How this test reaches a host; a person's ~/.ssh does the same. */
  const way = (host: string): readonly string[] => [
    '--identity',
    plain.key,
    '--known-hosts',
    join(folder, 'known_hosts'),
    '--fingerprint',
    fingerprints[host] ?? '',
  ];

  beforeAll(async () => {
    const up = await run(node, [...machines, 'up', netns], { timeoutMs: 3_000_000 });
    if (up.code !== 0) throw new Error(`no plain machines: ${up.stderr}`);
    plain = JSON.parse(up.stdout);
    folder = await mkdtemp(join(tmpdir(), 'drover-node-add-'));
    const printed = await run('ssh-keygen', ['-lf', plain.knownHosts]);
    fingerprints = Object.fromEntries(
      printed.stdout.split('\n').flatMap((line) => {
        const [, print = '', names = ''] = line.split(' ');
        return names.split(',').map((name) => [name, print] as const);
      }),
    );
  });
  afterAll(async () => {
    await run(node, [...machines, 'down', netns]);
    await rm(folder, { recursive: true, force: true });
  });

  it('shows the key of an unknown host, and stops', async () => {
    const [identity, key, hosts, file] = way(first);
    const ran = await drover('node', 'add', `root@${first}`, '--check', ...[identity, key, hosts, file].map(String));
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining(fingerprints[first] ?? 'no fingerprint')]);
  });

  it('says what it would do, and does none of it', async () => {
    const state = 'dpkg -l | md5sum; cat /etc/apt/sources.list.d/*; ls /etc /var/lib; ls /var/lib/apt/lists';
    const before = await onHost(first, state);
    const ran = await drover('node', 'add', `root@${first}`, '--check', '--pool', '/dev/vdb', ...way(first));
    expect(ran.code).toBe(2);
    expect(ran.stdout).toMatch(/would do +package sources +contrib, for OpenZFS/);
    expect(ran.stdout).toMatch(/would do +pool drover +\/dev\/vdb/);
    expect(await onHost(first, state)).toBe(before);
  });

  it('names the empty disk where none was chosen, and refuses one that is in use', async () => {
    const without = await drover('node', 'add', `root@${first}`, ...way(first));
    expect([without.code, without.stdout]).toEqual([1, expect.stringContaining('--pool /dev/vdb')]);
    const used = await drover('node', 'add', `root@${first}`, '--pool', '/dev/vda', ...way(first));
    expect([used.code, used.stdout]).toEqual([1, expect.stringContaining('/dev/vda holds ext4')]);
  });

  it('makes it a node, and writes it down', async () => {
    const ran = await drover('node', 'add', `root@${first}`, '--pool', '/dev/vdb', '--yes', ...way(first));
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(ran.stdout).toMatch(/… packages\n[\s\S]*✔ did +packages/);
    expect(ran.stdout).toContain(`${first} is a node now`);
    expect(await readText(join(folder, 'drover.yml'))).toContain(`  ${first}: {name: plain1, user: root, `);
    expect(await onHost(first, 'dpkg -l | grep -c zfs-dkms')).toBe('0\n');
  });

  it('does nothing the second time', async () => {
    expect((await drover('node', 'add', first, '--check')).code).toBe(0);
    const again = await drover('node', 'add', first);
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('is already a node; nothing was changed')]);
  });

  it('says that sudo wants a password', async () => {
    const ran = await drover('node', 'add', `guest@${second}`, '--check', ...way(second));
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringMatching(/cannot become root .* as "guest".*password/)]);
    expect(ran.stderr).toContain('NOPASSWD');
  });

  it('finishes the current step when it is interrupted, and continues after it', async () => {
    const args = ['node', 'add', `drover@${second}`, '--pool', '/var/lib/drover-pool.img:1G', '--yes', ...way(second)];
    const [file, all] = inside(words(args));
    const child = spawn(file, [...all], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    while (!said.includes('… packages') && child.exitCode === null) await pause(500);
    // Some packages are in, others are not.
    await onHost(second, 'timeout 900 sh -c "until pgrep -f \'dpkg.*[-]-unpack\'; do sleep 0.3; done"');
    child.kill('SIGINT');
    const code = await ended;
    console.log(`interrupted: exit ${code}\n${said}`);
    expect([code, said]).toEqual([130, expect.stringContaining('the host finishes its current step')]);
    for (let waits = 0; waits < 900; waits += 1) {
      if ((await onHost(second, 'pgrep -c "^(apt-get|dpkg)" || true')).trim() === '0') break;
      await pause(2000);
    }
    // Debian's own zfsutils-linux loads the module; what tells the next step is drover's files.
    const after =
      'dpkg --audit; dpkg -l docker.io | grep -c ^ii; ls /etc/drover /etc/modules-load.d/drover.conf | wc -l';
    expect(await onHost(second, after)).toBe('1\n0\n');
    const ran = await drover(...args);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(ran.stdout).not.toContain('did  packages');
    expect(await readText(join(folder, 'drover.yml'))).toContain(`  ${second}: {name: plain2, user: drover, `);
  });

  it("runs the tutorial's first part on both", async () => {
    await cp(join(project, 'tutorials', 'mongodb', '1-move-an-application'), folder, { recursive: true });
    const image = (await run(node, [...machines, 'mongodb', netns], { timeoutMs: 1_200_000 })).stdout.trim();
    await appendFile(join(folder, 'drover.yml'), `images: {mongo: "${image}"}\n`);
    expect((await drover('apply')).code).toBe(0);
    expect(await onHost(first, 'docker ps --format "{{.Names}}"')).toBe('drover-mongodb-example\n');
    const listed = await drover('node', 'list');
    expect([listed.code, listed.stdout]).toEqual([0, expect.stringMatching(/mongodb-example/)]);
    expect((await drover('move', 'mongodb-example', second)).code).toBe(0);
    expect(await onHost(second, 'docker ps --format "{{.Names}}"')).toBe('drover-mongodb-example\n');
  });

  it('lets go of a node only when nothing is there any more', async () => {
    expect((await drover('node', 'remove', second, '--purge', '--yes')).code).toBe(64);
    const ran = await drover('node', 'remove', first, '--purge', '--yes');
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(await readFile(join(folder, 'drover.yml'), 'utf8')).not.toContain(first);
    expect(
      await onHost(
        first,
        'zpool list -H -o name; ls /usr/local/lib/drover /etc/drover; systemctl is-enabled drover-boot',
      ),
    ).toBe('drover\n/etc/drover:\nnode-id\nroot-dataset\n\n/usr/local/lib/drover:\nnot-found\n');
    // And it may come back: its pool and its id are still there.
    expect((await drover('node', 'add', `root@${first}`, '--yes', ...way(first))).code).toBe(0);
  });
});

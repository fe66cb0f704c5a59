import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../../host/provision.sh', import.meta.url));

/** A Debian 13 as an installer leaves it. Functions that bash takes from its environment stand before programs. */
const plain: Readonly<Record<string, string>> = {
  id: 'echo 0',
  dpkg: 'echo amd64',
  uname: 'echo 6.12.1-amd64',
  ps: 'echo systemd',
  'systemd-detect-virt': 'echo none',
  'apt-get': 'echo main',
  'apt-cache': 'return 100',
  'dpkg-query': 'return 1',
  modinfo: 'return 1',
  zpool: 'return 1',
  zfs: 'return 1',
  nft: 'return 1',
  od: 'return 1',
  ls: 'echo 6.12.1-amd64',
  systemctl: 'return 1',
  command: '[ "$2" = dockerd ] || [ "$2" = docker ] && return 1; builtin command "$@"',
};

/** apt knows these packages, and Debian's contrib is switched on. */
const knowing = (...names: readonly string[]): Record<string, string> => ({
  'apt-get': 'echo contrib',
  'apt-cache': `for name in "\${@:3}"; do case $name in ${names.join('|')}) echo "Package: $name" ;; esac; done`,
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-provision-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Checked {
  readonly code: number | null;
  readonly steps: Readonly<Record<string, readonly string[]>>;
  readonly order: readonly string[];
}

/** Runs `provision.sh --check --lines` from standard input, as drover does. */
function check(
  changes: Readonly<Record<string, string>> = {},
  args: readonly string[] = ['--pool', '/var/lib/drover-pool.img:64M'],
  os = 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
  zfsLoaded = join(folder, 'no-zfs'),
): Checked {
  const release = join(folder, 'os-release');
  writeFileSync(release, os);
  const functions = Object.entries({ ...plain, ...changes }).map(([name, body]) => [
    `BASH_FUNC_${name}%%`,
    `() { ${body}\n}`,
  ]);
  const ran = spawnSync(
    'bash',
    ['--norc', '-c', 'exec bash --norc -s -- "$@" <"$SCRIPT"', 'bash', '--check', '--lines', ...args],
    {
      encoding: 'utf8',
      env: {
        ...Object.fromEntries(functions),
        PATH: process.env.PATH,
        DROVER_OS_RELEASE: release,
        DROVER_ZFS_LOADED: zfsLoaded,
        SCRIPT: script,
      },
    },
  );
  expect(ran.stderr).toBe('');
  const lines = ran.stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  return {
    code: ran.status,
    steps: Object.fromEntries(lines.map(([state = '', name = '', detail = '']) => [name, [state, detail]])),
    order: lines.map(([, name = '']) => name),
  };
}

describe.skipIf(process.platform !== 'linux')('provision.sh --check', () => {
  it('lists every step for a plain Debian, in order, and ends with 2', () => {
    const { code, order, steps } = check();
    expect(code).toBe(2);
    expect(order.slice(0, 8)).toEqual([
      'system',
      'package sources',
      'package lists',
      'packages',
      'zfs module',
      'folders',
      'node id',
      'pool drover',
    ]);
    expect(steps.system).toEqual(['done', '']);
    expect(steps['package sources']).toEqual(['would do', 'contrib, for OpenZFS']);
    expect(steps.packages?.[1]).toBe(
      "nftables iptables conntrack perl-base zfsutils-linux dnsmasq-base docker.io and OpenZFS's module for 6.12.1-amd64",
    );
    expect(steps['pool drover']).toEqual(['would do', '/var/lib/drover-pool.img:64M']);
    expect(steps.docker).toEqual(['would do', '']);
  });

  it('takes a ready-made module in place of building one', () => {
    const { steps } = check(knowing('zfsutils-linux', 'docker-cli', 'zfs-modules-6.12.1-amd64'));
    expect(steps['package sources']).toEqual(['done', '']);
    expect(steps.packages?.[1]).toBe(
      'nftables iptables conntrack perl-base zfsutils-linux dnsmasq-base docker.io docker-cli zfs-modules-6.12.1-amd64',
    );
  });

  it('builds the module where there are headers for the running kernel', () => {
    const { code, steps } = check(knowing('zfsutils-linux', 'linux-headers-6.12.1-amd64'));
    expect(code).toBe(2);
    expect(steps.packages?.[1]).toMatch(/linux-headers-6\.12\.1-amd64 zfs-dkms \(the module is built here/);
  });

  it('accepts a kernel with OpenZFS built in, which is not loaded at boot; a loaded module has to be', () => {
    const loaded = join(folder, 'zfs-in-the-kernel');
    mkdirSync(loaded, { recursive: true });
    const builtIn = check({}, undefined, undefined, loaded).steps;
    expect(builtIn['zfs module']).toEqual(['done', '']);
    expect(builtIn.packages?.[1]).toBe('nftables iptables conntrack perl-base zfsutils-linux dnsmasq-base docker.io');
    writeFileSync(join(loaded, 'initstate'), 'live\n');
    expect(check({}, undefined, undefined, loaded).steps['zfs module']).toEqual(['would do', '']);
  });

  it('takes the headers of later kernels along, of the same flavour', () => {
    const headers = ['linux-headers-6.1.0-18-cloud-amd64', 'linux-headers-cloud-amd64'];
    const { steps } = check({ ...knowing('zfsutils-linux', ...headers), uname: 'echo 6.1.0-18-cloud-amd64' });
    expect(steps.packages?.[1]).toMatch(/linux-headers-cloud-amd64 linux-headers-6\.1\.0-18-cloud-amd64 zfs-dkms/);
  });

  it.each([
    ['is mounted elsewhere and nobody has given to drover', '/srv', '-', 'cannot'],
    ['belongs to a node already', '/srv', 'some-id', 'would do'],
    ['was begun by an earlier run', '/var/lib/drover/volumes', '-', 'would do'],
  ])('a root dataset that %s', (_what, mountpoint, node, state) => {
    const zfs = `[ "$1" = get ] || return 1; case $5 in mountpoint) echo ${mountpoint} ;; drover:node) echo ${node} ;; *) echo on ;; esac`;
    const { steps } = check({ zfs, zpool: '[ "$1" = list ]' }, []);
    expect(steps['dataset drover/volumes']?.[0]).toBe(state);
    if (state === 'cannot')
      expect(steps['dataset drover/volumes']?.[1]).toMatch(/drover\/volumes is there, mounted at \/srv, .*--root/);
  });

  const ubuntu = 'ID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n';
  it("takes Ubuntu's module from the package of its kernel, and asks for no contrib there", () => {
    const known = knowing('zfsutils-linux', 'linux-modules-6.12.1-amd64');
    const { steps } = check({ ...known, 'apt-get': 'echo universe' }, undefined, ubuntu);
    expect(steps['package sources']).toEqual(['done', '']);
    expect(steps.packages?.[1]).toMatch(/ linux-modules-6\.12\.1-amd64$/);
  });

  const release = (id: string, version: string, name: string): string =>
    `ID=${id}\nVERSION_ID="${version}"\nPRETTY_NAME="${name}"\n`;
  const refusals: readonly {
    readonly what: string;
    readonly step: string;
    readonly why: RegExp;
    readonly changes?: Readonly<Record<string, string>>;
    readonly os?: string;
  }[] = [
    {
      what: 'another system',
      step: 'system',
      why: /Fedora.* is not Debian 12 or 13 or Ubuntu/,
      os: release('fedora', '41', 'Fedora 41'),
    },
    {
      what: 'an older Debian',
      step: 'system',
      why: /Debian GNU\/Linux 11 is not Debian 12 or 13/,
      os: release('debian', '11', 'Debian GNU/Linux 11'),
    },
    {
      what: 'a 32-bit processor',
      step: 'system',
      why: /architecture armhf is neither/,
      changes: { dpkg: 'echo armhf' },
    },
    {
      what: 'a system without systemd',
      step: 'system',
      why: /systemd is not running/,
      changes: { ps: 'echo init' },
    },
    {
      what: 'a container',
      step: 'system',
      why: /a container \(lxc\).*load zfs on its host/,
      changes: { 'systemd-detect-virt': 'echo lxc' },
    },
    { what: 'anybody but root', step: 'root', why: /must run as root/, changes: { id: 'echo 1000' } },
    {
      what: 'a kernel without headers',
      step: 'packages',
      why: /upgrade the kernel .*reboot/,
      changes: knowing('zfsutils-linux'),
    },
    {
      what: 'an old kernel still running',
      step: 'packages',
      why: /running kernel 6\.12\.1-amd64: reboot into 6\.12\.9-amd64, which is installed/,
      changes: { ...knowing('zfsutils-linux'), ls: 'printf "%s\\n" 6.12.1-amd64 6.12.9-amd64' },
    },
    {
      what: 'Secure Boot with a module built here',
      step: 'packages',
      why: /Secure Boot is on.*mokutil --import/,
      changes: { ...knowing('zfsutils-linux', 'linux-headers-6.12.1-amd64'), od: 'echo "   1"' },
    },
  ];
  it.each(refusals)('refuses $what', ({ step, why, changes, os }) => {
    const { code, steps } = check(changes, undefined, os);
    expect(code).toBe(1);
    expect(steps[step]?.[0]).toBe('cannot');
    expect(steps[step]?.[1]).toMatch(why);
  });

  it('minds neither Secure Boot nor headers where the module is ready-made', () => {
    const known = knowing('zfsutils-linux', 'zfs-modules-6.12.1-amd64');
    expect(check({ ...known, od: 'echo "   1"' }).code).toBe(2);
  });

  it.each([
    ['nothing', [], /there is no pool "drover": name an empty disk, or FILE:SIZE, with --pool/],
    ['a file that is not a disk', ['--pool', '/dev/null'], /\/dev\/null is not a disk/],
    ['a relative file', ['--pool', 'pool.img:1G'], /neither a device .* nor FILE:SIZE with the file's full path/],
    ['a wrong size', ['--pool', '/var/lib/x.img:much'], /"much" is not a size/],
    ['too small a file', ['--pool', '/var/lib/x.img:1M'], /too small/],
    ['more than is free', ['--pool', '/var/lib/x.img:900000T'], /more than the .* that are free in \/var\/lib/],
  ])('refuses %s as a pool', (_what, args, why) => {
    const { code, steps } = check({}, args);
    expect([code, steps['pool drover']?.[0]]).toEqual([1, 'cannot']);
    expect(steps['pool drover']?.[1]).toMatch(why);
  });

  it('refuses a file that holds something, and takes an empty one', () => {
    const file = join(folder, 'pool.img');
    writeFileSync(file, Buffer.alloc(4096, 'precious'));
    expect(check({}, ['--pool', `${file}:64M`]).steps['pool drover']?.[1]).toMatch(
      /holds data: drover never overwrites/,
    );
    writeFileSync(file, Buffer.alloc(4096));
    expect(check({}, ['--pool', `${file}:64M`]).steps['pool drover']?.[0]).toBe('would do');
  });

  it('says for --remove only what is taken away', () => {
    const { order } = check({ nft: 'return 0', systemctl: 'return 0' }, ['--remove']);
    expect(order).toEqual(['boot services off', 'port map off', "peers' login off", 'files removed']);
  });
});

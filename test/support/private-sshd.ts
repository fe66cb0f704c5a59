import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { NodeSettings } from '../../src/model/config.ts';

/** Debian's package unpacked, where the machine has no sshd of its own: see bring-packages.ts. */
const unpacked = process.env.DROVER_TEST_SSHD;

/** Why a private sshd cannot run here; undefined where it can. */
export const noSshd: string | undefined = !existsSync(unpacked ?? '/usr/sbin/sshd')
  ? 'no /usr/sbin/sshd (apt-get install openssh-server)'
  : userInfo().uid !== 0
    ? 'the tests do not run as root'
    : undefined;

/** An sshd on a loopback port with keys of its own, in a temporary directory. */
export interface PrivateSshd {
  readonly dir: string;
  readonly port: number;
  readonly settings: NodeSettings;
  /** Public host key lines, `type base64`. */
  readonly hostKeys: Readonly<Record<'ed25519' | 'ecdsa', string>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends the daemon and every connection it serves. */
  kill(): void;
  start(): Promise<void>;
  close(): void;
}

/** Folders that sshd and all its processes see in place of the machine's. */
export interface PrivateFiles {
  /** Root's home there; its .ssh/authorized_keys counts too. */
  readonly home: string;
  /** Directory of programs that are found before all others. */
  readonly programs: string;
}

/** Starts it; `extra` is added to its configuration. With `files` also /run is its own. */
export async function startSshd(extra: readonly string[] = [], files?: PrivateFiles): Promise<PrivateSshd> {
  const dir = mkdtempSync(join(tmpdir(), 'drover-sshd-'));
  const tree = unpacked !== undefined && files !== undefined ? elsewhere : unpacked;
  const makeKey = (name: string, type: string, passphrase = ''): void => {
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', name, '-f', join(dir, name)]);
  };
  makeKey('host-ed25519', 'ed25519');
  makeKey('host-ecdsa', 'ecdsa');
  makeKey('user', 'ed25519');
  const hostKey = (name: string): string =>
    readFileSync(join(dir, `${name}.pub`), 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ');
  const hostKeys = { ed25519: hostKey('host-ed25519'), ecdsa: hostKey('host-ecdsa') };
  const port = await freePort();
  mkdirSync('/run/sshd', { recursive: true });
  mkdirSync(join(dir, 'home', '.ssh'), { recursive: true });
  writeFileSync(join(dir, 'authorized_keys'), readFileSync(join(dir, 'user.pub')));
  writeFileSync(join(dir, 'known_hosts'), `[127.0.0.1]:${port} ${hostKeys.ed25519}\n`);
  writeFileSync(join(dir, 'ssh_config'), '');
  writeFileSync(
    join(dir, 'sshd_config'),
    [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${join(dir, 'host-ed25519')}`,
      `HostKey ${join(dir, 'host-ecdsa')}`,
      `AuthorizedKeysFile ${join(dir, 'authorized_keys')}${files === undefined ? '' : ' /root/.ssh/authorized_keys'}`,
      'PidFile none',
      'UsePAM no',
      'StrictModes no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      ...helpersOf(unpacked, tree),
      ...extra,
      '',
    ].join('\n'),
  );
  let daemon: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    // With -D it leads its own process group: killing the group ends its connections too.
    const [file = '', ...words] = [...inFiles(files), ...sshdIn(tree), '-D', '-e', '-f', join(dir, 'sshd_config')];
    daemon = spawn(file, words, { detached: true, stdio: 'ignore' });
    await answers(port);
  };
  const kill = (): void => {
    if (daemon?.pid === undefined) return;
    for (const pid of descendants(daemon.pid)) tryKill(pid);
    daemon = undefined;
  };
  await start();
  return {
    dir,
    port,
    hostKeys,
    settings: {
      host: '127.0.0.1',
      port,
      user: 'root',
      identityFile: join(dir, 'user'),
      knownHostsFile: join(dir, 'known_hosts'),
      sshConfigFile: join(dir, 'ssh_config'),
    },
    env: { PATH: process.env.PATH, HOME: join(dir, 'home'), USER: 'root' },
    kill,
    start,
    close() {
      kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function inFiles(files: PrivateFiles | undefined): readonly string[] {
  if (files === undefined) return [];
  const script = `mount --make-rprivate /; [ -z "$3" ] || mount --bind "$3" ${elsewhere}
mount --bind "$1" /root; mount --bind "$2" /usr/local/sbin
mount -t tmpfs -o mode=755 tmpfs /run; mkdir -m 755 /run/sshd; shift 3; exec "$@"`;
  return ['unshare', '--mount', 'sh', '-ec', script, 'sh', files.home, files.programs, unpacked ?? ''];
}

/** Where the unpacked package is seen, since it lies below the home that they do not see. */
const elsewhere = '/mnt';

/** The words that run sshd. What is unpacked finds its libraries and its account in the tree, by the same process. */
function sshdIn(tree: string | undefined): readonly string[] {
  if (tree === undefined) return ['/usr/sbin/sshd'];
  const script =
    'mount --bind "$1/passwd" /etc/passwd; export LD_LIBRARY_PATH="$(echo "$1"/usr/lib/*-linux-gnu*)"; shift; exec "$@"';
  return ['unshare', '--mount', 'sh', '-ec', script, 'sh', tree, join(tree, 'usr/sbin/sshd')];
}

/** OpenSSH 9.8 and later start programs whose places are compiled in; those of `tree`, seen at `place`. */
function helpersOf(tree: string | undefined, place = ''): readonly string[] {
  if (tree === undefined) return [];
  return [
    ['SshdSessionPath', 'sshd-session'],
    ['SshdAuthPath', 'sshd-auth'],
  ]
    .map(([option, name = '']) => [option, join('usr/lib/openssh', name)] as const)
    .filter(([, path]) => existsSync(join(tree, path)))
    .map(([option, path]) => `${option} ${join(place, path)}`);
}

/** A port of 127.0.0.1 without a listener. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function answers(port: number): Promise<void> {
  const { connect } = await import('node:net');
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const ok = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('data', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the private sshd on port ${port} does not answer`);
}

/** The daemon and sshd's own children, without the commands that it runs, whose end the tests observe. */
function descendants(pid: number): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8' }).trim().split('\n');
  const processes = lines.map((line) => line.trim().split(/\s+/));
  const below = (parent: number): number[] =>
    processes
      .filter(([, ppid, comm]) => Number(ppid) === parent && comm?.startsWith('sshd'))
      .flatMap(([child]) => [Number(child), ...below(Number(child))]);
  return [pid, ...below(pid)];
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has exited already.
  }
}

// Tools of the recipes: running programs, a Go that is new enough, Debian's packages.
// A recipe's hash covers this file, so a change here rebuilds every image.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

const children = new Set<ChildProcess>();

/** Stops the programs that run() started and that still run. */
export function stopChildren(): void {
  for (const child of children) child.kill('SIGTERM');
}

interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's variables. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a program; its stderr goes to ours. Resolves to its stdout. Throws Error with one sentence. */
export function run(command: string, args: readonly string[], { cwd, env }: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => {
      out += data;
    });
    child.stderr.on('data', (data) => {
      process.stderr.write(data);
      err = (err + data).slice(-4000);
    });
    child.on('error', (e: NodeJS.ErrnoException) => {
      children.delete(child);
      reject(new Error(e.code === 'ENOENT' ? `the program ${command} is not installed` : e.message));
    });
    child.on('close', (code, signal) => {
      children.delete(child);
      if (code === 0) return resolve(out);
      const why = reasonIn(err);
      const how = signal ? `was ended by ${signal}` : `exited ${code}`;
      reject(new Error(`${basename(command)} ${args[0] ?? ''} ${how}${why ? `: ${why}` : ''}`));
    });
  });
}

/** Why apt could not fetch something (it prints that below `Err:`); else the first error, else the last line. */
function reasonIn(output: string): string | undefined {
  const [, fetching] = /^Err:.*\n\s+(.+)$/m.exec(output) ?? [];
  const [first] = /^E: .+$/m.exec(output) ?? [];
  return fetching ?? first ?? output.trim().split('\n').at(-1);
}

// ---- trees ----

interface Tree {
  /** Path -> mode. */
  readonly dirs?: Readonly<Record<string, number>>;
  /** Path -> text. */
  readonly files?: Readonly<Record<string, string>>;
  /** Path -> target. */
  readonly links?: Readonly<Record<string, string>>;
}

/** Makes the folders, files and links of an image. */
export async function tree(root: string, { dirs = {}, files = {}, links = {} }: Tree): Promise<void> {
  for (const [path, mode] of Object.entries(dirs)) {
    await mkdir(join(root, path), { recursive: true });
    await chmod(join(root, path), mode);
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), text);
    await chmod(join(root, path), 0o644);
  }
  for (const [path, target] of Object.entries(links)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await symlink(target, join(root, path));
  }
}

export const PASSWD = {
  '/etc/passwd':
    'root:x:0:0:root:/:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  '/etc/group': 'root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n',
};

// ---- Debian ----

/** Unpacks a package of this machine's Debian (or derivative) into `dir`, without installing it. */
export async function unpackDebianPackage(name: string, dir: string, temp: string): Promise<void> {
  const at = await mkdtemp(join(temp, 'deb-'));
  await run('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: at });
  const deb = (await readdir(at)).find((file) => file.endsWith('.deb'));
  if (!deb) throw new Error(`apt-get download ${name} left no package file`);
  await run('dpkg-deb', ['-x', join(at, deb), dir]);
  await rm(at, { recursive: true });
}

/** The mirror of this machine's own apt. */
async function debianMirror(): Promise<string> {
  const out = await run('apt-get', [
    'indextargets',
    '--format',
    '$(ORIGIN)|$(LABEL)|$(REPO_URI)',
    'Identifier: Packages',
  ]);
  const found = out.split('\n').find((line) => line.startsWith('Debian|Debian|'));
  const mirror = found?.split('|')[2];
  if (!mirror) throw new Error("this machine's apt has no Debian mirror (or apt-get update never ran)");
  return mirror;
}

// ---- Go ----

interface GoVersion {
  readonly major: number;
  readonly minor: number;
}

/** The oldest that builds the programs. */
const GO: GoVersion = { major: 1, minor: 22 };

function goVersion(go: string, env: NodeJS.ProcessEnv = {}): GoVersion | undefined {
  const got = spawnSync(go, ['env', 'GOVERSION'], {
    encoding: 'utf8',
    env: { ...process.env, GOTOOLCHAIN: 'local', GO111MODULE: 'off', ...env },
  });
  const m = /^go(\d+)\.(\d+)/.exec(got.stdout ?? '');
  return m === null ? undefined : { major: Number(m[1]), minor: Number(m[2]) };
}

const newEnough = (v: GoVersion | undefined): boolean =>
  v !== undefined && (v.major > GO.major || (v.major === GO.major && v.minor >= GO.minor));

interface Go {
  /** The program. */
  readonly go: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A Go of at least 1.22: the machine's, else Debian 13's, unpacked once into the cache. */
async function findGo(cache: string): Promise<Go> {
  if (!process.env.DROVER_LAB_DEBIAN_GO) {
    for (const go of ['go', '/usr/local/go/bin/go']) {
      if (newEnough(goVersion(go))) return { go, env: {} };
    }
  }
  // Debian's go programs are static and its package needs no setup, so the unpacked tree works without chroot.
  const at = join(cache, 'go-debian13');
  if (!existsSync(at)) {
    process.stderr.write(`this machine has no Go ${GO.major}.${GO.minor} or newer: unpacking Debian 13's into ${at}\n`);
    await mkdir(cache, { recursive: true });
    const temp = await mkdtemp(`${at}.tmp-`);
    try {
      const proxy = (await run('apt-config', ['shell', 'P', 'Acquire::http::Proxy'])).match(/^P='(.+)'$/m)?.[1];
      await run('mmdebstrap', [
        '--variant=extract',
        '--include=golang-1.24-go,golang-1.24-src',
        ...(proxy ? [`--aptopt=Acquire::http::Proxy "${proxy}"`] : []),
        'trixie',
        temp,
        await debianMirror(),
      ]);
      await chmod(temp, 0o755);
      await rename(temp, at).catch((e) => {
        if (!existsSync(at)) throw e; // else another build has made it
      });
    } finally {
      await rm(temp, { recursive: true, force: true });
    }
  }
  const env = { GOROOT: join(at, 'usr/lib/go-1.24') };
  const go = join(env.GOROOT, 'bin/go');
  if (!newEnough(goVersion(go, env)))
    throw new Error(`the Go unpacked in ${at} does not run; remove that directory to unpack it again`);
  return { go, env };
}

let goFound: Promise<Go> | undefined;

interface GoProgram {
  readonly dir: string;
  readonly out: string;
  readonly tags?: string;
  readonly cache: string;
}

/** Builds the Go program in `dir` as one static binary. */
export async function goBuild({ dir, out, tags = '', cache }: GoProgram): Promise<void> {
  goFound ??= findGo(cache);
  const { go, env } = await goFound;
  await run(
    go,
    ['build', '-trimpath', '-buildvcs=false', '-tags', tags, '-ldflags', '-s -w -buildid=', '-o', out, '.'],
    {
      cwd: dir,
      env: {
        ...env,
        CGO_ENABLED: '0',
        GOTOOLCHAIN: 'local',
        GOFLAGS: '-mod=readonly',
        GOWORK: 'off',
        GO111MODULE: 'on',
      },
    },
  );
  await chmod(out, 0o755);
  const head = await readFile(out);
  if (head.subarray(0, 4).toString('latin1') !== '\x7fELF') throw new Error('go build did not make a Linux program');
}

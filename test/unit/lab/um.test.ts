import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { frameReader, packFrame } from '../../../lab/rootless/frames.ts';
import { metaValue, newestSupported } from '../../../lab/um/sources.ts';
import { tsCommand } from '../../../scripts/ts.mjs';

const lab = fileURLToPath(new URL('../../../lab', import.meta.url));

const until = async <T>(what: string, read: () => T | undefined | false): Promise<T> => {
  for (let waited = 0; ; waited += 20) {
    const found = read();
    if (found !== undefined && found !== false) return found;
    if (waited > 60_000) throw new Error(`${what}: not within 60 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

describe('the kernel that is chosen', () => {
  const names = ['linux-source-6.12', 'linux-source-7.2', 'linux-source-7.3', 'linux-source-7.10', 'linux-source'];
  it.each([
    ['7.2', '7.2'],
    ['7.9', '7.3'],
    ['7.10', '7.10'],
    ['8.0', '7.10'],
    ['6.15', '6.12'],
    ['6.1', undefined],
    ['0.0', undefined],
  ])('is the newest one up to %s, which OpenZFS supports: %s', (most, chosen) => {
    expect(newestSupported(names, most)).toBe(chosen);
  });

  it('depends on the META file of OpenZFS', () => {
    const meta =
      'Meta:          1\nName:          zfs\nVersion:       2.4.4\nLinux-Maximum: 7.2\nLinux-Minimum: 4.18\n';
    expect(metaValue(meta, 'Version')).toBe('2.4.4');
    expect(metaValue(meta, 'Linux-Maximum')).toBe('7.2');
    expect(metaValue(meta, 'Linux-Medium')).toBeUndefined();
  });
});

describe.skipIf(process.platform !== 'linux')('the keeper of a machine', () => {
  const folders: string[] = [];
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  function keep(script: string): { readonly at: string; readonly child: ChildProcess; log(): string } {
    const at = mkdtempSync(join(tmpdir(), 'drover-keeper-'));
    folders.push(at);
    const [node, ...words] = tsCommand(join(lab, 'um', 'keeper.ts'), 'unit-keeper', '/bin/sh', '-c', script);
    const child = spawn(node, words, { cwd: at, stdio: 'ignore' });
    children.push(child);
    const log = (): string =>
      existsSync(join(at, 'console.log')) ? readFileSync(join(at, 'console.log'), 'utf8') : '';
    return { at, child, log };
  }

  it('joins a visitor with the machine, logs its output, and ends with it', async () => {
    const { at, child, log } = keep(
      'echo ready; while read -r line; do echo "heard $line"; [ "$line" = off ] && exit 7; done',
    );
    await until('the console', () => existsSync(join(at, 'console.sock')) && log().includes('ready'));
    const visitor = connect(join(at, 'console.sock'));
    let said = '';
    visitor.on('data', (bytes) => {
      said += bytes.toString();
    });
    visitor.on('error', () => {});
    visitor.write('hello\n');
    await until('an answer', () => said.includes('heard hello'));
    visitor.destroy();
    const second = connect(join(at, 'console.sock'));
    second.on('error', () => {});
    second.write('off\n');
    await until('the end', () => child.exitCode !== null);
    expect(child.exitCode).toBe(7);
    expect(log()).toBe('ready\nheard hello\nheard off\n');
    expect(existsSync(join(at, 'console.sock'))).toBe(false);
  });

  it('leaves no machine behind when it is killed', async () => {
    const { child, log } = keep('echo $$; sleep 600');
    const pid = await until('the process', () => /\d+/.exec(log())?.[0]);
    child.kill('SIGKILL');
    // A zombie whose parent does not wait for it has ended too.
    await until('its end', () => {
      const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
      return !/\) [^Z]/.test(stat);
    });
  });
});

const hasCompiler = spawnSync('gcc', ['--version']).status === 0;

describe.skipIf(!hasCompiler)('the wire of a machine in a lab without root', () => {
  const at = mkdtempSync(join(tmpdir(), 'drover-wire-'));
  const wire = join(at, 'wire');
  const socket = join(at, 'switch');
  let child: ChildProcess | undefined;
  afterEach(() => {
    child?.kill('SIGKILL');
    rmSync(at, { recursive: true, force: true });
  });

  /** A switch that remembers the frames; `end` closes it with its connections. */
  async function listen(): Promise<{ readonly got: string[]; peer(): Socket | undefined; end(): void }> {
    const got: string[] = [];
    const peers: Socket[] = [];
    const server: Server = createServer((peer) => {
      peers.push(peer);
      peer.on('error', () => {});
      peer.on(
        'data',
        frameReader((frame: Buffer) => got.push(frame.toString())),
      );
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const end = (): void => {
      for (const peer of peers) peer.destroy();
      server.close();
      rmSync(socket, { force: true });
    };
    return { got, peer: () => peers.at(-1), end };
  }

  it('carries whole frames both ways, finds a switch that comes back, and ends with its program', async () => {
    execFileSync('gcc', ['-Wall', '-Wextra', '-Werror', '-O1', '-o', wire, join(lab, 'um', 'wire.c')]);
    const first = await listen();
    // The program sends every frame back that it gets.
    child = spawn(wire, [socket, '/bin/sh', '-c', 'exec cat <&3 >&3'], { stdio: 'ignore' });
    const peer = await until('the first connection', () => first.peer());
    const frames = ['one', 'a longer frame', 'x'.repeat(1514)];
    // In pieces that have nothing to do with where a frame begins.
    const bytes = Buffer.concat(frames.map((text) => packFrame(Buffer.from(text))));
    for (let at = 0; at < bytes.length; at += 7) peer.write(bytes.subarray(at, at + 7));
    await until('the frames', () => first.got.length === frames.length);
    expect(first.got).toEqual(frames);

    first.end();
    const second = await listen();
    const again = await until('the second connection', () => second.peer());
    again.write(packFrame(Buffer.from('welcome')));
    await until('a frame over the new connection', () => second.got.includes('welcome'));

    const relay = execFileSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' }).trim();
    child.kill('SIGKILL');
    await until('the end of the relay', () => !existsSync(`/proc/${relay}`));
    second.end();
  });
});

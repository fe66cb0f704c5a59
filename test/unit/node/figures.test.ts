import { spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { SpawnedCommand } from '../../../src/node/command.ts';
import { compare, createFigures, parseSample, type Sample } from '../../../src/node/figures.ts';

const lines = [
  'cpu 100 1000',
  'cores 4',
  'up 50.00',
  'load 0.52',
  'memory 1000 400',
  'pool\tdrover\tONLINE\t2000\t500',
  'container abc 1000000000 4096',
];
const first = parseSample(lines, 'n1');
const later = (changes: Partial<Sample>): Sample => ({ ...first, up: 52, busy: 150, total: 1100, ...changes });

describe('a sample', () => {
  it('is read from its lines', () => {
    expect(first).toMatchObject({ busy: 100, total: 1000, cores: 4, up: 50, load: 0.52 });
    expect(first).toMatchObject({ memoryTotalBytes: 1_024_000, memoryUsedBytes: 614_400 });
    expect(first.pool).toEqual({ name: 'drover', health: 'ONLINE', sizeBytes: 2000, freeBytes: 500 });
  });

  it('is refused where something is missing, with what zpool says', () => {
    const without = lines.filter((line) => !line.startsWith('load'));
    expect(() => parseSample(without, 'n1')).toThrow('cannot measure "n1": it did not report "load"');
    const broken = lines.map((line) => (line.startsWith('pool') ? "pool\tcannot open 'drover': no such pool" : line));
    expect(() => parseSample(broken, 'n1')).toThrow(`cannot measure "n1": cannot open 'drover': no such pool`);
  });

  it('has loads in comparison with the one before', () => {
    expect(compare(undefined, first)).not.toHaveProperty('cpuPercent');
    expect(compare(undefined, first).containers.size).toBe(0);
    const containers = new Map([['abc', { cpuNs: 4_000_000_000, memoryBytes: 8192 }]]);
    const figures = compare(first, later({ containers }));
    expect(figures.cpuPercent).toBe(50);
    // Three seconds of one core in two seconds.
    expect(figures.containers.get('abc')).toEqual({ cpuPercent: 150, memoryBytes: 8192 });
  });

  it('has none in comparison with one of another boot or container', () => {
    expect(compare(first, later({ busy: 1, total: 10, up: 1 }))).not.toHaveProperty('cpuPercent');
    const again = new Map([['abc', { cpuNs: 5, memoryBytes: 8192 }]]);
    expect(compare(first, later({ containers: again })).containers.size).toBe(0);
  });
});

/** A shell of this machine instead of a node's, with a zpool that prints a given text. */
function localShells(zpool: string) {
  const started: number[] = [];
  const connection = {
    node: 'here',
    spawn: async ([program, ...args]: readonly [string, ...string[]], signal: AbortSignal): Promise<SpawnedCommand> => {
      const env = { 'BASH_FUNC_zpool%%': `() { ${zpool}; }` };
      const child = spawn(program, args, { env, signal, stdio: 'pipe' });
      child.on('error', () => undefined);
      started.push(child.pid ?? 0);
      const done = new Promise<{ code: number; stderrTail: string }>((resolve) => {
        child.on('close', (code) => resolve({ code: code ?? 143, stderrTail: '' }));
      });
      return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, done };
    },
  };
  return { started, measure: createFigures({ connection, pool: 'drover', idOf: () => undefined, now: () => 7 }) };
}

describe.skipIf(process.platform !== 'linux')('the shell on the node', () => {
  const { signal } = new AbortController();

  it('gives one sample after the other, without another start', async () => {
    const { measure, started } = localShells("printf 'drover\\tONLINE\\t100\\t40\\n'");
    const figures = await measure([], signal);
    expect(figures).toMatchObject({ at: 7, pool: { name: 'drover', sizeBytes: 100, freeBytes: 40 }, containers: {} });
    expect(figures.memoryTotalBytes).toBeGreaterThan(figures.memoryUsedBytes);
    expect(figures.cores).toBeGreaterThanOrEqual(1);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect((await measure([], signal)).cpuPercent).toBeGreaterThanOrEqual(0);
    expect(started).toHaveLength(1);
    const end = new AbortController();
    const last = measure([], end.signal);
    end.abort();
    await expect(last).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('is another one after a caller has cancelled', async () => {
    const { measure, started } = localShells("printf 'drover\\tONLINE\\t100\\t40\\n'");
    const late = new AbortController();
    const given = measure([], late.signal);
    late.abort();
    await expect(given).rejects.toMatchObject({ code: 'cancelled' });
    expect((await measure([], signal)).pool.health).toBe('ONLINE');
    expect(started).toHaveLength(2);
  });

  it('reports what is wrong with the pool', async () => {
    const { measure } = localShells('echo "cannot open drover: no such pool" >&2; return 1');
    await expect(measure([], signal)).rejects.toMatchObject({
      code: 'command-failed',
      message: 'cannot measure "here": cannot open drover: no such pool',
    });
  });
});

it('a sample without an end is given up, and so is its shell', async () => {
  const stdout = new PassThrough();
  const stopped = new AbortController();
  const connection = {
    node: 'n1',
    spawn: async (_argv: unknown, signal: AbortSignal): Promise<SpawnedCommand> => {
      signal.addEventListener('abort', () => stopped.abort());
      return {
        stdin: new PassThrough().resume(),
        stdout,
        stderr: new PassThrough(),
        done: new Promise(() => undefined),
      };
    },
  };
  const figures = createFigures({ connection, pool: 'drover', idOf: () => undefined, now: () => 0 });
  const asked = figures([], new AbortController().signal);
  const chunk = Buffer.from('x\n'.repeat(1 << 15));
  for (let sent = 0; sent <= 32; sent += 1) stdout.write(chunk);
  await expect(asked).rejects.toThrow('cannot measure "n1": it answered with more than 1 MiB');
  expect(stopped.signal.aborted).toBe(true);
});

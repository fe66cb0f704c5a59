import { randomUUID } from 'node:crypto';
import type { ContainerFigures, NodeFigures, PoolFacts } from '../model/cluster.ts';
import { AppError } from '../model/errors.ts';
import { printLimit, sampleBytes } from '../model/limits.ts';
import type { SpawnedCommand } from './command.ts';
import { createLineReader } from './docker/streams.ts';
import { figuresScript } from './figures-script.ts';
import type { NodeConnection } from './ssh/connection.ts';
import { cancelled } from './ssh/errors.ts';
import { parsePool } from './zfs/output.ts';

export interface FiguresDeps {
  readonly connection: Pick<NodeConnection, 'node' | 'spawn'>;
  readonly pool: string;
  /** Docker's full id of a container by its name; undefined where it is not known. */
  readonly idOf: (name: string) => string | undefined;
  readonly now: () => number;
}

/** One reading of a node. Its counters mean something only in comparison with an earlier reading. */
export interface Sample {
  /** Jiffies since the boot. */
  readonly busy: number;
  readonly total: number;
  readonly cores: number;
  /** Seconds since the boot: the node's own clock. */
  readonly up: number;
  readonly load: number;
  readonly memoryTotalBytes: number;
  readonly memoryUsedBytes: number;
  readonly pool: PoolFacts;
  readonly containers: ReadonlyMap<string, { readonly cpuNs: number; readonly memoryBytes: number }>;
}

/**
 * Asks one long-running shell on the node for samples, and compares each with the one before. Throws `command-failed`
 * for an unusable sample, and what the connection throws. A caller that cancels ends the shell; the next call starts
 * another one.
 */
export function createFigures(
  deps: FiguresDeps,
): (names: readonly string[], signal: AbortSignal) => Promise<NodeFigures> {
  let shell: Promise<Shell> | undefined;
  let before: Sample | undefined;
  const end = (): void => {
    shell?.then(
      (one) => one.stop(),
      () => undefined,
    );
    shell = undefined;
    before = undefined;
  };

  return async (names, signal) => {
    if (signal.aborted) throw cancelled('measure the node', deps.connection.node, signal.reason);
    const ids = new Map(names.flatMap((name) => [[deps.idOf(name), name] as const]));
    const known = [...ids.keys()].filter((id) => id !== undefined && /^[0-9a-f]+$/.test(id));
    signal.addEventListener('abort', end, { once: true });
    try {
      shell ??= openShell(deps);
      const { ask } = await shell;
      const begin = performance.now();
      const sample = parseSample(await ask(known.join(' ')), deps.connection.node);
      const roundTripMs = Math.round(performance.now() - begin);
      const figures = compare(before, sample);
      before = sample;
      const containers = Object.fromEntries(
        [...figures.containers].flatMap(([id, one]) => [[ids.get(id) ?? id, one] as const]),
      );
      return { at: deps.now(), roundTripMs, ...figures, containers };
    } catch (error) {
      end();
      throw signal.aborted ? cancelled('measure the node', deps.connection.node, signal.reason) : error;
    } finally {
      signal.removeEventListener('abort', end);
    }
  };
}

interface Shell {
  readonly ask: (ids: string) => Promise<readonly string[]>;
  readonly stop: () => void;
}

async function openShell({ connection, pool }: FiguresDeps): Promise<Shell> {
  const separator = `drover-${randomUUID()}`;
  const over = new AbortController();
  const command = await connection.spawn(['bash', '-c', figuresScript, 'drover', pool, separator], over.signal);
  let waiting:
    | { readonly resolve: (lines: readonly string[]) => void; readonly reject: (error: unknown) => void }
    | undefined;
  let lines: string[] = [];
  let bytes = 0;
  const reader = createLineReader();
  command.stderr.resume();
  command.stdin.on('error', () => undefined);
  command.stdout.on('data', (chunk: Buffer) => {
    if (over.signal.aborted) return;
    bytes += chunk.length;
    if (bytes > sampleBytes)
      return stop(cannotMeasure(connection.node, `it answered with more than ${printLimit(sampleBytes)}`));
    for (const line of reader.push(chunk)) {
      if (line !== separator) lines.push(line);
      else {
        waiting?.resolve(lines);
        waiting = undefined;
        lines = [];
        bytes = 0;
      }
    }
  });
  let broken: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    broken ??= { error };
    waiting?.reject(error);
  };
  const stop = (error: unknown): void => {
    fail(error);
    lines = [];
    over.abort();
  };
  watchEnd(connection.node, command, fail);
  return {
    ask: (ids) =>
      new Promise((resolve, reject) => {
        if (broken !== undefined) return reject(broken.error);
        if (waiting !== undefined) return reject(new Error('cannot take two samples at the same time'));
        waiting = { resolve, reject };
        command.stdin.write(`${ids}\n`);
      }),
    stop: () => stop(over.signal.reason),
  };
}

function watchEnd(node: string, { done }: SpawnedCommand, ended: (error: unknown) => void): void {
  done.then(
    ({ code, stderrTail }) =>
      ended(new AppError('command-failed', `cannot measure "${node}": ${stderrTail || `exit status ${code}`}`)),
    ended,
  );
}

/** The lines of one sample. Throws `command-failed` where one of them is missing. */
export function parseSample(lines: readonly string[], node: string): Sample {
  const rowOf = (word: string): readonly string[] => {
    const line = lines.find((one) => one.startsWith(`${word} `));
    if (line === undefined) throw cannotMeasure(node, `it did not report "${word}"`);
    return line.split(' ').slice(1);
  };
  const number = (word: string, column = 0): number => {
    const text = rowOf(word)[column] ?? '';
    return /^\d{1,18}(?:\.\d+)?$/.test(text) ? Number(text) : 0;
  };
  const listed = lines.find((line) => line.startsWith('pool\t'))?.slice('pool\t'.length) ?? '';
  const pool = listed.split('\t').length >= 4 ? parsePool(listed) : undefined;
  if (pool === undefined) throw cannotMeasure(node, listed.trimEnd() || 'its pool is not listed');
  const containers = lines.flatMap((line) => {
    const [, id, cpu, memory] = /^container ([0-9a-f]{1,64}) (\d{1,18}) (\d{1,18})$/.exec(line) ?? [];
    return id === undefined ? [] : [[id, { cpuNs: Number(cpu), memoryBytes: Number(memory) }] as const];
  });
  const [total, available] = [number('memory') * 1024, number('memory', 1) * 1024];
  return {
    busy: number('cpu'),
    total: number('cpu', 1),
    cores: number('cores'),
    up: number('up'),
    load: number('load'),
    memoryTotalBytes: total,
    memoryUsedBytes: total - available,
    pool,
    containers: new Map(containers),
  };
}

const cannotMeasure = (node: string, why: string): AppError =>
  new AppError('command-failed', `cannot measure "${node}": ${why}`);

type Compared = Omit<NodeFigures, 'at' | 'roundTripMs' | 'containers'> & {
  readonly containers: ReadonlyMap<string, ContainerFigures>;
};

/** The difference between two samples. A counter that went backwards is of another boot or container: not compared. */
export function compare(before: Sample | undefined, sample: Sample): Compared {
  const { cores, load, memoryTotalBytes, memoryUsedBytes, pool } = sample;
  const total = before === undefined ? 0 : sample.total - before.total;
  const busy = before === undefined ? 0 : sample.busy - before.busy;
  const seconds = before === undefined ? 0 : sample.up - before.up;
  const containers = [...sample.containers].flatMap(([id, { cpuNs, memoryBytes }]) => {
    const earlier = before?.containers.get(id);
    if (earlier === undefined || seconds <= 0 || cpuNs < earlier.cpuNs) return [];
    const cpuPercent = round((100 * (cpuNs - earlier.cpuNs)) / (seconds * 1e9));
    return [[id, { cpuPercent, memoryBytes }] as const];
  });
  return {
    cores,
    ...(total > 0 && busy >= 0 ? { cpuPercent: round(Math.min(100, (100 * busy) / total)) } : {}),
    load1: load,
    memoryTotalBytes,
    memoryUsedBytes,
    pool,
    containers: new Map(containers),
  };
}

const round = (value: number): number => Math.round(value * 10) / 10;

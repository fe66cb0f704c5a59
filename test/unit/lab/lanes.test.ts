import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
interface LabFile {
  readonly project: string;
  readonly file: string;
}
interface Lanes {
  labFiles(): readonly LabFile[];
  chooseLabs(meminfo: string): readonly string[];
  runInLanes<T>(
    files: readonly T[],
    lanes: readonly string[],
    run: (file: T, lane: string) => unknown,
    mayBegin?: () => boolean,
  ): Promise<{ readonly results: readonly T[]; readonly left: readonly T[] }>;
}
const { chooseLabs, labFiles, runInLanes }: Lanes = await import(join(root, 'lab', 'bootstrap', 'lanes.mjs'));

describe('the lab files of npm test', () => {
  it('are all there, once, the contract suites first', () => {
    const onDisk = ['contract', 'acceptance'].flatMap((project) =>
      readdirSync(join(root, 'test', project))
        .filter((file) => file.endsWith('.test.ts') && file !== 'memory.test.ts')
        .map((file) => `${project}/${file}`),
    );
    const files = labFiles();
    expect(files.map(({ file }) => file).toSorted()).toEqual(onDisk.toSorted());
    const projects = files.map(({ project }) => project);
    expect(projects).toEqual([...projects].sort().reverse());
  });

  it('use a second lab where there is memory for it', () => {
    expect(chooseLabs('MemAvailable:   20000000 kB\n')).toHaveLength(2);
    expect(chooseLabs('MemAvailable:    4000000 kB\n')).toHaveLength(1);
    expect(chooseLabs('')).toHaveLength(1);
  });

  it('are each run once, two at a time, by the lane that is free', async () => {
    const running = new Set<string>();
    const lanesOf = new Map<number, string>();
    const run = async (file: number, lane: string): Promise<number> => {
      expect(running.has(lane)).toBe(false);
      running.add(lane);
      await new Promise((resolve) => setTimeout(resolve, file === 1 ? 50 : 1));
      running.delete(lane);
      lanesOf.set(file, lane);
      return file;
    };
    const { results, left } = await runInLanes([1, 2, 3, 4], ['a', 'b'], run as never);
    expect(results).toEqual([2, 3, 4, 1]);
    expect(left).toEqual([]);
    expect([1, 2, 3, 4].map((file) => lanesOf.get(file))).toEqual(['a', 'b', 'b', 'b']);
  });

  it('begin no more once the time is up, and those that did not are named', async () => {
    let begun = 0;
    const run = async (file: string): Promise<string> => {
      begun += 1;
      return file;
    };
    const { results, left } = await runInLanes(['a', 'b', 'c'], ['one'], run as never, () => begun < 2);
    expect(results).toEqual(['a', 'b']);
    expect(left).toEqual(['c']);
  });
});

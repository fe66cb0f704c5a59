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
  moreLabs(accel: string, meminfo: string): readonly string[];
  runInLanes<T>(
    files: readonly { readonly file: string }[],
    lanes: readonly string[],
    run: (file: { readonly file: string }, lane: string) => Promise<T>,
    minutesLeft?: () => number,
  ): Promise<{ readonly results: readonly T[]; readonly left: readonly { readonly file: string }[] }>;
}
const { labFiles, moreLabs, runInLanes }: Lanes = await import(join(root, 'lab', 'bootstrap', 'lanes.mjs'));

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

  it.each([
    ['um', 20_000_000, 2],
    ['tcg', 20_000_000, 1],
    ['kvm', 4_000_000, 1],
    ['um', 2_000_000, 0],
  ])('with %s and %d kB free use %d labs more', (accel, freeKb, more) => {
    expect(moreLabs(accel, `MemAvailable:   ${freeKb} kB\n`)).toHaveLength(more);
    expect(moreLabs(accel, '')).toHaveLength(0);
  });

  const files = (...names: readonly string[]) => names.map((file) => ({ file }));

  it('are each run once, two at a time, by the lane that is free', async () => {
    const running = new Set<string>();
    const lanesOf = new Map<string, string>();
    const run = async ({ file }: { file: string }, lane: string): Promise<string> => {
      expect(running.has(lane)).toBe(false);
      running.add(lane);
      await new Promise((resolve) => setTimeout(resolve, file === '1' ? 50 : 1));
      running.delete(lane);
      lanesOf.set(file, lane);
      return file;
    };
    const { results, left } = await runInLanes(files('1', '2', '3', '4'), ['a', 'b'], run);
    expect(results).toEqual(['2', '3', '4', '1']);
    expect(left).toEqual([]);
    expect(['1', '2', '3', '4'].map((file) => lanesOf.get(file))).toEqual(['a', 'b', 'b', 'b']);
  });

  it('begin only where they will have ended in time: a shorter one may, and those that did not are named', async () => {
    let left = 40;
    const run = async ({ file }: { file: string }): Promise<string> => {
      left -= 20;
      return file;
    };
    const all = files('contract/real-docker.test.ts', 'acceptance/killed.test.ts', 'acceptance/unheard-of.test.ts');
    const ran = await runInLanes(all, ['one'], run, () => left);
    expect(ran.results).toEqual(['contract/real-docker.test.ts', 'acceptance/unheard-of.test.ts']);
    expect(ran.left).toEqual(files('acceptance/killed.test.ts'));
  });
});

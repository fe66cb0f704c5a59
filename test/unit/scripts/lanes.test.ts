import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Accel } from '../../../lab/types.ts';
import { labFiles, moreLabs, runInLanes } from '../../../scripts/test/lanes.ts';
import { needsIn } from '../../../scripts/test/needs.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

describe('the lab files of npm test', () => {
  it('are all there, once, the contract suites first', () => {
    const onDisk = ['contract', 'acceptance'].flatMap((project) =>
      readdirSync(join(root, 'test', project))
        .filter((file) => file.endsWith('.test.ts') && !['memory.test.ts', 'etcd.test.ts'].includes(file))
        .map((file) => `${project}/${file}`),
    );
    const files = labFiles('um', {});
    expect(files.map(({ file }) => file).toSorted()).toEqual(onDisk.toSorted());
    const projects = files.map(({ project }) => project);
    expect(projects).toEqual([...projects].sort().reverse());
  });

  it('begin with files without a measured time, then the longest', () => {
    const [first = '', ...others] = labFiles('um', {})
      .filter(({ project }) => project === 'acceptance')
      .map(({ file }) => file);
    const times = Object.fromEntries(others.map((file, at) => [file, at + 1]));
    const ordered = labFiles('um', times).filter(({ project }) => project === 'acceptance');
    expect(ordered.map(({ file }) => file)).toEqual([first, ...others.toReversed()]);
    expect(ordered.at(-1)?.seconds).toBe(1);
  });

  it('take longer than others on emulated nodes where no time was measured', () => {
    const guessed = (accel: Accel): number => labFiles(accel, {})[0]?.seconds ?? 0;
    expect(guessed('tcg')).toBeGreaterThan(guessed('um'));
  });

  it.each<[Accel, number, number]>([
    ['um', 20_000_000, 2],
    ['tcg', 20_000_000, 1],
    ['kvm', 4_000_000, 1],
    ['um', 2_000_000, 0],
  ])('with %s and %d kB free use %d labs more', (accel, freeKb, more) => {
    expect(moreLabs(accel, `MemAvailable:   ${freeKb} kB\n`)).toHaveLength(more);
    expect(moreLabs(accel, '')).toHaveLength(0);
  });

  const files = (...names: readonly string[]) => names.map((file) => ({ file, seconds: 1 }));

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

  it('begin only where they can end in time: a shorter one may, and the others are named', async () => {
    let left = 40;
    const run = async ({ file }: { file: string }): Promise<string> => {
      left -= 20;
      return file;
    };
    const long = { file: 'killed', seconds: 22 };
    const all = [{ file: 'docker', seconds: 9 }, long, { file: 'short', seconds: 5 }];
    const ran = await runInLanes(all, ['one'], run, () => left);
    expect(ran.results).toEqual(['docker', 'short']);
    expect(ran.left).toEqual([long]);
  });

  it('name in comments what they need from the network', () => {
    const text = "// @images elk\n// @program chromium\nimport 'x';\n const text = '// @images no';\n";
    expect(needsIn(text)).toEqual([
      { kind: 'images', name: 'elk' },
      { kind: 'program', name: 'chromium' },
    ]);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import { type MadeWorld, makeWorld } from '../cli/made-world.ts';
import { blocksOf, pageOf } from './pages.ts';

const readme = pageOf('README.md');
const blockOf = (start: string): string => {
  const found = blocksOf(readme).find(({ text }) => text.startsWith(start));
  if (found === undefined) throw new Error(`README has no block that starts with "${start}"`);
  return found.text;
};

/** Without what differs from run to run: when a line was printed, how long its step took, and addresses. */
const withoutChance = (line: string): string =>
  line
    .replace(/^ *[\d.]+ m?s +/, '')
    .replace(/ \([\d.]+ m?s\)$/, '')
    .replaceAll(/\b(\d+) to [\w.:-]+/g, '$1 to ADDRESS');
const linesOf = (text: string): readonly string[] => text.trimEnd().split('\n').map(withoutChance);

describe('the output in README', () => {
  let made: MadeWorld;

  beforeEach(async () => {
    made = await makeWorld({ nodes: { node1: {}, node2: {} } });
    await made.write('application.yml', blockOf('# application.yml'));
    await made.write('deployment.yml', blockOf('# deployment.yml'));
    await made.write('db.env', 'POSTGRES_PASSWORD=secret\n');
    await made.write('drover.yml', 'nodes: {node1: {host: 172.16.255.250}, node2: {host: 172.16.255.251}}\n');
    expect((await made.drover('apply')).code).toBe(0);
  });

  it('of a second apply is what drover prints', async () => {
    const { out } = await made.drover('apply');
    const [command, ...shown] = linesOf(blockOf('$ drover apply'));
    expect(command).toBe('$ drover apply');
    const last = shown.at(-1) ?? '';
    expect(last).toMatch(/^converged: nothing to do$/);
    expect(linesOf(out)).toContain(last);
  });

  it('of a move is what drover prints, step for step', async () => {
    const { code, out } = await made.drover('move', 'db', 'node2');
    expect(code).toBe(0);
    const printed = linesOf(out);
    const shown = linesOf(blockOf('$ drover move db node2'));
    const steps = shown.filter((line) => line.startsWith('✔'));
    expect(steps.length).toBeGreaterThan(10);
    expect(steps.filter((line) => !printed.includes(line))).toEqual([]);
    const changes = shown.filter((line) => /^ +\d+ [-+] /.test(line));
    expect(changes).toHaveLength(4);
    // Comments of the page's file stand behind its lines.
    expect(changes.filter((line) => !printed.some((each) => each.startsWith(line)))).toEqual([]);
    for (const label of ['sent', 'downtime', 'waited', 'refused']) {
      expect(shown.some((line) => line.trim().startsWith(label))).toBe(true);
      expect(printed.some((line) => line.trim().startsWith(label))).toBe(true);
    }
  });

  it('has the keys that docs/commands.md names, as JSON', async () => {
    const rows = [
      ...pageOf('docs/commands.md').text.matchAll(/^\| `(validate|plan|status|history|move)` \| (`.*) \|$/gm),
    ];
    expect(rows).toHaveLength(5);
    for (const [, command = '', keys = ''] of rows) {
      const words = command === 'move' ? ['move', 'db', 'node2'] : [command];
      const document = JSON.parse((await made.drover(...words, '--json')).out) as Record<string, unknown>;
      const [always = ''] = keys.split(';');
      const named = [...always.matchAll(/`(\w+)`/g)].map(([, key = '']) => key);
      expect(Object.keys(document), command).toEqual(expect.arrayContaining(named));
    }
  });
});

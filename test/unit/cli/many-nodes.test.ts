import { describe, expect, it, vi } from 'vitest';
import { warningsDuring } from '../../fakes/warnings.ts';
import { type MadeWorld, makeWorld } from './made-world.ts';

let made: MadeWorld;

const nodes = Array.from({ length: 14 }, (_, n) => `10.0.0.${n + 1}`);

describe('more nodes than Node.js allows listeners', () => {
  it('print no warning, neither while a run asks all of them nor while all are watched', async () => {
    made = await makeWorld({ nodes: Object.fromEntries(nodes.map((node) => [node, {}])), roundTripMs: 5 });
    const lists = nodes.map((node, n) => `  ${node}: [${n === 0 ? 'db' : ''}]\n`).join('');
    await made.write('deployment.yml', `version: 1\nnodes:\n${lists}`);
    expect(await warningsDuring(() => made.drover('apply'))).toEqual([]);
    const warnings = await warningsDuring(async () => {
      const { said, ended } = made.start('watch');
      await vi.waitFor(() => expect(said.out).toMatch(/^converged: nothing to do/m), { timeout: 60_000, interval: 20 });
      made.interrupt();
      expect(await ended).toBe(130);
    });
    expect(warnings).toEqual([]);
  });
});

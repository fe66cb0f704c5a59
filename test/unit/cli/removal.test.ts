import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Terminal } from '../../../src/cli/world.ts';
import { type MadeWorld, makeWorld, n1, n2 } from './made-world.ts';

const names = ['a', 'b', 'c', 'd'] as const;
const application = `version: 1\napplications:\n${names.map((name) => `  ${name}: {image: acme/web}\n`).join('')}`;
const placed = (apps: readonly string[]): string => `version: 1\nnodes:\n  ${n1}: [${apps.join(', ')}]\n  ${n2}: []\n`;
const until = { timeout: 60_000, interval: 20 };

describe('a removal of more than half of what runs', () => {
  let made: MadeWorld;
  let questions: string[];
  let answer: string;
  let heard: string;

  const running = (): string[] =>
    made.cluster
      .facts(n1)
      .containers.filter(({ state }) => state === 'running')
      .map(({ application: app }) => app ?? '')
      .toSorted();
  const terminal: Terminal = {
    out: (text) => {
      heard += text;
    },
    err: () => undefined,
    moving: false,
    colour: false,
    columns: () => 100,
    ask: async (question) => {
      questions.push(question);
      return answer;
    },
  };
  const inTerminal = (): Promise<MadeWorld> => makeWorld({ registry: { 'acme/web:latest': {} } }, { terminal });
  const begin = async (world: Promise<MadeWorld>): Promise<void> => {
    made = await world;
    await made.write('application.yml', application);
    await made.write('deployment.yml', placed(names));
    expect((await made.drover('apply')).code).toBe(0);
    expect(running()).toEqual(['a', 'b', 'c', 'd']);
  };

  beforeEach(() => {
    questions = [];
    answer = 'no';
    heard = '';
  });

  describe('without a terminal', () => {
    beforeEach(() => begin(makeWorld({ registry: { 'acme/web:latest': {} } })));

    it('is blocked with exit 4, and done with --allow-removal', async () => {
      await made.write('deployment.yml', placed(['a']));
      for (const words of [['apply'], ['apply', '--yes'], ['deploy', 'deployment.yml', 'application.yml']]) {
        const { code, out } = await made.drover(...words);
        expect([code, running()]).toEqual([4, ['a', 'b', 'c', 'd']]);
        expect(out).toContain('this would stop 3 of the 4 applications that run: "b", "c", "d"');
        expect(out).toContain('--allow-removal');
      }
      const json = await made.drover('apply', '--json');
      expect(json.code).toBe(4);
      expect(json.out).toContain('"because":"removal"');
      expect((await made.drover('apply', '--allow-removal')).code).toBe(0);
      expect(running()).toEqual(['a']);
    });

    it('takes no locks and changes nothing while it is blocked', async () => {
      await made.write('deployment.yml', placed([]));
      const writes = made.cluster.writes();
      await made.drover('apply');
      expect(made.cluster.writes()).toBe(writes);
    });

    it('ends watch with 4, at its start and after a save', async () => {
      const { said, ended } = made.start('watch');
      await vi.waitFor(() => expect(said.out).toContain('watching'), until);
      await made.write('deployment.yml', placed(['a']));
      expect(await ended).toBe(4);
      expect(said.out).toContain('this would stop 3 of the 4');
      expect((await made.drover('watch')).code).toBe(4);
      expect(running()).toEqual(['a', 'b', 'c', 'd']);
      const allowed = made.start('watch', '--allow-removal');
      await vi.waitFor(() => expect(running()).toEqual(['a']), until);
      made.interrupt();
      expect(await allowed.ended).toBe(130);
    });

    it('blocks undo, until it is meant', async () => {
      await made.write('deployment.yml', placed(['a']));
      expect((await made.drover('apply', '--allow-removal')).code).toBe(0);
      await made.write('deployment.yml', placed(['a', 'b', 'c', 'd']));
      expect((await made.drover('apply')).code).toBe(0);
      const undone = await made.drover('undo');
      expect([undone.code, running()]).toEqual([4, ['a', 'b', 'c', 'd']]);
      expect((await made.drover('apply', '--allow-removal')).code).toBe(0);
      expect(running()).toEqual(['a']);
    });

    it('is not half or less, and no move', async () => {
      await made.write('deployment.yml', placed(['a', 'b']));
      expect((await made.drover('apply')).code).toBe(0);
      await made.write('deployment.yml', `version: 1\nnodes:\n  ${n1}: []\n  ${n2}: [a, b]\n`);
      expect((await made.drover('apply')).code).toBe(0);
    });
  });

  describe('in a terminal', () => {
    beforeEach(() => begin(inTerminal()));

    it('is asked for; no changes nothing, yes does it', async () => {
      await made.write('deployment.yml', placed(['a']));
      expect([(await made.drover('apply')).code, running()]).toEqual([4, ['a', 'b', 'c', 'd']]);
      expect(questions).toEqual([expect.stringContaining('this would stop 3 of the 4 applications that run')]);
      answer = 'yes';
      expect([(await made.drover('apply')).code, running()]).toEqual([0, ['a']]);
      expect(questions).toHaveLength(2);
    });

    it('is not asked for with --yes or --allow-removal', async () => {
      await made.write('deployment.yml', placed(['a', 'b', 'c', 'd'].slice(0, 1)));
      expect((await made.drover('apply', '--yes')).code).toBe(0);
      await made.write('deployment.yml', placed(names));
      expect((await made.drover('apply')).code).toBe(0);
      await made.write('deployment.yml', placed([]));
      expect((await made.drover('apply', '--allow-removal')).code).toBe(0);
      expect(questions).toEqual([]);
    });

    it('is asked for by watch, which goes on whatever the answer', async () => {
      const { ended } = made.start('watch');
      await vi.waitFor(() => expect(heard).toContain('watching'), until);
      await made.write('deployment.yml', placed(['a']));
      await vi.waitFor(() => expect(questions).toHaveLength(1), until);
      expect(running()).toEqual(['a', 'b', 'c', 'd']);
      answer = 'yes';
      await made.write('deployment.yml', placed(['b']));
      await vi.waitFor(() => expect(running()).toEqual(['b']), until);
      made.interrupt();
      expect(await ended).toBe(130);
    });
  });
});

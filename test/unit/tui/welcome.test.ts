import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { openWelcome, type WelcomeState, welcomePart } from '../../../src/tui/parts/welcome.ts';
import { expectFrames, inputOf, insideOfScreen, linesOf, play } from './overlay-frames.ts';

const first: WelcomeState = openWelcome();

describe('the first page', () => {
  it('explains the two files and offers ways to begin', () => {
    expectFrames('welcome', welcomePart, inputOf(), first);
  });

  it('fits the smallest screen whole', () => {
    const size = insideOfScreen(60, 16);
    const { rows } = welcomePart.draw(inputOf(), first, size);
    expect(rows.length).toBeLessThanOrEqual(size.rows);
    const lines = linesOf(welcomePart, inputOf(), first, 60, 16);
    expect(lines.at(-1)).toBe('  quit');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(size.columns);
  });

  it.each([
    [[], { type: 'write-sample', sample: 'sample' }],
    [['down'], { type: 'write-sample', sample: 'tutorial' }],
    [['down', 'down'], { type: 'look-at-simulation' }],
    [['last'], { type: 'leave', how: 'now' }],
    [['last', 'down', 'up', 'up'], { type: 'write-sample', sample: 'tutorial' }],
    [['up'], { type: 'write-sample', sample: 'sample' }],
  ] as const)('after %j does what is chosen', (keys, effect) => {
    expect(play(welcomePart, inputOf(), first, [...keys, 'open']).effects).toEqual([effect]);
  });

  it('shows an example that is right', () => {
    const lines = linesOf(welcomePart, inputOf(), first);
    const at = lines.findIndex((line) => line.startsWith('application.yml'));
    const part = (from: number, to?: number): string =>
      lines
        .slice(at + 1, at + 5)
        .map((line) => line.slice(from, to).trimEnd())
        .join('\n');
    const column = lines[at]?.indexOf('deployment.yml') ?? 0;
    const result = loadConfig({
      application: { path: 'application.yml', text: part(0, column) },
      deployment: { path: 'deployment.yml', text: part(column) },
    });
    expect(result).toMatchObject({ ok: true, config: { deployment: { '192.0.2.11': ['web'], '192.0.2.12': [] } } });
  });

  it('takes a click on a choice, where the choice is drawn', () => {
    const size = insideOfScreen(80, 24);
    const { hits = [] } = welcomePart.draw(inputOf(), first, size);
    const lines = linesOf(welcomePart, inputOf(), first);
    const hit = hits.find(({ y }) => lines[y] === '  look at a simulated cluster');
    if (hit === undefined) throw new Error('no hit');
    expect(play(welcomePart, inputOf(), first, [hit.click]).effects).toEqual([{ type: 'look-at-simulation' }]);
  });

  it('writes nothing where it must only read', () => {
    const input = inputOf({}, { isReadOnly: true });
    expect(welcomePart.disabledReason?.(input, first, 'open')).toBe('read-only');
    const step = play(welcomePart, input, first, [{ type: 'pick', index: 1 }]);
    expect(step.effects).toBeUndefined();
    expect(step.notice?.text).toBe('read-only');
    expect(welcomePart.disabledReason?.(input, { ...first, cursor: 2 }, 'open')).toBeUndefined();
  });
});

describe('the first page in a folder with an application file alone', () => {
  const text = '# Where the applications of compose.yaml run.\nversion: 1\nnodes:\n  node1: [db, web]\n  node2: []\n';
  const offer = { application: 'compose.yaml', isPlaceholder: false, files: [{ file: 'deployment.yml', text }] };

  it('shows the deployment file that it would write', () => {
    expectFrames('welcome-offer', welcomePart, inputOf({}, { offer }), first);
  });

  it('writes it at one key, unless it must only read', () => {
    const step = play(welcomePart, inputOf({}, { offer }), first, ['open']);
    expect(step.effects).toEqual([{ type: 'write-offer' }]);
    expect(play(welcomePart, inputOf({}, { offer, isReadOnly: true }), first, ['open']).effects).toBeUndefined();
  });

  it('keeps the choices in sight below a long file, and says that the address is an example', () => {
    const long = `nodes:\n  192.0.2.11:\n${'    - application\n'.repeat(50)}`;
    const input = inputOf(
      {},
      { offer: { ...offer, isPlaceholder: true, files: [{ file: 'deployment.yml', text: long }] } },
    );
    for (const [columns, rows] of [
      [60, 16],
      [80, 24],
    ]) {
      const lines = linesOf(welcomePart, input, first, columns, rows);
      expect(lines.at(-1)).toBe('  quit');
      expect(lines.length).toBeLessThanOrEqual(insideOfScreen(columns ?? 0, rows ?? 0).rows);
      expect(lines.join('\n')).toContain('the address is an example');
    }
  });
});

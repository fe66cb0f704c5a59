import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { ConfigProblem } from '../../../src/model/config.ts';
import { asciiGlyphs } from '../../../src/tui/frame/glyphs.ts';
import { openProblems, type ProblemsState, problemsPart, worstFirst } from '../../../src/tui/parts/problems.ts';
import { aConfig, anApplication } from '../../builders.ts';
import { expectFrames, inputOf, insideOfScreen, linesOf, noon, play } from './overlay-frames.ts';

const first: ProblemsState = openProblems();
const application = `version: 1
applications:
  web:
    image: "acme/web:"
    ports:
    - {internal: 80, external: 8080}
    - {internal: 81, external: "8081"}
    colour: red
`;
const deployment = `version: 1
nodes:
  172.16.255.250:
    - web # keep near the proxy
    - wbeb
  172.16.255.251: [web]
`;

function problemsOf(app = application, dep = deployment): readonly ConfigProblem[] {
  const result = loadConfig({
    application: { path: 'application.yml', text: app },
    deployment: { path: 'deployment.yml', text: dep },
  });
  return result.ok ? [] : result.problems;
}

const config = aConfig([anApplication('web')], { node1: ['web'] });
const inForce = { config, configLoadedAt: noon - 60_000 };

describe('the problems of a save', () => {
  it('are shown all at once, the selected one with its lines, its hint and its fix', () => {
    const problems = problemsOf();
    expectFrames('problems', problemsPart, inputOf({ problems, ...inForce }), { ...first, index: 1 });
    expectFrames('problems-last', problemsPart, inputOf({ problems, ...inForce }), {
      ...first,
      index: problems.length - 1,
    });
  });

  it('say that nothing is in force where no configuration ever was', () => {
    const lines = linesOf(problemsPart, inputOf({ problems: problemsOf() }), first);
    expect(lines.slice(0, 2).join(' ')).toContain('no configuration is in force; nothing is applied until');
  });

  it('say which configuration stays in force, and that nothing of the save is applied', () => {
    const lines = linesOf(problemsPart, inputOf({ problems: problemsOf(), ...inForce }), first);
    expect(lines[0]).toBe('the configuration of 11:59:00 stays in force; this save is not applied');
  });

  it('come worst first: a file that cannot be read before the values in another, the count of the rest at the end', () => {
    const values = problemsOf(application, 'version: 1\nnodes: [\n');
    const order = worstFirst([...values, { file: 'x.yml', path: '', message: 'there is no such file' }]);
    expect(order.map(({ problem }) => problem.file)).toEqual([
      'x.yml',
      'deployment.yml',
      ...Array(3).fill('application.yml'),
    ]);
    const rest = { file: 'a.yml', path: '', message: 'has 7 more problems' };
    expect(worstFirst([rest, ...values]).at(-1)?.problem).toBe(rest);
  });

  it('are gone through with next and previous, around, and with the arrows to the ends', () => {
    const problems = problemsOf();
    const input = inputOf({ problems });
    const last = problems.length - 1;
    const at = (...keys: Parameters<typeof play>[3]) => play(problemsPart, input, first, keys).state.index;
    expect(at('next-tab', 'next-tab')).toBe(2);
    expect(at('previous-tab')).toBe(last);
    expect(at('previous-tab', 'next-tab')).toBe(0);
    expect(at('up')).toBe(0);
    expect(at('last', 'down')).toBe(last);
    expect(at({ type: 'pick', index: 2 })).toBe(2);
  });

  it('are fixed by their number in the view, not on the screen', () => {
    const problems = problemsOf(application, 'version: 1\nnodes: [\n');
    const input = inputOf({ problems });
    const quoted = worstFirst(problems).findIndex(({ problem }) => problem.fix?.was === '"8081"');
    const { effects } = play(problemsPart, input, { ...first, index: quoted }, ['fix']);
    expect(effects).toEqual([{ type: 'fix', problem: problems.findIndex(({ fix }) => fix?.was === '"8081"') }]);
  });

  it('refuse a fix where what is meant is not certain', () => {
    const input = inputOf({ problems: problemsOf() });
    expect(problemsPart.disabledReason?.(input, first, 'fix')).toBe(
      'drover cannot tell what is meant here; problem 2 of 5 has a fix',
    );
    const unknown = inputOf({
      problems: problemsOf()
        .filter(({ fix }) => fix === undefined)
        .slice(0, 1),
    });
    expect(problemsPart.disabledReason?.(unknown, first, 'fix')).toBe('drover cannot tell what is meant here');
    expect(problemsPart.disabledReason?.(unknown, first, 'next-tab')).toBe('there is only one problem');
    expect(problemsPart.disabledReason?.(input, { ...first, index: 1 }, 'fix')).toBeUndefined();
    expect(play(problemsPart, input, first, ['fix']).effects).toBeUndefined();
  });

  it('open the editor at the place, and a missing file without one', () => {
    const input = inputOf({ problems: problemsOf() });
    expect(play(problemsPart, input, first, ['edit']).effects).toEqual([
      { type: 'edit', file: 'application.yml', line: 4, column: 12 },
    ]);
    const missing = inputOf({ problems: [{ file: 'deployment.yml', path: '', message: 'there is no such file' }] });
    expect(play(problemsPart, missing, first, ['open']).effects).toEqual([{ type: 'edit', file: 'deployment.yml' }]);
  });

  it('go to the other file and back', () => {
    const problems = problemsOf();
    const input = inputOf({ problems });
    const there = play(problemsPart, input, first, ['sort']).state;
    expect(problems[there.index]?.file).toBe('deployment.yml');
    expect(play(problemsPart, input, there, ['sort']).state.index).toBe(0);
    const one = inputOf({ problems: problems.slice(0, 2) });
    expect(problemsPart.disabledReason?.(one, first, 'sort')).toBe('all problems are in one file');
  });

  it('close when the files are right again', () => {
    const before = inputOf({ problems: problemsOf() });
    expect(
      problemsPart.update(
        inputOf(inForce),
        first,
        { type: 'view-changed', before: before.view },
        insideOfScreen(80, 24),
      ),
    ).toEqual({ closes: true });
    expect(play(problemsPart, before, first, [{ type: 'view-changed', before: before.view }]).closes).toBeUndefined();
  });

  it('keep the selected one in sight among a hundred, at every size', () => {
    const apps = Array.from({ length: 150 }, (_, n) => `  a${n}: {image: 5}`).join('\n');
    const problems = problemsOf(`version: 1\napplications:\n${apps}\n`, 'version: 1\nnodes: {}\n');
    const input = inputOf({ problems });
    for (const [columns, rows] of [
      [60, 16],
      [80, 24],
      [160, 50],
    ] as const) {
      for (const index of [0, 1, 50, problems.length - 2, problems.length - 1]) {
        const drawn = problemsPart.draw(input, { ...first, index }, insideOfScreen(columns, rows));
        expect(drawn.rows.length).toBeLessThanOrEqual(rows - 4);
        const marked = drawn.rows.filter((row) => row[0]?.text === '▸ ');
        expect(marked.length).toBe(1);
      }
    }
  });

  it('let nothing from the files reach the terminal but letters, and need no Unicode', () => {
    const problem = {
      file: 'a\u001b[31m.yml',
      line: 1,
      column: 1,
      path: '\u009bx',
      message: 'bad \u001b[2J name',
      frame: '> 1 | \u0007x\n    | ^',
    };
    const lines = linesOf(problemsPart, inputOf({ problems: [problem] }, { glyphs: asciiGlyphs }), first);
    expect(lines.join('')).toMatch(/^[\x20-\x7e]+$/);
  });

  it('show the caret of a long line on a narrow screen', () => {
    const problems = problemsOf(
      `version: 1\napplications: {web: {image: acme/web, restart_policy: {name: never}, cpu_shares: 100000, ports: 5}}\n`,
      'version: 1\nnodes: {n: []}\n',
    );
    const lines = linesOf(problemsPart, inputOf({ problems }), first, 60, 16);
    const caret = lines.findIndex((line) => /\| *\^$/.test(line));
    expect(lines[caret]?.length).toBeLessThanOrEqual(58);
    expect(lines[caret - 1]?.[lines[caret]?.indexOf('^') ?? -1]).toBe('5');
  });
});

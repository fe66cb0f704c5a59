import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { describedProgram } from '../../../scripts/docs/commands.ts';
import { blocksOf, inlineCodeOf, pageOf, pages, root, userPages } from './pages.ts';

const program = describedProgram();
const scripts = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts as Readonly<
  Record<string, string>
>;

/** Commands of a shell block, without prompt, comment and redirection. */
const commandsIn = (text: string): readonly string[] =>
  text
    .split('\n')
    .map((line) =>
      line
        .replace(/^\$ /, '')
        .replace(/\s+#.*$/, '')
        .trim(),
    )
    .filter((line) => line !== '' && !line.startsWith('#'));

/** Shown commands that begin with `drover`, from shell blocks and between backticks; `…` ends what is checked. */
const shown = userPages.flatMap((page) => [
  ...blocksOf(page)
    .filter(({ language }) => ['sh', 'console', 'text'].includes(language))
    .flatMap(({ text, language }) =>
      language === 'sh'
        ? commandsIn(text)
        : commandsIn(
            text
              .split('\n')
              .filter((line) => line.startsWith('$ '))
              .join('\n'),
          ),
    ),
  ...inlineCodeOf(page),
]);
const droverCommands = [...new Set(shown.filter((line) => /^drover( |$)/.test(line)))];

/** What is wrong with the words behind `drover`; undefined where the program would take them. */
function problemOf(line: string): string | undefined {
  const words = line
    .replace(/[|><;&].*$/, '')
    .split(/\s+/)
    .slice(1)
    .filter((word) => word !== '');
  let command: Command = program;
  for (const [index, word] of words.entries()) {
    // `drover COMMAND` stands for any command.
    if (word === '--' || word.includes('…') || (index === 0 && /^[A-Z]+$/.test(word))) return undefined;
    const bare = word.replace(/[[\]]/g, '');
    if (bare.startsWith('-')) {
      const known = [command, program].some(({ options }) =>
        options.some(({ long, short }) => long === bare || short === bare),
      );
      if (!known && bare !== '--help' && bare !== '--version') return `${line}: unknown option ${bare}`;
      continue;
    }
    const isVerb = index === 0 || (command !== program && command.commands.length > 0);
    const verb = isVerb ? command.commands.find((each) => bare.split('|').includes(each.name())) : undefined;
    if (verb !== undefined) command = verb;
    else if (isVerb) return `${line}: unknown command ${bare}`;
  }
  return undefined;
}

describe('what the pages show', () => {
  it('are commands that drover has, with options that it has', () => {
    expect(droverCommands.length).toBeGreaterThan(60);
    expect(droverCommands.flatMap((line) => problemOf(line) ?? [])).toEqual([]);
  });

  it('notices an unknown command and an unknown option', () => {
    expect(problemOf('drover aply')).toBe('drover aply: unknown command aply');
    expect(problemOf('drover node ad 192.0.2.10')).toBe('drover node ad 192.0.2.10: unknown command ad');
    expect(problemOf('drover move db node2 --dry-run')).toBe(
      'drover move db node2 --dry-run: unknown option --dry-run',
    );
  });

  it('are scripts that package.json has', () => {
    const named = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\bnpm run (?:-s )?([a-z][\w:-]*)/g)].map(([, name = '']) => ({ path, name })),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(({ name }) => !(name in scripts))).toEqual([]);
  });

  it('fits: README has at most 150 lines, and begins with a demo and with hosts of your own', () => {
    const lines = pageOf('README.md').text.split('\n');
    expect(lines.length).toBeLessThanOrEqual(151);
    const first = lines.slice(0, 45).join('\n');
    expect(first).toContain('drover demo');
    expect(first).toContain('drover node add');
  });
});

interface Workflow {
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly strategy?: { readonly matrix: { readonly file?: readonly string[] } };
        readonly steps: readonly { readonly run?: string }[];
      }
    >
  >;
}

const workflow = (name: string): Workflow =>
  load(readFileSync(join(root, '.github', 'workflows', `${name}.yml`), 'utf8')) as Workflow;
const runsOf = ({ jobs }: Workflow): readonly string[] =>
  Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));

describe('the workflows', () => {
  it('run the two halves of `npm test`, and scripts that package.json has', () => {
    expect(runsOf(workflow('fast'))).toContain('npm run check');
    expect(runsOf(workflow('lab'))).toContain('npm test -- --lab');
    const named = ['fast', 'lab', 'nightly'].flatMap((name) => runsOf(workflow(name)));
    const scriptsRun = named.flatMap((run) => [...run.matchAll(/\bnpm run ([\w:]+)/g)].map(([, name = '']) => name));
    expect(scriptsRun.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('run every nightly test', () => {
    const files = Object.values(workflow('nightly').jobs).flatMap(({ strategy }) => strategy?.matrix.file ?? []);
    const tests = readdirSync(join(root, 'test', 'nightly')).filter((name) => name.endsWith('.test.ts'));
    expect(files.map((name) => `${name}.test.ts`).toSorted()).toEqual(tests.toSorted());
  });
});

import { describe, expect, it } from 'vitest';
import { placementAt } from '../../../src/tutorial/placement.ts';
import { readPage } from '../../../src/tutorial/read-page.ts';
import { shownCommand, wordsOf } from '../../../src/tutorial/reader-place.ts';
import { aPlace, aTutorial, page } from './a-tutorial.ts';

const problemsOf = (text: string): readonly string[] => {
  const read = readPage(text, 'README.md', 'small');
  return read?.ok === false ? read.problems.map(({ line, message }) => `${line}: ${message}`) : [];
};
const changed = (from: string | RegExp, to: string): string => {
  expect(page).toMatch(from);
  return page.replace(from, to);
};

describe('a page that is a tutorial', () => {
  it('gives parts from headings, and steps from console blocks', () => {
    const { title, about, minutes, learnt, parts, steps } = aTutorial();
    expect([title, about, minutes, learnt]).toEqual(['A page', 'a small one', 3, ['this', 'that']]);
    expect(parts).toEqual([
      { title: 'first', folder: 'tutorials/small/1' },
      { title: 'second', folder: 'tutorials/small/2' },
    ]);
    expect(steps.map(({ id, part, title: each }) => [id, part, each])).toEqual([
      ['1.1', 0, 'it runs'],
      ['1.2', 0, 'it moves'],
      ['2.1', 1, 'it answers'],
    ]);
  });

  it('gives each step its text without markup, its commands and what it checks', () => {
    const [first, second, third] = aTutorial().steps;
    expect(first).toMatchObject({
      text: ['Here wiki runs, on alpha.'],
      hint: 'wait',
      checks: [{ kind: 'running', app: 'wiki', on: 'alpha' }, { kind: 'converged' }],
      after: [],
    });
    expect(first?.commands.map(({ act, expected }) => [act.kind, expected])).toEqual([
      ['apply', ['…', 'converged…']],
      ['other', ['none']],
    ]);
    expect(second).toMatchObject({ text: ['Like so:', '  nodes:'], after: ['That was it.'] });
    expect(second?.commands[0]?.act).toEqual({ kind: 'move', folder: 'tutorials/small/1', app: 'wiki', to: 'beta' });
    expect(third?.checks.map(({ kind }) => kind)).toEqual(['answers', 'owned', 'prints']);
  });

  it('is none where nothing says so', () => {
    expect(readPage('# Any page\n\n```console\n$ x\n```\n', 'README.md', 'any')).toBeUndefined();
  });

  it.each([
    ['minutes: 3', 'minutes: soon', '4: "minutes" must be an integer, not the text "soon"'],
    ['about: a small one\n', '', '3: "about" is missing'],
    ['running: wiki, on: alpha}, ', 'runing: wiki, on: alpha}, ', '21: this is not a check'],
    ['{running: wiki, on: alpha}, ', '{running: wiki}, ', '21: "on" is missing'],
    ['{title: it runs, ', '{titel: it runs, ', '21: unknown key "titel"'],
    ['{converged: true}]', '{converged: 3}]', '21: "converged" must be true'],
    ['"node tutorials/small/ask.mjs beta"', 'node other', '46: the block below has no command "node other"'],
    [/<!-- drover: \{title: it moves[^\n]*\n/, '', '36: a console block needs a remark above it'],
    ["'a b'", "'a b", '26: this command has an open quotation mark'],
    [
      '-C tutorials/small/1\nconverged',
      '-C tutorials/other\nconverged',
      '38: the commands of a part must use one folder',
    ],
    ['answers: 8080', 'answers: 99999', '49: "answers" must be from 1 to 65535, not 99999'],
  ])('says what is wrong with %s at its line', (from, to, problem) => {
    expect(problemsOf(changed(from, to))).toContain(problem);
  });

  it('knows where its files place the applications when a step begins', () => {
    const tutorial = aTutorial();
    expect(placementAt(tutorial, '1.1')).toEqual({ wiki: 'alpha' });
    expect(placementAt(tutorial, '1.2')).toEqual({ wiki: 'alpha' });
    const back = { ...tutorial, parts: [tutorial.parts[0], tutorial.parts[0]].flatMap((each) => each ?? []) };
    expect(placementAt(back, '2.1')).toEqual({ wiki: 'beta' });
  });
});

describe('a command of the page', () => {
  const [apply = '', ask = ''] = aTutorial().steps[0]?.commands.map(({ text }) => text) ?? [];

  it('is as on the page in the project of a clone', () => {
    expect(shownCommand(apply, aTutorial(), aPlace())).toBe(apply);
    expect(wordsOf(apply, aTutorial(), aPlace())).toEqual(['node', 'drover.js', 'apply', '-C', 'tutorials/small/1']);
  });

  it('is right for a reader who is elsewhere, with a copy of the files', () => {
    const place = aPlace(false);
    expect(shownCommand(apply, aTutorial(), place)).toBe('drover apply -C mine/1');
    expect(shownCommand(ask, aTutorial(), place)).toBe("node /opt/drover/tutorials/small/ask.mjs alpha 'a b'");
    expect(wordsOf(ask, aTutorial(), place)).toEqual(['node', '/opt/drover/tutorials/small/ask.mjs', 'alpha', 'a b']);
    expect(shownCommand('npm run -s lab -- ssh node1', aTutorial(), place)).toBe(
      'npm --prefix /opt/drover run -s lab -- ssh node1',
    );
  });

  it('parts the files from the clients where one folder has both', () => {
    const tutorial = { ...aTutorial(), parts: [{ title: 'only', folder: 'tutorials/small' }] };
    const place = aPlace(false);
    expect(shownCommand('npm run -s drover -- move wiki beta -C tutorials/small', tutorial, place)).toBe(
      'drover move wiki beta -C mine',
    );
    expect(shownCommand(ask, tutorial, place)).toBe("node /opt/drover/tutorials/small/ask.mjs alpha 'a b'");
    expect(shownCommand('cat tutorials/small/deployment.yml', tutorial, place)).toBe('cat mine/deployment.yml');
  });
});

import { describe, expect, it } from 'vitest';
import { applyFix, applyFixes } from '../../../../src/config/edit/apply-fix.ts';
import { loadConfig } from '../../../../src/config/load.ts';
import type { ConfigProblem, ProblemFix } from '../../../../src/model/config.ts';
import fc from '../../../support/random.ts';
import { idle } from '../loading.ts';

function problemsOf(application: string, deployment = idle, drover?: string): readonly ConfigProblem[] {
  const result = loadConfig({
    application: { path: 'application.yml', text: application },
    deployment: { path: 'deployment.yml', text: deployment },
    ...(drover === undefined ? {} : { drover: [{ path: 'drover.yml', text: drover }] }),
  });
  return result.ok ? [] : result.problems;
}

const fixesOf = (problems: readonly ConfigProblem[]): readonly ProblemFix[] =>
  problems.flatMap(({ fix }) => (fix === undefined ? [] : [fix]));

/** `was -> replacement` of every fix. */
const words = (problems: readonly ConfigProblem[]): string[] =>
  fixesOf(problems).map(({ was, replacement }) => `${was} -> ${replacement}`);

const native = (fields: string): string => `version: 1\napplications: {web: {image: x, ${fields}}}\n`;
const web = 'version: 1\napplications: {web: {image: x}, redis: {image: y}, rediz: {image: z}}\n';

describe('problems with a certain fix', () => {
  it.each([
    ['an unknown key', native('prots: []'), 'prots -> ports'],
    ['an unknown key in quotes', native('"prots": []'), '"prots" -> "ports"'],
    ['an unknown key in single quotes', native("'prots': []"), "'prots' -> 'ports'"],
    ['a misspelt value', native('restart_policy: {name: alwyas}'), 'alwyas -> always'],
    ['a misspelt protocol', native('ports: [{internal: 1, external: 2, protocol: tpc}]'), 'tpc -> tcp'],
    ['a port in quotes', native('ports: [{internal: 1, external: "8081"}]'), '"8081" -> 8081'],
    ['a variable without quotes', native('environment: {PORT: 80}'), '80 -> "80"'],
    ['a variable that looks like a truth value', native('environment: {DEBUG: true}'), 'true -> "true"'],
    ['the name of a variable without quotes', native('environment: {5: "x"}'), '5 -> "5"'],
    ['an application called by a number', 'version: 1\napplications: {7: {image: x}}\n', '7 -> "7"'],
    ['a misspelt section', 'version: 1\naplications: {web: {image: x}}\n', 'aplications -> applications'],
    ['a service of a Fig link', 'web: {image: x, links: [redsi]}\nredis: {image: y}\n', 'redsi -> redis'],
    ['a Fig key', 'web: {image: x, enviroment: {}}\n', 'enviroment -> environment'],
    ['a Compose key', 'services: {web: {image: x, enviroment: {}}}\n', 'enviroment -> environment'],
    ['a Compose restart', 'services: {web: {image: x, restart: allways}}\n', 'allways -> always'],
    ['a Compose dependency', 'services: {web: {image: x, depends_on: [dv]}, db: {image: x}}\n', 'dv -> db'],
  ])('offers one for %s', (_what, application, wanted) => {
    expect(words(problemsOf(application))).toEqual([wanted]);
  });

  it.each([
    ['an application', 'version: 1\nnodes: {n1: [wbe]}\n', 'wbe -> web'],
    ['a section', 'version: 1\nnods: {n1: [web]}\n', 'nods -> nodes'],
    ['a node without quotes', 'version: 1\nnodes: {5: [web]}\n', '5 -> "5"'],
  ])('offers one for %s of the deployment', (_what, deployment, wanted) => {
    expect(words(problemsOf(web, deployment))).toEqual([wanted]);
  });

  it('offers one for keys of drover.yml and names of its nodes', () => {
    const deployment = 'version: 1\nnodes: {"node 1": [web]}\n';
    expect(words(problemsOf(web, deployment, 'nodes:\n  node1: {hots: 10.0.0.1}\n'))).toEqual([
      '"node 1" -> "node1"',
      'hots -> host',
    ]);
  });

  it.each([
    ['two words are as near', native('ports: [{internal: 1, external: 2, protocol: ucp}]'), idle],
    ['two names are as near', web, 'version: 1\nnodes: {n1: [redi]}\n'],
    ['the name is placed already', web, 'version: 1\nnodes: {n1: [web], n2: [wbe]}\n'],
    ['nothing is near', web, 'version: 1\nnodes: {n1: [postgres]}\n'],
    ['a port is given twice', native('ports: [{internal: 1, external: 2}, {internal: 3, external: 2}]'), idle],
    ['the number is out of range', native('ports: [{internal: 1, external: "99999"}]'), idle],
    ['the value has no unit', native('volume: {mountpoint: /d, maximum_size: 500}'), idle],
    ['the key is there in its right spelling too', native('ports: [], prots: []'), idle],
    ['the link has an alias', 'web: {image: x, links: ["redsi:r"]}\nredis: {image: y}\n', idle],
    ['it is written with an escape', native('"pr\\x6fts": []'), idle],
  ])('offers none where %s', (_what, application, deployment) => {
    const problems = problemsOf(application, deployment);
    expect(problems).not.toEqual([]);
    expect(words(problems)).toEqual([]);
  });

  it('offers the same name only once for one mapping and for all lists', () => {
    expect(words(problemsOf(native('prots: [], porst: []')))).toEqual(['prots -> ports']);
    expect(words(problemsOf(web, 'version: 1\nnodes: {n1: [wbe], n2: [wev]}\n'))).toEqual(['wbe -> web']);
  });

  it('says in words what it would do, at its own place', () => {
    expect(fixesOf(problemsOf(web, 'version: 1\nnodes:\n  n1:\n    - wbe # the proxy\n'))).toEqual([
      { line: 4, column: 7, length: 3, was: 'wbe', replacement: 'web', label: 'write web in place of wbe' },
    ]);
  });
});

describe('applyFix', () => {
  const fix: ProblemFix = { line: 2, column: 3, length: 3, was: 'wbe', replacement: 'web', label: '' };

  it.each([
    ['a\n  wbe # c\n', 'a\n  web # c\n'],
    ['a\r\n  wbe\r\n', 'a\r\n  web\r\n'],
    ['a\r  wbe', 'a\r  web'],
    ['\uFEFFa\n  wbe\n', '\uFEFFa\n  web\n'],
  ])('changes %j to %j', (before, after) => {
    expect(applyFix(before, fix)).toEqual({ text: after });
  });

  it.each(['a\n  web\n', 'a\n', '', 'a\n wbe\n', 'x\ny\n  wbe\n'])('refuses %j, which has changed', (text) => {
    expect(applyFix(text, fix)).toEqual({ problem: 'line 2 is not what it was when the problem was found' });
  });

  it('refuses where the text that is expected has another length', () => {
    expect(applyFix('a\n  wbe\n', fix, 'wb')).toHaveProperty('problem');
  });

  it('writes all fixes of a file, whatever their order, and nothing else changes', () => {
    const application =
      'version: 1\napplications:\n  web: # the proxy\n    image: x\n    prots: [{internal: "80", external: "81"}]\n    environment: {A: 1}\n';
    const problems = problemsOf(application);
    // The port's own mistakes show when "ports" has its right name.
    const once = applyFixes(application, fixesOf(problems));
    const text = 'text' in once ? once.text : '';
    const twice = applyFixes(text, fixesOf(problemsOf(text)).toReversed());
    expect(twice).toEqual({
      text: 'version: 1\napplications:\n  web: # the proxy\n    image: x\n    ports: [{internal: 80, external: 81}]\n    environment: {A: "1"}\n',
    });
    expect(problemsOf('text' in twice ? twice.text : '')).toEqual([]);
  });

  it('never leaves more problems than there were, and the problem itself is gone', () => {
    const words = fc.constantFrom('web', 'wbe', 'redis', 'rdis', 'reids', '5', '"web"', "'wbe'", 'x');
    const keys = fc.constantFrom('ports', 'prots', 'links', 'lnks', 'linsk', 'environment', 'volume', 'colour');
    const lists = fc.array(words, { maxLength: 3 });
    fc.assert(
      fc.property(lists, lists, fc.uniqueArray(keys, { maxLength: 3 }), (one, two, extra) => {
        const application = `version: 1\napplications:\n  web: {image: x, ${extra.map((key) => `${key}: {}`).join(', ')}}\n  redis: {image: y}\n`;
        const deployment = `version: 1\nnodes: {n1: [${one.join(', ')}], n2: [${two.join(', ')}]}\n`;
        const before = problemsOf(application, deployment);
        for (const problem of before) {
          if (problem.fix === undefined) continue;
          const isDeployment = problem.file === 'deployment.yml';
          const result = applyFix(isDeployment ? deployment : application, problem.fix);
          if ('problem' in result) throw new Error(result.problem);
          const after = isDeployment ? problemsOf(application, result.text) : problemsOf(result.text, deployment);
          expect(after.length).toBeLessThanOrEqual(before.length);
          expect(after.some(({ path, message }) => path === problem.path && message === problem.message)).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });
});

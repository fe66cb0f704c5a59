import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { printProblems } from '../../../src/config/problems.ts';
import fc from '../../support/random.ts';
import { idle } from './loading.ts';

/** Whatever the texts: a configuration, or at least one problem whose printed form is no stack trace. */
function survives(application: string, deployment: string, drover?: string): void {
  const result = loadConfig({
    application: { path: 'application.yml', text: application },
    deployment: { path: 'deployment.yml', text: deployment },
    ...(drover === undefined ? {} : { drover: [{ path: 'drover.yml', text: drover }] }),
  });
  if (result.ok) {
    expect(result.config.revision).toHaveLength(64);
    return;
  }
  expect(result.problems.length).toBeGreaterThan(0);
  const text = printProblems(result.problems);
  expect(text).not.toMatch(/\n\s+at .*[:(]\d+|TypeError|RangeError|undefined|\[object /);
  for (const problem of result.problems) {
    if (problem.line !== undefined) expect(problem.column).toBeGreaterThan(0);
  }
}

const good = 'version: 1\napplications: {a: {image: x}}\n';
const pieces = [
  'version: 1\n',
  'applications:\n',
  'nodes:\n',
  'services:\n',
  '  a:\n',
  '    image: x\n',
  '    ports: [',
  '{',
  '}',
  ']',
  '- ',
  ': ',
  '&a ',
  '*a ',
  '<<: ',
  '"',
  "'",
  '|\n',
  '\t',
  '!!str ',
  '\n',
  ',',
  '8080:80',
  '10.0.0.1',
  '? ',
  '---\n',
  '$x',
  '/d',
  '~',
  '0x1',
  'null',
  '\r',
];

// The time limits are for busy machines; alone each takes about a second.
describe('loading never fails on', () => {
  it('random bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array).toString('utf8'));
    fc.assert(fc.property(bytes, bytes, bytes, survives), { numRuns: 300 });
  });

  it('random strings of Unicode', () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 });
    fc.assert(
      fc.property(text, text, (one, other) => survives(one, other)),
      { numRuns: 300 },
    );
  });

  it('random arrangements of what such files hold', () => {
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join(''));
    fc.assert(fc.property(text, text, text, survives), { numRuns: 800 });
  });

  it('any JSON value as application, deployment or settings', () => {
    const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value));
    fc.assert(fc.property(json, json, json, survives), { numRuns: 500 });
  });

  it('any JSON value as an application of any form', () => {
    const key = fc.constantFrom(
      'image',
      'ports',
      'links',
      'environment',
      'volume',
      'volumes',
      'mem_limit',
      'cpu_shares',
      'restart_policy',
      'restart',
      'command',
      'entrypoint',
      'depends_on',
      'build',
    );
    const fields = fc.dictionary(key, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 6 });
    const form = fc.constantFrom('native', 'compose', 'fig');
    fc.assert(
      fc.property(fields, form, (value, kind) => {
        const service = { a: { image: 'x', ...value } };
        const file = { native: { version: 1, applications: service }, compose: { services: service }, fig: service }[
          kind
        ];
        survives(JSON.stringify(file), 'version: 1\nnodes: {n1: [a]}');
      }),
      { numRuns: 500 },
    );
  });

  it('every given case cut off at every seventh byte', () => {
    let cut = 0;
    for (const file of ['config.json', 'config-beyond.json']) {
      const { cases } = JSON.parse(readFileSync(new URL(`../../cases/${file}`, import.meta.url), 'utf8'));
      for (const { application_yaml: application, deployment_yaml: deployment } of cases) {
        for (let end = 0; end < application.length; end += 7) survives(application.slice(0, end), deployment);
        for (let end = 0; end < deployment.length; end += 7) survives(application, deployment.slice(0, end));
        cut += 1;
      }
    }
    expect(cut).toBeGreaterThan(100);
  });

  const size = 10 * 1024 * 1024;
  const alphabet = 'abc: []{}-&*#\n\t"\'|>%@`?!';
  const mixed = Array.from({ length: 80_000 }, (_, n) => alphabet[(n * 7919 + (n >> 3)) % alphabet.length]).join('');
  const garbage: Record<string, () => string> = {
    'mixed characters': () => mixed.repeat(size / mixed.length),
    'one line': () => 'x'.repeat(size),
    'one flow list': () => `{a: [${'1,'.repeat(size / 2)}]}`,
    colons: () => ':'.repeat(size),
    'line ends': () => '\n'.repeat(size),
    services: () => Array.from({ length: 99_000 }, (_, n) => `k${n}: {image: 1} #${'x'.repeat(85)}`).join('\n'),
  };
  for (const [name, make] of Object.entries(garbage)) {
    it(`10 MB of ${name}, within 3 seconds of computing`, () => {
      const text = make();
      // Not the wall clock: other work on the machine must not decide.
      const before = process.cpuUsage();
      survives(text, idle);
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1e6).toBeLessThan(3);
      survives(good, text);
    });
  }
});

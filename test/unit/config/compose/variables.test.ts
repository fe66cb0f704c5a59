import { describe, expect, it } from 'vitest';
import { appOf, complaints, configOf, load } from '../loading.ts';
import { modelOf, serviceA } from './model.ts';

/** A Compose file with one service `a`; no variable is set. */
const compose = (fields: string) => load(`services:\n  a:\n${fields.replace(/^/gm, '    ')}\n`);

describe('variables without a value', () => {
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the text of Compose variables
  it.each([
    ['image: "${IMAGE}"', 'services/a/image: the variable "IMAGE" is not set, and there is no value without it'],
    ['image: "x:${TAG}"', 'services/a/image: the variable "TAG" is not set, and there is no value without it'],
    [
      'image: x\nports: ["${PORT}:80"]',
      'services/a/ports/0: the variable "PORT" is not set, and there is no value without it',
    ],
    ['image: "x:${TAG:?say it}"', 'services/a/image: a variable it needs is not set: TAG: say it'],
    ['image: "${x y}"', 'services/a/image: a "$" and its braces do not hold the name of a variable'],
    ['image: "${IMAGE"', 'services/a/image: the brace behind a "$" is not closed'],
    [
      'image: x\nmem_limit: "${M}"',
      'services/a/mem_limit: the variable "M" is not set, and there is no value without it',
    ],
  ])('%j is one problem', (fields, problem) => {
    expect(complaints(compose(fields))).toEqual([problem]);
  });

  it('says how to set one, and hides no value', () => {
    expect(compose('image: "x:${TAG}"')).toMatchObject({
      problems: [
        { line: 3, column: 12, hint: 'set it in .env or in the environment, or write a default: "${TAG:-value}"' },
      ],
    });
  });

  it('takes the empty text where that is a value', () => {
    expect(appOf(compose('image: x\nenvironment: {A: "${NONE}", B: "^a$"}')).environment).toEqual({ A: '', B: '^a$' });
  });
  it('has the type that a key wants, from a variable, a default or quotes', () => {
    const text = [
      'cpu_shares: "${S:-512}"',
      'privileged: "${P:-yes}"',
      'read_only: "true"',
      'healthcheck: {retries: "3", disable: no}',
      'ulimits: {nofile: "${N}", core: {soft: "1", hard: "-1"}}',
      'depends_on: {b: {required: "${R:-false}"}}',
      'ports: [{target: "80", published: "8080"}]',
      'environment: {A: "1", B: "${S:-2}", C: "true"}',
      'labels: {privileged: "true"}',
      'cpu_period: 50ms',
    ].join('\n');
    expect(modelOf({ 'compose.yaml': serviceA(text) }, { environment: { N: '5' } }).services.a).toEqual({
      cpu_shares: 512,
      privileged: true,
      read_only: true,
      healthcheck: { retries: 3, disable: false },
      ulimits: { nofile: 5, core: { soft: 1, hard: -1 } },
      depends_on: { b: { required: false } },
      ports: [{ target: 80, published: '8080' }],
      environment: { A: '1', B: '2', C: 'true' },
      labels: { privileged: 'true' },
      cpu_period: '50ms',
    });
  });
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the text of Compose variables
});

describe('the name of a Compose file', () => {
  it('loses what a name cannot have, and says so', () => {
    const config = configOf(load('name: My App.1\nservices: {a: {image: x}}'));
    expect(config.name).toBe('myapp1');
    expect(config.notes?.[0]?.message).toContain('the deployment is called "myapp1"');
    expect(complaints(load('name: "..."\nservices: {a: {image: x}}'))).toHaveLength(1);
  });
});

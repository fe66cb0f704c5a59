import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../../src/config/load.ts';
import { complaints, configOf } from '../loading.ts';
import { readModel } from './model.ts';

const text = [
  'services:',
  '  foo: {image: foo}',
  '  bar: {image: bar, profiles: [test]}',
  '  baz: {image: baz, depends_on: [bar], profiles: [test]}',
  '  zot: {image: zot, depends_on: [bar], profiles: [debug, more]}',
].join('\n');

const namesOf = (options: Parameters<typeof readModel>[1]) => {
  const { value, problems } = readModel({ 'compose.yaml': text }, options);
  return { names: Object.keys((value as { services: object }).services), problems };
};

describe('profiles', () => {
  it.each([
    [{}, ['foo']],
    [{ profiles: ['test'] }, ['foo', 'bar', 'baz']],
    [{ profiles: ['test', 'debug'] }, ['foo', 'bar', 'baz', 'zot']],
    [{ profiles: ['*'] }, ['foo', 'bar', 'baz', 'zot']],
    [{ environment: { COMPOSE_PROFILES: 'test, more' } }, ['foo', 'bar', 'baz', 'zot']],
    [{ environment: { COMPOSE_PROFILES: 'debug' }, profiles: ['test'] }, ['foo', 'bar', 'baz']],
    [{ environment: { COMPOSE_PROFILES: '' } }, ['foo']],
  ])('%j enables %j', (options, names) => {
    expect(namesOf(options)).toEqual({ names, problems: [] });
  });

  it('come from .env as well', () => {
    const { value } = readModel({ 'compose.yaml': text, '.env': 'COMPOSE_PROFILES=test\n' });
    expect(Object.keys((value as { services: object }).services)).toEqual(['foo', 'bar', 'baz']);
  });

  it('make it a problem to depend on a disabled service', () => {
    expect(namesOf({ profiles: ['debug'] }).problems).toEqual([
      'compose.yaml:5:34 services/zot/depends_on/0: "depends_on" names the service "bar", which is disabled: its profile "test" is not enabled',
    ]);
    const other = 'services:\n  a: {image: x, depends_on: {b: {condition: service_started, required: false}}}\n';
    const { value, problems } = readModel({ 'compose.yaml': `${other}  b: {image: y, profiles: [p]}\n` });
    expect(problems).toEqual([]);
    expect(value).toMatchObject({ services: { a: { depends_on: {} } } });
    expect(
      readModel({ 'compose.yaml': 'services:\n  a: {links: ["b:c"]}\n  b: {profiles: [p, q]}\n' }).problems,
    ).toEqual([
      'compose.yaml:2:15 services/a/links/0: "links" names the service "b", which is disabled: none of its profiles "p", "q" is enabled',
    ]);
  });

  it('let the deployment file name a disabled service, which is then not placed', () => {
    const load = (profiles: readonly string[]) =>
      loadConfig(
        {
          application: { path: 'compose.yaml', text: 'services:\n  a: {image: x}\n  b: {image: y, profiles: [p]}\n' },
          deployment: { path: 'deployment.yml', text: 'version: 1\nnodes:\n  n1: [a, b]\n' },
        },
        { profiles },
      );
    const { deployment, notes } = configOf(load([]));
    expect(deployment).toEqual({ n1: ['a'] });
    expect(notes).toMatchObject([
      {
        file: 'deployment.yml',
        line: 3,
        column: 11,
        message: 'the service "b" is disabled: its profile "p" is not enabled; enable it with --profile p',
      },
    ]);
    expect(configOf(load(['p'])).deployment).toEqual({ n1: ['a', 'b'] });
    expect(complaints(load([]))).toEqual([]);
  });

  it('can leave a file without services, which is otherwise a problem', () => {
    const load = (text: string) =>
      loadConfig(
        {
          application: { path: 'compose.yaml', text },
          deployment: { path: 'deployment.yml', text: 'version: 1\nnodes: {n1: []}\n' },
        },
        { isFound: true },
      );
    expect(complaints(load('services: {b: {image: y, profiles: [p]}}\n'))).toEqual([]);
    expect(complaints(load('volumes: {v: }\n'))).toEqual([': "services" is missing']);
  });
});

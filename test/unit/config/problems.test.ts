import { describe, expect, it } from 'vitest';
import { didYouMean } from '../../../src/config/did-you-mean.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { printProblems } from '../../../src/config/problems.ts';

const golden = '../../golden/problems/';

function printed(application: string | undefined, deployment: string | undefined, drover?: string): string {
  const result = loadConfig({
    application: { path: 'application.yml', text: application },
    deployment: { path: 'deployment.yml', text: deployment },
    ...(drover === undefined ? {} : { drover: [{ path: 'drover.yml', text: drover }] }),
  });
  return result.ok ? '' : `${printProblems(result.problems)}\n`;
}

describe('what people see', () => {
  it('shows every problem of all files with place, lines and hint', async () => {
    const application = `version: 1
applications:
  web:
    image: "acme/web:"
    ports:
    - {internal: 80, external: 8080}
    - {internal: 81, external: "8081"}
    colour: red
  mongodb:
    image: clusterhq/mongodb
    ports:
    - internal: 27017
      external: 8080
    volume: {mountpoint: data, maximum_size: 500}
`;
    const deployment = `version: 1
nodes:
  172.16.255.250:
    - web
    - mongdb
  172.16.255.251: [mongodb, web]
`;
    const drover = 'nodes:\n  node1: {host: 172.16.255.250, prot: 22}\ntimeouts: {connect: 30}\n';
    await expect(printed(application, deployment, drover)).toMatchFileSnapshot(`${golden}all-files.txt`);
  });

  it('shows broken syntax and an empty deployment in the same form', async () => {
    await expect(printed('version: 1\napplications:\n\tweb:\n', '')).toMatchFileSnapshot(`${golden}syntax.txt`);
  });

  it('shows missing files without a place', async () => {
    await expect(printed(undefined, undefined)).toMatchFileSnapshot(`${golden}missing.txt`);
  });

  it('keeps control characters and long lines away from the terminal', () => {
    const text = printed(`version: 1\napplications: {"\\e[31mx": {image: 5}, b: "${'y'.repeat(5000)}"}`, 'version: 1');
    expect(text).not.toContain('\u001b');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThan(250);
  });

  it('counts the problems beyond a hundred', () => {
    const apps = Array.from({ length: 150 }, (_, n) => `  a${n}: {image: 5}`).join('\n');
    const text = printed(`version: 1\napplications:\n${apps}\n`, 'version: 1\nnodes: {}');
    expect(text.match(/must be a string/g)).toHaveLength(100);
    expect(text).toContain('has 50 more problems');
  });

  it('reads no further after ten thousand', () => {
    const apps = Array.from({ length: 20_000 }, (_, n) => `  a${n}: {image: 5}`).join('\n');
    const text = printed(`version: 1\napplications:\n${apps}\n`, 'version: 1\nnodes: {n1: [nothing]}');
    expect(text).toContain('has at least 9900 more problems');
    expect(text).not.toContain('deployment.yml');
  });

  it('keeps a problem among any number of notes', () => {
    const unset = Array.from({ length: 10_001 }, (_, n) => `      V${n}: $V${n}`).join('\n');
    const text = printed(
      `services:\n  a:\n    image: b\n    environment:\n${unset}\n    restart: 5\n`,
      'version: 1\nnodes: {}',
    );
    expect(text).toMatch(/services\/a\/restart/);
  });

  it('colours only on demand', () => {
    const problem = { file: 'a.yml', line: 1, column: 2, path: 'x', message: 'm', hint: 'h' };
    expect(printProblems([problem])).toBe('a.yml:1:2 x: m\nhint: h');
    expect(printProblems([problem], { color: true })).toContain('\u001b[');
  });
});

describe('did you mean', () => {
  it.each([
    ['mongdb', 'mongodb'],
    ['wbe', 'web'],
    ['WEB', 'web'],
  ])('%s gives %s', (name, wanted) => {
    expect(didYouMean(name, ['web', 'mongodb', 'redis'])).toBe(`did you mean "${wanted}"?`);
  });
  it('says nothing where nothing is near', () => {
    expect(didYouMean('postgres', ['web', 'mongodb'])).toBeUndefined();
  });
});

import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../../src/config/load.ts';
import type { Application, LoadResult } from '../../../../src/model/config.ts';

function load(text: string): LoadResult {
  const names = [...text.matchAll(/^ {2}([a-z]+): ?[{\n]/gm)].map(([, name]) => name);
  const placed = [...new Set(names)].filter((name) => text.indexOf(`  ${name}:`) > text.indexOf('services:'));
  return loadConfig({
    application: { path: 'compose.yaml', text },
    deployment: { path: 'deployment.yml', text: `version: 1\nnodes:\n  10.0.0.1: [${placed.join(', ')}]\n` },
  });
}

function apps(text: string): Readonly<Record<string, Application>> {
  const result = load(text);
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
  return result.config.applications;
}

const notes = (text: string): string[] => {
  const result = load(text);
  return result.ok ? (result.config.notes ?? []).map(({ message }) => message) : ['not accepted'];
};
const problems = (text: string): string => {
  const result = load(text);
  return result.ok ? '' : result.problems.map(({ path, message, hint }) => `${path}: ${message} (${hint})`).join('\n');
};

const one = (fields: string): string => `services:\n  web: {image: a, ${fields}}\n`;
const webOf = (fields: string): Application => apps(one(fields)).web as Application;

describe('networks', () => {
  test('a service without any is on the network default', () => {
    expect(webOf('networks: []')).not.toHaveProperty('networks');
    expect(webOf('networks: {default: }')).not.toHaveProperty('networks');
    expect(webOf('mem_limit: 1g')).not.toHaveProperty('networks');
  });

  test('short and long form, with aliases, the name of the network, and a network without a way out', () => {
    const text = `networks:
  front: {}
  back: {internal: true, name: data}
services:
  web: {image: a, networks: [front, back]}
  db:
    image: b
    container_name: the-db
    networks:
      back: {aliases: [database, db], ipv4_address: 10.5.0.5, priority: 100}
`;
    expect(apps(text).web?.networks).toEqual([
      { network: 'data', aliases: [], isInternal: true },
      { network: 'front', aliases: [] },
    ]);
    expect(apps(text).db?.networks).toEqual([{ network: 'data', aliases: ['database', 'the-db'], isInternal: true }]);
    expect(notes(text).join('\n')).toContain('"ipv4_address" has no effect');
  });

  test('options of a network are noted, and an empty one is a network', () => {
    const text = `networks:
  back: {driver: bridge, driver_opts: {a: b}, ipam: {config: [{subnet: 10.5.0.0/16}]}, labels: [x=y]}
  empty:
services:
  web: {image: a, networks: [back, empty]}
`;
    expect(apps(text).web?.networks?.map(({ network }) => network)).toEqual(['back', 'empty']);
    expect(notes(text).join('\n')).toContain('"driver" has no effect');
  });

  test.each([
    ['external: true', 'proxy'],
    ['external: {name: x}', 'x'],
    ['external: true, name: x', 'x'],
  ])('a network with "%s" is one of this deployment, with a note', (written, network) => {
    const text = `networks: {proxy: {${written}}}\n${one('networks: [proxy]')}`;
    expect(apps(text).web).toMatchObject({ networks: [{ network }] });
    expect(notes(text).join()).toContain(
      'the network "proxy" is external: here only services of this deployment are on it',
    );
  });

  test.each([
    [`networks: {back: {}}\n${one('networks: [bakc]')}`, 'the network "bakc" is not in "networks"'],
    [one('networks: {back: {aliases: [x]}}'), 'the network "back" is not in "networks"'],
    [`networks: {back: {}}\n${one('networks: {back: {aliases: ["a b"]}}')}`, '"a b" cannot be looked up'],
    [`networks: {back: {}}\n${one('networks: {back: {colour: red}}')}`, 'unknown key "colour"'],
    [one('container_name: "-x"'), '"-x" cannot be looked up'],
    ['services:\n  web: {image: a, container_name: x}\n  db: {image: b, container_name: x}\n', 'is used already at'],
    ['services:\n  web: {image: a, container_name: db}\n  db: {image: b}\n', 'is the name of another service'],
    [
      `networks: {a: {}, b: {}}\nservices:\n  web: {image: a, networks: [a], links: [db]}\n  db: {image: b, networks: [b]}\n`,
      'shares no network with "db"',
    ],
  ])('%j is a problem', (text, message) => {
    expect(problems(text)).toContain(message);
  });

  test('no hint opens a port', () => {
    const said = problems(`networks: {proxy: {external: true}}\n${one('networks: [proxy, other]')}`);
    expect(said).not.toMatch(/publish|ports/);
  });
});

describe('names of links', () => {
  test('an alias is a name for the linking application alone, also in Fig form', () => {
    const services = 'web: {image: a, links: ["db:database", cache]}\n  db: {image: b}\n  cache: {image: c}\n';
    expect(apps(`services:\n  ${services}`).web?.nicknames).toEqual({ database: 'db' });
    const fig = loadConfig({
      application: {
        path: 'fig.yml',
        text: 'web: {image: a, links: ["db:database"]}\ndb: {image: b, expose: [5432]}\n',
      },
      deployment: { path: 'deployment.yml', text: 'version: 1\nnodes:\n  10.0.0.1: [web, db]\n' },
    });
    expect(fig.ok && fig.config.applications.web?.nicknames).toEqual({ database: 'db' });
    expect(fig.ok && fig.config.applications.db?.exposes).toEqual([{ port: 5432, protocol: 'tcp' }]);
  });
});

describe('exposed ports', () => {
  test('numbers, ranges and protocols, each once and sorted', () => {
    expect(webOf('expose: ["3002/udp", 3000, "3000", "3000-3001/TCP"]').exposes).toEqual([
      { port: 3000, protocol: 'tcp' },
      { port: 3001, protocol: 'tcp' },
      { port: 3002, protocol: 'udp' },
    ]);
  });

  test('a port without an external one is reached by name, with a note', () => {
    for (const ports of [
      '["3000"]',
      '[3000]',
      '["127.0.0.1::3000"]',
      '[{target: 3000}]',
      '[{target: 3000, published: ""}]',
    ]) {
      expect(webOf(`ports: ${ports}`)).toMatchObject({ ports: [], exposes: [{ port: 3000, protocol: 'tcp' }] });
      expect(notes(one(`ports: ${ports}`)).join()).toContain('has no external port: other services reach it by name');
    }
  });

  test.each([
    ['expose: [0]', 'is not from 1 to 65535'],
    ['expose: ["9-8"]', 'ends before it begins'],
    ['expose: [web]', '"web" is not a port'],
    ['expose: ["80/sctp"]', 'does not forward the protocol "sctp"'],
    ['ports: ["1-3:1-2"]', 'have different lengths'],
    ['ports: ["x:80"]', 'is not of the form host:container'],
    ['ports: [":80"]', 'is not of the form host:container'],
    ['ports: ["80:80/sctp"]', 'does not forward the protocol "sctp"'],
  ])('%s is a problem', (fields, message) => {
    expect(problems(one(fields))).toContain(message);
  });
});

describe('published ports', () => {
  test('ranges are pairs, the same port twice is one, and of a range for one port the first is used', () => {
    const { ports } = webOf('ports: ["9000-9001:8000-8001", "80:80", "80:80/tcp", {target: 80, published: 80}]');
    expect(ports.map(({ external, internal }) => `${external}:${internal}`)).toEqual([
      '80:80',
      '9000:8000',
      '9001:8001',
    ]);
    expect(webOf('ports: ["8000-9000:80"]').ports).toMatchObject([{ external: 8000, internal: 80 }]);
    expect(notes(one('ports: ["8000-9000:80"]')).join()).toContain('the port 8000 is used');
  });

  test('with an address it is published there alone, unless the file asks for more', () => {
    expect(webOf('ports: ["127.0.0.1:80:80"]').ports).toMatchObject([{ isLocal: true, addresses: ['127.0.0.1'] }]);
    expect(webOf('ports: ["::1:80:80"]').ports).toMatchObject([{ isLocal: true, addresses: ['::1'] }]);
    expect(webOf('ports: ["0.0.0.0:80:80", "[::]:80:80"]').ports).not.toMatchObject([{ isLocal: true }]);
    const long = '{target: 80, published: 80, host_ip: 10.0.0.5, mode: host, app_protocol: http, name: web';
    expect(webOf(`ports: [${long}}]`).ports).toMatchObject([{ isLocal: true }]);
    expect(webOf(`ports: [${long}, x-drover: {forward: true}}]`).ports).not.toMatchObject([{ isLocal: true }]);
  });
});

describe('the range of names in drover.yml', () => {
  const range = (text: string) =>
    loadConfig({
      application: { path: 'application.yml', text: one('mem_limit: 1g') },
      deployment: { path: 'deployment.yml', text: 'version: 1\nnodes:\n  10.0.0.1: [web]\n' },
      drover: [{ path: 'drover.yml', text }],
    });
  test('is a private network, the default one, or none', () => {
    const of = (text: string) => {
      const result = range(text);
      return result.ok ? result.config.settings.nameRange : result.problems[0]?.message;
    };
    expect(of('{}')).toBe('198.18.0.0/15');
    expect(of('names: {range: 10.99.0.0/16}')).toBe('10.99.0.0/16');
    expect(of('names: {range: none}')).toBeUndefined();
    for (const wrong of ['8.8.0.0/16', '10.0.0.0/25', '10.0.0.1/16', '10.0.0/16', 'fd00::/8', '10.0.0.0/7'])
      expect(of(`names: {range: "${wrong}"}`)).toContain('is not a private network');
  });
});

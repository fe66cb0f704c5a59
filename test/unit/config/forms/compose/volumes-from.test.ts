import { describe, expect, it } from 'vitest';
import { complaints, configOf, load } from '../../loading.ts';

const appsOf = (text: string) => configOf(load(text)).applications;

describe('volumes_from', () => {
  it('gives a service the volumes and folders of another one, where that one has them', () => {
    const { app, backup } = appsOf(`
services:
  app: {image: x, volumes: ["data:/data:ro", /cache, "/mnt/media:/media"]}
  backup: {image: y, volumes_from: [app]}
`);
    expect(backup?.volumes).toEqual(app?.volumes);
    expect(backup?.binds).toEqual(app?.binds);
    expect(backup?.dependsOn).toEqual([{ app: 'app', until: 'started' }]);
  });

  it('with "ro" lets it only read them, and what it has itself at a path stays', () => {
    const { app, backup } = appsOf(`
services:
  app: {image: x, volumes: ["data:/data", /cache, "/mnt/a:/a", "/mnt/b:/b"]}
  backup:
    image: y
    volumes: ["own:/cache"]
    tmpfs: /b
    volumes_from: ["app:ro"]
    depends_on: {app: {condition: service_healthy}}
`);
    const [data] = app?.volumes ?? [];
    expect(backup?.volumes.map(({ mountpoint, readOnly }) => [mountpoint, readOnly])).toEqual([
      ['/cache', undefined],
      ['/data', true],
    ]);
    expect(backup?.volumes[1]?.id).toBe(data?.id);
    expect(backup?.binds).toEqual([{ source: '/mnt/a', mountpoint: '/a', readOnly: true }]);
    expect(backup?.dependsOn).toEqual([{ app: 'app', until: 'healthy' }]);
  });

  it('goes through another service, in any order of the file', () => {
    const { a, c } = appsOf(`
services:
  a: {image: x, volumes_from: [b]}
  b: {image: x, volumes_from: [c]}
  c: {image: x, volumes: [/data]}
`);
    expect(a?.volumes).toEqual(c?.volumes);
  });

  it.each([
    ['[b, "b:rx"]', '"b:rx" is not a service with volumes'],
    ['["container:old"]', '"container:old" is not a service of this file'],
    ['[bb]', '"volumes_from" names the unknown service "bb"'],
    ['[a]', '"volumes_from" goes in a circle'],
  ])('%s is refused', (value, text) => {
    const result = load(`services: {a: {image: x, volumes_from: ${value}}, b: {image: x}}\n`);
    expect(complaints(result).join('\n')).toContain(text);
  });
});

describe('services that share a volume', () => {
  const application = `
services:
  web: {image: x, volumes: ["site:/srv"]}
  cron: {image: y, volumes: ["files:/var/www:ro"]}
volumes: {site: {name: shared}, files: {name: shared}}
`;

  it('name it, also in the long form, or name one folder next to the file', () => {
    const { a, b, c } = appsOf(`
services:
  a: {image: x, volumes: ["own:/own", "site:/srv", "./data:/data"]}
  b: {image: y, volumes: ["site:/srv:ro", "site:/again"]}
  c: {image: z, volumes: [{type: volume, source: site, target: /in}, {type: bind, source: ./data/, target: /out}, "./data:/ro:ro"]}
`);
    const idAt = (app: typeof a, path: string) => app?.volumes.find(({ mountpoint }) => mountpoint === path)?.id;
    const site = idAt(a, '/srv');
    expect(site).toBeDefined();
    expect([idAt(b, '/srv'), idAt(b, '/again'), idAt(c, '/in')]).toEqual([site, site, site]);
    expect([idAt(c, '/out'), idAt(c, '/ro')]).toEqual([idAt(a, '/data'), idAt(a, '/data')]);
    expect(new Set([site, idAt(a, '/own'), idAt(a, '/data')]).size).toBe(3);
  });

  it('are on one node', () => {
    const { applications } = configOf(load(application, 'version: 1\nnodes: {n1: [web, cron]}\n'));
    expect([applications.web, applications.cron].flatMap((app) => app?.volumes.map(({ id }) => id))).toEqual([
      'shared',
      'shared',
    ]);
  });

  it('are refused on two, where the files place the second one', () => {
    const result = load(application, 'version: 1\nnodes:\n  n1: [web]\n  n2: [cron]\n');
    expect(result.ok ? [] : result.problems).toEqual([
      expect.objectContaining({
        file: 'deployment.yml',
        line: 4,
        message: '"cron" shares its volume at /var/www with "web", which is on "n1"',
        hint: 'place both on one node: a volume is on one',
      }),
    ]);
  });

  it('may be placed nowhere', () => {
    expect(complaints(load(application, 'version: 1\nnodes: {n1: [web]}\n'))).toEqual([]);
  });
});

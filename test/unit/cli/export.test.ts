import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../src/config/read-files.ts';
import { type MadeWorld, makeWorld, n1 } from './made-world.ts';

const compose = `name: shop
x-common: &common
  restart: always
services:
  db:
    <<: *common
    image: postgres:16
    command: [postgres, -c, "a=$$1"]
    environment:
      POSTGRES_PASSWORD: hunter2
      NOTHING:
    volumes:
      - data:/var/lib/data
      - /anonymous
    shm_size: 128m
    ulimits: {nofile: {soft: 1024, hard: 2048}}
  web:
    image: nginx:1.27
    depends_on: [db]
    links: ["db:database"]
    ports: ["8080:80", "127.0.0.1:9090:90/udp"]
    labels: {a.b: "1"}
volumes:
  data:
`;

/** The application file placed on n1, applied. */
async function applied(application: string, names: readonly string[]): Promise<MadeWorld> {
  const made = await makeWorld();
  await made.write('application.yml', application);
  await made.write('deployment.yml', `version: 1\nnodes:\n  ${n1}: [${names.join(', ')}]\n`);
  const { code, err } = await made.drover('apply');
  expect([code, err]).toEqual([0, '']);
  return made;
}

/** The services of an exported file, as drover reads them. */
async function servicesOf(made: MadeWorld, file: string) {
  const deployment = { path: 'deployment.yml', text: 'version: 1\nnodes: {}\n' };
  const read = await readConfig({ application: join(made.folder, file), deployment });
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.config;
}

describe('drover export', () => {
  it('writes a file that drover reads as the same applications', async () => {
    const made = await applied(compose, ['db', 'web']);
    const { code, err } = await made.drover('export', '--volumes', 'copy', '-o', join(made.folder, 'plain.yaml'));
    expect(code).toBe(0);
    expect((await stat(join(made.folder, 'plain.yaml'))).mode & 0o777).toBe(0o600);
    const [before, after] = [await servicesOf(made, 'application.yml'), await servicesOf(made, 'plain.yaml')];
    const withoutVolumes = ({ applications }: typeof before) =>
      Object.values(applications).map(({ volumes, ...rest }) => ({
        ...rest,
        at: volumes.map((one) => one.mountpoint),
      }));
    expect(withoutVolumes(after)).toEqual(withoutVolumes(before));
    expect(after.applications.db?.volumes[0]).toEqual(before.applications.db?.volumes[0]);
    expect(after.name).toBe(before.name);
    expect(await made.read('plain.yaml')).not.toContain('x-');
    expect(err).toContain('cp -a --sparse=always /');
    expect(err).toContain('docker volume create --label com.docker.compose.project=shop');
    expect(err).toContain('--label com.docker.compose.volume=data shop_data');
    expect(err).toContain('docker compose -f');
  });

  it('binds each dataset where it is, so that Docker creates no empty directory', async () => {
    const made = await applied(compose, ['db', 'web']);
    const { out, code } = await made.drover('export');
    expect(code).toBe(0);
    const file = load(out) as {
      services: Record<string, { volumes?: { type: string; source: string }[] }>;
      volumes?: object;
    };
    const [data] = file.services.db?.volumes ?? [];
    expect(data).toMatchObject({ type: 'bind', target: '/var/lib/data', bind: { create_host_path: false } });
    expect(data?.source).toMatch(/\/db-[0-9a-f]{8}\/data$/);
    expect(file.volumes).toBeUndefined();
    expect(out).toContain('a=$$1');
  });

  it('translates the native form: ports, links with their variables, volumes, the restart policy', async () => {
    const native = `version: 1
applications:
  db:
    image: postgres:16
    ports: [{internal: 5432, external: 15432}]
    volume: {mountpoint: /var/lib/data}
    mem_limit: 100000000
    restart_policy: {name: on-failure, maximum_retry_count: 3}
  web:
    image: nginx:1.27
    links: [{local_port: 5432, remote_port: 15432, alias: db}]
`;
    const made = await applied(native, ['db', 'web']);
    const { out, code, err } = await made.drover('export', '--json');
    expect([code, err]).toEqual([0, '']);
    const file = load(JSON.parse(out).text) as { services: Record<string, object> };
    expect(file.services).toMatchObject({
      db: {
        image: 'postgres:16',
        ports: ['15432:5432/tcp'],
        mem_limit: 100_000_000,
        restart: 'on-failure:3',
        volumes: [{ type: 'bind', target: '/var/lib/data' }],
      },
      web: { links: ['db:db'], environment: { DB_PORT_5432_TCP_ADDR: 'db', DB_PORT_5432_TCP_PORT: '5432' } },
    });
  });

  it('translates the Fig form', async () => {
    const made = await applied('web:\n  image: nginx:1\n  ports: ["80:80"]\n  volumes: [/data]\n', ['web']);
    const { out } = await made.drover('export', '--volumes', 'copy');
    expect(load(out)).toMatchObject({
      services: { web: { image: 'nginx:1', volumes: [{ type: 'volume', source: 'web-data', target: '/data' }] } },
      volumes: { 'web-data': null },
    });
  });

  it('says what it cannot know, and exports one node alone', async () => {
    const made = await makeWorld();
    await made.write('application.yml', compose);
    await made.write('deployment.yml', `version: 1\nnodes:\n  ${n1}: [web]\n  10.0.0.2: [db]\n`);
    const all = await made.drover('export');
    expect(all.err).toContain('no node that answers owns it');
    expect(all.err).toContain('the applications run on');
    const one = await made.drover('export', '--node', n1);
    expect(Object.keys((load(one.out) as { services: object }).services)).toEqual(['web']);
    expect((await made.drover('export', '--volumes', 'nfs')).code).toBe(64);
    expect((await made.drover('export', '-o', join(made.folder, 'application.yml'))).code).toBe(64);
    await rm(join(made.folder, 'application.yml'));
    expect((await made.drover('export')).code).toBe(65);
  });
});

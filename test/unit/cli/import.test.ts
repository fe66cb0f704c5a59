import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { World } from '../../../src/cli/world.ts';
import type { Host } from '../../../src/engine/host.ts';
import type { MemoryDockerSeed } from '../../../src/simulation/memory/types.ts';
import { directory, shop, shopData, shopDb, shopWeb } from '../../fakes/found-docker.ts';
import { type MadeWorld, makeWorld, n1, n2 } from './made-world.ts';

const docker: MemoryDockerSeed = { ...shop, bytes: { [directory]: 3_000_000 } };
const signal = new AbortController().signal;

/** A folder without files, and a node whose Docker has the project. */
async function folderOf(found: MemoryDockerSeed = docker, changes: Partial<World> = {}): Promise<MadeWorld> {
  let made: MadeWorld | undefined;
  const open = async (node: string): Promise<Host> => {
    const client = await (made as MadeWorld).cluster.node(node, signal);
    return {
      address: node,
      user: 'root',
      hostname: async () => node,
      setUp: async () => ({ code: 0, stderr: '' }),
      emptyDisks: async () => [],
      observe: (stop) => client.observe(stop),
      imports: client.imports,
      forgetPeers: async () => undefined,
      close: async () => undefined,
    };
  };
  made = await makeWorld(
    { nodes: { [n1]: { docker: found }, [n2]: {} } },
    { hosts: { askKey: async () => ({ known: true }), open }, ...changes },
  );
  for (const name of ['application.yml', 'deployment.yml']) await rm(join(made.folder, name));
  await made.write('drover.yml', `version: 1\nnodes: {${n1}: {}, ${n2}: {}}\n`);
  return made;
}

describe('drover import', () => {
  it('lists what a node has, with the command that takes it over', async () => {
    const loose = { ...shopWeb, id: 'f'.repeat(64), name: 'old-blog' };
    const { project: _project, service: _service, ...alone } = loose;
    const made = await folderOf({
      containers: [shopDb, shopWeb, alone],
      volumes: [shopData, { ...shopData, name: 'forgotten' }],
    });
    const { code, out } = await made.drover('import', n1);
    expect(code).toBe(0);
    expect(out).toContain('project shop, from /srv/shop/compose.yaml');
    expect(out).toMatch(/db {3}postgres:16 {2}running {2}shop_data at \/var\/lib\/data/);
    expect(out).toContain('drover import 10.0.0.1 --project shop');
    expect(out).toContain('drover import 10.0.0.1 --container old-blog');
    expect(out).toContain('no container uses: forgotten');
    const json = await made.drover('import', n1, '--json');
    expect(JSON.parse(json.out)).toMatchObject({ ok: true, containers: [{ name: 'shop-db-1' }, {}, {}] });
    expect(json.out).not.toContain('hunter2');
    expect(made.cluster.writes()).toBe(0);
  });

  it('writes the files, copies the volume, and starts the applications', async () => {
    const made = await folderOf();
    const { code, out, err } = await made.drover('import', n1, '--project', 'shop', '--yes', '-a', 'compose.yaml');
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('shop_data at /var/lib/data (2.86 MiB, 1 file)');
    expect(out).toMatch(/estimated downtime: about/);
    expect(out).toMatch(/✔ shop_data -> drover\/volumes\/db-[0-9a-f]+: 2\.86 MiB in 1 entry compared, equal/);
    expect(out).toMatch(/^downtime: /m);
    expect(out).toContain('docker update --restart=always shop-db-1\n  docker start shop-db-1 shop-web-1');
    const text = await made.read('compose.yaml');
    expect(text).toContain('name: shop\n');
    expect(text).toContain('PRICE: $$5');
    expect(text).toContain('volumes:\n      - data:/var/lib/data');
    expect((await stat(join(made.folder, 'compose.yaml'))).mode & 0o777).toBe(0o600);
    expect(await made.read('deployment.yml')).toContain('  10.0.0.1: [db, web]\n');
    expect(out).not.toContain('hunter2');
    expect(
      made.cluster
        .facts(n1)
        .containers.map(({ name, state }) => [name, state])
        .toSorted(),
    ).toEqual([
      ['drover-db', 'running'],
      ['drover-web', 'running'],
    ]);
    const db = made.cluster.facts(n1).containers.find(({ name }) => name === 'drover-db');
    expect(db?.spec.environment).toMatchObject({ PRICE: '$5' });
  });

  it('changes nothing with --dry-run, and without an answer', async () => {
    const made = await folderOf();
    const shown = await made.drover('import', n1, '--project', 'shop', '--dry-run');
    expect(shown.code).toBe(0);
    expect(shown.out).toContain('create ');
    expect((await made.drover('import', n1, '--project', 'shop')).code).toBe(64);
    await expect(made.read('compose.yaml')).rejects.toThrow('ENOENT');
    expect(made.cluster.writes()).toBe(0);
  });

  it('uses an application file that is there, and refuses a service that it does not describe', async () => {
    const made = await folderOf();
    await made.write(
      'compose.yaml',
      'services:\n  db: {image: postgres:16, volumes: ["pg:/var/lib/data"]}\nvolumes: {pg: }\n',
    );
    const args = ['import', n1, '-a', 'compose.yaml', '--yes'];
    const both = await made.drover(...args, '--project', 'shop');
    expect(both.code).toBe(64);
    expect(both.err).toContain('compose.yaml does not describe it');
    const one = await made.drover(...args, '--container', 'shop-db-1');
    expect([one.code, one.err]).toEqual([0, '']);
    expect(await made.read('compose.yaml')).toContain('pg:/var/lib/data');
    expect(made.cluster.facts(n1).volumes).toHaveLength(1);
  });

  it('refuses what would lose data: a path without a volume, a shared volume, another node, a driver, --rm', async () => {
    const refusal = async (found: MemoryDockerSeed, ...args: string[]) => {
      const made = await folderOf(found);
      const ran = await made.drover('import', n1, '--yes', ...args);
      expect(made.cluster.writes()).toBe(0);
      return `${ran.code} ${ran.err}`;
    };
    const two = { ...shopWeb, mounts: shopDb.mounts };
    expect(await refusal({ ...docker, containers: [shopDb, two] }, '--container', 'shop-db-1')).toMatch(
      /64 .*"shop-web-1" uses volume "shop_data" as well/,
    );
    expect(await refusal({ ...docker, volumes: [{ ...shopData, hasOptions: true }] }, '--project', 'shop')).toMatch(
      /64 .*volume "shop_data" has options/,
    );
    expect(await refusal({ ...docker, containers: [{ ...shopDb, removesItself: true }] }, '--project', 'shop')).toMatch(
      /64 .*Docker removes it when it stops/,
    );
    expect(await refusal(docker, '--project', 'shpo')).toMatch(/64 .*hint: choose one of shop/s);
    expect(await refusal(docker, '--container', 'nope')).toMatch(/64 .*has none with this name/s);
    const made = await folderOf();
    await made.write('compose.yaml', 'services:\n  db: {image: postgres:16}\n');
    const lost = await made.drover('import', n1, '-a', 'compose.yaml', '--container', 'shop-db-1', '--yes');
    expect(lost.err).toContain('has no volume at /var/lib/data, where it has data');
    await made.write(
      'compose.yaml',
      'services:\n  db: {image: postgres:16, volumes: ["data:/var/lib/data"]}\nvolumes: {data: }\n',
    );
    await made.write('deployment.yml', 'version: 1\nnodes:\n  10.0.0.2: [db]\n');
    const elsewhere = await made.drover('import', n1, '-a', 'compose.yaml', '--container', 'shop-db-1', '--yes');
    expect(elsewhere.err).toContain('places it on "10.0.0.2"');
  });

  it('names an anonymous volume after its service and path', async () => {
    const name = 'a'.repeat(64);
    const { key: _key, ...rest } = shopData;
    const volume = { ...rest, name, isAnonymous: true };
    const made = await folderOf({
      containers: [
        {
          ...shopDb,
          mounts: [{ kind: 'volume', source: directory, target: '/var/lib/data', isReadOnly: false, volume: name }],
        },
      ],
      volumes: [volume],
      bytes: { [directory]: 10 },
    });
    const { out } = await made.drover('import', n1, '--project', 'shop', '--dry-run');
    expect(out).toContain('note: db: the volume at /var/lib/data has no name; it is called db-data from now on');
  });
});

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TuiRequest, World } from '../../../src/cli/world.ts';
import { type MadeWorld, makeWorld } from './made-world.ts';

const compose = `services:
  web:
    image: nginx:1.27
    ports: ["8080:80"]
  db:
    image: postgres:16
    volumes: [data:/var/lib/postgresql/data]
volumes:
  data:
`;

/** A folder with a Compose file alone. */
async function composeFolder(changes: Partial<World> = {}): Promise<MadeWorld> {
  const made = await makeWorld({}, changes);
  await rm(join(made.folder, 'deployment.yml'));
  await made.write('application.yml', compose);
  return made;
}

const inventory = `version: 1
nodes:
  192.0.2.10: {name: node1}
  192.0.2.20: {name: node2}
`;

describe('drover init', () => {
  it('places every application on the first node of drover.yml, and says what comes next', async () => {
    const made = await composeFolder();
    await made.write('drover.yml', inventory);
    const { code, out } = await made.drover('init');
    expect(code).toBe(0);
    expect(out).toContain('drover plan');
    expect(
      await made.read('deployment.yml'),
    ).toBe(`# Where the applications of application.yml run: node -> applications.
# To move an application with its data, write its name into the list of another node and save.
# An application that is in no list does not run.
version: 1
nodes:
  node1: [web, db]
  node2: []
`);
    expect((await made.drover('validate')).code).toBe(0);
  });

  it('takes the nodes that it is given, and writes drover.yml only where a node needs it', async () => {
    const made = await composeFolder();
    expect((await made.drover('init', '--node', '192.0.2.30', '192.0.2.31')).code).toBe(0);
    expect(await made.read('deployment.yml')).toContain('  192.0.2.30: [web, db]\n  192.0.2.31: []\n');
    await expect(made.read('drover.yml')).rejects.toThrow('ENOENT');
    await rm(join(made.folder, 'deployment.yml'));
    expect((await made.drover('init', '--node', 'admin@192.0.2.30')).code).toBe(0);
    expect(await made.read('drover.yml')).toContain('192.0.2.30: {user: admin}');
    expect((await made.drover('validate')).code).toBe(0);
  });

  it('uses a node of drover.yml by its name, whichever way it is given', async () => {
    const made = await composeFolder();
    await made.write('drover.yml', inventory);
    expect((await made.drover('init', '-n', 'root@192.0.2.20', '-n', 'node2')).code).toBe(0);
    expect(await made.read('deployment.yml')).toContain('nodes:\n  node2: [web, db]\n');
    expect(await made.read('drover.yml')).toBe(inventory);
  });

  it('takes the machines of Vagrant before those of the lab', async () => {
    const made = await composeFolder({
      labInventory: async () => join(made.folder, 'lab.yml'),
      vagrantInventory: async ({ undescribed }) =>
        (await undescribed()) === 'any' ? join(made.folder, 'vagrant.yml') : undefined,
    });
    await made.write('lab.yml', inventory);
    await made.write('vagrant.yml', 'version: 1\nnodes: {172.16.255.250: {name: box1}}\n');
    expect((await made.drover('init')).code).toBe(0);
    expect(await made.read('deployment.yml')).toContain('  box1: [web, db]\n  # For a second node: drover node add');
  });

  it('never overwrites a file', async () => {
    const made = await composeFolder();
    await made.write('deployment.yml', 'mine');
    const { code, err } = await made.drover('init', '--node', '192.0.2.30');
    expect(code).toBe(64);
    expect(err).toContain('the file exists');
    expect(await made.read('deployment.yml')).toBe('mine');
  });

  it('writes nothing with --dry-run, and prints one document with --json', async () => {
    const made = await composeFolder();
    const shown = await made.drover('init', '--node', '192.0.2.30', '--dry-run');
    expect(shown.out).toContain('  192.0.2.30: [web, db]');
    expect(shown.out).toContain('nothing was written');
    const { out } = await made.drover('init', '--node', '192.0.2.30', '--dry-run', '--json');
    expect(JSON.parse(out)).toMatchObject({ ok: true, written: false, nodes: ['192.0.2.30'] });
    await expect(made.read('deployment.yml')).rejects.toThrow('ENOENT');
  });

  it('does not guess a node: without one it names the option, at a terminal it asks', async () => {
    const made = await composeFolder();
    const { code, err } = await made.drover('init');
    expect(code).toBe(64);
    expect(err).toContain('--node');
    const terminal = { ...silent, ask: async () => 'admin@192.0.2.9, 192.0.2.8' };
    const asked = await composeFolder({ terminal });
    expect((await asked.drover('init')).code).toBe(0);
    expect(await asked.read('deployment.yml')).toContain('  192.0.2.9: [web, db]\n  192.0.2.8: []\n');
  });

  it('refuses what is not a host', async () => {
    const made = await composeFolder();
    for (const word of ['-oProxyCommand=x', 'a b', 'a;b', '@x', 'x@', 'root@-x']) {
      expect((await made.drover('init', `--node=${word}`)).code, word).toBe(64);
    }
    await expect(made.read('deployment.yml')).rejects.toThrow('ENOENT');
  });

  it('shows the problems of the application file first', async () => {
    const made = await composeFolder();
    await made.write('application.yml', 'services:\n  web: {imag: nginx}\n');
    const { code, err } = await made.drover('init', '--node', '192.0.2.30');
    expect(code).toBe(65);
    expect(err).toContain('application.yml:2');
  });

  it('writes long lists with one name per line', async () => {
    const made = await composeFolder();
    const names = Array.from({ length: 20 }, (_, i) => `application-${i}`);
    await made.write('application.yml', `services:\n${names.map((name) => `  ${name}: {image: nginx}\n`).join('')}`);
    expect((await made.drover('init', '--node', '192.0.2.30')).code).toBe(0);
    expect(await made.read('deployment.yml')).toContain('  192.0.2.30:\n    - application-0\n');
    expect((await made.drover('validate')).code).toBe(0);
  });
});

const silent = {
  out: () => undefined,
  err: () => undefined,
  moving: true,
  colour: false,
  columns: () => 80,
};

describe('the screen in a folder without deployment.yml', () => {
  it('offers the file, writes it when it is asked to, and opens again on both files', async () => {
    const requests: TuiRequest[] = [];
    const made = await composeFolder({
      terminal: { ...silent, ask: async () => '' },
      openTui: async (request) => {
        requests.push(request);
        await request.offer?.write();
        return requests.length === 1 ? { code: 0, lines: [], again: true } : { code: 0, lines: [] };
      },
    });
    await writeFile(join(made.folder, 'drover.yml'), inventory);
    expect((await made.drover()).code).toBe(0);
    expect(requests[0]?.offer?.files[0]?.text).toContain('node1: [web, db]');
    expect(requests[0]).not.toHaveProperty('files');
    expect(requests[1]?.files?.deployment).toBe(join(made.folder, 'deployment.yml'));
    expect(requests[1]?.notice).toContain('it moves');
  });
});

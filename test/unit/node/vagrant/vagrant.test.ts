import { chmod, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../../../src/config/read-files.ts';
import { findVagrantMachines } from '../../../../src/node/vagrant/machines.ts';

/**
 * Answers as Vagrant does, from files, and writes down what it was asked. The real program answers the same questions
 * in `npm run vagrant-test`.
 */
const program = `#!/bin/sh
echo "$(pwd): $*" >>"$ANSWERS/asked"
case $1 in
  ssh-config) shift; for name; do
    printf 'Host %s\\n  HostName 127.0.0.1\\n  User vagrant\\n  IdentityFile %s/key\\n\\n' "$name" "$ANSWERS"; done ;;
  ssh) cat; cat "$ANSWERS/$2" || { echo "no machine $2" >&2; exit 1; } ;;
esac
`;

interface Machine {
  readonly name: string;
  readonly state?: string;
  readonly id?: string;
  readonly address?: string;
  readonly key?: string;
}

let top = '';
let notes: string[] = [];
const at = (...parts: readonly string[]): string => join(top, ...parts);
const asked = async (): Promise<string[]> =>
  (await readFile(at('answers', 'asked'), 'utf8').catch(() => '')).trim().split('\n').filter(Boolean);

/** The machines of project/Vagrantfile as they are now. */
async function machines(...all: readonly Machine[]): Promise<void> {
  const entries = all.map(({ name, state = 'running' }) => [
    name,
    { name, provider: 'libvirt', state, local_data_path: at('project/.vagrant'), vagrantfile_path: at('link') },
  ]);
  await writeFile(at('home/data/machine-index/index'), JSON.stringify({ machines: Object.fromEntries(entries) }));
  for (const { name, id = `id-${name}`, address = '172.16.255.250', key = 'AAAA' } of all) {
    const folder = at('project/.vagrant/machines', name, 'libvirt');
    await mkdir(folder, { recursive: true });
    if ((await readFile(join(folder, 'id'), 'utf8').catch(() => '')) !== id) await writeFile(join(folder, 'id'), id);
    await writeFile(at('answers', name), `ssh-ed25519 ${key} root@${name}\n10.0.2.15 ${address}\n`);
  }
}

beforeEach(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'drover-vagrant-')));
  for (const folder of ['bin', 'answers', 'project/files', 'home/data/machine-index', 'elsewhere', 'package']) {
    await mkdir(at(folder), { recursive: true });
  }
  await writeFile(at('bin/vagrant'), program);
  await chmod(at('bin/vagrant'), 0o755);
  await writeFile(at('project/Vagrantfile'), '');
  // As after `VAGRANT_CWD=… vagrant up` with a package that is linked.
  await symlink(at('project'), at('link'));
  notes = [];
});
afterEach(() => rm(top, { recursive: true, force: true }));

interface Call {
  readonly folder?: string;
  readonly required?: boolean;
  readonly nodes?: readonly string[];
  readonly path?: string;
}

const find = ({ folder = 'project/files', required = false, nodes = ['172.16.255.250'], path }: Call = {}) =>
  findVagrantMachines(
    { folder: at(folder), required, undescribed: async () => nodes, onNote: (text) => void notes.push(text) },
    {
      env: {
        PATH: path ?? `${at('bin')}:${process.env.PATH}`,
        ANSWERS: at('answers'),
        VAGRANT_HOME: at('home'),
        HOME: at('elsewhere'),
      },
      stateFolder: at('state'),
      packageFolder: at('package'),
    },
  );

describe("Vagrant's machines", () => {
  it('are described by a drover.yml that is read like any other', async () => {
    await machines({ name: 'node1' }, { name: 'node2', address: '172.16.255.251', key: 'BBBB' });
    const inventory = await find();
    if (inventory === undefined) throw new Error('nothing was found');
    await writeFile(at('project/files/application.yml'), 'version: 1\napplications: {}\n');
    await writeFile(at('project/files/deployment.yml'), 'version: 1\nnodes: {172.16.255.250: [], node2: []}\n');
    const read = await readConfig({
      application: at('project/files/application.yml'),
      deployment: at('project/files/deployment.yml'),
      drover: [inventory],
    });
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    const known = inventory.replace(/drover\.yml$/, 'known_hosts');
    expect(read.config.nodes['172.16.255.250']).toEqual({
      name: 'node1',
      host: '172.16.255.250',
      port: 22,
      user: 'vagrant',
      identityFile: at('answers/key'),
      knownHostsFile: known,
    });
    expect(read.config.nodes.node2).toMatchObject({ host: '172.16.255.251', user: 'vagrant' });
    expect(await readFile(known, 'utf8')).toBe('172.16.255.250 ssh-ed25519 AAAA\n172.16.255.251 ssh-ed25519 BBBB\n');
    expect(notes).toEqual(['asking Vagrant how to reach node1 and node2; this happens once for each new machine']);
  });

  it('are asked for once, in the folder of the Vagrantfile', async () => {
    await machines({ name: 'node1' });
    const first = await find();
    expect(await find()).toBe(first);
    expect(await find({ required: true })).toBe(first);
    expect(await asked()).toEqual([
      `${at('project')}: ssh-config node1`,
      `${at('project')}: ssh node1 -c cat /etc/ssh/ssh_host_*_key.pub; hostname -I`,
    ]);
  });

  it('are asked for again, and only those, when they were destroyed and created again', async () => {
    await machines({ name: 'node1' }, { name: 'node2', address: '172.16.255.251' });
    await find();
    await machines({ name: 'node1' }, { name: 'node2', address: '172.16.255.251', id: 'another', key: 'CCCC' });
    const inventory = await find();
    expect((await asked()).slice(3).map((line) => line.split(': ')[1])).toEqual([
      'ssh-config node2',
      'ssh node2 -c cat /etc/ssh/ssh_host_*_key.pub; hostname -I',
    ]);
    expect(await readFile(inventory?.replace(/drover\.yml$/, 'known_hosts') ?? '', 'utf8')).toBe(
      '172.16.255.250 ssh-ed25519 AAAA\n172.16.255.251 ssh-ed25519 CCCC\n',
    );
  });

  it('stay described while they are off, and are forgotten when they are destroyed', async () => {
    await machines({ name: 'node1' }, { name: 'node2', address: '172.16.255.251' });
    const inventory = (await find()) ?? '';
    await machines({ name: 'node1' }, { name: 'node2', address: '172.16.255.251', state: 'shutoff' });
    expect(await find()).toBe(inventory);
    expect(await readFile(inventory, 'utf8')).toContain('172.16.255.251');
    await machines({ name: 'node1' });
    await find();
    expect(await readFile(inventory, 'utf8')).not.toContain('172.16.255.251');
    expect(await asked()).toHaveLength(3);
  });
});

describe('Vagrant is left alone', () => {
  it('where none of its machines can be one of the nodes', async () => {
    await machines({ name: 'web' });
    expect(await find({ nodes: ['10.0.0.7', 'db'] })).toBeUndefined();
    expect(await find({ nodes: [] })).toBeUndefined();
    expect(await asked()).toEqual([]);
  });

  it('where it has created nothing in that folder for this user, whatever files are there', async () => {
    await machines({ name: 'node1' });
    await writeFile(at('home/data/machine-index/index'), '{"version":1,"machines":{}}');
    expect(await find()).toBeUndefined();
    expect(await find({ folder: 'elsewhere' })).toBeUndefined();
    expect(await asked()).toEqual([]);
    expect(notes).toEqual([]);
  });
});

describe('an error names the remedy', () => {
  const refused = async (call: Call): Promise<string> =>
    find({ required: true, ...call }).then(
      (path) => `found ${path}`,
      (error) => `${error.code}: ${error.message}; ${error.hint}`.replaceAll(top, ''),
    );

  it('no Vagrantfile', async () => {
    expect(await refused({ folder: 'elsewhere' })).toBe(
      'usage: cannot find Vagrant machines: there is no Vagrantfile at or above "/elsewhere"; use -C DIR, or set VAGRANT_CWD to the folder that has it',
    );
  });

  it('no machines', async () => {
    expect(await refused({})).toBe(
      'usage: cannot use the Vagrant machines of "/project": Vagrant has created none; run `vagrant up` in /project',
    );
  });

  it('no machine that runs', async () => {
    await machines({ name: 'node1', state: 'poweroff' });
    const text = 'cannot use the Vagrant machines of "/project": "node1" is poweroff; run `vagrant up` in /project';
    expect(await refused({})).toBe(`usage: ${text}`);
    // They were not required: a note is enough.
    expect(await find()).toBeUndefined();
    expect(notes.map((note) => note.replaceAll(top, ''))).toEqual([text]);
  });

  it('no Vagrant', async () => {
    await machines({ name: 'node1' });
    expect(await refused({ path: at('elsewhere') })).toBe(
      'usage: cannot ask about the machines of "/project": there is no program "vagrant"; install Vagrant, or describe the nodes in drover.yml',
    );
  });

  it('no address in the private network', async () => {
    await machines({ name: 'node1', address: '192.168.56.4' });
    expect(await refused({})).toBe(
      'usage: cannot use the Vagrant machine "node1" of "/project": it has no address in 172.16.255.0/24, but 10.0.2.15, 192.168.56.4; if the Vagrantfile gives it one, run `vagrant reload node1`; otherwise describe the node in drover.yml',
    );
  });

  it('Vagrant itself fails', async () => {
    await machines({ name: 'node1' });
    await rm(at('answers/node1'));
    expect(await refused({})).toMatch(
      /^connection-failed: `vagrant ssh node1` failed in "\/project": .*no machine node1/,
    );
  });
});

import { describe, expect, it } from 'vitest';
import { complaints, configOf, idle, load } from './loading.ts';

const apps =
  'version: 1\napplications:\n  web: {image: a, ports: [{internal: 80, external: 80}]}\n' +
  '  api: {image: a, ports: [{internal: 81, external: 80}]}\n  db: {image: a}\n';
const deploy = (nodes: string, ...drover: string[]) => load(apps, `version: 1\nnodes: ${nodes}`, ...drover);

describe('the deployment file', () => {
  it('gives the applications of every node, sorted', () => {
    expect(configOf(deploy('{n2: [web, db], n1: []}')).deployment).toEqual({ n1: [], n2: ['db', 'web'] });
  });

  it.each([
    [
      '{n1: [web], n2: [api]}',
      'the external port 80/tcp is used already by "web" at applications/web/ports/0/external',
    ],
    ['{n1: [db], n2: [db]}', 'already on "n1" at nodes/n1/0'],
    ['{n1: web}', 'must be a list of applications, not the text "web"'],
    ['{n1: [wbe]}', 'unknown application "wbe"'],
    ['{n1: [constructor]}', 'unknown application "constructor"'],
    ['{n1: [7]}', 'an application name must be a string'],
    ['{7: []}', 'a node must be a name or an address'],
    ['{10.0.0.256: []}', '"10.0.0.256" is not an IPv4 address'],
    ['{root@n1: []}', 'is neither a host name nor an address'],
    ['{"": []}', 'is neither a host name nor an address'],
    ['[n1]', '"nodes" must be a mapping'],
    ['', '"nodes" must be a mapping, not nothing; nothing is removed because of it'],
  ])('refuses nodes: %s', (nodes, message) => {
    expect(complaints(deploy(nodes)).join('\n')).toContain(message);
  });

  it('lets an application that is not placed share an external port', () => {
    expect(complaints(deploy('{n1: [web]}'))).toEqual([]);
  });

  it.each(['', '\n# only a remark\n', 'version: 1\n', 'version: 1\nnodes:\n', 'version: 1\nnodes: {n1: [web', '---\n'])(
    'says of %j that nothing is removed because of it',
    (text) => expect(complaints(load(apps, text)).join()).toContain('nothing is removed because of it'),
  );

  it('takes addresses of both kinds and host names as nodes', () => {
    expect(complaints(deploy('{10.0.0.1: [], "fe80::1": [], node-1.example.com: [], "::1": []}'))).toEqual([]);
  });
});

describe('drover.yml', () => {
  it('is found by key, by name and by host, and keeps the rest of the inventory', () => {
    const drover =
      'nodes:\n  10.0.0.1: {name: node1, user: root}\n  node2: {host: 10.0.0.2, port: 2222}\n  node3: {mesh: 10.1.0.3}\n  node4:\n';
    expect(configOf(deploy('{node1: [], 10.0.0.2: [], node3: [], node9: []}', drover)).nodes).toEqual({
      node1: { name: 'node1', host: '10.0.0.1', user: 'root' },
      '10.0.0.2': { name: 'node2', host: '10.0.0.2', port: 2222 },
      node3: { mesh: '10.1.0.3' },
      node9: {},
      node4: {},
    });
  });

  it('lets the first file win for each node and each setting', () => {
    const own = 'nodes: {10.0.0.1: {user: anna}}\npool: tank\ntimeouts: {stop: 2m}\n';
    const lab =
      'nodes: {node1: {host: 10.0.0.1, user: lab}, node2: {}}\npool: lab\ntimeouts: {stop: 1s, connect: 500ms}\n';
    const { nodes, settings } = configOf(load(apps, idle, own, lab));
    expect(nodes).toEqual({ '10.0.0.1': { user: 'anna' }, node2: {} });
    expect(settings.pool).toBe('tank');
    expect(settings.timeouts).toMatchObject({ stopMs: 120_000, connectMs: 500, commandMs: 60_000 });
  });

  it('distinguishes nodes on one host by their ports', () => {
    const lab = 'nodes: {node1: {host: 127.0.0.1, port: 1}, node2: {host: 127.0.0.1, port: 2}}';
    expect(Object.keys(configOf(load(apps, idle, lab)).nodes)).toEqual(['10.0.0.1', 'node1', 'node2']);
    expect(complaints(deploy('{127.0.0.1: []}', lab)).join()).toContain('is the host of "node1" and "node2"');
  });

  it('takes both spellings, expands the home and starts other paths at its folder', () => {
    const drover =
      'nodes: {n1: {identity_file: ~/.ssh/id, knownHostsFile: known, ssh_config_file: /etc/c, jump: "anna@gate:22"}}\n' +
      'dataset_root: a/b\nswitch: {max_rounds: 2, below: "1K"}\ntransfer: relay\n';
    const { nodes, settings } = configOf(load(apps, idle, drover));
    expect(nodes.n1).toEqual({
      identityFile: '/home/anna/.ssh/id',
      knownHostsFile: 'settings0/known',
      sshConfigFile: '/etc/c',
      jump: 'anna@gate:22',
    });
    expect(settings).toMatchObject({
      datasetRoot: 'a/b',
      switch: { maxRounds: 2, belowBytes: 1024 },
      transfer: 'relay',
    });
  });

  it.each([
    ['pools: x', 'unknown key "pools"'],
    ['pool: a/b', 'is not the name of a ZFS pool'],
    ['datasetRoot: ../x', 'is not the name of a dataset'],
    ['datasetRoot: a\ndataset_root: b', 'is given twice'],
    ['timeouts: {stop: 5}', '"stop" must be a string, not the number 5'],
    ['timeouts: {stop: 5 s}', 'is not a duration'],
    ['timeouts: {stop: 0s}', 'is not between'],
    ['transfer: fast', 'must be one of auto, direct, relay'],
    ['switch: {maxRounds: -1}', '"maxRounds" must be from 0 to 100'],
    ['nodes: {n1: {port: 0}}', '"port" must be from 1 to 65535'],
    ['nodes: {n1: {user: "a b"}}', 'is not a user name'],
    ['nodes: {n1: {jump: "a b"}}', 'is not of the form [user@]host[:port]'],
    ['nodes: {n1: {host: "a b"}}', 'is neither a host name nor an address'],
    ['nodes: {n1: {name: x}, n2: {name: x}}', 'the node "n2" is the same as "n1"'],
    ['nodes: {"-x": {}}', 'is neither a host name nor an address'],
    ['version: 2', '"version" must be 1'],
    ['[]', 'the settings must be a mapping'],
  ])('refuses %s', (drover, message) => {
    expect(complaints(load(apps, idle, drover)).join('\n')).toContain(message);
  });

  it('refuses two keys of the deployment for one node', () => {
    expect(complaints(deploy('{node1: [web], 10.0.0.1: [db]}', 'nodes: {10.0.0.1: {name: node1}}')).join()).toContain(
      'the node "10.0.0.1" is the same as "node1"',
    );
  });

  it('may be empty', () => expect(complaints(load(apps, idle, '', '# nothing\n'))).toEqual([]));
});

describe('the revision', () => {
  it('is the same whatever the order and the remarks, and another after a change', () => {
    const one = configOf(
      load('version: 1\napplications: {a: {image: x}, b: {image: y}}', 'version: 1\nnodes: {n1: [a, b], n2: []}'),
    );
    const same = configOf(
      load(
        'applications: {b: {image: y}, a: {image: x}} # remark\nversion: 1',
        'nodes: {n2: [], n1: [b, a]}\nversion: 1',
      ),
    );
    const other = configOf(
      load('version: 1\napplications: {a: {image: x}, b: {image: z}}', 'version: 1\nnodes: {n1: [a, b], n2: []}'),
    );
    expect(one.revision).toMatch(/^[0-9a-f]{64}$/);
    expect(same.revision).toBe(one.revision);
    expect(other.revision).not.toBe(one.revision);
  });
});

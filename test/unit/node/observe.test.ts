import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Container } from '../../../src/model/cluster.ts';
import {
  createObserver,
  foreignListeners,
  parseForeignMounts,
  parseListeners,
  parseNodeId,
  parseSpan,
  sections,
} from '../../../src/node/observe-node.ts';
import { exits } from '../../../src/node/zfs/scripts.ts';
import { createZfsStore } from '../../../src/node/zfs/store.ts';
import { type Sent, scriptedConnection } from '../../fakes/scripted-connection.ts';

const get = readFileSync(new URL('../../golden/zfs/get-2.3.9.txt', import.meta.url), 'utf8');
const list = readFileSync(new URL('../../golden/zfs/list-2.3.9.txt', import.meta.url), 'utf8');
const signal = new AbortController().signal;

const sockets = `tcp LISTEN 0      4096   127.0.0.1:36063 0.0.0.0:* users:(("containerd",pid=454,fd=9))
tcp LISTEN 0      128      0.0.0.0:22    0.0.0.0:* users:(("sshd",pid=460,fd=6))
udp UNCONN 0      0      [fe80::1]%eth0:546       [::]:*
tcp LISTEN 0      4096           *:7000          *:* users:(("docker-proxy",pid=9,fd=4))
tcp LISTEN 0      4096        [::]:8000       [::]:* users:(("docker-proxy",pid=8,fd=4),("x",pid=1,fd=2))
nl  UNCONN 0      0      rtnl:kernel *
`;

const container: Container = {
  id: 'c1',
  name: 'drover-web',
  application: 'web',
  managed: true,
  state: 'running',
  imageId: 'sha256:1',
  imageDefaults: { environment: {}, command: [], entrypoint: [] },
  spec: {
    application: 'web',
    image: 'web:1',
    ports: [{ internal: 80, external: 7000, protocol: 'tcp' }],
    environment: {},
    mounts: [],
    restartPolicy: { name: 'never' },
  },
};

describe('listening sockets', () => {
  it('are read with address, port and program, IPv4 and IPv6', () => {
    expect(parseListeners(sockets)).toEqual([
      { address: '127.0.0.1', port: 36_063, protocol: 'tcp', process: 'containerd' },
      { address: '0.0.0.0', port: 22, protocol: 'tcp', process: 'sshd' },
      { address: 'fe80::1', port: 546, protocol: 'udp' },
      { address: '*', port: 7000, protocol: 'tcp', process: 'docker-proxy' },
      { address: '::', port: 8000, protocol: 'tcp', process: 'docker-proxy' },
    ]);
  });

  it('of Docker’s proxy for drover’s containers are not foreign; those for foreign containers are', () => {
    const ports = (containers: readonly Container[]) =>
      foreignListeners(parseListeners(sockets), containers).map((one) => one.port);
    expect(ports([container])).toEqual([36_063, 22, 546, 8000]);
    expect(ports([{ ...container, managed: false }])).toContain(7000);
    const udp = { ...container.spec, ports: [{ internal: 80, external: 7000, protocol: 'udp' as const }] };
    expect(ports([{ ...container, spec: udp }])).toContain(7000);
  });
});

describe('a node', () => {
  const texts: Record<(typeof sections)[number], string> = {
    datasets: get,
    copies: list,
    mounts: '',
    pool: 'drover\tONLINE\t100\t50\tactive\tenabled\n40\n',
    network: '',
    boot: '',
    standby: '',
    deployments: '',
    sockets,
    system: '2.3.9-1\n6.12.0 x86_64\n',
    addresses: '',
    times: '1700000000.000000\n1700000000.250000\n',
  };
  const answer = (sent: Sent, given: Readonly<Record<string, string>> = texts) => {
    const [, , , separator] = sent.words;
    return separator?.startsWith('\x1e') === true
      ? { stdout: sections.map((name) => given[name] ?? '').join(`${separator}\n`) }
      : {};
  };
  const observerOf = (connection = scriptedConnection((sent) => answer(sent))) => ({
    connection,
    observe: createObserver({
      connection,
      store: createZfsStore(connection, { pool: 'drover', datasetRoot: 'volumes' }),
      pool: 'drover',
      meshAddress: '10.0.0.1',
      docker: {
        list: async () => [container],
        images: async () => ({ 'web:1': 'sha256:1' }),
        imageVolumes: async () => ({ 'sha256:1': ['/keep'] }),
        volumes: async () => [{ name: 'shop_db', project: 'shop', key: 'db' }],
        imagePorts: async () => ({ 'sha256:1': [{ port: 80, protocol: 'tcp' }] }),
        version: async () => ({ docker: '26.1.5', dockerApi: '1.45' }),
      },
    }),
  });

  it('shows mounts of volumes in namespaces of others, not those of its own containers', async () => {
    const [own, theirs, unknown] = ['a', 'b', 'c'].map((digit) => digit.repeat(64));
    const lines = [
      `drover/volumes/web-1\t11\t${own}\tweb`,
      `drover/volumes/web-1\t12\t${theirs}\tmonitor\tof all`,
      `drover/volumes/web-1\t13\t${unknown}\tsh`,
      'drover/volumes/web-1\t14\t-\tbackup',
      'nonsense',
    ];
    const foreign = { ...container, id: theirs ?? '', name: 'cadvisor', managed: false };
    expect(parseForeignMounts(lines.join('\n'), [{ ...container, id: own ?? '' }, foreign])).toEqual([
      { dataset: 'drover/volumes/web-1', pid: 12, process: 'monitor\tof all', container: 'cadvisor' },
      { dataset: 'drover/volumes/web-1', pid: 13, process: 'sh', container: 'cccccccccccc' },
      { dataset: 'drover/volumes/web-1', pid: 14, process: 'backup' },
    ]);
    const { observe } = observerOf(scriptedConnection((sent) => answer(sent, { ...texts, mounts: `${lines[3]}\n` })));
    expect((await observe(signal)).foreignMounts).toEqual([expect.objectContaining({ pid: 14 })]);
  });

  it('is put together from one script and what Docker has', async () => {
    const { observe, connection } = observerOf();
    const facts = await observe(signal);
    expect(facts).toMatchObject({
      nodeId: 'f8aa0fe1-cb30-434f-85a7-3e08695beac5',
      meshAddress: '10.0.0.1',
      network: { present: false, proxies: [] },
      images: { 'web:1': 'sha256:1' },
      imageVolumes: { 'sha256:1': ['/keep'] },
      imagePorts: { 'sha256:1': [{ port: 80, protocol: 'tcp' }] },
      dockerVolumes: [{ name: 'shop_db', project: 'shop', key: 'db' }],
      capabilities: { resume: true, bookmarks: true, compressed: true, largeBlocks: true },
      pool: { name: 'drover', health: 'ONLINE', sizeBytes: 100, freeBytes: 40 },
      versions: { docker: '26.1.5', dockerApi: '1.45', zfs: '2.3.9-1', kernel: '6.12.0', arch: 'x86_64' },
    });
    expect(facts.volumes.map((volume) => volume.id)).toEqual(['fixture']);
    expect(facts.containers).toEqual([container]);
    expect(connection.sent).toHaveLength(1);
    await observe(signal);
    expect(connection.sent).toHaveLength(2);
  });

  it('answers in what its script did not need itself, whatever it says about that', async () => {
    expect(parseSpan(texts.times)).toBeCloseTo(250);
    for (const text of ['', '\n\n', 'x\ny\n', '2.0\n1.0\n', '1.0\n']) expect(parseSpan(text), text).toBe(0);
    const observeWith = (times: string) =>
      observerOf(scriptedConnection((sent) => answer(sent, { ...texts, times }))).observe(signal);
    expect((await observeWith('1.0\n1000000.0\n')).roundTripMs).toBe(0);
    expect((await observeWith('\n\n')).roundTripMs).toBeGreaterThanOrEqual(0);
  });

  it('that was never provisioned says what to run', async () => {
    const missing = scriptedConnection((sent) => (sent.words[3] === undefined ? {} : { code: exits.noRoot }));
    await expect(observerOf(missing).observe(signal)).rejects.toMatchObject({
      hint: expect.stringContaining('provision'),
    });
    const nameless = get.replace(/(drover\/volumes\tdrover:node\t).*/, '$1-\t-');
    const other = scriptedConnection((sent) => answer(sent, { ...texts, datasets: nameless }));
    await expect(observerOf(other).observe(signal)).rejects.toMatchObject({
      hint: expect.stringContaining('provision'),
    });
  });

  it('that prints too little is not taken for an empty one', async () => {
    const cut = scriptedConnection((sent) => ({ stdout: answer(sent).stdout?.slice(0, 900) ?? '' }));
    await expect(observerOf(cut).observe(signal)).rejects.toThrow('sections');
  });

  it('has its id from the root dataset itself only', () => {
    expect(parseNodeId(get, 'drover/volumes')).toBe('f8aa0fe1-cb30-434f-85a7-3e08695beac5');
    expect(parseNodeId(get, 'drover/volumes/web-fixture')).toBeUndefined();
  });
});

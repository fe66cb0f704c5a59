import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { echoUdp } from './clients.ts';
import { drover, type Folder, folderWith, labIsThere, node1, node2, onNode, resetLab } from './lab.ts';

const application = `version: 1
applications:
  store:
    image: drover/writer:1
    ports: [{internal: 8000, external: 8000}, {internal: 8002, external: 8002, protocol: udp}]
    volume: {mountpoint: /data, maximum_size: "200M"}
    environment: {RATE: "5", SECRET: "not on any screen"}
    mem_limit: 67108864
    cpu_shares: 512
    restart_policy: {name: on-failure, maximum_retry_count: 3}
  front:
    image: drover/busybox:1
    command: [sleep, "100000"]
    links: [{local_port: 80, remote_port: 8000, alias: store}]
    environment: {COLOUR: blue}
    restart_policy: {name: always}
`;

/** Everything a write would leave behind, asked from the node itself and not from drover. */
async function traces(node: string): Promise<string> {
  return onNode(
    node,
    'zpool history -i drover | wc -l; docker ps -a --no-trunc --format "{{.ID}} {{.Names}} {{.State}}" | sort; ' +
      'for c in $(docker ps -q); do docker inspect -f "{{.State.StartedAt}} {{.RestartCount}}" $c; done; ' +
      'docker images -q | sort; nft list table inet drover; iptables -S; stat -c "%n %Y %i" /etc/drover/*',
  );
}

describe.skipIf(!labIsThere)('applying twice', () => {
  let folder: Folder;
  beforeAll(async () => {
    await resetLab();
    folder = await folderWith(application);
    await folder.deploy({ [node1]: ['store'], [node2]: ['front'] });
  });
  afterAll(() => folder.remove());

  it('converges the first time, with every kind of setting', async () => {
    const ran = await drover(['apply'], folder.path);
    expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 });
    expect(ran.stdout + ran.stderr).not.toContain('not on any screen');
    const environment = await onNode(node2, 'docker inspect -f "{{json .Config.Env}}" drover-front');
    expect(environment).toContain(`STORE_PORT_80_TCP=tcp://${node2}:8000`);
  });

  it.each([node1, node2])('answers through %s, by TCP and by UDP', async (node) => {
    const answer = await fetch(`http://${node}:8000/`, { signal: AbortSignal.timeout(30_000) });
    expect(Number.parseInt(await answer.text(), 10)).toBeGreaterThan(0);
    expect(await echoUdp(node, 8002, 'hello')).toBe('hello');
  });

  it('does nothing the second time: no step, and no trace on any node', async () => {
    const before = [await traces(node1), await traces(node2)];
    const ran = await drover(['apply', '--json'], folder.path);
    expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 });
    expect(ran.stdout).not.toContain('"step-started"');
    const after = [await traces(node1), await traces(node2)];
    expect(after).toEqual(before);
  });

  it('has nothing to do according to plan --detailed-exitcode', async () => {
    expect(await drover(['plan', '--detailed-exitcode'], folder.path)).toMatchObject({ code: 0 });
  });
});

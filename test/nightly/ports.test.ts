import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  drover,
  type Folder,
  hangsMs,
  labIsThere,
  node1,
  node2,
  onNode,
  pause,
  project,
  run,
  runningOnNode1,
} from '../acceptance/lab.ts';

/** Two servers in one container; only the first is published. */
const application = `version: 1
applications:
  web:
    image: drover/busybox:1
    ports: [{internal: 80, external: 8080}]
    command: [sh, -c, "mkdir /www; echo hello >/www/index.html; httpd -p 9000 -h /www; exec httpd -f -v -p 80 -h /www"]
    restart_policy: {name: always}
`;
const published = 8080;
const unpublished = 9000;
/** What an earlier version had on a node: the kernel forwarded before Docker could close it. */
const earlier = `printf 'net.ipv4.ip_forward=1\\nnet.ipv6.conf.all.forwarding=1\\n' >/etc/sysctl.d/90-drover.conf
sysctl -q -p /etc/sysctl.d/90-drover.conf
printf '#!/bin/sh\\nnft -f /etc/drover/mesh.nft\\n' >/usr/local/lib/drover/net-up
for tool in iptables ip6tables; do
  $tool -P FORWARD ACCEPT
  $tool -D FORWARD -j DROVER-FORWARD 2>/dev/null
done
iptables -I DOCKER-USER -m conntrack --ctstate DNAT --ctreplsrc PEER -m comment --comment drover -j ACCEPT`;

/** As an operator does it who wants a rule after each boot: only node2 may come to the port of the application. */
const ownRule = `cat >/etc/systemd/system/own-rule.service <<END
[Unit]
After=docker.service
[Service]
Type=oneshot
ExecStart=/usr/sbin/iptables -I DOCKER-USER -p tcp --dport 80 ! -s ${node2} -d 172.17.0.0/16 -j DROP
[Install]
WantedBy=multi-user.target
END
systemctl enable --quiet --now own-rule.service
# The power is cut next.
sync`;

describe.skipIf(!labIsThere)('what a neighbour on the network of the nodes reaches', () => {
  let folder: Folder;
  let container = '';
  const table: string[] = [];

  beforeAll(async () => {
    folder = await runningOnNode1('web', application);
    container = await addressOf();
    // The neighbour is the network namespace of the lab, where this test runs: it routes through node1.
    await route();
  });
  afterAll(async () => {
    await run('ip', ['route', 'del', '172.17.0.0/16']);
    console.log(table.join('\n'));
    await folder?.remove();
  });

  const route = () => run('ip', ['route', 'replace', '172.17.0.0/16', 'via', node1]);
  const addressOf = async (): Promise<string> =>
    (await onNode(node1, "docker inspect -f '{{.NetworkSettings.IPAddress}}' drover-web")).trim();
  const reaches = (host: string, port: number): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect({ host, port, timeout: 3_000 });
      const end = (answer: boolean) => {
        socket.destroy();
        resolve(answer);
      };
      socket
        .on('connect', () => end(true))
        .on('error', () => end(false))
        .on('timeout', () => end(false));
    });
  async function look(when: string) {
    const seen = {
      unpublished: await reaches(container, unpublished),
      'node1:8080': await reaches(node1, published),
      'node2:8080': await reaches(node2, published),
    };
    const policy = (node: string) =>
      onNode(node, 'for tool in iptables ip6tables; do $tool -S FORWARD | head -n 1; done').then((text) =>
        text
          .trim()
          .split('\n')
          .map((line) => line.split(' ').at(-1)),
      );
    table.push(`${when}: ${JSON.stringify({ ...seen, policy: (await policy(node1)).join(' ') })}`);
    return seen;
  }
  async function apply(): Promise<string> {
    const ran = await drover(['apply'], folder.path);
    expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 });
    return ran.stdout;
  }
  /** Cuts the power of node1, switches it on, and waits until its application runs and all of drover's units are done. */
  async function boot(): Promise<void> {
    const fault = async (...words: readonly string[]) => {
      const ran = await run(process.execPath, [join(project, 'lab', 'lab.mjs'), 'break', 'node1', 'power', ...words]);
      expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 });
    };
    await fault();
    await fault('--undo');
    await route();
    const isReady = `systemctl is-active -q multi-user.target &&
ip=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' drover-web) &&
timeout 5 bash -c "exec 3<>/dev/tcp/$ip/${unpublished}" && echo ready`;
    for (const end = Date.now() + hangsMs; !(await onNode(node1, isReady).catch(String)).includes('ready\n'); ) {
      if (Date.now() > end) throw new Error('web does not run after the boot');
      await pause(1_000);
    }
    container = await addressOf();
  }
  const all = { unpublished: true, 'node1:8080': true, 'node2:8080': true };
  const onlyPublished = { ...all, unpublished: false };

  it('is the published port, through every node', async () => {
    expect(await look('new node')).toEqual(onlyPublished);
  });

  it('is every port of a container on a node of an earlier version, until the next apply', async () => {
    for (const [node, peer] of [
      [node1, node2],
      [node2, node1],
    ] as const) {
      await onNode(node, earlier.replace('PEER', peer));
    }
    expect(await look('node of an earlier version')).toEqual(all);
    const plan = await drover(['plan'], folder.path);
    expect(plan.stdout).toContain('forwards of');
    const doctor = await drover(['doctor'], folder.path);
    expect(doctor.stdout).toMatch(/its neighbours reach every port of its containers.*IPv4/);
    await apply();
    expect(await look('after drover apply')).toEqual(onlyPublished);
    expect(await onNode(node1, 'iptables -S DOCKER-USER; ls /etc/sysctl.d')).not.toMatch(/drover/);
  });

  it('is the same after a boot', async () => {
    await boot();
    expect(await look('after a boot of node1')).toEqual(onlyPublished);
    expect(await onNode(node1, 'iptables -S FORWARD; cat /proc/sys/net/ipv6/conf/all/forwarding')).toMatch(
      /^-P FORWARD DROP[\s\S]*-A FORWARD -j DROVER-FORWARD\n0\n$/,
    );
  });

  it('is less where a rule of the operator says so, and doctor names the one rule to add', async () => {
    await onNode(node2, 'iptables -I DOCKER-USER ! -s 172.16.255.250 -d 172.16.255.250 -j DROP');
    await onNode(node2, 'systemctl restart drover-net');
    expect(await look('node2 drops it in DOCKER-USER')).toEqual({ ...onlyPublished, 'node2:8080': false });
    const doctor = await drover(['doctor'], folder.path);
    const [rule = ''] = /iptables -I DOCKER-USER -p tcp .* -j ACCEPT/.exec(doctor.stdout) ?? [];
    expect(rule, doctor.stdout).toContain('--ctorigdstport 8080');
    await onNode(node2, rule);
    expect(await look('with the rule that doctor names')).toEqual(onlyPublished);
  });

  it('is less where a rule in DOCKER-USER of its own node says so, also after a boot', async () => {
    const onlyThroughNode2 = { ...onlyPublished, 'node1:8080': false };
    await onNode(node1, ownRule);
    expect(await look('node1 lets node2 alone through, in DOCKER-USER')).toEqual(onlyThroughNode2);
    await boot();
    expect(await look('the same after a boot of node1')).toEqual(onlyThroughNode2);
    await onNode(node1, 'systemctl disable --quiet own-rule.service; iptables -F DOCKER-USER');
    expect(await look('without the rule')).toEqual(onlyPublished);
  });

  it('is what "listen" says', async () => {
    await writeFile(join(folder.path, 'drover.yml'), 'listen: [127.0.0.1]\n');
    const plan = await drover(['plan'], folder.path);
    expect(plan.stdout).toContain('port 8080 is published at 127.0.0.1 in place of all addresses');
    await apply();
    expect(await look('listen: [127.0.0.1]')).toEqual({ unpublished: false, 'node1:8080': false, 'node2:8080': false });
    const get = "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
    expect(await onNode(node1, get)).toContain('hello');
    await boot();
    const onlyNode1 = { unpublished: false, 'node1:8080': false, 'node2:8080': false };
    expect(await look('listen: [127.0.0.1], after a boot of node1')).toEqual(onlyNode1);
    expect(await onNode(node1, get)).toContain('hello');
    await writeFile(join(folder.path, 'drover.yml'), 'listen: [mesh]\n');
    await apply();
    container = await addressOf();
    expect(await look('listen: [mesh]')).toEqual(onlyPublished);
    expect(await onNode(node1, 'docker port drover-web 80')).toBe(`${node1}:8080\n`);
    const again = await drover(['plan', '--detailed-exitcode'], folder.path);
    expect(again, again.stdout + again.stderr).toMatchObject({ code: 0 });
    // Who comes directly is seen with its own address, who comes through another node with that node's.
    for (const node of [node1, node2]) await fetch(`http://${node}:${published}/`).then((answer) => answer.text());
    const seen = await onNode(node1, 'docker logs drover-web 2>&1');
    for (const address of ['172.16.255.1', node2]) expect(seen).toMatch(new RegExp(`[ :[]${address}\\]?:`, 'm'));
  });
});

import { execFileSync } from 'node:child_process';
import { connect as openSocket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { NodeClient } from '../../src/engine/node-client.ts';
import type { ContainerSpec } from '../../src/model/cluster.ts';
import type { HeldPort, NamedPort, NameEntry, NameTable, Resolver } from '../../src/model/name-table.ts';
import { createNodeClient } from '../../src/node/connect.ts';
import type { NodeConnection } from '../../src/node/ssh/connection.ts';
import { connectTo, patientSettings, readLab } from './lab.ts';

const lab = readLab();
const signal = new AbortController().signal;
const deployment = 'names-test';
const range = '198.18.0.0/15';

interface App {
  readonly networks: readonly string[];
  readonly port: number;
  readonly meshPort: number;
  readonly address: string;
  readonly resolver: string;
  readonly aliases?: readonly string[];
  readonly external?: number;
  readonly isInternal?: true;
}

/** Four applications; `db` and `web` share a network, `web` and `proxy` another one, `vault` has no way out. */
const apps: Readonly<Record<string, App>> = {
  db: {
    networks: ['back'],
    port: 5432,
    meshPort: 20_101,
    address: '198.18.3.1',
    resolver: '198.19.0.1',
    aliases: ['database', 'db.example.com'],
  },
  web: { networks: ['back', 'front'], port: 80, meshPort: 20_102, address: '198.18.3.2', resolver: '198.19.0.2' },
  // Its external port is the port of `web` at the virtual address, on the same node.
  proxy: {
    networks: ['front'],
    port: 80,
    meshPort: 20_103,
    address: '198.18.3.3',
    resolver: '198.19.0.3',
    external: 80,
  },
  vault: {
    networks: ['inside'],
    port: 80,
    meshPort: 20_104,
    address: '198.18.3.4',
    resolver: '198.19.0.4',
    isInternal: true,
  },
};

/**
 * KIND ARGUMENTS: `open ADDRESS PORT` prints what the first line of an answer is, `refused` or `silent`; `look-up NAME
 * TYPE SERVER` prints the code of the answer and its addresses; `watch ADDRESS PORT SECONDS` opens a connection again and
 * again, and prints how many were answered, how many failed, and the longest wait in milliseconds.
 */
const client = `perl -e '
use IO::Socket::INET; use Socket; use POSIX (); my $tick = POSIX::sysconf(POSIX::_SC_CLK_TCK()); sub now { (POSIX::times())[0] / $tick } my ($kind, @a) = @ARGV;
sub open_it { my ($wait) = @_;
  my $s = IO::Socket::INET->new(PeerAddr => $a[0], PeerPort => $a[1], Proto => "tcp", Timeout => $wait) or return $! =~ /refused/ ? "refused" : "silent";
  my $line; eval { local $SIG{ALRM} = sub { die }; alarm $wait; print $s "GET / HTTP/1.0\\r\\n\\r\\n"; my @all = <$s>; alarm 0; $line = $all[-1]; };
  $line =~ s/\\s+$// if defined $line; return $line // "silent"; }
if ($kind eq "open") { print open_it(3), "\\n"; }
elsif ($kind eq "watch") { my ($good, $bad, $worst, $end) = (0, 0, 0, now() + $a[2]);
  while (now() < $end) { my $t = now(); my $r = open_it(30); my $ms = (now() - $t) * 1000; $worst = $ms if $ms > $worst;
    if ($r eq "db") { $good++ } else { $bad++ } select undef, undef, undef, 0.05; }
  printf "%d %d %d\\n", $good, $bad, $worst; }
else { my ($name, $type, $server) = @a; my $s = IO::Socket::INET->new(PeerAddr => $server, PeerPort => 53, Proto => "udp");
  $s->send(pack("n6", 7, 0x100, 1, 0, 0, 0) . join("", map { pack "C/a*", $_ } split /[.]/, $name) . pack("Cnn", 0, $type eq "AAAA" ? 28 : 1, 1));
  vec(my $r = "", fileno $s, 1) = 1; if (!select $r, undef, undef, 4) { print "silent\\n"; exit } $s->recv(my $m, 4096);
  my (undef, $flags, undef, $n) = unpack "n4", $m; print join(" ", ("ok", "", "failed", "unknown", "", "refused")[$flags & 15], $n ? inet_ntoa(substr $m, -4) : ()), "\\n"; }
' -- "$@"`;

describe.runIf(lab.length > 1)('names on real nodes', () => {
  const connections: NodeConnection[] = [];
  const clients: NodeClient[] = [];
  let mesh: readonly string[] = [];
  /** The node of each application, by number. */
  const places: Record<string, number> = { db: 1, web: 0, proxy: 0, vault: 1 };

  const learned: Record<string, readonly NamedPort[]> = {};

  const at = <T>(list: readonly T[], index: number): T => {
    const one = list[index];
    if (one === undefined) throw new Error(`there is no node ${index}`);
    return one;
  };
  const appOf = (name: string): App => {
    const app = apps[name];
    if (app === undefined) throw new Error(`there is no application ${name}`);
    return app;
  };
  const sh = async (node: number, script: string, ...args: string[]): Promise<string> =>
    (await at(connections, node).script(script, args, { signal })).stdout.trim();
  /** Runs the client in the network of an application's container, or of the node itself. */
  const from = (where: string | number, ...args: string[]): Promise<string> => {
    if (typeof where === 'number') return sh(where, client, ...args);
    const enter = `pid=$(docker inspect -f '{{.State.Pid}}' "drover-${where}") || exit 1\nnsenter -t "$pid" -n ${client}`;
    return sh(places[where] ?? 0, enter, ...args);
  };
  const open = (where: string | number, name: string): Promise<string> =>
    from(where, 'open', appOf(name).address, String(appOf(name).port));
  const specOf = (name: string): ContainerSpec => {
    const { networks, port, meshPort, address, resolver, aliases, external, isInternal } = appOf(name);
    return {
      application: name,
      deployment,
      image: 'drover/busybox:1',
      command: ['sh', '-c', `mkdir -p /w; echo ${name} >/w/index.html; exec httpd -f -p ${port} -h /w`],
      ports: external === undefined ? [] : [{ internal: port, external, protocol: 'tcp' }],
      names: {
        address,
        mesh: at(mesh, places[name] ?? 0),
        ports: [{ port, protocol: 'tcp', meshPort: external ?? meshPort }],
        networks,
        ...(isInternal === undefined ? {} : { isInternal }),
        ...(aliases === undefined ? {} : { aliases }),
        resolver,
      },
      environment: {},
      mounts: [],
      restartPolicy: { name: 'always' },
    };
  };
  const tableOf = (node: number): NameTable => ({
    ranges: [range],
    entries: Object.entries(apps).map(([application, app]): NameEntry => {
      const place = places[application] ?? 0;
      return {
        deployment,
        application,
        address: app.address,
        networks: app.networks.map((network) => ({ network, names: [application, ...(app.aliases ?? [])] })),
        ports: [
          { port: app.port, protocol: 'tcp', meshPort: app.external ?? app.meshPort },
          ...(learned[application] ?? []),
        ],
        ...(place === node ? {} : { at: at(mesh, place) }),
      };
    }),
    resolvers: Object.values(apps).map(
      ({ resolver: address, networks }): Resolver => ({ deployment, address, networks }),
    ),
  });
  const load = async (node: number, ends: readonly HeldPort[] = []): Promise<void> => {
    const peers = mesh.filter((_, index) => index !== node);
    const open = Object.entries(apps).flatMap(([name, { external }]) =>
      external === undefined || places[name] !== node ? [] : [{ port: external, protocol: 'tcp' as const }],
    );
    await at(clients, node).network.replace({ proxies: [], open, peers, names: tableOf(node) }, ends, signal);
  };
  const start = async (name: string): Promise<void> => {
    const { containers } = at(clients, places[name] ?? 0);
    await containers.create(specOf(name), {}, signal);
    await containers.start(name, signal);
  };
  const answers = async (where: string | number, name: string): Promise<void> => {
    for (let tries = 0; tries < 60 && (await open(where, name)) !== name; tries++) await sleep(1_000);
    expect(await open(where, name)).toBe(name);
  };

  beforeAll(async () => {
    for (const node of lab.slice(0, 2)) connections.push(await connectTo(node));
    mesh = connections.map(({ remote }) => remote.address);
    clients.push(...connections.map((one) => createNodeClient(one, patientSettings, one.remote.address)));
    await Promise.all([0, 1].map(clean));
    await Promise.all([0, 1].map((node) => load(node)));
    await Promise.all(Object.keys(apps).map(start));
    for (const name of Object.keys(apps)) await answers(places[name] ?? 0, name);
  });
  const clean = async (node: number): Promise<void> => {
    const none = { proxies: [], open: [], peers: [], names: { ranges: [], entries: [], resolvers: [] } };
    const names = Object.keys(apps).map((name) => `drover-${name}`);
    await sh(node, 'docker rm -f "$@" >/dev/null 2>&1; true', ...names);
    await at(clients, node).network.replace(none, [], signal);
    await sh(node, 'docker network ls -q --filter label=drover.managed=true | xargs -r docker network rm >/dev/null');
  };
  afterAll(async () => {
    await Promise.all([0, 1].map(clean));
    for (const one of connections) await one.close();
  });

  it('reads back what was put in', async () => {
    for (const node of [0, 1]) expect((await at(clients, node).network.read(signal)).names).toEqual(tableOf(node));
    const found = (await at(clients, 1).containers.list(signal)).find(({ application }) => application === 'db');
    expect(found?.spec.names).toEqual(specOf('db').names);
    expect(found?.spec.ports).toEqual([]);
  });

  it('doctor reads which name servers run and answer', async () => {
    const read = async () => (await at(clients, 0).doctor.system(signal)).names;
    const well = { runs: true, answers: true };
    const servers = Object.values(apps).map(({ resolver: address }) => ({ address, ...well }));
    expect(await read()).toMatchObject({ servers });
    await sh(0, 'systemctl stop drover-names@198.19.0.4');
    expect((await read())?.servers.at(-1)).toEqual({ address: '198.19.0.4', runs: false, answers: false });
    // What the node reads back is not what was put in, so that the next plan repairs it.
    expect((await at(clients, 0).network.read(signal)).names).toEqual({ ranges: [], entries: [], resolvers: [] });
    await load(0);
    expect(await read()).toMatchObject({ servers });
  });

  it('a container finds those of its networks by each of their names, and no others', async () => {
    const look = (where: string, name: string, type = 'A') => from(where, 'look-up', name, type, '127.0.0.11');
    for (const name of ['db', 'DB', 'database', 'db.example.com'])
      expect(`${name} ${await look('web', name)}`).toBe(`${name} ok 198.18.3.1`);
    expect(await look('web', 'proxy')).toBe('ok 198.18.3.3');
    expect(await look('proxy', 'web')).toBe('ok 198.18.3.2');
    expect(await look('db', 'web')).toBe('ok 198.18.3.2');
    for (const [where, name] of [
      ['proxy', 'db'],
      ['web', 'vault'],
      ['vault', 'web'],
      ['db', 'nosuch'],
    ] as const)
      expect(await look(where, name)).toBe('unknown');
    for (const name of ['db', 'db.example.com']) expect(await look('web', name, 'AAAA')).toBe('ok');
  });

  it('its own names lead a container to itself', async () => {
    const own = await sh(1, `docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' drover-db`);
    for (const name of ['db', 'database', 'db.example.com'])
      expect(await from('db', 'look-up', name, 'A', '127.0.0.11')).toBe(`ok ${own}`);
  });

  const reach = async (): Promise<void> => {
    // From the nodes, and from containers on the same and on the other node.
    for (const name of Object.keys(apps)) for (const node of [0, 1]) expect(await open(node, name)).toBe(name);
    for (const [where, name] of [
      ['web', 'db'],
      ['db', 'web'],
      ['web', 'proxy'],
      ['proxy', 'web'],
    ] as const)
      expect(await open(where, name)).toBe(name);
    for (const [where, name] of [
      ['proxy', 'db'],
      ['vault', 'web'],
      ['vault', 'db'],
      ['web', 'vault'],
      ['db', 'proxy'],
    ] as const)
      expect(await open(where, name)).toBe('silent');
  };
  it('applications that share a network reach each other, others do not', reach);

  it('nothing goes around the networks', async () => {
    const meshPort = (name: string) => [at(mesh, places[name] ?? 0), String(appOf(name).meshPort)] as const;
    // From the other node's containers, from the same node's, from a container that drover did not make.
    for (const where of ['proxy', 'web', 'vault']) expect(await from(where, 'open', ...meshPort('db'))).toBe('silent');
    expect(await from('db', 'open', ...meshPort('web'))).toBe('silent');
    const id = await sh(0, 'docker run -d --rm drover/busybox:1 sleep 3600');
    onTestFinished(async () => void (await sh(0, `docker rm -f ${id}`)));
    const foreign = `pid=$(docker inspect -f '{{.State.Pid}}' ${id})\nnsenter -t "$pid" -n ${client}`;
    for (const [address, port] of [['198.18.3.1', '5432'], ['198.18.3.2', '80'], meshPort('db')] as const)
      expect(await sh(0, foreign, 'open', address, port)).toBe('silent');
    expect(await sh(0, foreign, 'look-up', 'db', 'A', '198.19.0.1')).toBe('silent');
  });

  it('internal networks have no way out, and what is on them has none to its node either', async () => {
    for (const address of mesh) expect(await from('vault', 'open', address, '22')).toBe('silent');
    expect(await from('web', 'open', at(mesh, 1), '22')).not.toBe('silent');
    expect(await from('vault', 'look-up', 'vault', 'A', '127.0.0.11')).toMatch(/^ok 1/);
  });

  it('a neighbour that uses a node as its router reaches no virtual address, name server or mesh port', async () => {
    const tries = [
      [at(mesh, 1), appOf('db').meshPort],
      ['198.18.3.1', 5432],
      ['198.19.0.1', 53],
      ['198.19.0.1', 30_053],
    ] as const;
    execFileSync('ip', ['route', 'replace', range, 'via', at(mesh, 1)]);
    onTestFinished(() => void execFileSync('ip', ['route', 'del', range]));
    for (const [host, port] of tries) {
      const answer = await new Promise<string>((resolve) => {
        const socket = openSocket({ host, port, timeout: 3_000 });
        const end = (text: string) => resolve(text) ?? socket.destroy();
        socket
          .on('connect', () => end('open'))
          .on('timeout', () => end('silent'))
          .on('error', () => end('error'));
      });
      expect(`${host}:${port} ${answer}`).toBe(`${host}:${port} silent`);
    }
  });

  it('while an application moves, connections to its name wait and none is refused', async () => {
    const held = [{ address: appOf('db').address, port: appOf('db').port, protocol: 'tcp' as const }];
    const watched = [0, 1, 'web'].map((where) => from(where as string | number, 'watch', '198.18.3.1', '5432', '40'));
    const source = at(clients, 1);
    await sleep(3_000);
    for (const node of [0, 1]) await at(clients, node).network.hold(held, 60_000, signal);
    await source.containers.stop('db', 1_000, signal);
    await source.containers.remove('db', signal);
    places.db = 0;
    await start('db');
    expect(await at(clients, 0).network.closedPorts([appOf('db').meshPort], 60_000, signal)).toEqual([]);
    for (const node of [0, 1]) await load(node, held);
    for (const text of await Promise.all(watched)) {
      const [good = 0, bad = 0] = text.split(' ').map(Number);
      expect(good).toBeGreaterThan(20);
      expect(bad).toBe(0);
    }
    await reach();
  });

  it('a port that only the program knows is seen, and answers from the other node, also after restarts', async () => {
    const hidden = 8_123;
    const meshPort = 20_199;
    const place = places.web ?? 0;
    const enter = `pid=$(docker inspect -f '{{.State.Pid}}' drover-web) || exit 1`;
    // Loopback and the source port of a client are no such ports.
    const begin = `${enter}
      docker exec -d drover-web httpd -f -p ${hidden} -h /w
      docker exec -d drover-web httpd -f -p 127.0.0.1:8124 -h /w
      for i in $(seq 60); do nsenter -t "$pid" -n ss -Hltn | grep -q ':${hidden} ' && exit 0; sleep 1; done; exit 1`;
    await sh(place, begin);
    const facts = await at(clients, place).observe(signal);
    const seen = facts.containers.find(({ application }) => application === 'web')?.listens;
    expect(seen).toEqual([80, hidden].map((port) => ({ port, protocol: 'tcp' })));
    const other = 1 - place;
    const ask = () => from(other, 'open', appOf('web').address, String(hidden));
    expect(await ask()).not.toBe('web');
    learned.web = [{ port: hidden, protocol: 'tcp', meshPort, isLearned: true }];
    onTestFinished(async () => {
      delete learned.web;
      for (const node of [0, 1]) await load(node);
    });
    for (const node of [0, 1]) await load(node);
    expect((await at(clients, place).network.read(signal)).names).toEqual(tableOf(place));
    expect(await ask()).toBe('web');
    expect(await at(clients, place).network.closedPorts([meshPort, 20_198], 0, signal)).toEqual([20_198]);
    // Only for those of its networks: not from a container of another one, not at the mesh port itself.
    expect(await from('vault', 'open', appOf('web').address, String(hidden))).toBe('silent');
    for (const where of ['db', 'vault', 'proxy'])
      expect(await from(where, 'open', at(mesh, place), String(meshPort))).toBe('silent');
    await sh(place, '/usr/local/lib/drover/net-up');
    expect(await ask()).toBe('web');
    await sh(place, 'docker restart -t 0 drover-web >/dev/null');
    await sh(place, begin);
    expect(await ask()).toBe('web');
  });

  it('restarts of containers and of Docker need no drover, with and without its proxy', async () => {
    await sh(0, 'docker restart -t 0 drover-db drover-web >/dev/null');
    for (const node of [0, 1]) await answers(node, 'db');
    for (const node of [0, 1]) {
      onTestFinished(async () => void (await sh(node, 'rm -f /etc/docker/daemon.json; systemctl restart docker')));
      await sh(node, `printf '{"userland-proxy":false}' >/etc/docker/daemon.json; systemctl restart docker`);
    }
    for (const name of Object.keys(apps)) for (const node of [0, 1]) await answers(node, name);
    await reach();
  });
});

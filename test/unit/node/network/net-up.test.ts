import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { netUp, netUpMark } from '../../../../src/node/network/net-up.ts';

describe('the program that sets up forwarding', () => {
  it('is the same in provision.sh', () => {
    const provision = readFileSync(new URL('../../../../host/provision.sh', import.meta.url), 'utf8');
    expect(provision).toContain(`net_up=$(cat <<'END'\n${netUp}END\n)`);
    expect(netUp.split('\n')).toContain(netUpMark);
  });
});

/** In a network namespace and a folder /etc of its own; the machine's own iptables. */
const setUp = `set -e
folder=$(mktemp -d)
mount -t tmpfs tmpfs "$folder"
mkdir "$folder/upper" "$folder/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$folder/upper,workdir=$folder/work" /etc
rm -rf /etc/sysctl.d/* /etc/sysctl.conf /etc/ufw; mkdir -p /etc/drover /etc/sysctl.d
ip link set lo up
net_up() { sh -c "$NET_UP" net-up "$@"; }
policies() { for tool in iptables ip6tables; do $tool -S FORWARD | head -n 1; done; }
docker() { iptables -N DOCKER; iptables -N DOCKER-USER; iptables -A DOCKER-USER -j RETURN; iptables -I FORWARD -j DOCKER-USER; }
`;

function inNamespace(script: string): string {
  const ran = spawnSync('unshare', ['--net', '--mount', 'bash', '-c', `${setUp}${script}`], {
    encoding: 'utf8',
    env: { ...process.env, NET_UP: netUp },
  });
  if (ran.status !== 0) throw new Error(ran.stderr);
  return ran.stdout;
}

const isPossible = (): boolean => {
  try {
    inNamespace('iptables -w 10 -S >/dev/null; ip6tables -w 10 -S >/dev/null');
    return true;
  } catch {
    return false;
  }
};

describe.skipIf(!isPossible())('forwarding of a node (root, iptables and overlay mounts are there)', () => {
  it('is closed where an earlier version switched it on before Docker could close it', () => {
    const said = inNamespace(`docker
printf 'net.ipv4.ip_forward=1\\nnet.ipv6.conf.all.forwarding=1\\n' >/etc/sysctl.d/90-drover.conf
echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
net_up check && exit 1
policies; net_up forward; policies; net_up check; ls /etc/sysctl.d`);
    expect(said).toBe('-P FORWARD ACCEPT\n-P FORWARD ACCEPT\n-P FORWARD DROP\n-P FORWARD DROP\n');
  });

  it('stays as it is on a router, and is not touched without Docker and without nodes', () => {
    expect(inNamespace('echo 1 >/proc/sys/net/ipv4/ip_forward; net_up forward; net_up check; policies')).toMatch(
      /^-P FORWARD ACCEPT\n/,
    );
    const router = `docker; echo ' net.ipv4.ip_forward = 1' >/etc/sysctl.d/99-router.conf
echo 1 >/proc/sys/net/ipv4/ip_forward; net_up forward; net_up check; policies`;
    expect(inNamespace(router)).toMatch(/^-P FORWARD ACCEPT\n/);
  });

  it('lets the nodes through after the operator’s own rules, and takes back what came before them', () => {
    const said = inNamespace(`docker
iptables -I DOCKER-USER -i eth0 -j DROP
iptables -I DOCKER-USER -m conntrack --ctstate DNAT --ctreplsrc 192.0.2.9 -m comment --comment drover -j ACCEPT
printf '192.0.2.9\\n2001:db8::9\\n' >/etc/drover/peers
net_up forward; net_up forward; net_up check
iptables -S FORWARD; iptables -S DOCKER-USER; iptables -S DROVER-FORWARD; ip6tables -S FORWARD; ip6tables -S DROVER-FORWARD
iptables -A FORWARD -s 192.0.2.66 -j DROP; net_up forward; iptables -S FORWARD | tail -n 1
: >/etc/drover/peers; net_up forward; net_up check; iptables -S | grep -c DROVER || true`);
    expect(said.split('\n')).toEqual([
      '-P FORWARD DROP',
      '-A FORWARD -j DOCKER-USER',
      '-A FORWARD -j DROVER-FORWARD',
      '-N DOCKER-USER',
      '-A DOCKER-USER -i eth0 -j DROP',
      '-A DOCKER-USER -j RETURN',
      '-N DROVER-FORWARD',
      '-A DROVER-FORWARD -m conntrack --ctstate DNAT --ctreplsrc 192.0.2.9 -j ACCEPT',
      '-P FORWARD DROP',
      '-A FORWARD -j DROVER-FORWARD',
      '-N DROVER-FORWARD',
      '-A DROVER-FORWARD -m conntrack --ctstate DNAT --ctreplsrc 2001:db8::9 -j ACCEPT',
      '-A FORWARD -j DROVER-FORWARD',
      '0',
      '',
    ]);
  });

  it('is switched on for IPv6 only where a node has IPv6, and router advertisements are kept', () => {
    const said = inNamespace(`ip link add eth7 type veth peer name far; ip link add veth7 type veth peer name off
echo 0 >/proc/sys/net/ipv6/conf/far/accept_ra
see() { cat /proc/sys/net/ipv6/conf/{all/forwarding,eth7/accept_ra,far/accept_ra,veth7/accept_ra} | paste -sd ' '; }
echo 192.0.2.9 >/etc/drover/peers; net_up forward; see
echo 2001:db8::9 >>/etc/drover/peers; net_up forward; see; policies; net_up check`);
    expect(said).toBe('0 1 0 1\n1 2 0 1\n-P FORWARD DROP\n-P FORWARD DROP\n');
  });
});

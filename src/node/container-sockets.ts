import type { Container, PortKey } from '../model/cluster.ts';
import { isPort } from '../model/untrusted.ts';

/** The most ports of one container that drover reads from a node. */
const most = 64;
/** The ports that Linux gives to sockets that ask for none: a UDP socket there is a client, as that of a look-up. */
const randomPorts = { first: 32_768, last: 60_999 } as const;

/**
 * Prints `listens TAB CONTAINER-ID TAB tcp or udp TAB port` for the sockets of each container with a network of its own at
 * which a program waits for clients, but for those at loopback. In the kernel's lists, listening TCP sockets come first.
 */
export const socketsProgram = `
my %done; my $net = readlink "/proc/self/ns/net";
for my $p (glob "/proc/[0-9]*") {
  my $ns = readlink "$p/ns/net"; next if !defined $ns || $ns eq $net || $done{$ns};
  open my $groups, "<", "$p/cgroup" or next;
  my ($id) = join("", <$groups>) =~ /([0-9a-f]{64})/; next if !defined $id;
  my %found; $done{$ns} = 1;
  for my $kind (qw(tcp tcp6 udp udp6)) {
    open my $sockets, "<", "$p/net/$kind" or next; <$sockets>; my $lines = 0;
    while (<$sockets>) {
      my ($at, $port, $to, $state) = /^\\s*\\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]{2}) / or next;
      last if ++$lines > 20000 || $kind =~ /tcp/ && $state ne "0A";
      next if $kind =~ /udp/ && ($state ne "07" || $to ne "0000");
      my $bytes = join "", map { pack "L", hex } $at =~ /.{8}/g;
      $bytes = substr $bytes, 12 if $bytes =~ /^\\0{10}(?:\\xff\\xff|\\0{6}$)/s;
      next if length $bytes != 4 || ord $bytes == 127;
      $found{hex $port}{substr $kind, 0, 3} = 1;
    }
  }
  my @lines = map { my $port = $_; map { "listens\\t$id\\t$_\\t$port\\n" } sort keys %{$found{$port}} } sort { $a <=> $b } keys %found;
  print splice @lines, 0, ${most};
}
`;

/** The containers with the ports that `socketsProgram` printed for those of drover's own. Other lines are left out. */
export function withSockets(containers: readonly Container[], text: string): readonly Container[] {
  const byId = new Map<string, PortKey[]>();
  for (const line of text.split('\n')) {
    const [, id, protocol, digits] = /^listens\t([0-9a-f]{64})\t(tcp|udp)\t(\d{1,5})$/.exec(line) ?? [];
    const port = Number(digits);
    if (id === undefined || !isPort(port) || (protocol !== 'tcp' && protocol !== 'udp')) continue;
    if (protocol === 'udp' && port >= randomPorts.first && port <= randomPorts.last) continue;
    const found = byId.get(id) ?? [];
    byId.set(id, found);
    if (found.length < most && !found.some((one) => one.port === port && one.protocol === protocol))
      found.push({ port, protocol });
  }
  return containers.map((container) => {
    const listens = container.managed ? byId.get(container.id) : undefined;
    if (listens === undefined || listens.length === 0) return container;
    return { ...container, listens: listens.sort((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1)) };
  });
}

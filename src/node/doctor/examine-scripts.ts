import { prelude } from '../zfs/scripts.ts';

/** Asks Docker's socket for a path and prints the body. With HTTP/1.0 it comes in one piece and then ends. */
const dockerGet = `
use IO::Socket::UNIX; $/ = undef; alarm 20;
my $s = IO::Socket::UNIX->new("/run/docker.sock") or die "cannot reach Docker: $!\\n";
print $s "GET $ARGV[0] HTTP/1.0\\r\\nHost: docker\\r\\n\\r\\n"; $s->flush;
my ($head, $body) = split /\\r\\n\\r\\n/, <$s>, 2;
die "Docker says: $head\\n" unless $head =~ /^HTTP\\S+ 200 /;
print $body, "\\n";
`;

/** Asks name servers, all at once, and prints which of them have answered within 3 seconds. */
const askServers = `
use IO::Socket::INET; my %open; my $all = "";
for my $server (@ARGV) {
  my $s = IO::Socket::INET->new(PeerAddr => $server, PeerPort => 53, Proto => "udp") or next;
  $s->send(pack("n6", 7, 0x100, 1, 0, 0, 0) . pack("C/a*", "drover") . pack("Cnn", 0, 1, 1));
  $open{fileno $s} = [$server, $s]; vec($all, fileno $s, 1) = 1;
}
my $end = time + 3;
while (%open && (my $left = $end - time) > 0) {
  select(my $ready = $all, undef, undef, $left) > 0 or last;
  for my $at (keys %open) {
    next unless vec($ready, $at, 1);
    my $answer;
    print "answers $open{$at}[0]\\n" if defined $open{$at}[1]->recv($answer, 512) && length $answer;
    vec($all, $at, 1) = 0; delete $open{$at};
  }
}
`;

/** The order of the sections that `systemScript` prints. */
export const systemSections = [
  'now',
  'forwards',
  'ruleset',
  'dockerUser',
  'policies',
  'names',
  'zfsVersion',
  'dockerVersion',
  'units',
  'cron',
  'datasets',
  'copies',
  'holds',
  'poolFigures',
  'poolStatus',
] as const;

/**
 * ROOT SEPARATOR POOL: prints what an observation leaves out. Changes nothing. A section that hangs or fails is empty,
 * so that it does not hide the others.
 */
export const systemScript = `${prelude}
root=$1 separator=$2 pool=$3
next() { printf '%s\\n' "$separator"; }
try() { timeout 10 "$@" 2>/dev/null; }
names() {
  local folder server servers=()
  for folder in /etc/drover/names/[0-9]*/; do
    [ -d "$folder" ] || continue
    server=$(basename "$folder") servers+=("$server")
    ! systemctl -q is-active "drover-names@$server.service" || echo "runs $server"
    echo "server $server"
  done
  [ \${#servers[@]} = 0 ] || try perl -e '${askServers}' "\${servers[@]}"
  try ip -4 route show
}
date +%s
next; cat /proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv6/conf/all/forwarding 2>/dev/null
# -a with handles: a rule can be named
next; try nft -a list ruleset
next; for chain in DOCKER-USER DROVER-FORWARD; do try iptables -w 5 -S $chain; try ip6tables -w 5 -S $chain; done
next; for tool in iptables ip6tables; do policy=$(try $tool -w 5 -S FORWARD | head -n 1); echo "\${policy:-none}"; done
next; names
next; try zfs version; printf 'module %s\\n' "$(cat /sys/module/zfs/version 2>/dev/null)"
next; try perl -e '${dockerGet}' /version
next; try systemctl list-units --plain --no-legend --type=service,timer --state=active
next; ls -d /etc/cron.d/* /etc/cron.hourly/* /etc/cron.daily/* /etc/cron.weekly/* /etc/cron.monthly/* 2>/dev/null
next; try zfs get -Hp -r -t filesystem -o name,property,value,source \\
  mountpoint,canmount,readonly,mounted,creation,com.sun:auto-snapshot,receive_resume_token,drover:role,drover:app "$root"
next; copies=$(try zfs list -Hp -r -t snapshot,bookmark -o name,creation,userrefs "$root"); printf '%s\\n' "$copies"
next; held=$(awk -F '\\t' '$1 ~ /@/ && $3 + 0 > 0 {print $1}' <<<"$copies"); [ -z "$held" ] || try zfs holds -H $held
next; try zpool list -Hp -o health,capacity,fragmentation "$pool"
next; try zpool status "$pool"
true
`;

/**
 * ADDRESS PORT BANNER… (banner: yes or no): connects to all of them at once and prints `index result said` for each.
 * One loop over nonblocking sockets: a shell for each connection takes a second on a small node.
 */
export const connectScript = `${prelude}
perl -e '
use Socket qw(:DEFAULT inet_pton AF_INET6); use Fcntl; use Errno qw(EINPROGRESS ECONNREFUSED);
my ($limit, @args) = @ARGV; my ($end, @open) = (time + $limit); $| = 1;
sub say_it { my ($one, $result) = @_; my ($said) = substr($one->{said}, 0, 255) =~ /^([ -~]*)/; print "$one->{at}\\t$result\\t$said\\n"; close $one->{socket} if $one->{socket}; $one->{over} = 1; }
for (my $at = 0; @args; $at++) {
  my ($address, $port, $banner) = splice @args, 0, 3;
  my $six = $address =~ /:/; my $packed = inet_pton($six ? AF_INET6 : AF_INET, $address);
  my $one = { at => $at, banner => $banner eq "yes", said => "" };
  my $s; $one->{socket} = $s if defined $packed && socket($s, $six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
  if (!$one->{socket}) { say_it($one, "silent"); next; }
  fcntl($s, F_SETFL, fcntl($s, F_GETFL, 0) | O_NONBLOCK);
  my $to = $six ? Socket::pack_sockaddr_in6($port, $packed) : pack_sockaddr_in($port, $packed);
  if (connect($s, $to) || $! == EINPROGRESS) { push @open, $one } else { say_it($one, $! == ECONNREFUSED ? "refused" : "silent"); }
}
while ((@open = grep { !$_->{over} } @open) && (my $left = $end - time) > 0) {
  my ($read, $write) = ("", "");
  for (@open) { vec($_->{up} ? $read : $write, fileno($_->{socket}), 1) = 1; }
  select(my $r = $read, my $w = $write, undef, $left) > 0 or last;
  for my $one (@open) {
    my $fd = fileno($one->{socket});
    if (!$one->{up}) {
      next unless vec($w, $fd, 1);
      my $error = unpack "i", getsockopt($one->{socket}, SOL_SOCKET, SO_ERROR);
      if ($error) { say_it($one, $error == ECONNREFUSED ? "refused" : "silent"); next; }
      $one->{up} = 1; say_it($one, "accepted") unless $one->{banner};
    } elsif (vec($r, $fd, 1)) {
      my $got = sysread $one->{socket}, my $text, 256;
      $one->{said} .= $text if $got;
      # What sshd says of itself has 255 characters at most. What sends more without a line end is not an sshd.
      say_it($one, "accepted") if !$got || $one->{said} =~ /\\n/ || length $one->{said} > 255;
    }
  }
}
say_it($_, $_->{up} ? "accepted" : "silent") for @open;
' "$@"
`;

import { quote, saveFunction } from '../command.ts';
import { prelude } from '../zfs/scripts.ts';
import { namesTable } from './name-rules.ts';
import { namesFolder, namesFunctions, partEnd, readNamesCommand } from './name-scripts.ts';
import { netUp, netUpPath } from './net-up.ts';
import { table } from './proxy-rules.ts';

/**
 * The table as JSON, nothing where there is no such table; then what `readNamesCommand` prints. Fails where nft itself
 * does not work.
 */
export const readTableCommand = `{ { nft -j list table ${table} 2>/dev/null || nft list tables >/dev/null; } && ${readNamesCommand}; }`;

export { partEnd };

export const readScript = `${prelude}
${readTableCommand}
`;

/** `proto port remaining` of each held port, from nft's text in $before; an expired element may still be shown. */
const remainingHolds = `tr ',{}' '\\n\\n\\n' <<<"$before" |
  sed -nE 's/^.*(tcp|udp) \\. ([0-9]+) timeout [0-9a-z]+ expires ([1-9][0-9a-z]*).*$/\\1 \\2 \\3/p'`;

/** `port target` of each UDP port of a table on stdin, as nft prints it or as drover renders it. */
const udpTargets = `{ text=$(sed 's/ comment "[^"]*"//')
  sed -n '/^\\tmap udp[46] {/,/^\\t}/p' <<<"$text" | grep -oE '[0-9]+ : [0-9a-f.:]+ \\. [0-9]+' | sed -E 's/^([0-9]+) : ([^ ]+) .*/\\1 \\2/'
  sed -n '/^\\tset open {/,/^\\t}/p' <<<"$text" | grep -oE 'udp \\. [0-9]+' | sed -E 's/udp \\. ([0-9]+)/\\1 here/'; }`;

/** The program and the peers with which forwarding was last closed since the node booted. */
const closedFile = '/run/drover/forwarding-closed';

/**
 * DROPPED PEER…, the table on stdin, and where names change too, each after a partEnd, the table for names, its JSON and
 * the files of the name servers; else more nft commands after one partEnd. Loads the tables in one transaction, and writes
 * the files that bring them back after a boot and the program that loads them and admits the peers. Holds that are not in
 * DROPPED (`tcp.7000,198.18.3.7.udp.53,`) keep the time they have left. Prints how many ms ago the tables were loaded:
 * clients waited until then, so little comes before it, and that starts few processes. Forwarding is closed for all other
 * hosts before a forward is loaded. Where that was done since the node booted, with the same program, peers and networks
 * of virtual addresses, it is done again only after the load, to be sure.
 */
export const replaceScript = `${prelude}
umask 022
dropped=$1 net_up=${quote(netUp.trimEnd())} peers= held= nl=$'\\n'; shift
IFS='${partEnd}'; set -f; parts=($(cat)); set +f; IFS=$' \\t\\n'
rules=\${parts[0]} names=\${parts[1]-} json=\${parts[2]-}
before=$(nft list table ${table} 2>/dev/null)
case $before in *' expires '*)
  while read -r protocol port left; do
    case ,$dropped in *",$protocol.$port,"*) continue ;; esac
    held="\${held:+$held, }$protocol . $port timeout $left"
  done < <(${remainingHolds})
esac
text=$rules$nl\${held:+"add element ${table} hold { $held }"$nl}
${saveFunction}
${namesFunctions}
if [ -z "$json" ]; then text=$text$names; else
  names_ranges "$names"
  names_before=$(nft list table ${namesTable} 2>/dev/null)
  text=$text$(names_text "$names" "$dropped" "$names_before")$nl
fi
[ $# = 0 ] || printf -v peers '%s\\n' "$@"
has() { local now=; { IFS= read -rd '' now <"$1"; } 2>/dev/null; [ "$now" = "$2" ]; } # FILE TEXT
ranges=; { IFS= read -rd '' ranges <${namesFolder}/ranges; } 2>/dev/null
closed=$net_up$nl$peers$ranges
close_forwarding() { rm -f ${closedFile} && ${netUpPath} forward && mkdir -p -m 0700 /run/drover && printf %s "$closed" >${closedFile}; }
if has ${closedFile} "$closed" && has ${netUpPath} "$net_up$nl" && has /etc/drover/peers "$peers"; then
  nft -f - <<<"$text" || exit 1
  at=$EPOCHREALTIME
else
  nft -c -f - <<<"$text" || exit 1
  mkdir -p /etc/drover /usr/local/lib/drover
  has ${netUpPath} "$net_up$nl" || save ${netUpPath} 755 <<<"$net_up" || exit 1
  printf %s "$peers" | save /etc/drover/peers 644 && close_forwarding && nft -f - <<<"$text" || exit 1
  at=$EPOCHREALTIME closed=
fi

# A UDP flow stays with the target it began with until its entry goes (minutes, while packets come).
if command -v conntrack >/dev/null; then
  for port in $(comm -3 <(${udpTargets} <<<"$before" | sort -u) <(${udpTargets} <<<"$rules" | sort -u) | awk '{print $1}' | sort -un); do
    for family in ipv4 ipv6; do conntrack -D -f $family -p udp --orig-port-dst "$port" >/dev/null 2>&1; done
  done
fi
[ -z "$closed" ] || close_forwarding || exit 1
save /etc/drover/mesh.nft 644 <<<"$rules" || exit 1
[ -z "$json" ] || { names_flush "$names_before" "$names"; names_after "\${parts[3]-}" "$json" "$names"; } || exit 1
echo $(((\${EPOCHREALTIME/./} - \${at/./}) / 1000))
`;

/** ADDS, with an empty table on stdin: adds holds, and first loads a table where the node has none. */
export const holdScript = `${prelude}
empty=$(cat)
if ! nft list table ${table} >/dev/null 2>&1; then
  if [ -f /etc/drover/mesh.nft ]; then nft -f /etc/drover/mesh.nft; else nft -f - <<<"$empty"; fi || exit 1
fi
nft -f - <<<"$1"
`;

/** REMOVALS: ends holds; does nothing where the node has no table. */
export const dropHoldsScript = `${prelude}
nft list table ${table} >/dev/null 2>&1 || exit 0
nft -f - <<<"$1"
`;

/**
 * MS TARGET…: tries connections until every target accepts or the time is over, and prints the ports of those that do
 * not. A target is the word `port address port-there kind`; a connection of kind `staying` must stay open for a moment.
 */
const knock = `
use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6 AF_INET6); use Fcntl; use Errno; use POSIX ();
my $ms = shift; my $tick = POSIX::sysconf(POSIX::_SC_CLK_TCK());
my $now = sub { (POSIX::times())[0] * 1000 / $tick }; my $until = $now->() + $ms;
sub opens {
  my ($host, $port, $kind) = @_; my $six = $host =~ /:/; my $s;
  socket($s, $six ? AF_INET6 : AF_INET, SOCK_STREAM, 0) && fcntl($s, F_SETFL, O_NONBLOCK) or return 0;
  my $to = $six ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $host)) : sockaddr_in($port, inet_aton($host));
  my $bits = ""; vec($bits, fileno $s, 1) = 1;
  if (!connect $s, $to) {
    return 0 unless $!{EINPROGRESS} && select(undef, my $can = $bits, undef, 2);
    return 0 if unpack "i", getsockopt $s, SOL_SOCKET, SO_ERROR;
  }
  return 1 if $kind ne "staying" || !select(my $has = $bits, undef, undef, 0.5);
  return sysread $s, my $byte, 1;
}
my @left = map { [split / /] } @ARGV;
while (1) {
  @left = grep { !opens(@$_[1 .. 3]) } @left;
  last if !@left || $now->() >= $until;
  select undef, undef, undef, 0.05;
}
print "$$_[0]\\n" for @left;
`;

/**
 * MS PORT,… OWN-ADDRESSES…: prints the ports whose containers have accepted no connection within the time. A port is
 * tried at the container's own address, which Docker's DNAT rule has, or the map of learned ports. Without either, two
 * addresses do not do: the mesh address, where a hold or an old forward would answer, and 127.0.0.1, where Docker's proxy
 * accepts for a container that does not. Any other address of the node leads to the container itself. Without one, the
 * port is tried where Docker's proxy listens, and the connection must stay open for a moment.
 */
export const closedPortsScript = `${prelude}
ms=$1 mesh=" \${*:3} " targets=()
rules=$(iptables -w 5 -t nat -S DOCKER 2>/dev/null)
learned=$(nft list map ${namesTable} learned_tcp 2>/dev/null | tr ',{}' '\\n\\n\\n')
for port in \${2//,/ }; do
  target=$(sed -nE "s/^.* -p tcp .*--dport $port -j DNAT --to-destination ([0-9.]+):([0-9]+)$/\\1 \\2/p;T;q" <<<"$rules")
  [ -n "$target" ] || target=$(sed -nE "s/^[[:space:]]*$port : ([0-9.]+) \\. ([0-9]+)[[:space:]]*$/\\1 \\2/p;T;q" <<<"$learned")
  if [ -n "$target" ]; then targets+=("$port $target plain"); continue; fi
  at=$(ss -Hltn "sport = :$port" | awk '{sub(/:[0-9]+$/, "", $4); gsub(/[][]/, "", $4); print $4; exit}') kind=staying
  case $at in
    '' | 0.0.0.0 | '*' | ::)
      at=127.0.0.1
      for address in $({ ip -4 -o addr show dev docker0; ip -4 -o addr show scope global; } 2>/dev/null | awk '{sub("/.*", "", $4); print $4}'); do
        case $mesh in *" $address "*) continue ;; esac
        at=$address kind=plain
        break
      done
      ;;
  esac
  targets+=("$port \${at%%%*} $port $kind")
done
exec perl -e '${knock}' "$ms" "\${targets[@]}"
`;

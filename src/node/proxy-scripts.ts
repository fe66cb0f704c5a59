import { netUpPath } from './net-up.ts';
import { table } from './proxy-rules.ts';
import { exits, prelude } from './zfs-scripts.ts';

/** The listing as JSON; nothing where there is no such table (and nft itself works). */
export const readTableCommand = `nft -j list table ${table} 2>/dev/null || nft list tables >/dev/null`;

export const readScript = `${prelude}
${readTableCommand}
`;

/** `proto port remaining` of each held port, from nft's text in $before; an expired element may still be shown. */
const remainingHolds = `tr ',{}' '\\n\\n\\n' <<<"$before" |
  sed -nE 's/^.*(tcp|udp) \\. ([0-9]+) timeout [0-9a-z]+ expires ([1-9][0-9a-z]*).*$/\\1 \\2 \\3/p'`;

/** `port target` of each UDP port of a table in nft's text on stdin; its own form and ours are the same. */
const udpTargets = `{ text=$(sed 's/ comment "[^"]*"//')
  sed -n '/^\\tmap udp[46] {/,/^\\t}/p' <<<"$text" | grep -oE '[0-9]+ : [0-9a-f.:]+ \\. [0-9]+' | sed -E 's/^([0-9]+) : ([^ ]+) .*/\\1 \\2/'
  sed -n '/^\\tset open {/,/^\\t}/p' <<<"$text" | grep -oE 'udp \\. [0-9]+' | sed -E 's/udp \\. ([0-9]+)/\\1 here/'; }`;

/**
 * NET-UP DROPPED PEER…, the table on stdin. Check, one atomic load, then the files that bring it back after a boot, and
 * the program that loads them and lets the peers through (NET-UP is its text). Holds that are not in DROPPED
 * (`tcp.7000,udp.53,`) go on with the time they have left. Forwarding is closed for everybody else before a forward is
 * loaded.
 */
export const replaceScript = `${prelude}
umask 022
net_up=$1 dropped=$2; shift 2
rules=$(cat)
before=$(nft list table ${table} 2>/dev/null)
while read -r protocol port left; do
  case ,$dropped in *",$protocol.$port,"*) continue ;; esac
  held="\${held:+$held, }$protocol . $port timeout $left"
done < <(${remainingHolds})
text=$rules$'\\n'\${held:+"add element ${table} hold { $held }"$'\\n'}
nft -c -f - <<<"$text" || exit 1
save() { cat >"$1.new" && chmod "$2" "$1.new" && sync "$1.new" && mv "$1.new" "$1"; }
mkdir -p /etc/drover /usr/local/lib/drover
cmp -s ${netUpPath} <<<"$net_up" || save ${netUpPath} 755 <<<"$net_up" || exit 1
{ [ $# = 0 ] || printf '%s\\n' "$@"; } | save /etc/drover/peers 644 && ${netUpPath} forward || exit 1
nft -f - <<<"$text" && save /etc/drover/mesh.nft 644 <<<"$rules" || exit 1

# A UDP flow stays with the target it began with until its entry goes (minutes, while packets come).
if command -v conntrack >/dev/null; then
  for port in $(comm -3 <(${udpTargets} <<<"$before" | sort -u) <(${udpTargets} <<<"$rules" | sort -u) | awk '{print $1}' | sort -un); do
    for family in ipv4 ipv6; do conntrack -D -f $family -p udp --orig-port-dst "$port" >/dev/null 2>&1; done
  done
fi
exit 0
`;

/** ADDS, an empty table on stdin: holds, in a table that is loaded for them where there is none yet. */
export const holdScript = `${prelude}
empty=$(cat)
if ! nft list table ${table} >/dev/null 2>&1; then
  if [ -f /etc/drover/mesh.nft ]; then nft -f /etc/drover/mesh.nft; else nft -f - <<<"$empty"; fi || exit 1
fi
nft -f - <<<"$1"
`;

/** REMOVALS: nothing where there is no table. */
export const dropHoldsScript = `${prelude}
nft list table ${table} >/dev/null 2>&1 || exit 0
nft -f - <<<"$1"
`;

/**
 * PORT OWN-ADDRESSES…: does the container behind a published port accept? Asked where Docker sends the port to, whatever
 * address it is published at. Where Docker has no such rule: not at the mesh address, where a hold or a forward that is
 * still the old one would answer; and not at 127.0.0.1, where Docker's proxy accepts for a container that does not. Any
 * other address of this node leads to the container itself. Only where there is none: where Docker's proxy listens, and
 * the connection must stay open for a moment.
 */
export const acceptsScript = `${prelude}
port=$1; shift
connect() { timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null; }
target=$(iptables -w 5 -t nat -S DOCKER 2>/dev/null | sed -nE "s/^.* -p tcp .*--dport $port -j DNAT --to-destination ([0-9.]+):([0-9]+)$/\\1 \\2/p" | head -n 1)
if [ -n "$target" ]; then
  connect $target && exit 0
  exit ${exits.conflict}
fi
at=$(ss -Hltn "sport = :$port" | awk '{sub(/:[0-9]+$/, "", $4); gsub(/[][]/, "", $4); print $4; exit}')
case $at in
  '' | 0.0.0.0 | '*' | ::)
    mesh=" $* " at=127.0.0.1
    for address in $({ ip -4 -o addr show dev docker0; ip -4 -o addr show scope global; } 2>/dev/null | awk '{sub("/.*", "", $4); print $4}'); do
      case $mesh in *" $address "*) continue ;; esac
      connect "$address" "$port" && exit 0
      exit ${exits.conflict}
    done
    ;;
esac
timeout 4 bash -c 'exec 3<>"/dev/tcp/$1/$0" || exit 1; read -r -n 1 -t 0.5 -u 3; [ $? -ne 1 ]' "$port" "$at" 2>/dev/null || exit ${exits.conflict}
`;

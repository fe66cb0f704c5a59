/**
 * The program on a node that loads the port map and decides what the kernel forwards. host/provision.sh has the same
 * text, and a test compares them. Each change of the map also sends it, so that nodes of an earlier version get it.
 */
export const netUpPath = '/usr/local/lib/drover/net-up';

/** A line that earlier versions of the program do not have. */
export const netUpMark = '# net-up 4';

export const netUp = String.raw`#!/bin/sh
# net-up           at boot: loads the port map and the names of this node, then sets up forwarding
# net-up forward   forwarding alone
# net-up check     changes nothing; exit status 0 where forwarding is set up
# net-up names     changes nothing; exit status 0 where virtual addresses are this node's and the name servers run
# The kernel forwards what Docker publishes, what its containers send, and the ports of the other nodes, nothing else:
# a host that forwards is a router for all its neighbours unless it drops the rest.
# net-up 4
set -u
export LC_ALL=C
before=/etc/sysctl.d/90-drover.conf # of an earlier version: it switched forwarding on before Docker could close it
family_is() {
  case $1 in
    4) tool=iptables switch=/proc/sys/net/ipv4/ip_forward names='ipv4[./](ip_forward|conf[./]all[./]forwarding)' ;;
    6) tool=ip6tables switch=/proc/sys/net/ipv6/conf/all/forwarding names='ipv6[./]conf[./]all[./]forwarding' ;;
  esac
  peers=''
  [ -f /etc/drover/peers ] || return 0
  while read -r peer; do
    case $1:$peer in *:|*:'#'*|4:*:*|6:*.*) ;; *) peers="$peers $peer" ;; esac
  done </etc/drover/peers
}
in_file() { grep -Eqs "^[[:space:]]*-?net[./]$names[[:space:]]*=[[:space:]]*1" "$@"; }
# The operator has made this host a router: what it forwards is not for drover to say.
is_router() {
  for file in /etc/sysctl.conf /etc/ufw/sysctl.conf /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf; do
    if [ "$file" != $before ] && in_file "$file"; then return 0; fi
  done
  return 1
}
is_on() { [ "$(cat $switch 2>/dev/null)" = 1 ]; }
has_docker() { $tool -w 10 -n -L DOCKER >/dev/null 2>&1; }
# Where another program has switched forwarding on, and not for Docker's rules, closing it would break that program.
must_close() { ! is_router && { [ -n "$peers" ] || ! is_on || has_docker || in_file $before; }; }
is_closed() { [ "$($tool -w 10 -S FORWARD 2>/dev/null | head -n 1)" = '-P FORWARD DROP' ]; }
# Docker's bridges and their ports never listen to routers; and who listens to none does not begin to.
learning() {
  for file in /proc/sys/net/ipv6/conf/*/accept_ra; do
    case $file in */all/*|*/default/*|*/lo/*|*/docker0/*|*/br-*/*|*/veth*/*) continue ;; esac
    if [ "$(cat "$file" 2>/dev/null)" = 1 ]; then echo "$file"; fi
  done
}
# What an earlier version let through before the operator's own rules.
old_rules() { $tool -w 10 -S DOCKER-USER 2>/dev/null | grep -- '--ctreplsrc .*--comment drover '; }
rules() { for peer in $peers; do echo "-A DROVER-FORWARD -m conntrack --ctstate DNAT --ctreplsrc $peer -j ACCEPT"; done; }
rules_now() { $tool -w 10 -S DROVER-FORWARD 2>/dev/null | sed -n 's,\(--ctreplsrc [^ /]*\)/[0-9]* ,\1 ,;/^-A/p'; }
is_last() { [ "$($tool -w 10 -S FORWARD 2>/dev/null | tail -n 1)" = '-A FORWARD -j DROVER-FORWARD' ]; }
# The operator's rules come first, those in DOCKER-USER and those in FORWARD.
let_peers() {
  old_rules | sed 's/^-A/-D/' | while read -r rule; do $tool -w 10 $rule; done
  if [ -n "$peers" ]; then
    { printf '*filter\n:DROVER-FORWARD - [0:0]\n'; rules; echo COMMIT; } | $tool-restore -w 10 --noflush || return 1
    is_last && return
    while $tool -w 10 -D FORWARD -j DROVER-FORWARD 2>/dev/null; do :; done
    $tool -w 10 -A FORWARD -j DROVER-FORWARD
  elif $tool -w 10 -n -L DROVER-FORWARD >/dev/null 2>&1; then
    while $tool -w 10 -D FORWARD -j DROVER-FORWARD 2>/dev/null; do :; done
    $tool -w 10 -F DROVER-FORWARD && $tool -w 10 -X DROVER-FORWARD
  fi
}
# First closed, then switched on. With forwarding on, an interface keeps its routes from router advertisements only
# where accept_ra is 2.
forward() {
  if must_close && ! is_closed; then $tool -w 10 -P FORWARD DROP || return 1; fi
  if [ $1 = 6 ] && { [ -n "$peers" ] || is_on; }; then for file in $(learning); do echo 2 >"$file" || return 1; done; fi
  if [ -n "$peers" ] && ! is_on; then
    echo 1 >$switch && is_on || { echo "the kernel does not forward packets: $switch stays 0" >&2; return 1; }
  fi
  let_peers
}
is_set() {
  if must_close && ! is_closed; then return 1; fi
  if [ $1 = 6 ] && is_on && [ -n "$(learning)" ]; then return 1; fi
  if [ -n "$peers" ]; then is_on && is_last || return 1; fi
  [ "$(rules)" = "$(rules_now)" ] && [ -z "$(old_rules)" ]
}
ranges=/etc/drover/names/ranges # the networks of virtual addresses, one a line
ranges_now() { ip -4 route show table local type local dev lo 2>/dev/null | sed -n 's,^local \([0-9.]*/[0-9]*\) .*,\1,p' | grep -v '^127[.]'; }
# Ours in DOCKER-USER and INPUT, as -S prints them.
name_rules() {
  [ ! -f $ranges ] || while read -r range; do
    echo "-A DOCKER-USER -m conntrack --ctstate DNAT --ctorigdst $range -m comment --comment drover-names -j ACCEPT"
    echo "-A INPUT -d $range -m comment --comment drover-names -j ACCEPT"
  done <$ranges
  # Mesh ports of programs that listen where Docker publishes nothing.
  [ ! -s $ranges ] || for bridge in br-dv+ br-di+; do
    echo "-A DOCKER-USER -o $bridge -m conntrack --ctstate DNAT --ctorigdstport 20000:29999 -m comment --comment drover-names -j ACCEPT"
  done
}
name_rules_now() { for chain in DOCKER-USER INPUT; do iptables -w 10 -S $chain 2>/dev/null | grep -e '--comment drover-names '; done; }
# The virtual addresses are this node's own. Docker drops what goes from one of its networks to another, but a set of
# networks is one network of Docker: the table for names says who reaches whom. The operator's rules come first.
let_names() {
  [ ! -f $ranges ] || while read -r range; do ip -4 route replace local "$range" dev lo || return 1; done <$ranges
  if [ "$(name_rules | sort)" = "$(name_rules_now | sort)" ]; then return; fi
  name_rules_now | sed 's/^-A/-D/' | while read -r rule; do iptables -w 10 $rule; done
  name_rules | while read -r rule; do
    case $rule in
      *DOCKER-USER*)
        if [ "$(iptables -w 10 -S DOCKER-USER | tail -n 1)" = '-A DOCKER-USER -j RETURN' ]; then
          rule="-I DOCKER-USER $(iptables -w 10 -S DOCKER-USER | grep -c '^-A') $(echo "$rule" | sed 's/^-A DOCKER-USER //')"
        fi ;;
    esac
    iptables -w 10 $rule || return 1
  done
}
names_set() {
  [ ! -f $ranges ] || while read -r range; do ranges_now | grep -qx "$range" || return 1; done <$ranges
  [ "$(name_rules | sort)" = "$(name_rules_now | sort)" ]
}
# The name servers of this node, one for each set of networks.
servers() { for folder in /etc/drover/names/[0-9]*/; do [ ! -d "$folder" ] || basename "$folder"; done; }
start_servers() { for server in $(servers); do systemctl start --no-block "drover-names@$server.service"; done; }
servers_run() { for server in $(servers); do systemctl -q is-active "drover-names@$server.service" || return 1; done; }
load_names() {
  [ -f /etc/drover/names/names.nft ] || return 0
  {
    cat /etc/drover/names/names.nft
    [ ! -f /etc/drover/names/own ] || while read -r virtual inside; do
      grep -qx "# entry $virtual" /etc/drover/names/names.nft && echo "add element inet drover_names own { $virtual : $inside }"
      sed -n "s/^# learned $virtual //p" /etc/drover/names/names.nft | while read -r protocol port mesh; do
        echo "add element inet drover_names learned_$protocol { $mesh : $inside . $port }"
      done
    done </etc/drover/names/own
  } | nft -f -
}
case $#:$* in
  0:)
    [ ! -f /etc/drover/mesh.nft ] || nft -f /etc/drover/mesh.nft || exit 1
    load_names && start_servers || exit 1 ;;
  1:forward) ;;
  1:check)
    for family in 4 6; do family_is $family; is_set $family || exit 1; done
    names_set && [ ! -e $before ]
    exit ;;
  1:names) names_set && servers_run; exit ;;
  *) exit 64 ;;
esac
for family in 4 6; do
  family_is $family
  # Without the program nothing can be closed, so nothing is switched on.
  if ! command -v $tool >/dev/null; then
    if [ -z "$peers" ] || is_on; then continue; fi
    echo "the kernel does not forward packets, and there is no $tool to close what it would forward" >&2
    exit 1
  fi
  forward $family || exit 1
done
let_names || exit 1
rm -f $before
`;

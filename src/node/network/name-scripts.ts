import { saveFunction } from '../command.ts';
import { prelude } from '../zfs/scripts.ts';
import { namesTable } from './name-rules.ts';
import { netUpPath } from './net-up.ts';

export const namesFolder = '/etc/drover/names';
/** Separates the parts of what is sent to and read from a node: no part has it. */
export const partEnd = '\x1d';

/** Serialises what changes the list of this node's container addresses. */
const lock = `mkdir -p -m 0755 ${namesFolder} && mkdir -p -m 0700 /run/drover && exec 6>/run/drover/names.lock && flock -w 60 6 || exit 1`;

/**
 * VIRTUAL INSIDE: the virtual address leads to this address of a container on this node, from now on and after a boot.
 * The table is not there before it is loaded for the first time, which adds the list to it.
 */
export const ownAddressScript = `${prelude}
umask 022
${saveFunction}
${lock}
own=${namesFolder}/own
[ ! -f $own ] || others=$(grep -v "^$1 " $own)
printf '%s\\n' \${others:+"$others"} "$1 $2" | save $own 644 || exit 1
nft list map ${namesTable} own >/dev/null 2>&1 || exit 0
nft delete element ${namesTable} own "{ $1 }" 2>/dev/null
nft add element ${namesTable} own "{ $1 : $2 }" || exit 1
sed -n "s/^# learned $1 //p" ${namesFolder}/names.nft 2>/dev/null | while read -r protocol port mesh; do
  nft delete element ${namesTable} learned_$protocol "{ $mesh }" 2>/dev/null
  nft add element ${namesTable} learned_$protocol "{ $mesh : $2 . $port }" || exit 1
done
`;

/**
 * Prints the nft commands that add the list of container addresses, those of virtual addresses in $1 (nft text), and their
 * learned ports.
 */
const addOwn = `add_own() {
  local virtual inside protocol port mesh
  [ -f ${namesFolder}/own ] || return 0
  while read -r virtual inside; do
    case $1 in *"# entry $virtual"$'\\n'*) echo "add element ${namesTable} own { $virtual : $inside }" ;; esac
    case $1 in *"# learned $virtual "*)
      while read -r protocol port mesh; do
        echo "add element ${namesTable} learned_$protocol { $mesh : $inside . $port }"
      done < <(sed -n "s/^# learned $virtual //p" <<<"$1") ;;
    esac
  done <${namesFolder}/own
}`;

/** Whether the node is set up for names: provision.sh has installed the name server and its unit. */
const isSetUp = 'command -v dnsmasq >/dev/null && [ -e /etc/systemd/system/drover-names@.service ]';

/**
 * Prints, each after partEnd: the table for names as JSON, `ok` if routes and name servers are as the last change left
 * them, and the names that the node keeps. Nothing where the node is not set up for names.
 */
export const readNamesCommand = `if ${isSetUp}; then
  printf '\\035'; nft -j list table ${namesTable} 2>/dev/null
  printf '\\035'; ! ${netUpPath} names >/dev/null 2>&1 || echo ok
  printf '\\035'; head -c 8388608 ${namesFolder}/table.json 2>/dev/null || :
fi`;

/** `ADDRESS protocol port remaining` of each held port at a virtual address, from the table for names on stdin. */
const remainingNameHolds = `tr ',{}' '\\n\\n\\n' |
  sed -nE 's/^[^0-9]*([0-9.]+) \\. (tcp|udp) \\. ([0-9]+) timeout [0-9a-z]+ expires ([1-9][0-9a-z]*).*$/\\1 \\2 \\3 \\4/p'`;

/** `ADDRESS PORT target` of each UDP port of a table for names on stdin. */
const udpTargets = `sed -n '/^\\tmap udp4 {/,/^\\t}/p' | grep -oE '[0-9.]+ \\. [0-9]+ : [0-9.]+ \\. [0-9]+' | sed -E 's/^([^ ]+) \\. ([0-9]+) : /\\1 \\2 /'`;

/**
 * Functions for the script that replaces a table. `names_ranges RULES` keeps the networks of virtual
 * addresses, `names_text RULES DROPPED BEFORE` prints what is loaded together with the ports, `names_flush BEFORE RULES` ends
 * UDP flows to earlier targets, and `names_after FILES JSON RULES` writes the files, and starts, reloads and stops name
 * servers. The JSON comes last: where it is there, everything else was done.
 */
export const namesFunctions = `${addOwn}
names_text() {
  local address protocol port left
  printf '%s\\n' "$1"
  add_own "$1"
  while read -r address protocol port left; do
    case ,$2 in *",$address.$protocol.$port,"*) continue ;; esac
    echo "add element ${namesTable} hold { $address . $protocol . $port timeout $left }"
  done < <(${remainingNameHolds} <<<"$3")
}
names_ranges() {
  local new old
  ${lock}
  new=$(sed -n 's/^# range //p' <<<"$1")
  [ "$new" != "$(cat ${namesFolder}/ranges 2>/dev/null)" ] || return 0
  # They stay this node's own only where the new names still use them.
  for old in $(cat ${namesFolder}/ranges 2>/dev/null); do ip -4 route del local "$old" dev lo 2>/dev/null; done
  { [ -z "$new" ] || printf '%s\\n' "$new"; } | save ${namesFolder}/ranges 644
}
names_udp() { ${udpTargets} | sort -u; }
names_flush() {
  local address port
  command -v conntrack >/dev/null || return 0
  comm -3 <(names_udp <<<"$1") <(names_udp <<<"$2") | awk '{print $1, $2}' | sort -u | while read -r address port; do
    conntrack -D -p udp --orig-dst "$address" --orig-port-dst "$port" >/dev/null 2>&1
  done
}
names_after() {
  local new folder address file failed='' act
  new=$(mktemp -d ${namesFolder}/.new.XXXXXX) || return 1
  awk -v dir="$new" '
    /^@[0-9.]+\\/[a-z.]+$/ { split(substr($0, 2), at, "/"); folder = dir "/" at[1]
      if (!(folder in made)) { made[folder]; system("mkdir -m 0755 " folder) }
      if (out != "") close(out); out = folder "/" at[2]; printf "" >out; next }
    out != "" { print >out }' <<<"$1"
  for folder in "$new"/*/; do
    [ -d "$folder" ] || continue
    address=\${folder%/}; address=\${address##*/}
    mkdir -p -m 0755 ${namesFolder}/"$address" || return 1
    act=''
    for file in hosts servers dnsmasq.conf; do
      cmp -s "$folder$file" ${namesFolder}/"$address/$file" && continue
      save ${namesFolder}/"$address/$file" 644 <"$folder$file" || return 1
      case $file in dnsmasq.conf) act=restart ;; *) act=\${act:-reload} ;; esac
    done
    systemctl -q is-active drover-names@"$address".service || act=restart
    [ -z "$act" ] || systemctl $act drover-names@"$address".service || failed=yes
  done
  for folder in ${namesFolder}/*/; do
    address=\${folder%/}; address=\${address##*/}
    [ ! -d "$folder" ] || [ -d "$new/$address" ] || { systemctl stop drover-names@"$address".service; rm -rf --one-file-system -- "$folder"; }
  done
  rm -rf --one-file-system -- "$new"
  printf '%s\\n' "$3" | save ${namesFolder}/names.nft 644 || return 1
  [ -z "$failed" ] || return 1
  ${netUpPath} names || ${netUpPath} forward || return 1
  printf '%s\\n' "$2" | save ${namesFolder}/table.json 644
}`;

#!/bin/bash
# Turns a Debian 12/13 or Ubuntu 22.04/24.04 host into a drover node. Run as root; may be run again.
#
#   provision.sh [--check] [--pool DEVICE | --pool FILE:SIZE] [--pool-name drover] [--root drover/volumes] [--lines]
#   provision.sh --remove [--check] [--lines]
#
# --check changes nothing and says what would be done: exit status 0 nothing, 2 something, 1 something that cannot.
# Without --pool an existing pool of that name is used.
# --remove takes drover's services, files and port map away; packages, pool, datasets and the node's id stay.
# Prints one line a step:  STATE  STEP  DETAIL   where STATE is done | would do | did | cannot
# --lines separates them by tabs, and prints  begin STEP  and  progress STEP PERCENT TEXT  while a step runs.
# The process that started it may end first: then it finishes the current step and stops.
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
trap '' HUP PIPE
exec 3>&1

check=no remove=no lines=no pool_spec='' pool=drover root_dataset=''
usage() { sed -n '2,14s/^# \{0,1\}//p' "$0" 2>/dev/null; exit 64; }
while [ $# -gt 0 ]; do
  case $1 in
    --check) check=yes ;;
    --remove) remove=yes ;;
    --lines) lines=yes ;;
    --pool) pool_spec=${2-}; shift ;;
    --pool-name) pool=${2-}; shift ;;
    --root) root_dataset=${2-}; shift ;;
    *) usage ;;
  esac
  shift
done
root_dataset=${root_dataset:-$pool/volumes}
mountpoint=/var/lib/drover/volumes
changed=0 failed=0 skip=$remove

say() {
  local form='%-9s %-22s %s\n'
  [ $lines = no ] || form='%s\t%s\t%s\n'
  # The reader has gone: this is between two steps, where it may stop.
  printf "$form" "$1" "$2" "${3-}" 2>/dev/null || exit 1
}
progress() { [ $lines = no ] || printf 'progress\t%s\t%s\t%s\n' "$1" "$2" "$3" >&3 2>/dev/null || :; }
cannot() { say cannot "$1" "$2"; failed=1; }
# step NAME TEST ACTION [DETAIL [OBSTACLE]]: nothing when TEST holds, else ACTION (or only its announcement with
# --check). DETAIL says what ACTION is about; what OBSTACLE prints is why ACTION is not even tried.
step() {
  local name=$1 test=$2 action=$3 detail=${4-} obstacle=${5-} output
  [ $skip = no ] || return 0
  if $test >/dev/null 2>&1; then say 'done' "$name"; return 0; fi
  if [ -n "$obstacle" ] && output=$($obstacle 2>/dev/null) && [ -n "$output" ]; then cannot "$name" "$output"; return 1; fi
  changed=1
  if [ $check = yes ]; then say 'would do' "$name" "$detail"; return 0; fi
  [ $lines = no ] || say begin "$name" "$detail"
  if output=$($action 2>&1) && $test >/dev/null 2>&1; then say did "$name" "$detail"; return 0; fi
  cannot "$name" "$(printf '%s' "${output:-it had no effect}" | grep -v '^$' | tail -n 1)"
  return 1
}
finish() {
  [ $failed = 0 ] || exit 1
  [ $check = no ] || [ $changed = 0 ] || exit 2
  exit 0
}
# put FILE MODE: standard input becomes FILE, whole or not at all; once it has returned, also after a power cut
put() {
  local new
  new=$(mktemp "$1.XXXXXX") || return 1
  cat >"$new" && chmod "$2" "$new" && sync "$new" && mv "$new" "$1" && sync "${1%/*}" && return
  rm -f "$new"
  return 1
}
same() { [ -f "$1" ] && printf '%s\n' "$2" | cmp -s - "$1"; }

# --- the system ---------------------------------------------------------------------------------
[ "$(id -u)" = 0 ] || { cannot root 'this must run as root; use sudo'; exit 1; }
ID=unknown VERSION_ID='' PRETTY_NAME=''
. "${DROVER_OS_RELEASE:-/etc/os-release}"
kernel=$(uname -r)
# There while OpenZFS is in the kernel, loaded or built in.
zfs_loaded=${DROVER_ZFS_LOADED:-/sys/module/zfs}
# Why this host can never be a node; nothing where it can.
system_obstacle() {
  local container
  case $ID:$VERSION_ID in
    debian:12|debian:13|ubuntu:22.04|ubuntu:24.04) ;;
    *) echo "${PRETTY_NAME:-$ID} is not Debian 12 or 13 or Ubuntu 22.04 or 24.04: there are no packages to install it from"; return ;;
  esac
  case $(dpkg --print-architecture) in
    amd64|arm64) ;;
    *) echo "the architecture $(dpkg --print-architecture) is neither amd64 nor arm64: OpenZFS is not built for it"; return ;;
  esac
  [ "$(ps -p 1 -o comm= 2>/dev/null || cat /proc/1/comm)" = systemd ] || { echo 'systemd is not running: nothing would start Docker and mount the volumes at boot'; return; }
  container=$(systemd-detect-virt --container)
  if [ -n "$container" ] && [ "$container" != none ] && ! [ -d "$zfs_loaded" ]; then
    echo "this is a container ($container), which cannot load kernel modules: take a machine of its own, or load zfs on its host"
  fi
}
system_fits() { [ -z "$(system_obstacle)" ]; }
step system system_fits false '' system_obstacle || exit 1

# --- packages -----------------------------------------------------------------------------------
# apt counts to a hundred twice, for fetching and for installing; this makes one of it.
apt() {
  local from=0 share=100
  [ "$1" = update ] || share=50
  apt-get -q -y -o DPkg::Lock::Timeout=300 -o APT::Status-Fd=4 "$@" 4> >(
    while IFS=: read -r kind _ percent text; do
      case $kind in pmstatus) from=50 ;; dlstatus) ;; *) continue ;; esac
      progress "$apt_step" "$((from + ${percent%.*} * share / 100))" "$text"
    done
  )
}
apt_step=packages
# Debian's package that depends on the headers of each later kernel, 6.1.0-18-cloud-amd64 -> linux-headers-cloud-amd64.
later_headers=linux-headers-${kernel##*[0-9]-}
# Which of the packages that may be wanted apt knows; asked once, because it takes a small machine seconds.
read_lists() {
  known_names=$(apt-cache show --no-all-versions zfsutils-linux docker-cli zfs-modules-$kernel linux-modules-$kernel \
    linux-modules-extra-$kernel linux-headers-$kernel $later_headers 2>/dev/null | sed -n 's/^Package: //p' | tr '\n' ' ')
}
known_names=''
known() { case " $known_names" in *" $1 "*) ;; *) return 1 ;; esac; }
docker_here() { command -v docker && command -v dockerd; }
module_here() { modinfo -k "$kernel" zfs || [ -d "$zfs_loaded" ]; }
here() { dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^ii'; }
# The first way to a module for the running kernel: one made for it, else one built here.
module_packages() {
  local name
  module_here >/dev/null 2>&1 && return
  for name in zfs-modules-$kernel linux-modules-$kernel linux-modules-extra-$kernel; do
    known "$name" && ! here "$name" && { echo "$name"; return; }
  done
  # Without it the next kernel's update would leave the node without a module, and so without its pool.
  ! known $later_headers || echo $later_headers
  echo "linux-headers-$kernel zfs-dkms"
}
wanted() {
  echo 'nftables iptables conntrack perl-base zfsutils-linux dnsmasq-base'
  docker_here >/dev/null 2>&1 || echo docker.io
  # Since Debian 13 the client is a package of its own.
  docker_here >/dev/null 2>&1 || ! known docker-cli || echo docker-cli
  module_packages
}
# What is not installed yet, asked of dpkg once.
missing() {
  local name names installed
  names=$(wanted)
  installed=$(dpkg-query -W -f '${db:Status-Abbrev}|${Package}|' $names 2>/dev/null)
  for name in $names; do case $installed in *"ii |$name|"*) ;; *) printf '%s ' "$name" ;; esac; done
}
packages_ready() { [ -z "$(missing)" ]; }
# apt is asked only where a package is missing, which the list of installed packages shows.
packages_ready || read_lists
secure_boot() {
  local variable=/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
  [ "$(od -An -j4 -N1 -tu1 $variable 2>/dev/null | tr -d ' ')" = 1 ]
}
key_enrolled() { [ -f /var/lib/dkms/mok.pub ] && mokutil --test-key /var/lib/dkms/mok.pub | grep -q 'already enrolled'; }
packages_obstacle() {
  local newest
  case $packages in *zfs-dkms*) ;; *) return ;; esac
  known zfsutils-linux || return
  newest=$(ls /lib/modules 2>/dev/null | sort -V | tail -n 1)
  if ! known "linux-headers-$kernel"; then
    if [ -n "$newest" ] && [ "$newest" != "$kernel" ]; then echo "there are no headers for the running kernel $kernel: reboot into $newest, which is installed, and run this again"
    else echo "there are no headers for the running kernel $kernel: upgrade the kernel (apt-get update && apt-get full-upgrade), reboot into it, and run this again"; fi
  elif secure_boot && ! key_enrolled; then
    echo 'Secure Boot is on, and refuses an OpenZFS module that is built here: enrol a key of your own (dkms generate_mok; mokutil --import /var/lib/dkms/mok.pub; reboot), or switch Secure Boot off'
  fi
}
# OpenZFS is in contrib, which Debian's installer leaves out.
sources_ready() { packages_ready || [ "$ID" != debian ] || apt-get indextargets --format '$(COMPONENT)' 'Created-By: Packages' | grep -qx contrib; }
sources_add() {
  local file
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] && grep -q '^URIs:.*debian' "$file" && sed -i '/^Components:.*main/{/contrib/!s/$/ contrib/}' "$file"
  done
  [ ! -f /etc/apt/sources.list ] || sed -i -E '/^deb .*debian.* main/{/contrib/!s/$/ contrib/}' /etc/apt/sources.list
  # The lists that are there know nothing of it.
  apt_step='package sources'; apt update
}
step 'package sources' sources_ready sources_add 'contrib, for OpenZFS'

lists_needless() { packages_ready || known zfsutils-linux || { read_lists; known zfsutils-linux; }; }
lists_read() { apt_step='package lists'; apt update; }
step 'package lists' lists_needless lists_read

packages=$(missing)
packages_install() {
  dpkg --configure -a # an earlier run may have been cut short
  apt install --no-install-recommends $packages || { apt update && apt install --no-install-recommends $packages; }
}
detail=${packages% }
case $packages in *zfs-dkms*) detail="$detail (the module is built here, which takes minutes)" ;; esac
# Only package lists show whether there is a ready-made module; --check does not read them.
known zfsutils-linux || module_here >/dev/null 2>&1 || detail="$(echo $packages | sed "s/linux-headers-.*//")and OpenZFS's module for $kernel"
step packages packages_ready packages_install "$detail" packages_obstacle || [ $check = yes ] || exit 1

# --- OpenZFS ------------------------------------------------------------------------------------
# A loaded module has a state. What is built into the kernel has none, and is not loaded at boot.
zfs_built_in() { [ -d "$zfs_loaded" ] && ! [ -e "$zfs_loaded/initstate" ]; }
zfs_ready() { zfs_built_in || { [ -d "$zfs_loaded" ] && same /etc/modules-load.d/drover.conf zfs; }; }
zfs_load() {
  echo zfs | put /etc/modules-load.d/drover.conf 0644
  modprobe zfs && return
  module_here >/dev/null || echo "there is no module for $kernel; a failed build leaves its reason in /var/lib/dkms/zfs/*/build/make.log"
  return 1
}
step 'zfs module' zfs_ready zfs_load || [ $check = yes ] || exit 1

id_file=/etc/drover/node-id
folders_ready() { [ -d /etc/drover ] && [ -d /var/lib/drover ] && [ "$(stat -c %a /etc/drover /var/lib/drover | sort -u)" = 755 ]; }
folders_make() { install -d -m 0755 /etc/drover /var/lib/drover; }
step folders folders_ready folders_make
id_ready() { grep -Eq '^[0-9a-f-]{36}$' $id_file; }
id_make() { put $id_file 0644 </proc/sys/kernel/random/uuid; }
step 'node id' id_ready id_make
node_id=$(cat $id_file 2>/dev/null)

pool_ready() { zpool list -H "$pool"; }
# ZFS looks for pools on devices; it looks into a file only with an option.
import_from=()
case $pool_spec in /dev/*) ;; /*:*) [ ! -f "${pool_spec%:*}" ] || import_from=(-d "${pool_spec%:*}") ;; esac
pool_is_exported() { [ -d "$zfs_loaded" ] && zpool import "${import_from[@]}" 2>/dev/null | grep -Eq "^ +pool: $pool\$"; }
# What a device or file holds, in a word; nothing where it is empty.
content_of() {
  local type
  type=$(blkid -p -o export "$1" 2>/dev/null | sed -nE 's/^(PT)?TYPE=//p' | head -n 1)
  if [ -b "$1" ] && [ "$(lsblk -nrpo NAME "$1" | wc -l)" -gt 1 ]; then echo "${type:+$type }partitions"
  elif [ -n "$type" ]; then echo "$type"
  elif [ -b "$1" ] && grep -q "^$(readlink -f "$1") " /proc/mounts /proc/swaps; then echo 'something that is in use'
  elif [ -f "$1" ] && [ -s "$1" ] && [ "$(head -c 1048576 "$1" | tr -d '\0' | wc -c)" != 0 ]; then echo data; fi
}
pool_obstacle() {
  local file size bytes folder free content
  pool_is_exported && return
  case $pool_spec in
    '') echo "there is no pool \"$pool\": name an empty disk, or FILE:SIZE, with --pool"; return ;;
    /dev/*) file=$pool_spec; [ -b "$file" ] || { echo "$file is not a disk"; return; } ;;
    /*:*)
      file=${pool_spec%:*} size=${pool_spec##*:}
      bytes=$(numfmt --from=iec "${size^^}") || { echo "\"$size\" is not a size; write it like 20G"; return; }
      folder=$file; while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
      free=$(df -B1 --output=avail "$folder" | tail -n 1)
      [ "$bytes" -ge 67108864 ] || { echo "$size is too small for a pool: 64M is the least"; return; }
      [ "$bytes" -le "$free" ] || { echo "$size is more than the $(numfmt --to=iec "$free") that are free in $folder"; return; } ;;
    *) echo "\"$pool_spec\" is neither a device (/dev/…) nor FILE:SIZE with the file's full path"; return ;;
  esac
  content=$(content_of "$file")
  [ -z "$content" ] || echo "$file holds $content: drover never overwrites; use another one, or empty it by hand if it is not needed"
}
# /dev/sdb may be another disk after the next boot.
lasting_name() {
  local link
  for link in /dev/disk/by-id/*; do
    [ "$(readlink -f "$link")" = "$(readlink -f "$1")" ] && { echo "$link"; return; }
  done
  echo "$1"
}
pool_make() {
  local device=$pool_spec
  pool_is_exported && { zpool import -N "${import_from[@]}" "$pool"; return; }
  case $pool_spec in
    /dev/disk/*) ;; # a stable name, which the user chose
    /dev/*) device=$(lasting_name "$pool_spec") ;;
    *:*) device=${pool_spec%:*}; mkdir -p "$(dirname "$device")"; [ -e "$device" ] || truncate -s "${pool_spec##*:}" "$device" ;;
  esac
  # No -f: a device that holds something is refused by zpool itself.
  zpool create -o ashift=12 -O compression=lz4 -O atime=off -O xattr=sa -O acltype=posixacl \
    -O canmount=off -O mountpoint=none "$pool" "$device"
}
pool_detail=$pool_spec
pool_is_exported && pool_detail='imported, as it is here already'
step "pool $pool" pool_ready pool_make "$pool_detail" pool_obstacle || [ $check = yes ] || exit 1

get() { zfs get -H -o value "$1" "$2"; }
root_ready() {
  [ "$(get mountpoint "$root_dataset")" = $mountpoint ] && [ "$(get canmount "$root_dataset")" = off ] &&
    [ "$(get com.sun:auto-snapshot "$root_dataset")" = false ]
}
root_make() {
  zfs list -H "$root_dataset" >/dev/null 2>&1 || zfs create -p -o canmount=off -o mountpoint=$mountpoint "$root_dataset" || return 1
  zfs set canmount=off mountpoint=$mountpoint com.sun:auto-snapshot=false "$root_dataset"
}
# A dataset that was not made for drover may have data of others, so it keeps its mount point.
root_obstacle() {
  local there; there=$(get mountpoint "$root_dataset") && [ "$there" != $mountpoint ] && [ "$(get drover:node "$root_dataset")" = - ] || return
  echo "$root_dataset is there, mounted at $there, and is not drover's: name another one with --root (drover.yml: dataset_root), or give it away: zfs set canmount=off mountpoint=$mountpoint $root_dataset"
}
step "dataset $root_dataset" root_ready root_make '' root_obstacle || [ $check = yes ] || exit 1
owner_ready() { [ -n "$node_id" ] && [ "$(get drover:node "$root_dataset")" = "$node_id" ]; }
owner_set() {
  local there; there=$(get drover:node "$root_dataset") || return 1
  # Another id means a cloned disk or a pool from elsewhere: a person decides, not a script.
  [ "$there" = - ] || { echo "$root_dataset belongs to node $there; if that node is gone: zfs set drover:node=$node_id $root_dataset"; return 1; }
  zfs set drover:node="$node_id" "$root_dataset"
}
step 'dataset belongs here' owner_ready owner_set

# --- network ------------------------------------------------------------------------------------
lib=/usr/local/lib/drover
net_up=$(cat <<'END'
#!/bin/sh
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
END
)
epochs=$(cat <<'END'
#!/bin/sh
# What this node says of each volume: VOLUME ROLE EPOCH OWNER, "-" for what is not set, and `end` after the last one.
# With `datasets` also the DATASET and the NODES that may have copies: their ids, "-" for none, "?" for any. A "?"
# before an id: that node only claims a copy. It gets answers, and its own are not asked for.
# With `peer ID` only the volumes that the node with that id may have copies of: the answer to its question at boot.
# Peers ask as user drover-peer; no rights are needed. Their keys say who they are. With `peer ID` the word `receive` gives
# the connection to the service that receives standbys, with the id and the address of the peer before all that it says.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ "${1-}:${SSH_ORIGINAL_COMMAND-}" = peer:receive ]; then
  exec perl -e '
    use Socket; $| = 1; $SIG{PIPE} = "IGNORE"; my ($s, $text);
    socket($s, PF_UNIX, SOCK_STREAM, 0) && connect($s, pack_sockaddr_un("/run/drover-receive.sock"))
      or do { print "refused\tthat node does not receive standbys: run host/provision.sh there\n"; exit 1 };
    sub out { my ($to, $text) = @_;
      for (my $o = 0; $o < length $text;) { my $w = syswrite $to, $text, length($text) - $o, $o; defined $w or return 0; $o += $w } 1 }
    out($s, "@ARGV\n");
    for (my $open = 1;;) {
      my $ready = ""; vec($ready, fileno $s, 1) = 1; vec($ready, 0, 1) = 1 if $open;
      select $ready, undef, undef, undef;
      if (vec $ready, fileno $s, 1) { sysread($s, $text, 65536) && out(\*STDOUT, $text) or last }
      if ($open && vec $ready, 0, 1) {
        # Who has refused the stream has said why: that is still read.
        unless (sysread(STDIN, $text, 131072) && out($s, $text)) { $open = 0; shutdown $s, 1 } } }
  ' "$2" "${SSH_CONNECTION%% *}"
fi
root=$(cat /etc/drover/root-dataset) || exit 1
facts=$(zfs get -H -r -t filesystem -s local -o name,property,value drover:vol,drover:role,drover:epoch,drover:owner,drover:copies "$root") || exit 1
marks=$(zfs list -H -r -t snapshot,bookmark -o name "$root") || exit 1
printf '%s\n' "$facts" "$marks" | awk -F '\t' -v words="$*" '
  BEGIN { datasets = words == "datasets"; peer = sub(/^peer /, "", words) ? words : "" }
  function of(d, property) { return ((d, property) in value) ? value[d, property] : "-" }
  # A record of another epoch, or one that a later snapshot was taken after, says nothing (src/model/copy-record.ts).
  function nodes(d,  part, at) {
    if (split(of(d, "drover:copies"), part, ":") != 3 || part[3] == "" || part[1] !~ /^[0-9]+$/) return "?"
    if (part[1] + 0 != of(d, "drover:epoch") + 0 || part[2] !~ /^(-|drover-e[0-9]+-[0-9]+)$/) return "?"
    if (d in last) {
      if (part[2] == "-") return "?"
      split(substr(part[2], 9), at, "-")
      if (last[d] > at[1] + 0 || (last[d] == at[1] + 0 && number[d] > at[2] + 0)) return "?"
    }
    return part[3]
  }
  NF == 3 { value[$1, $2] = $3; if ($2 == "drover:vol") volumes[$1] }
  NF == 1 && /[@#]drover-e[0-9]+-[0-9]+$/ {
    d = $1; sub(/[@#].*/, "", d); split(substr($1, length(d) + 10), at, "-")
    if (!(d in last) || at[1] + 0 > last[d] || (at[1] + 0 == last[d] && at[2] + 0 > number[d])) { last[d] = at[1] + 0; number[d] = at[2] + 0 }
  }
  END {
    for (d in volumes) {
      list = nodes(d)
      if (peer != "" && list != "?" && index("," list ",", "," peer ",") == 0 && index("," list ",", ",?" peer ",") == 0) continue
      line = value[d, "drover:vol"] "\t" of(d, "drover:role") "\t" of(d, "drover:epoch") "\t" of(d, "drover:owner")
      print line (datasets ? "\t" d "\t" list : "")
    }
    print "end"
  }'
END
)
boot_gate=$(cat <<'END'
#!/bin/bash
# boot-gate mount   before Docker: mounts the volumes of this node that never had a copy elsewhere, so that no other
#                   node can have taken them over. Asks no peer.
# boot-gate start   after Docker: asks about each of the other volumes the peers that may have a copy of it. A volume that
#                   a peer has with a higher epoch becomes diverged, one that no peer has is mounted, and while a peer
#                   does not answer it waits. Then the containers that Docker wanted to start are started, each after
#                   what it needs.
# boot-gate free DATASET…   for the dead-man: 0 where every peer has answered and none has more, 2 where one has, 1 else.
set -uo pipefail
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
etc=/etc/drover run=/run/drover answers=/run/drover/answers-${1-} lock=/run/drover/lock
umask 077
patience=180 pause=15 # seconds: with `alone start`, and between two rounds of questions
# Since the boot: bash's own SECONDS follow the clock, which a machine without a battery sets by hours at its boot.
seconds() { local up; read -r up _ </proc/uptime && echo "${up%.*}"; }
me=$(cat $etc/node-id) && [ -f $etc/root-dataset ] || exit 0

# FILE: takes it as 7, the lock of earlier versions; fails while one of them has it.
old_lock() {
  local pid real
  for _ in 1 2 3; do
    [ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c '%u %h' -- "$1")" = "$(id -u) 1" ] || rm -rf --one-file-system -- "$1"
    (umask 077; : >>"$1") && exec 7<>"$1" && chmod 0600 -- "$1" || return 1
    if flock -n 7; then return 0; fi
    for pid in $(find /proc/[0-9]*/fd -lname "$1" 7<&- 2>/dev/null | cut -d / -f 3 | sort -u); do
      [ "$pid" != $$ ] && real=$(awk '$1 == "Uid:" { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
      if [ "$real" = "$(id -u)" ]; then return 1; fi
    done
    exec 7<&-
    rm -f -- "$1"
  done
  return 1
}

# VOLUME EPOCH NODES DATASET of each volume that this node owns and that is not mounted; fails where that is not known yet.
# NODES are those that may have a copy, "?" any.
owned() {
  local volume role epoch owner dataset nodes
  /usr/local/lib/drover/epochs datasets | while IFS=$'\t' read -r volume role epoch owner dataset nodes; do
    [ "$role $owner" = "owner $me" ] || continue
    if [ "$(zfs get -H -o value mounted "$dataset")" = no ]; then printf '%s\t%s\t%s\t%s\n' "$volume" "$epoch" "${nodes:-?}" "$dataset"; fi
  done
}
# Whatever was sent to a node left a snapshot or a bookmark of drover, and whatever came from one has a higher epoch.
never_copied() {
  local names
  names=$(zfs list -H -d 1 -t snapshot,bookmark -o name "$2") || return 1
  # Scheduled snapshots are taken without a copy too.
  [ "$1" = 1 ] && ! grep -v '@drover-auto-' <<<"$names" | grep -q '[@#]drover-'
}
mount_own() {
  local failed=0 volume epoch nodes dataset
  while IFS=$'\t' read -r volume epoch nodes dataset; do
    never_copied "$epoch" "$dataset" || continue
    zfs mount "$dataset" || failed=1
  done < <(owned)
  return $failed
}

# ADDRESS: what this peer says; fails where it does not answer, or not to the end.
ask() {
  local port answer identities=()
  for port in /etc/ssh/ssh_host_*_key; do [ -f "$port" ] && identities+=(-i "$port"); done
  for port in $(awk -v address="$1" '$1 == "peer" && $2 == address {gsub(",", " ", $3); print $3; exit}' $etc/boot-peers); do
    # 4 MiB is the answer of a peer with 40,000 volumes; a longer one does not count as an answer (pipefail).
    # This node's host key is who it is, as for everybody who connects to it; the peer's is pinned.
    answer=$(timeout 60 ssh -F none -T -p "$port" -l drover-peer "${identities[@]}" \
      -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o PreferredAuthentications=publickey \
      -o StrictHostKeyChecking=yes -o HostKeyAlias="$1" -o UserKnownHostsFile=$answers/.known-hosts \
      -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no -o ConnectTimeout=10 -o LogLevel=ERROR \
      -o ServerAliveInterval=5 -o ServerAliveCountMax=3 -- "$1" epochs </dev/null | head -c 4194304) || continue
    [ "${answer##*$'\n'}" = end ] && { printf '%s\n' "$answer"; return 0; }
  done
  return 1
}
all_peers() { { cat $etc/peers 2>/dev/null; awk '$1 == "peer" {print $2}' $etc/boot-peers; } | sed '/^#/d; /^$/d' | sort -u; }
# NODES: addresses of the peers that may have a copy: no other can keep a volume from this node, or give it one. A peer
# whose id is not known may, and so may every peer where one of the nodes is none that is known.
holders() {
  touch $etc/boot-peers
  all_peers | nodes=$1 awk '
    reading == "rules" { if ($1 == "node") { id[$2] = $3; known[$3] } else if ($1 == "gone") known[$2]; next }
    { addresses[++count] = $1 }
    END {
      any = ENVIRON["nodes"] == "?"
      if (ENVIRON["nodes"] != "-") size = split(ENVIRON["nodes"], list, ",")
      for (at = 1; at <= size; at++) { if (list[at] ~ /^[?]/) continue; wanted[list[at]]; if (!(list[at] in known)) any = 1 }
      for (at = 1; at <= count; at++) { a = addresses[at]; if (any || !(a in id) || id[a] in wanted) print a }
    }' reading=rules $etc/boot-peers reading=addresses -
}
# The same for lines with NODES.
holders_of_all() { sort -u | while IFS= read -r nodes; do [ -z "$nodes" ] || holders "$nodes" || exit 1; done | sort -u; }
# PEER…: asks all of them at once.
ask_all() {
  local peer
  rm -rf $answers && mkdir -p $answers || return 1
  touch $etc/boot-peers
  awk '$1 == "peer" {print $2, $4, $5}' $etc/boot-peers >$answers/.known-hosts
  for peer in "$@"; do
    { ask "$peer" >"$answers/.$peer" 2>"$answers/.$peer.log" && mv "$answers/.$peer" "$answers/$peer"; } &
  done
  wait
}
# NODES: $asked becomes the answers of those that may have a copy, $silent the addresses of those without one. Who was
# not asked, because a run of drover has changed the record since, is silent as well.
listen_to() {
  local peer peers
  asked=() silent=''
  peers=$(holders "$1") || return 1
  for peer in $peers; do
    if [ -f "$answers/$peer" ]; then asked+=("$answers/$peer"); else silent="$silent,$peer"; fi
  done
  silent=${silent#,}
}
# VOLUME EPOCH CONDITION: addresses, roles and epochs of the peers whose answer fulfils it ($3 is their epoch, e ours).
peers_with() {
  set -- "$1" "$2" "$3" ${asked[@]+"${asked[@]}"}
  [ $# -gt 3 ] || return 0
  # As texts: awk takes two that look like numbers, as 10 and 1e1, for numbers.
  volume=$1 epoch=$2 awk -F '\t' "(\$1 \"\") == (ENVIRON[\"volume\"] \"\") { e = ENVIRON[\"epoch\"] + 0; if ($3) { sub(\".*/\", \"\", FILENAME); print FILENAME, \$2, \$3 } }" "${@:4}"
}
# More take-overs than this cannot have happened while the node was off: a peer's higher epoch is reported, not believed.
plausible=100000
above_of() { peers_with "$1" "$2" '$3 ~ /^[0-9]+$/ && $3 + 0 > e && $3 + 0 <= e + '$plausible; }
absurd_of() { peers_with "$1" "$2" '$3 !~ /^([0-9]+|-)$/ || $3 + 0 > e + '$plausible | awk '{print $1}' | paste -sd ,; }
rivals_of() { peers_with "$1" "$2" '$3 + 0 == e && ($2 == "owner" || $2 == "frozen")' | awk '{print $1}' | paste -sd ,; }
waits_for_silent() { [ -n "$silent" ] && ! { grep -qx 'alone start' $etc/boot-peers && [ $(($(seconds) - began)) -ge $patience ]; }; }
free() {
  local volume role epoch owner dataset nodes facts peers waits=0
  began=0 # it is asked again and again
  facts=$(/usr/local/lib/drover/epochs datasets) || return 1
  facts=$(while IFS=$'\t' read -r volume role epoch owner dataset nodes; do
    case " $* " in *" $dataset "*) printf '%s\t%s\t%s\n' "$volume" "$epoch" "${nodes:-?}" ;; esac
  done <<<"$facts")
  exec 8>$run/free.lock && flock -w 600 8 && peers=$(cut -f 3 <<<"$facts" | holders_of_all) && ask_all $peers || return 1
  while IFS=$'\t' read -r volume epoch nodes; do
    [ -n "$volume" ] || continue
    listen_to "$nodes" || return 1
    [ -z "$(above_of "$volume" "$epoch")" ] || return 2
    [ -z "$(rivals_of "$volume" "$epoch")$(absurd_of "$volume" "$epoch")" ] || waits=1
    ! waits_for_silent || waits=1
  done <<<"$facts"
  return $waits
}
# VOLUME EPOCH NODES DATASET: mounts it, marks it, or adds it to the file of those that wait. A subshell, which ends the
# lock.
judge() (
  listen_to "$3" || exit 1
  set -- "$1" "$2" "$4"
  above=$(above_of "$1" "$2") rivals=$(rivals_of "$1" "$2") absurd=$(absurd_of "$1" "$2")
  # A volume that never left this node belongs to it, whatever a peer answers.
  if never_copied "$2" "$3"; then above='' rivals='' absurd=''; fi
  # No change of a volume by drover comes between looking and setting.
  exec 8>$run/set.lock && flock -w 60 8 || exit 1
  now=$(zfs get -H -s local -o property,value drover:role,drover:owner,drover:epoch "$3") || exit 1
  [ "$now" = "$(printf 'drover:role\towner\ndrover:owner\t%s\ndrover:epoch\t%s' "$me" "$2")" ] || exit 1
  if [ -n "$above" ]; then
    echo "volume $1 has epoch $2 here, and was taken over: $(paste -sd ';' <<<"$above"). $3 is kept as diverged"
    # Not one of the names that drover itself destroys.
    zfs list -H -t snapshot "$3@diverged-e$2" >/dev/null 2>&1 || zfs snapshot "$3@diverged-e$2" || exit 1
    zfs set drover:role=diverged readonly=on "$3"
  elif [ -n "$rivals$absurd" ]; then
    [ -z "$absurd" ] || echo "volume $1 has epoch $2 here, and $absurd reports an impossible one: it waits, nothing is changed"
    printf '%s\trival\t%s\n' "$1" "${rivals:-$absurd}" >>$run/waiting.new
  elif waits_for_silent; then
    printf '%s\tsilent\t%s\n' "$1" "$silent" >>$run/waiting.new
  else
    zfs mount "$3"
  fi
)
# One round; fails while something waits.
decide() {
  local volume epoch nodes dataset list peers failed=0
  list=$(owned) || return 1
  if [ -z "$list" ]; then rm -f $run/waiting; return 0; fi
  peers=$(cut -f 3 <<<"$list" | holders_of_all) && ask_all $peers || return 1
  exec 9<>$lock || return 1
  if ! { flock -n 9 && old_lock /run/lock/drover.lock; }; then exec 9>&- 7>&-; return 1; fi # drover is at work here
  printf '{"owner":"the boot of this node","since":"%s"}\n' "$(date -u +%FT%TZ)" >$lock
  : >$run/waiting.new
  while IFS=$'\t' read -r volume epoch nodes dataset; do judge "$volume" "$epoch" "$nodes" "$dataset" || failed=1; done < <(owned)
  : >$lock
  exec 9>&- 7>&-
  cmp -s $run/waiting.new $run/waiting || sed 's/^/waits: /' $run/waiting.new
  mv $run/waiting.new $run/waiting
  [ $failed = 0 ] && [ ! -s $run/waiting ]
}

# NAME|APPLICATION|STATE|AFTER|EXTERNAL/INTERNAL/PROTOCOL…|DIRECTORIES|RESTART|ERROR
format='{{.Name}}|{{index .Config.Labels "drover.application"}}|'\
'{{if index .Config.Labels "drover.done"}}done{{else}}{{.State.Status}}{{end}}|{{index .Config.Labels "drover.after"}}|'\
'{{range $p, $b := .HostConfig.PortBindings}}{{range $b}}{{.HostPort}}/{{end}}{{$p}} {{end}}|'\
'{{range .Mounts}}{{if eq .Type "bind"}}{{.Source}} {{end}}{{end}}|{{.HostConfig.RestartPolicy.Name}}|{{json .State.Error}}'
all_mounted() {
  local directory
  for directory in "$@"; do
    [ "$directory" = $run/gate ] || { [ -d "$directory" ] && mountpoint -q "${directory%/*}"; } || return 1
  done
}
# PORT…: until a container's TCP ports accept, or 60 s. At Docker's own address, where no forward of ours applies.
accepting() {
  local address port until=$(($(seconds) + 60))
  address=$(ip -4 -o addr show dev docker0 2>/dev/null | awk '{sub("/.*", "", $4); print $4; exit}')
  for port in ${address:+"$@"}; do
    until timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port" 2>/dev/null || [ $(seconds) -ge $until ]; do sleep 1; done
  done
}
# NAME: until its health check has succeeded, or failed, or 60 s; at once where it has none.
healthy() {
  local until=$(($(seconds) + 60))
  while [ "$(docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{end}}' "$1" 2>/dev/null)" = starting ] &&
    [ $(seconds) -lt $until ]; do sleep 1; done
}
# LIST DIRECTORY…: one of them is on a volume of the list that `owned` made: this node's, and not mounted so far.
undecided() {
  local directory dataset
  for directory in "${@:2}"; do
    dataset=${directory%/*} dataset=${dataset##*/}
    [ -n "$dataset" ] && grep -q "/$dataset\$" <<<"$1" && return 0
  done
  return 1
}
# Starts what Docker wanted to start and could not, because there was no gate: what others need goes first, and what
# needs one whose volume waits does so as well.
start_wanted() {
  local ids name app state after ports directories restart error port other next first undecided more=yes
  declare -A serves=() needs=() todo=() opens=() held=()
  undecided=$(owned) || return 1
  ids=$(docker ps -aq --no-trunc --filter label=drover.managed=true) || return 1
  mkdir -p -m 0755 $run/gate || return 1
  [ -n "$ids" ] || return 0
  while IFS='|' read -r name app state after ports directories restart error; do
    name=${name#/} serves[${app:--}]=$name needs[$name]=$after opens[$name]=''
    for port in $ports; do
      for other in $(tr / ' ' <<<"${port%/*/*}"); do
        serves[$other/${port##*/}]=$name
        [ "${port##*/}" = udp ] || opens[$name]="${opens[$name]} $other"
      done
    done
    case $state:$error in
      # Docker keeps a start on disk some seconds later: after a power cut within them it knows of none.
      'created:""') case $restart in always | unless-stopped | on-failure) ;; *) continue ;; esac ;;
      exited:*$run/gate* | created:*$run/gate* | exited:*/var/lib/drover/volumes/* | created:*/var/lib/drover/volumes/*) ;;
      *) continue ;;
    esac
    if all_mounted $directories; then todo[$name]=yes
    elif undecided "$undecided" $directories; then held[$name]=yes; fi
  done < <(docker inspect --format "$format" $ids 2>/dev/null)
  while [ $more = yes ]; do
    more=no
    for name in "${!todo[@]}"; do
      for other in ${needs[$name]}; do
        other=${serves[$other]-}
        [ -n "$other" ] && [ -n "${held[$other]-}" ] || continue
        unset "todo[$name]"
        held[$name]=yes more=yes
        break
      done
    done
  done
  while [ ${#todo[@]} -gt 0 ]; do
    next='' first=''
    for name in $(printf '%s\n' "${!todo[@]}" | sort); do
      first=${first:-$name}
      for other in ${needs[$name]}; do
        other=${serves[$other]-}
        [ -n "$other" ] && [ "$other" != "$name" ] && [ -n "${todo[$other]-}" ] && continue 2
      done
      next=$name
      break
    done
    next=${next:-$first} # a circle: one of them has to be first
    unset "todo[$next]"
    echo "starting $next"
    docker start "$next" >/dev/null || continue
    for name in "${!todo[@]}"; do
      for other in ${needs[$name]}; do [ "${serves[$other]-}" = "$next" ] && { accepting ${opens[$next]}; healthy "$next"; break 2; }; done
    done
  done
}

mkdir -p -m 0700 $run && chmod 0700 $run
case ${1-} in
  mount) mount_own ;;
  free) free "${@:2}" ;;
  start)
    began=$(seconds)
    while :; do
      decide; waits=$?
      start_wanted && [ $waits = 0 ] && break
      sleep $pause
    done
    ;;
  *) exit 64 ;;
esac
END
)
net_unit='[Unit]
Description=drover: port map of this node, and what it forwards
After=nftables.service network-online.target docker.service
Wants=network-online.target
PartOf=nftables.service firewalld.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/drover/net-up
[Install]
WantedBy=multi-user.target'
names_unit='[Unit]
Description=drover: name server at %i, for the containers of one set of networks
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/sbin/dnsmasq --keep-in-foreground --pid-file= --log-facility=- --conf-file=/etc/drover/names/%i/dnsmasq.conf
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=2s
DynamicUser=yes
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateDevices=yes'
boot_unit='[Unit]
Description=drover: mount the volumes that only this node ever had
After=zfs-import.target zfs-mount.service
Before=docker.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/drover/boot-gate mount
[Install]
WantedBy=multi-user.target'
start_unit='[Unit]
Description=drover: mount what this node still owns, and start its containers
After=docker.service drover-boot.service drover-net.service network-online.target
Wants=network-online.target
[Service]
Type=exec
RemainAfterExit=yes
ExecStart=/usr/local/lib/drover/boot-gate start
Restart=on-failure
RestartSec=15
[Install]
WantedBy=multi-user.target'
docker_dropin='[Unit]
After=zfs-import.target zfs-mount.service drover-boot.service
Wants=drover-boot.service'
dead_man=$(cat <<'END'
#!/bin/bash
# dead-man APP | dead-man --boot
# Starts again what a move has stopped, where drover is gone before it has given a volume up. The record in
# /var/lib/drover/dead-man, written before the stop: the container, since when it ran, the boot, and a line with
# dataset and epoch for each of its volumes; before these a line "with CONTAINER APP" for each container that shares one.
# drover looks for the next lines before it writes one.
# record 2
# record 3
set -u
export LC_ALL=C
records=/var/lib/drover/dead-man app=$1
if [ "$app" = --boot ]; then
  for record in "$records"/*; do
    [ -f "$record" ] || continue
    systemctl start --no-block "drover-dead-man@$(systemd-escape -- "${record##*/}").service"
  done
  exit 0
fi
record=$records/$app lock=/run/drover/lock
umask 077
# FILE: takes it as 7, the lock of earlier versions; fails while one of them has it.
old_lock() {
  local pid real
  for _ in 1 2 3; do
    [ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c '%u %h' -- "$1")" = "$(id -u) 1" ] || rm -rf --one-file-system -- "$1"
    (umask 077; : >>"$1") && exec 7<>"$1" && chmod 0600 -- "$1" || return 1
    if flock -n 7; then return 0; fi
    for pid in $(find /proc/[0-9]*/fd -lname "$1" 7<&- 2>/dev/null | cut -d / -f 3 | sort -u); do
      [ "$pid" != $$ ] && real=$(awk '$1 == "Uid:" { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
      if [ "$real" = "$(id -u)" ]; then return 1; fi
    done
    exec 7<&-
    rm -f -- "$1"
  done
  return 1
}
over() { echo "$1"; rm -f "$record"; exit 0; }
read_record() {
  local line
  mapfile -t facts <"$record"
  container=${facts[0]} since=${facts[1]} boot=${facts[2]} head=("${facts[@]:0:3}") datasets=() epochs=() sharers=() apps=()
  for line in "${facts[@]:3}"; do
    case $line in
      'with '*) head+=("$line") line=${line#with }; sharers+=("${line%% *}") apps+=("${line#* }") ;;
      *) datasets+=("${line% *}") epochs+=("${line##* }") ;;
    esac
  done
}
# DATASET OLD NEW: the dead-men of the applications that share this volume go on with its next epoch.
follow() {
  local n other
  for n in "${!apps[@]}"; do
    other=$records/${apps[n]}
    [ -f "$other" ] && [ "$(head -n 1 "$other")" = "${sharers[n]}" ] || continue
    awk -v old="$1 $2" -v new="$1 $3" '$0 == old { $0 = new } { print }' "$other" >"$records/.new.$app" &&
      sync "$records/.new.$app" && mv "$records/.new.$app" "$other" && sync "$records"
  done
}
[ -f "$record" ] || exit 0
read_record
# While the node was off a peer may have taken over, as at every boot: nothing is mounted before the peers are asked.
if [ "$boot" != "$(cat /proc/sys/kernel/random/boot_id)" ]; then
  echo "this node was off since: its peers are asked first"
  until /usr/local/lib/drover/boot-gate free "${datasets[@]}"; do
    [ $? != 2 ] || over "it was taken over while this node was off"
    sleep 15
    [ -f "$record" ] || exit 0
  done
fi
# A run of drover that is alive holds the lock of the node; one that died gives it up within 30 s.
# systemd restarts it when it exits; an earlier drover has a lock of its own.
mkdir -p -m 0700 /run/drover && chmod 0700 /run/drover && exec 9<>"$lock" && flock -w 600 9 || exit 1
old_lock /run/lock/drover.lock || exit 1
[ -f "$record" ] || exit 0
# The dead-man of another application may have changed it.
read_record
trap ': >$lock' EXIT
printf '{"owner":"the dead-man of %s, which starts it again","since":"%s"}\n' "$app" "$(date -u +%FT%TZ)" >$lock
me=$(cat /etc/drover/node-id) || exit 1
now=$(docker inspect -f '{{.State.StartedAt}} {{.State.Status}}' "$container") || { docker version >/dev/null && over "the container is gone"; exit 1; }
[ "${now% *}" = "$since" ] || over "it was started since"
[ "${now#* }" = exited ] || over "it is ${now#* }"
# A container that runs on one of the volumes is another application's: two would write to it, unless they share it.
ids=$(docker ps -q --no-trunc) || exit 1
used=$([ -z "$ids" ] || docker inspect -f '{{$id := .Id}}{{range .Mounts}}{{$id}} {{println .Source}}{{end}}' $ids) || exit 1
for dataset in "${datasets[@]}"; do
  mountpoint=$(zfs get -H -o value mountpoint "$dataset") || exit 1
  while IFS= read -r source; do
    case " ${sharers[*]-} " in *" ${source%% *} "*) continue ;; esac
    source=${source#* }
    case $source/ in "$mountpoint"/*) over "another container runs on $dataset" ;; esac
  done <<<"$used"
done
# No change of a volume by drover comes between looking and setting.
exec 8>/run/drover/set.lock && flock -w 60 8 || exit 1
for at in "${!datasets[@]}"; do
  role='' owner='' epoch=''
  while IFS=$'\t' read -r name value; do
    case $name in drover:role) role=$value ;; drover:owner) owner=$value ;; drover:epoch) epoch=$value ;; esac
  done < <(zfs get -Hp -s local -o property,value drover:role,drover:owner,drover:epoch "${datasets[at]}")
  case $role:$owner:$epoch in
    "owner:$me:${epochs[at]}" | "frozen:$me:${epochs[at]}") ;;
    "owner:$me:"* | "frozen:$me:"*) over "${datasets[at]} was taken over since, with epoch $epoch" ;;
    ::*) zfs list -H -o name "${datasets[at]}" >/dev/null || exit 1; over "${datasets[at]} is not a volume any more" ;;
    *) over "${datasets[at]} is $role: it is not for this node to start it" ;;
  esac
done
# A higher epoch: a run that wakes up later and still counts on what it saw is refused. The record keeps it, for a
# second try where Docker does not answer.
for at in "${!datasets[@]}"; do
  next=$((epochs[at] + 1))
  zfs set drover:role=owner "drover:epoch=$next" readonly=off "${datasets[at]}" || exit 1
  epochs[at]=$next
  {
    printf '%s\n' "${head[@]}"
    for each in "${!datasets[@]}"; do printf '%s %s\n' "${datasets[each]}" "${epochs[each]}"; done
  } >"$records/.new.$app" && sync "$records/.new.$app" && mv "$records/.new.$app" "$record" && sync "$records" || exit 1
  follow "${datasets[at]}" $((next - 1)) "$next"
done
exec 8>&-
for dataset in "${datasets[@]}"; do
  [ "$(zfs get -H -o value mounted "$dataset")" = yes ] || zfs mount "$dataset" || exit 1
done
# Docker is there, so its own starting of containers at boot is over (boot-gate).
mkdir -p -m 0755 /run/drover/gate && docker start "$container" >/dev/null || exit 1
over "started again: the move that stopped it did not go on"
END
)
dead_man_unit='[Unit]
Description=drover: start %I again where a move of it does not go on
After=drover-boot.service docker.service
# It is tried until it has decided, however long Docker hangs or a key of the volume is not loaded.
StartLimitIntervalSec=0
[Service]
Type=oneshot
ExecStart=/usr/local/lib/drover/dead-man %I
Restart=on-failure
RestartSec=15s'
dead_man_boot_unit='[Unit]
Description=drover: what a move has stopped before this node went down
After=drover-boot.service docker.service
Wants=docker.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/drover/dead-man --boot
[Install]
WantedBy=multi-user.target'
standby=$(cat <<'END'
#!/bin/bash
# standby arm          starts a timer for each volume that this node takes snapshots of or sends, and stops all others
# standby sync LEAF    one round for the volume whose dataset has this last part: snapshots, and what its standbys lack.
#                      Does nothing unless this node owns the volume and has mounted it, and no run of drover has it.
# standby receive      one stream of a peer into a standby; systemd starts it for each connection to its socket
# standby pause LEAF TOKEN   ends the rounds and streams of the volume here, and keeps them from starting as long as the run
#                      of drover whose lock has this token has the lock
# standby 1
set -uo pipefail
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
etc=/etc/drover rules=/etc/drover/standby run=/run/drover state=/var/lib/drover/standby tag=drover
umask 077
me=$(cat $etc/node-id) && root=$(cat $etc/root-dataset) && mkdir -p -m 0700 $run $state || exit 1
seconds() { local up; read -r up _ </proc/uptime && echo "${up%.*}"; }
# KIND COLUMN TEXT [COLUMN TEXT]: the lines of the rules that have these texts there, without the kind.
lines() {
  [ ! -f $rules ] || kind=$1 a=$3 b=${5-} awk -F '\t' -v at="$2" -v also="${4:-1}" '
    $1 == ENVIRON["kind"] && ($at "") == (ENVIRON["a"] "") && (also == 1 || ($also "") == (ENVIRON["b"] "")) { sub(/^[^\t]*\t/, ""); print }' $rules
}
# VOLUME: the dataset that is this node's copy of it, or nothing; fails where there are two.
dataset_of() {
  local found
  found=$(zfs get -H -r -t filesystem -s local -o name,value drover:vol "$root" |
    volume=$1 awk -F '\t' '($2 "") == (ENVIRON["volume"] "") { print $1 }') || return 1
  case $found in *$'\n'*) return 1 ;; esac
  printf '%s' "$found"
}
# DATASET: sets role, owner, epoch, copies, flags and mounted.
read_facts() {
  local facts name value source
  role='' owner='' epoch='' copies='' flags='' mounted=''
  facts=$(zfs get -Hp -o property,value,source drover:role,drover:owner,drover:epoch,drover:copies,drover:flags,mounted "$1") || return 1
  while IFS=$'\t' read -r name value source; do
    case $name:$source in
      drover:role:local) role=$value ;; drover:owner:local) owner=$value ;; drover:epoch:local) epoch=$value ;;
      drover:copies:local) copies=$value ;; drover:flags:local) flags=$value ;; mounted:*) mounted=$value ;;
    esac
  done <<<"$facts"
  [[ $epoch =~ ^[0-9]{1,15}$ ]]
}
# LEAF: a run of drover that is alive has the volume.
is_paused() {
  local token
  [ -f "$run/paused.$1" ] && IFS= read -r token <"$run/paused.$1" && [ -n "$token" ] && grep -qsF "\"token\":\"$token\"" $run/lock
}
# DATASET RETENTION KEPT…: destroys the oldest scheduled snapshots that are too many, and none of those in KEPT.
prune() {
  local ds=$1 retention=$2 period count name names
  shift 2
  [ "$retention" != - ] || return 0
  names=$(zfs list -H -d 1 -t snapshot -s createtxg -o name "$ds") || return 1
  for period in hourly daily weekly monthly; do
    count=0
    [[ ,$retention, =~ ,$period=([0-9]{1,4}), ]] && count=${BASH_REMATCH[1]}
    for name in $(grep -F "@drover-auto-$period-" <<<"$names" | head -n "-$count"); do
      case " $* " in *" ${name#*@} "*) ;; *) zfs destroy "$name" 2>/dev/null ;; esac
    done
  done
}
# FILE: standard input becomes FILE, whole or not at all; once it has returned, also after a power cut
save() {
  local new=${1%/*}/.${1##*/}
  mkdir -p "${1%/*}" && cat >"$new" && sync "$new" && mv "$new" "$1" && sync "${1%/*}"
}
one_line() { tr -s '[:cntrl:]' ' ' | tail -c 300; }

# --- on the owner ---
is_ours() { read_facts "$ds" && [ "$role:$owner:$mounted" = "owner:$me:yes" ] && ! is_paused "$leaf"; }
# Sets $list to the nodes of the dataset's record of copies, ? where it is void (src/model/copy-record.ts).
read_record() {
  local of upto ids e n one
  list='?'
  IFS=: read -r of upto ids <<<"$copies"
  [[ $of =~ ^[0-9]+$ && $of = "$epoch" && ${ids:-} =~ ^[A-Za-z0-9.,?_-]+$ ]] || return 0
  [[ $upto = - || $upto =~ ^drover-e([0-9]{1,15})-([0-9]{1,15})$ ]] || return 0
  e=${BASH_REMATCH[1]-} n=${BASH_REMATCH[2]-}
  while IFS= read -r one; do
    [[ $one =~ [@#]drover-e([0-9]{1,15})-([0-9]{1,15})$ ]] || continue
    [ "$upto" != - ] || return 0
    if ((10#${BASH_REMATCH[1]} > 10#$e || (10#${BASH_REMATCH[1]} == 10#$e && 10#${BASH_REMATCH[2]} > 10#$n))); then return 0; fi
  done <<<"$marks"
  list=$ids
}
# Takes the scheduled snapshots that are due, and $name for the standbys. The record has the standbys before there is
# anything to send, so that the next boot asks them.
take() (
  exec 8>$run/set.lock && flock -w 60 8 && is_ours || exit 1
  marks=$(zfs list -H -d 1 -t snapshot,bookmark -s createtxg -o name "$ds") || exit 1
  for period in hourly daily weekly monthly; do
    [[ ,$snapshots, == *,$period=* ]] || continue
    case $period in hourly) form=%Y%m%dT%H ;; daily) form=%Y%m%d ;; weekly) form=%GW%V ;; monthly) form=%Y%m ;; esac
    # With the epoch: after a move two nodes may take one in the same hour.
    stamp=$ds@drover-auto-$period-$(date -u +$form)
    grep -qF "$stamp-e" <<<"$marks" || zfs snapshot "$stamp-e$epoch" || exit 1
  done
  [ "$targets" != - ] || exit 0
  last=0
  while IFS= read -r mark; do
    [[ $mark =~ [@#]drover-e${epoch}-([0-9]{1,15})$ ]] || continue
    ((10#${BASH_REMATCH[1]} <= last)) || last=$((10#${BASH_REMATCH[1]}))
  done <<<"$marks"
  name=drover-e$epoch-$((last + 1))
  read_record
  if [ "$list" != '?' ]; then
    list=$(tr ',' '\n' <<<"${list/#-/},$targets" | grep . | sort -u | paste -sd ,)
    if [ ${#list} -le 900 ]; then list=$epoch:$name:$list; else list=-; fi
    zfs set "drover:copies=$list" "$ds" || exit 1
  fi
  zfs snapshot "$ds@$name" && printf '%s %s' "$epoch" "$name"
)
# TARGET: what is known of the standby there.
read_sent() {
  got='' got_guid=- got_at=- bytes=- pending=-
  [ ! -f "$state/sent/$leaf/$1" ] || IFS=$'\t' read -r got got_guid got_at bytes pending _ <"$state/sent/$leaf/$1"
  got=${got:--}
}
# TARGET ERROR: keeps it; "-" for none.
keep_sent() {
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$got" "$got_guid" "$got_at" "$bytes" "$pending" "$2" | save "$state/sent/$leaf/$1"
}
# WHY: ends the job of a standby.
stuck() {
  local why
  why=$(printf '%s' "$1" | one_line)
  keep_sent "$target" "${why:-it failed}"
  echo "$leaf on node $target: $why"
  exit 1
}
# Connects to the standby's node: $to and $from are the link. Peers and their keys are those of the boot gate.
open_link() {
  local address port open='' key identities=() bind=()
  address=$(id=$target awk '$1 == "node" && $3 == ENVIRON["id"] { print $2; exit }' $etc/boot-peers) && [ -n "$address" ] ||
    stuck 'no peer of this node has that id: run drover apply'
  for key in /etc/ssh/ssh_host_*_key; do [ -f "$key" ] && identities+=(-i "$key"); done
  awk '$1 == "peer" {print $2, $4, $5}' $etc/boot-peers >"$dir/known-hosts"
  for port in $(address=$address awk '$1 == "peer" && $2 == ENVIRON["address"] {gsub(",", " ", $3); print $3; exit}' $etc/boot-peers); do
    if timeout 10 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port" 2>/dev/null; then open=$port; break; fi
  done
  [ -n "$open" ] || stuck "$address does not answer"
  # The other node accepts a volume from one address only.
  key=$(lines self 1 self)
  if [ -n "$key" ] && [ -n "$(ip -o addr show to "$key" 2>/dev/null)" ]; then bind=(-b "$key"); fi
  rm -f "$dir/in" "$dir/out" && mkfifo "$dir/in" "$dir/out" || exit 1
  ssh -F none -T -p "$open" -l drover-peer ${bind[@]+"${bind[@]}"} "${identities[@]}" -o BatchMode=yes -o IdentitiesOnly=yes \
    -o IdentityAgent=none -o PreferredAuthentications=publickey -o StrictHostKeyChecking=yes -o HostKeyAlias="$address" \
    -o UserKnownHostsFile="$dir/known-hosts" -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no -o Compression=no \
    -o ConnectTimeout=10 -o LogLevel=ERROR -o ServerAliveInterval=5 -o ServerAliveCountMax=3 -- "$address" receive \
    <"$dir/in" >"$dir/out" 2>"$dir/said" &
  exec {to}>"$dir/in" {from}<"$dir/out"
}
close_link() { exec {to}>&- {from}<&-; wait $!; }
# SECONDS: the next line of the standby's node, as $word and $rest.
answer() {
  local line=''
  IFS= read -r -t "$1" line <&"$from" || stuck "the connection ended: $(tail -n 1 "$dir/said")"
  word=${line%%$'\t'*} rest=${line#*$'\t'}
  [ "$word" != refused ] || stuck "$rest"
}
# TOKEN: what a resumed stream sends, as $next; nothing where it is not a snapshot of this volume. The other node made
# the token, and zfs would send whatever it names.
read_token() {
  local said
  next=''
  [[ $1 =~ ^[0-9a-f]+(-[0-9a-f]+)+$ ]] || return 0
  said=$(zfs send -nvP -t "$1" 2>/dev/null) || return 0
  next=$(sed -n 's/^[[:space:]]*toname = //p' <<<"$said" | head -n 1)
  case " $flags " in *' -w '*) grep -Eq '^[[:space:]]*rawok = 1' <<<"$said" || next='' ;; esac
  case $next in "$ds@drover-"*) next=${next#*@} ;; *) next='' ;; esac
  size=$(sed -n 's/^size[[:space:]]*//p' <<<"$said" | tail -n 1)
}
# GUID: the first snapshot that a standby with this newest one lacks, as $next, and what it is sent from, as $base.
find_next() {
  local mark guid seen=no
  next='' base=''
  if [ "$1" = - ]; then next=$name; return; fi
  while IFS=$'\t' read -r mark guid; do
    if [ "$guid" = "$1" ]; then
      case $mark in *@*) base=@${mark#*@} ;; *) base=${base:-#${mark#*#}} ;; esac
      seen=yes
    elif [ $seen = yes ] && [ -z "$next" ]; then
      case $mark in "$ds@drover-auto-"* | "$ds@$name") next=${mark#*@} ;; esac
    fi
  done < <(zfs list -Hp -d 1 -t snapshot,bookmark -s createtxg -o name,guid "$ds")
  [ $seen = yes ] || stuck 'the copy there has a newest snapshot that this node lacks: drover plan shows what to do'
}
# Sends one snapshot; fails once the standby has all of them.
send_next() {
  local guid token base='' next='' words=() size=0 next_guid next_at to from word rest sent codes flag
  open_link
  printf '%s\t%s\t%s\t%s\n' "$volume" "$epoch" "${flags:-none}" "$tuning" >&"$to"
  answer 90
  IFS=$'\t' read -r guid token <<<"$rest"
  if [ "$token" != - ]; then
    read_token "$token"
    words=(-t "$token")
    if [ -z "$next" ]; then
      printf 'abandon\n' >&"$to"
      answer 90
      IFS=$'\t' read -r guid token <<<"$rest"
      words=()
    fi
  fi
  if [ -z "$next" ]; then
    find_next "$guid"
    for flag in $flags; do case $flag in -L | -c | -w) words+=("$flag") ;; esac; done
    [ -z "$base" ] || words+=(-i "$base")
    words+=("$ds@$next")
    [ -z "$next" ] || size=$(zfs send -nP "${words[@]}" 2>/dev/null | sed -n 's/^size[[:space:]]*//p' | tail -n 1)
  fi
  if [ -z "$next" ]; then printf 'nothing\n' >&"$to"; close_link; return 1; fi
  next_guid=$(zfs get -Hp -o value guid "$ds@$next") && next_at=$(zfs get -Hp -o value creation "$ds@$next") || stuck "@$next is gone"
  pending=$next
  keep_sent "$target" "$(if [ "$got" = - ]; then echo 'the first copy is not complete'; else echo -; fi)"
  printf 'take\t%s\t%s\t%s\t%s\t%s\n' "$next" "$next_guid" "$next_at" "${size:-0}" "$list" >&"$to"
  answer 90
  zfs send "${words[@]}" </dev/null 2>"$dir/send" | dd bs=131072 2>"$dir/count" >&"$to"
  codes="${PIPESTATUS[*]}"
  exec {to}>&-
  answer 3600
  exec {from}<&-
  wait $!
  [ "$word:$rest" = "received:$next_guid" ] && [ "$codes" = '0 0' ] || stuck "$(tail -n 1 "$dir/send") $rest"
  case $next in drover-e*) zfs bookmark "$ds@$next" "$ds#$next" 2>/dev/null ;; esac
  sent=$(sed -n 's/^\([0-9]*\) bytes.*/\1/p' "$dir/count")
  total=$((total + ${sent:-0}))
  got=$next got_guid=$next_guid got_at=$next_at pending=- bytes=$total
  keep_sent "$target" -
  [ "$next" != "$name" ]
}
# Brings the standby on $target up to $name.
send_all() {
  local dir total=0
  trap '' PIPE
  dir=$(mktemp -d "$run/standby-send.$leaf.XXXXXX") || exit 1
  trap 'rm -rf "$dir"' EXIT
  read_sent "$target"
  while send_next; do :; done
}
# Removes what this node's own rounds no longer need: a standby's newest snapshot stays, and a bookmark for each standby
# that was declared once. Snapshots of moves have a hold, and earlier epochs are left to moves.
tidy() (
  exec 8>$run/set.lock && flock -w 60 8 && is_ours || exit 1
  snapshots_kept=" $name " bookmarks_kept=" $name "
  for file in "$state/sent/$leaf"/*; do
    [ -f "$file" ] || continue
    read_sent "${file##*/}"
    bookmarks_kept+="$got $pending "
    case ",$targets," in *",${file##*/},"*) snapshots_kept+="$got $pending " ;; esac
  done
  marks=$(zfs list -Hp -d 1 -t snapshot,bookmark -s createtxg -o name "$ds") || exit 1
  while IFS= read -r mark; do
    [[ $mark =~ @(drover-e${epoch}-[0-9]+)$ ]] || continue
    case $snapshots_kept in *" ${BASH_REMATCH[1]} "*) ;; *) zfs destroy "$mark" 2>/dev/null ;; esac
  done <<<"$marks"
  while IFS= read -r mark; do
    [[ $mark =~ '#'(drover-e${epoch}-[0-9]+)$ ]] || continue
    case $bookmarks_kept in *" ${BASH_REMATCH[1]} "*) continue ;; esac
    zfs list -H -o name "$ds@${BASH_REMATCH[1]}" >/dev/null 2>&1 || zfs destroy "$mark"
  done <<<"$marks"
  prune "$ds" "$snapshots" ${snapshots_kept}
)
# BASE64: runs the program in the application's container, if that runs.
in_container() {
  local container words
  [ "$1" != - ] || return 0
  container=$(docker ps -q --no-trunc --filter label=drover.managed=true --filter "label=drover.application=$app" | head -n 1)
  [ -n "$container" ] || return 0
  mapfile -d '' words < <(base64 -d <<<"$1") && timeout 60 docker exec "$container" "${words[@]}" </dev/null >/dev/null
}
# Snapshots, and a job for each standby that is not still receiving.
round() {
  local said target ok
  is_ours || return 1
  if in_container "$before"; then said=$(take); ok=$?; else ok=quiesce; fi
  in_container "$after" || echo "$leaf: the program after the snapshot failed"
  if [ $ok = quiesce ]; then
    for target in ${targets//[,-]/ }; do read_sent "$target"; keep_sent "$target" 'the program before the snapshot failed'; done
    echo "$leaf: the program before the snapshot failed"
    return 0
  fi
  [ $ok = 0 ] || return 1
  if [ "$targets" = - ]; then prune "$ds" "$snapshots"; return 0; fi
  name=${said#* }
  read_facts "$ds" && marks=$(zfs list -H -d 1 -t snapshot,bookmark -o name "$ds") && [ "$epoch" = "${said%% *}" ] || return 1
  read_record
  tuning=$(zfs get -Hp -s local -o property,value recordsize,compression,logbias,acltype,xattr,atime,primarycache "$ds" | tr '\t' = | paste -sd ' ')
  tuning=${tuning:--}
  for target in ${targets//,/ }; do
    [ -n "${jobs[$target]-}" ] && kill -0 "${jobs[$target]}" 2>/dev/null && continue
    send_all & jobs[$target]=$!
  done
}
running() { local job; for job in "${jobs[@]}"; do if kill -0 "$job" 2>/dev/null; then return 0; fi; done; return 1; }
# A standby that takes long does not keep the others waiting.
sync_volume() {
  leaf=$1
  local due
  declare -gA jobs=()
  volume=''
  IFS=$'\t' read -r _ volume app _ every _ snapshots targets before after < <(lines send 2 "$leaf")
  [ -n "$volume" ] || exit 0
  exec 6>"$run/standby.$leaf.lock" && flock -n 6 || exit 0
  rm -rf "$run/standby-send.$leaf."* # of a round that was ended
  ds=$(dataset_of "$volume") || exit 1
  [ -n "$ds" ] || exit 0
  while round; do
    sleep $((every / 1000)) & due=$!
    while running && kill -0 $due 2>/dev/null; do wait -n; done
    kill $due 2>/dev/null
    if [ "$targets" != - ]; then tidy; fi
    running || break
  done
  wait
}

# --- on the standby's node ---
# Passes its input on if it begins like the stream of one snapshot of one filesystem (src/node/zfs/transfer-stream.ts).
one_snapshot='my $h = ""; while (length $h < 312) { my $r = sysread STDIN, $h, 312 - length $h, length $h; if (!defined $r) { next if $! == 4; exit 1 } last if $r == 0 } if (length $h == 312) { my ($type, $magic, $info, $kind) = unpack "V x4 Q< Q< x8 V", $h; if ($type != 0 || $magic != 0x2F5BACBAC || ($info & 3) != 1 || $kind != 2) { print STDERR "refused: this is not the stream of one snapshot of a filesystem\n"; exit 1 } } for (my $o = 0; $o < length $h;) { my $w = syswrite STDOUT, $h, length($h) - $o, $o; if (!defined $w) { next if $! == 4; exit 1 } $o += $w } exec "cat";'
refuse() { printf 'refused\t%s\n' "$(printf '%s' "$1" | one_line)"; echo "refused: $1" >&2; exit 1; }
# LEAF: ends a stream of this volume that has the lock in the file.
end_receive() { local pid; IFS= read -r pid <"$run/receive.$1"; [[ ! ${pid-} =~ ^[0-9]+$ ]] || kill -TERM -- "-$pid" 2>/dev/null; }
# Under the lock of all changes of ownership: this node may receive the volume from the peer now. A new connection of the
# owner takes the place of one that was lost.
claim() {
  exec 8>$run/set.lock && flock -w 60 8 || refuse 'another command of drover is running'
  ! is_paused "$leaf" || refuse 'a run of drover has the volume'
  exec 5>>"$run/receive.$leaf" || exit 1
  if ! flock -n 5; then end_receive "$leaf"; flock -w 20 5 || refuse 'another stream of the volume does not end'; fi
  echo $$ >"$run/receive.$leaf"
  ds=$(dataset_of "$volume") || refuse 'there are two copies of the volume'
  if [ -n "$ds" ]; then check_copy; fi
  exec 8>&-
}
# The copy may receive what the peer sends as its owner with $sent_epoch.
check_copy() {
  read_facts "$ds" || refuse 'its copy there cannot be read'
  case $role in replica | incoming) ;; *) refuse "its copy there has role ${role:-none}" ;; esac
  [ $((10#$epoch)) -le $((10#$sent_epoch)) ] || refuse "its copy there has epoch $epoch, and the owner here $sent_epoch"
  [ "$owner" = "$peer" ] || [ $((10#$epoch)) -lt $((10#$sent_epoch)) ] || refuse "its copy there belongs to node $owner"
  [ "$mounted" = no ] || refuse 'its copy there is mounted'
}
# Prints the newest snapshot of the copy and its resume token.
print_state() {
  local guid=- token=-
  if [ -n "$ds" ]; then
    guid=$(zfs list -Hp -d 1 -t snapshot -s createtxg -o guid "$ds" | tail -n 1) && token=$(zfs get -H -o value receive_resume_token "$ds") || refuse 'its copy there cannot be read'
  fi
  printf 'state\t%s\t%s\n' "${guid:--}" "${token:--}"
}
# SNAPSHOT GUID TIME SIZE NODES: checks what the peer asks for, and that there is room.
check_request() {
  local free used
  [[ $1 =~ ^drover-(e[0-9]{1,15}-[0-9]{1,15}|auto-[a-z]{1,10}-[0-9A-Z]{1,20}-e[0-9]{1,15})$ && $2 =~ ^[0-9]{1,20}$ && $3 =~ ^[0-9]{1,12}$ && $4 =~ ^[0-9]{1,18}$ ]] ||
    refuse 'the request is not understood'
  [[ $5 = '?' || $5 = - || $5 =~ ^[A-Za-z0-9.,?_-]{1,900}$ ]] || refuse 'the request is not understood'
  IFS=$'\t' read -r free used < <(zfs list -Hp -o avail,used "$root") || refuse 'the pool there cannot be read'
  # A pool that is full stops the applications of its node.
  [ $((10#$4 + (free + used) / 50)) -le "$free" ] ||
    refuse "the pool there has no room: $((10#$4 / 1048576 + 1)) MiB more would leave less than 2% of it; $((free / 1048576)) MiB are free"
}
# Options of a new copy. Words of the peer are used only in these forms.
set_options() {
  local word
  options=(-o readonly=on -o canmount=noauto -o setuid=off -o devices=off)
  for word in mountpoint sharenfs sharesmb exec; do options+=(-x "$word"); done
  [ -z "$ds" ] || return 0
  options+=(-o "drover:vol=$volume" -o "drover:app=$app" -o "drover:deployment=$deployment" -o drover:role=incoming -o "drover:owner=$peer" -o "drover:epoch=$sent_epoch")
  [[ $sent_flags =~ ^(none|-[Lcw]( -[Lcw])*)$ ]] && options+=(-o "drover:flags=$sent_flags")
  for word in $tuning; do
    [[ $word =~ ^(recordsize=[0-9]{3,8}|(compression|logbias|acltype|xattr|atime|primarycache)=[a-z0-9-]{1,16})$ ]] && options+=(-o "$word")
  done
  ds=$root/$leaf
  if zfs list -H -o name "$ds" >/dev/null 2>&1; then ds=$root/$leaf-e$sent_epoch; fi
}
# SNAPSHOT GUID NODES: it has arrived. Everything older that this node's owner needs no more goes; a bookmark stays.
arrived() {
  local newest mark refs older=() count
  exec 8>$run/set.lock && flock -w 60 8 || refuse 'another command of drover is running'
  check_copy
  newest=$(zfs list -Hp -d 1 -t snapshot -s createtxg -o name,guid "$ds" | tail -n 1)
  [ "$newest" = "$(printf '%s@%s\t%s' "$ds" "$1" "$2")" ] || refuse 'another snapshot arrived than was sent'
  zfs hold $tag "$ds@$1" || refuse 'the snapshot cannot be held'
  case $1 in
    drover-e*)
      set -- "$1" "$2" "$(tr ',' '\n' <<<"${3/#-/},$peer" | grep . | grep -vxF "$me" | sort -u | paste -sd ,)" "$3"
      [ "$4" = '?' ] || [ ${#3} -gt 900 ] || record=$sent_epoch:$1:$3
      zfs set drover:role=replica "drover:owner=$peer" "drover:epoch=$sent_epoch" "drover:copies=${record:--}" "$ds" || refuse 'its properties cannot be set' ;;
  esac
  exec 8>&-
  while IFS=$'\t' read -r mark refs; do
    [ "$mark" != "$ds@$1" ] && [[ $mark =~ @drover-(e|auto-) ]] || continue
    [ "$refs" = 0 ] || zfs release $tag "$mark" 2>/dev/null
    [[ $mark =~ @(drover-e[0-9]+-[0-9]+)$ ]] || continue
    zfs bookmark "$mark" "$ds#${BASH_REMATCH[1]}" 2>/dev/null
    zfs destroy "$mark" 2>/dev/null
  done < <(zfs list -Hp -d 1 -t snapshot -s createtxg -o name,userrefs "$ds")
  for mark in $(zfs list -Hp -d 1 -t bookmark -s createtxg -o name "$ds" | grep "#drover-e$sent_epoch-" | head -n -20); do zfs destroy "$mark"; done
  prune "$ds" "$keep" "$1"
}
receive() {
  local line word rest snapshot guid at size nodes record=''
  IFS=' ' read -r -t 60 peer address || exit 1
  IFS=$'\t' read -r -t 60 volume sent_epoch sent_flags tuning || exit 1
  leaf=''
  IFS=$'\t' read -r leaf _ app deployment _ from _ keep < <(lines accept 3 "$volume" 6 "$peer")
  [ -n "$leaf" ] || refuse 'that node accepts no such standby: run drover apply'
  [ "$from" = "$address" ] || refuse "that node accepts it from $from only, and it came from $address"
  [[ $sent_epoch =~ ^[0-9]{1,15}$ ]] || refuse 'the request is not understood'
  claim
  print_state
  while IFS= read -r -t 60 line; do
    word=${line%%$'\t'*} rest=${line#*$'\t'}
    case $word in
      abandon) [ -z "$ds" ] || zfs receive -A "$ds" || refuse 'the rest of an earlier stream cannot be removed'; ds=$(dataset_of "$volume"); print_state ;;
      take) break ;;
      *) exit 0 ;;
    esac
  done
  [ "${word-}" = take ] || exit 1
  IFS=$'\t' read -r snapshot guid at size nodes <<<"$rest"
  check_request "$snapshot" "$guid" "$at" "$size" "$nodes"
  # ZFS refuses a stream that ends above the limit of the copy.
  [ -z "$ds" ] || [ "$(zfs get -Hp -o value refquota "$ds")" = 0 ] || zfs set refquota=none "$ds" || refuse 'the limit of the copy cannot be lifted'
  set_options
  printf 'go\n'
  line=$(zfs receive -s -u "${options[@]}" "$ds" 2>&1 < <(exec perl -e "$one_snapshot" 2>/dev/null)) || refuse "${line##*$'\n'}"
  arrived "$snapshot" "$guid" "$nodes"
  printf '%s\t%s\t%s\t%s\n' "$peer" "$snapshot" "$guid" "$at" | save "$state/received/$leaf"
  printf 'received\t%s\n' "$guid"
}

arm() {
  local leaf every unit count=0 wanted=' '
  : >$run/standby.unarmed # until the end: an observation shows it
  while IFS=$'\t' read -r leaf _ _ _ every _; do
    unit=drover-standby@$leaf wanted+="$leaf "
    systemctl -q stop "$unit.timer" 2>/dev/null
    # AccuracySec: systemd puts timers together within a minute otherwise.
    systemd-run --quiet --on-active="$((1 + count++ % 10))" --on-unit-inactive="${every}ms" --timer-property=AccuracySec=1s --unit="$unit.service" || return 1
  done < <([ ! -f $rules ] || sed -n 's/^send\t//p' $rules)
  for unit in $(systemctl list-units --all --plain --no-legend 'drover-standby@*.timer' | awk '{print $1}'); do
    leaf=${unit#drover-standby@} leaf=${leaf%.timer}
    case $wanted in *" $leaf "*) ;; *) systemctl -q stop "$unit" "drover-standby@$leaf.service" ;; esac
  done
  rm -f $run/standby.unarmed
}
pause() {
  exec 8>$run/set.lock && flock -w 60 8 && printf '%s\n' "$2" >"$run/.paused.$1" && mv "$run/.paused.$1" "$run/paused.$1" || exit 1
  exec 8>&-
  ! systemctl -q is-active "drover-standby@$1.service" || systemctl -q stop "drover-standby@$1.service"
  exec 5>>"$run/receive.$1" || exit 1
  if ! flock -n 5; then end_receive "$1"; flock -w 30 5; fi
}
case ${1-}:$# in
  arm:1) arm ;;
  sync:2) sync_volume "$2" ;;
  receive:1) receive ;;
  pause:3) pause "$2" "$3" ;;
  *) exit 64 ;;
esac
END
)
standby_unit='[Unit]
Description=drover: the timers of snapshots and standbys
After=zfs-mount.service drover-boot.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/drover/standby arm
[Install]
WantedBy=multi-user.target'
standby_round_unit='[Unit]
Description=drover: snapshots and standbys of %i
[Service]
Type=oneshot
ExecStart=/usr/local/lib/drover/standby sync %i
TimeoutStopSec=10s'
receive_socket='[Unit]
Description=drover: where peers send standbys
[Socket]
ListenStream=/run/drover-receive.sock
SocketUser=drover-peer
SocketMode=0600
Accept=yes
MaxConnections=256
[Install]
WantedBy=sockets.target'
receive_unit='[Unit]
Description=drover: a standby is received
CollectMode=inactive-or-failed
[Service]
ExecStart=/usr/local/lib/drover/standby receive
StandardInput=socket
StandardOutput=socket
StandardError=journal
TimeoutStopSec=10s'
# Before anybody can log in: the folder of the locks, and the lock of earlier versions, which no other login can open.
run_files='d /run/drover 0700 root root
f /run/lock/drover.lock 0600 root root'
# Every file that makes a node: PATH MODE TEXT. Written where one differs; the services are enabled then.
paths=() modes=() texts=()
want() { paths+=("$1") modes+=("$2") texts+=("$3"); }
units=/etc/systemd/system
want $lib/net-up 755 "$net_up"
want $lib/boot-gate 755 "$boot_gate"
want $lib/epochs 755 "$epochs"
want $units/drover-start.service 644 "$start_unit"
want /etc/drover/root-dataset 644 "$root_dataset"
want $units/drover-net.service 644 "$net_unit"
want $units/drover-names@.service 644 "$names_unit"
want $units/drover-boot.service 644 "$boot_unit"
want $units/docker.service.d/drover.conf 644 "$docker_dropin"
want $lib/dead-man 755 "$dead_man"
want $units/drover-dead-man@.service 644 "$dead_man_unit"
want $units/drover-dead-man.service 644 "$dead_man_boot_unit"
want $lib/standby 755 "$standby"
want $units/drover-standby.service 644 "$standby_unit"
want $units/drover-standby@.service 644 "$standby_round_unit"
want $units/drover-receive.socket 644 "$receive_socket"
want $units/drover-receive@.service 644 "$receive_unit"
want /etc/tmpfiles.d/drover.conf 644 "$run_files"
enabled='drover-net.service drover-boot.service'
enabled="$enabled drover-start.service drover-dead-man.service drover-standby.service drover-receive.socket"

# --remove: everything of the list but what says which pool is whose; then it is over.
units_gone() { local unit; for unit in $enabled; do ! systemctl -q is-enabled "$unit" || return 1; done; }
units_remove() { systemctl -q disable --now $enabled && systemctl -q stop 'drover-names@*.service' 'drover-standby@*.timer' 'drover-standby@*.service'; }
map_gone() { ! nft list table inet drover && ! nft list table inet drover_names && ! { iptables -w 10 -S; ip6tables -w 10 -S; } | grep -Eq 'DROVER-FORWARD|comment drover'; }
map_remove() {
  local tables rule range
  nft delete table inet drover 2>/dev/null
  nft delete table inet drover_names 2>/dev/null
  [ ! -f /etc/drover/names/ranges ] || while read -r range; do ip -4 route del local "$range" dev lo 2>/dev/null; done </etc/drover/names/ranges
  iptables -w 10 -S INPUT | sed -n '/comment drover/s/^-A/-D/p' | while read -r rule; do iptables -w 10 $rule; done
  for tables in iptables ip6tables; do
    $tables -w 10 -S DOCKER-USER 2>/dev/null | sed -n '/comment drover/s/^-A/-D/p' | while read -r rule; do $tables -w 10 $rule; done
    $tables -w 10 -D FORWARD -j DROVER-FORWARD
    $tables -w 10 -F DROVER-FORWARD && $tables -w 10 -X DROVER-FORWARD
  done
}
removable() { printf '%s\n' "${paths[@]}" /etc/drover/{mesh.nft,peers,boot-peers,standby} /etc/sysctl.d/90-drover.conf | grep -vx /etc/drover/root-dataset; }
files_gone() { local file; for file in $(removable) /etc/drover/names; do [ ! -e "$file" ] || return 1; done; }
files_remove() { rm -f $(removable) && rm -rf --one-file-system /etc/drover/names && systemctl daemon-reload; }
login_gone() { ! getent passwd drover-peer; }
login_remove() { userdel drover-peer && rm -rf --one-file-system /var/lib/drover/peer; }
if [ $remove = yes ]; then
  skip=no
  step 'boot services off' units_gone units_remove
  step 'port map off' map_gone map_remove
  step "peers' login off" login_gone login_remove
  step 'files removed' files_gone files_remove
  finish
fi

files_ready() {
  local at
  for at in "${!paths[@]}"; do
    same "${paths[at]}" "${texts[at]}" && [ "$(stat -c %a "${paths[at]}")" = "${modes[at]}" ] || return 1
  done
}
files_write() {
  local at
  for at in "${!paths[@]}"; do
    install -d -m 0755 "$(dirname "${paths[at]}")" && printf '%s\n' "${texts[at]}" | put "${paths[at]}" "0${modes[at]}" || return 1
  done
}
step files files_ready files_write
# The user that peers log in as at boot: it has no password, and drover writes its keys.
peer_home=/var/lib/drover/peer
peer_ready() {
  [ "$(getent passwd drover-peer | cut -d : -f 6,7)" = $peer_home:/bin/sh ] && [ -f $peer_home/.ssh/authorized_keys ] &&
    [ "$(stat -c %U:%a $peer_home $peer_home/.ssh $peer_home/.ssh/authorized_keys | paste -sd ' ')" = 'root:755 root:755 root:644' ]
}
peer_make() {
  id drover-peer >/dev/null 2>&1 ||
    useradd --system --home-dir $peer_home --no-create-home --shell /bin/sh --password '*' drover-peer || return 1
  install -d -m 0755 -o root $peer_home $peer_home/.ssh && touch $peer_home/.ssh/authorized_keys &&
    chmod 0644 $peer_home/.ssh/authorized_keys
}
step 'user drover-peer' peer_ready peer_make
# One unit at a time: for several, systemctl is content with any of them.
each_unit() { local unit; for unit in $2; do systemctl -q "$1" "$unit" || return 1; done; }
services_ready() { each_unit is-enabled "$enabled" && [ "$(systemctl show -P NeedDaemonReload docker.service)" = no ]; }
services_enable() { systemctl daemon-reload && systemctl -q enable $enabled; }
step 'boot services' services_ready services_enable

docker_ready() { systemctl -q is-enabled docker.service && systemctl -q is-active docker.service; }
docker_start() { systemctl -q enable --now docker.service; }
step docker docker_ready docker_start
services_active() { each_unit is-active "$enabled"; }
services_start() { systemctl start $enabled; }
step 'services started' services_active services_start

# Docker switches forwarding on, and closes it for everybody else; after it this looks after the rest.
forwards_well() { sh -c "$net_up" net-up check; }
forwards_set() { $lib/net-up forward; }
step forwarding forwards_well forwards_set

finish

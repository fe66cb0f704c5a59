#!/bin/bash
# Turns a Debian 12/13 or Ubuntu 22.04/24.04 host into a drover node. Run as root; may be run again.
#
#   provision.sh [--check] [--pool DEVICE | --pool FILE:SIZE] [--pool-name drover] [--root drover/volumes]
#
# --check changes nothing and says what would be done (exit status 1 when something would).
# Without --pool an existing pool of that name is used.
# Prints one line a step:  STATE  STEP  DETAIL   where STATE is done | would do | did | cannot
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive

check=no pool_spec='' pool=drover root_dataset=''
usage() { sed -n '2,9s/^# \{0,1\}//p' "$0" 2>/dev/null; exit 64; }
while [ $# -gt 0 ]; do
  case $1 in
    --check) check=yes ;;
    --pool) pool_spec=${2-}; shift ;;
    --pool-name) pool=${2-}; shift ;;
    --root) root_dataset=${2-}; shift ;;
    *) usage ;;
  esac
  shift
done
root_dataset=${root_dataset:-$pool/volumes}
mountpoint=/var/lib/drover/volumes
changed=0 failed=0

say() { printf '%-9s %-22s %s\n' "$1" "$2" "${3-}"; }
cannot() { say cannot "$1" "$2"; failed=1; }
# step NAME TEST ACTION: nothing when TEST holds, else ACTION (or only its announcement with --check)
step() {
  local name=$1 test=$2 action=$3 output
  if $test >/dev/null 2>&1; then say 'done' "$name"; return 0; fi
  changed=1
  if [ $check = yes ]; then say 'would do' "$name"; return 0; fi
  if output=$($action 2>&1) && $test >/dev/null 2>&1; then say did "$name"; return 0; fi
  cannot "$name" "$(printf '%s' "${output:-it had no effect}" | grep -v '^$' | tail -n 1)"
  return 1
}
# put FILE MODE: standard input becomes FILE, only when it differs
put() { local new; new=$(mktemp "$1.XXXXXX") && cat >"$new" && chmod "$2" "$new" && mv "$new" "$1"; }
same() { [ -f "$1" ] && printf '%s\n' "$2" | cmp -s - "$1"; }

[ "$(id -u)" = 0 ] || { cannot root 'this must run as root; use sudo'; exit 1; }
. /etc/os-release
case $ID:${VERSION_ID-} in
  debian:12|debian:13|ubuntu:22.04|ubuntu:24.04) say 'done' system "$PRETTY_NAME" ;;
  *) say 'done' system "${PRETTY_NAME-$ID} (not one of Debian 12/13, Ubuntu 22.04/24.04: the same steps are tried)" ;;
esac

# --- packages -----------------------------------------------------------------------------------
packages='nftables iptables conntrack perl-base zfsutils-linux'
docker_here() { command -v docker && command -v dockerd; }
docker_here >/dev/null 2>&1 || packages="$packages docker.io"
zfs_module_here() { modinfo -k "$(uname -r)" zfs || [ -d /sys/module/zfs ]; }
if [ "$ID" = debian ]; then
  docker_here >/dev/null 2>&1 || [ "${VERSION_ID-}" = 12 ] || packages="$packages docker-cli"
  zfs_module_here >/dev/null 2>&1 || packages="$packages linux-headers-$(uname -r) zfs-dkms"
fi
installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}\n' $packages | grep -vc '^ii')" = 0 ]; }
add_contrib() {
  [ "$ID" = debian ] || return 0
  apt-cache show zfsutils-linux >/dev/null 2>&1 && return 0
  sed -i '/^Components:/{/contrib/!s/$/ contrib/}' /etc/apt/sources.list.d/*.sources 2>/dev/null
  sed -i -E '/^deb .*debian/{/contrib/!s/$/ contrib/}' /etc/apt/sources.list 2>/dev/null
  return 0
}
install_packages() {
  add_contrib && apt-get update -q && apt-get install -y -q --no-install-recommends $packages
}
if ! step packages installed install_packages; then exit 1; fi

# --- OpenZFS ------------------------------------------------------------------------------------
zfs_ready() { [ -d /sys/module/zfs ] && same /etc/modules-load.d/drover.conf zfs; }
zfs_load() { echo zfs | put /etc/modules-load.d/drover.conf 0644; modprobe zfs; }
step 'zfs module' zfs_ready zfs_load

id_file=/etc/drover/node-id
folders_ready() { [ -d /etc/drover ] && [ -d /var/lib/drover ] && [ "$(stat -c %a /etc/drover /var/lib/drover | sort -u)" = 755 ]; }
folders_make() { install -d -m 0755 /etc/drover /var/lib/drover; }
step folders folders_ready folders_make
id_ready() { grep -Eq '^[0-9a-f-]{36}$' $id_file; }
id_make() { put $id_file 0644 </proc/sys/kernel/random/uuid; }
step 'node id' id_ready id_make
node_id=$(cat $id_file 2>/dev/null)

pool_ready() { zpool list -H "$pool"; }
pool_make() {
  local device=$pool_spec
  zpool import -N "$pool" 2>/dev/null && return 0
  case $pool_spec in
    '') echo "there is no pool \"$pool\": name a device or FILE:SIZE with --pool"; return 1 ;;
    /dev/*) ;;
    *:*) device=${pool_spec%:*}; mkdir -p "$(dirname "$device")"; [ -e "$device" ] || truncate -s "${pool_spec##*:}" "$device" ;;
  esac
  # No -f: a device that holds something is refused by zpool itself.
  zpool create -o ashift=12 -O compression=lz4 -O atime=off -O xattr=sa -O acltype=posixacl \
    -O canmount=off -O mountpoint=none "$pool" "$device"
}
step "pool $pool" pool_ready pool_make

get() { zfs get -H -o value "$1" "$2"; }
root_ready() {
  [ "$(get mountpoint "$root_dataset")" = $mountpoint ] && [ "$(get canmount "$root_dataset")" = off ] &&
    [ "$(get com.sun:auto-snapshot "$root_dataset")" = false ]
}
root_make() {
  zfs list -H "$root_dataset" >/dev/null 2>&1 || zfs create -p -o canmount=off -o mountpoint=$mountpoint "$root_dataset" || return 1
  zfs set canmount=off mountpoint=$mountpoint com.sun:auto-snapshot=false "$root_dataset"
}
step "dataset $root_dataset" root_ready root_make
owner_ready() { [ -n "$node_id" ] && [ "$(get drover:node "$root_dataset")" = "$node_id" ]; }
owner_set() {
  local there; there=$(get drover:node "$root_dataset") || return 1
  # Another id means a cloned disk or a pool from elsewhere: a person decides, not a script.
  [ "$there" = - ] || { echo "$root_dataset belongs to node $there; if that node is gone: zfs set drover:node=$node_id $root_dataset"; return 1; }
  zfs set drover:node="$node_id" "$root_dataset"
}
step 'dataset belongs here' owner_ready owner_set

# --- network ------------------------------------------------------------------------------------
sysctl_text='net.ipv4.ip_forward=1
net.ipv6.conf.all.forwarding=1'
sysctl_ready() { same /etc/sysctl.d/90-drover.conf "$sysctl_text" && [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ]; }
sysctl_set() { printf '%s\n' "$sysctl_text" | put /etc/sysctl.d/90-drover.conf 0644; sysctl -q -p /etc/sysctl.d/90-drover.conf; }
step forwarding sysctl_ready sysctl_set

lib=/usr/local/lib/drover
net_up='#!/bin/sh
# Loads the port map of this node and lets forwarded traffic past Docker'"'"'s own rules.
set -u
[ -f /etc/drover/mesh.nft ] && { nft -f /etc/drover/mesh.nft || exit 1; }
[ -f /etc/drover/peers ] || exit 0
while read -r peer; do
  case $peer in ""|"#"*) continue ;; *:*) tables=ip6tables ;; *) tables=iptables ;; esac
  set -- DOCKER-USER -m conntrack --ctstate DNAT --ctreplsrc "$peer" -m comment --comment drover -j ACCEPT
  $tables -w 10 -n -L DOCKER-USER >/dev/null 2>&1 || continue
  $tables -w 10 -C "$@" 2>/dev/null || $tables -w 10 -I "$@" || exit 1
done </etc/drover/peers'
boot_gate='#!/bin/sh
# Mounts the volumes that this node owns, and nothing else, before Docker starts its containers.
set -u
root=$(cat /etc/drover/root-dataset) && me=$(cat /etc/drover/node-id) || exit 0
failed=0
for dataset in $(zfs get -H -r -t filesystem -s local -o name,value drover:role "$root" | awk -F "\t" "\$2 == \"owner\" {print \$1}"); do
  [ "$(zfs get -H -s local -o value drover:owner "$dataset")" = "$me" ] || continue
  [ "$(zfs get -H -o value mounted "$dataset")" = yes ] && continue
  zfs mount "$dataset" || failed=1
done
exit $failed'
net_unit='[Unit]
Description=drover: port map of this node
After=nftables.service network-online.target docker.service
Wants=network-online.target
PartOf=nftables.service firewalld.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/drover/net-up
[Install]
WantedBy=multi-user.target'
boot_unit='[Unit]
Description=drover: mount the volumes that this node owns
After=zfs-import.target zfs-mount.service
Before=docker.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/drover/boot-gate
[Install]
WantedBy=multi-user.target'
docker_dropin='[Unit]
After=zfs-import.target zfs-mount.service drover-boot.service
Wants=drover-boot.service'
dead_man='#!/bin/bash
# dead-man APP | dead-man --boot
# Starts again what a move has stopped, where drover is gone before it has given a volume up. The record in
# /var/lib/drover/dead-man, written before the stop: the container, since when it ran, and its datasets.
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
record=$records/$app lock=/run/lock/drover.lock
over() { echo "$1"; rm -f "$record"; exit 0; }
[ -f "$record" ] || exit 0
mapfile -t facts <"$record"
container=${facts[0]} since=${facts[1]} datasets=("${facts[@]:2}")
# A run of drover that is alive holds the lock of the node; one that died gives it up within 30 s.
[ ! -L "$lock" ] && exec 9<>"$lock" && flock 9 || exit 1
[ -f "$record" ] || exit 0
trap ": >$lock" EXIT
printf "{\"owner\":\"the dead-man of %s, which starts it again\",\"since\":\"%s\"}\n" "$app" "$(date -u +%FT%TZ)" >$lock
me=$(cat /etc/drover/node-id) || exit 1
now=$(docker inspect -f "{{.State.StartedAt}} {{.State.Status}}" "$container") || { docker version >/dev/null && over "the container is gone"; exit 1; }
[ "${now% *}" = "$since" ] || over "it was started since, by somebody else"
[ "${now#* }" = exited ] || over "it is ${now#* }"
# No change of a volume by drover comes between looking and setting.
mkdir -p /run/drover && exec 8>/run/drover/set.lock && flock 8 || exit 1
epochs=()
for dataset in "${datasets[@]}"; do
  role="" owner="" epoch=""
  while IFS=$(printf "\t") read -r name value; do
    case $name in drover:role) role=$value ;; drover:owner) owner=$value ;; drover:epoch) epoch=$value ;; esac
  done < <(zfs get -Hp -s local -o property,value drover:role,drover:owner,drover:epoch "$dataset")
  case $role:$owner in
    "owner:$me" | "frozen:$me") epochs+=("$((epoch + 1))") ;;
    :) zfs list -H -o name "$dataset" >/dev/null || exit 1; over "$dataset is no volume any more" ;;
    *) over "$dataset is $role: it is not for this node to start it" ;;
  esac
done
# A higher epoch: whoever wakes up later and still counts on what he saw is refused.
for at in "${!datasets[@]}"; do
  zfs set drover:role=owner "drover:epoch=${epochs[at]}" readonly=off "${datasets[at]}" || exit 1
done
exec 8>&-
for dataset in "${datasets[@]}"; do
  [ "$(zfs get -H -o value mounted "$dataset")" = yes ] || zfs mount "$dataset" || exit 1
done
docker start "$container" >/dev/null || exit 1
over "started again: the move that stopped it did not go on"'
dead_man_unit='[Unit]
Description=drover: start %I again where a move of it does not go on
After=drover-boot.service docker.service
StartLimitIntervalSec=10min
StartLimitBurst=5
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
# Every file that makes a node: PATH MODE TEXT. Written where one differs; the services are enabled then.
paths=() modes=() texts=()
want() { paths+=("$1") modes+=("$2") texts+=("$3"); }
units=/etc/systemd/system
want $lib/net-up 755 "$net_up"
want $lib/boot-gate 755 "$boot_gate"
want /etc/drover/root-dataset 644 "$root_dataset"
want $units/drover-net.service 644 "$net_unit"
want $units/drover-boot.service 644 "$boot_unit"
want $units/docker.service.d/drover.conf 644 "$docker_dropin"
want $lib/dead-man 755 "$dead_man"
want $units/drover-dead-man@.service 644 "$dead_man_unit"
want $units/drover-dead-man.service 644 "$dead_man_boot_unit"
enabled='drover-net.service drover-boot.service drover-dead-man.service'

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

[ $failed = 0 ] || exit 1
[ $check = no ] || [ $changed = 0 ]

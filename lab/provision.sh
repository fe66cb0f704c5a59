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
epochs=$(cat <<'END'
#!/bin/sh
# What this node says of each volume: VOLUME ROLE EPOCH OWNER, "-" for what is not set, and `end` after the last one.
# Peers ask for it when they boot (user drover-peer); no rights are needed. With `datasets` also the DATASET.
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
root=$(cat /etc/drover/root-dataset) || exit 1
facts=$(zfs get -H -r -t filesystem -s local -o name,property,value drover:vol,drover:role,drover:epoch,drover:owner "$root") || exit 1
printf '%s\n' "$facts" | awk -F '\t' -v datasets="${1-}" '
  function of(d, property) { return ((d, property) in value) ? value[d, property] : "-" }
  NF == 3 { value[$1, $2] = $3; if ($2 == "drover:vol") volumes[$1] }
  END {
    for (d in volumes) {
      line = value[d, "drover:vol"] "\t" of(d, "drover:role") "\t" of(d, "drover:epoch") "\t" of(d, "drover:owner")
      print line (datasets == "" ? "" : "\t" d)
    }
    print "end"
  }'
END
)
boot_gate=$(cat <<'END'
#!/bin/bash
# boot-gate mount   before Docker: mounts the volumes of this node that never had a copy elsewhere, so that nobody can
#                   have taken them over. Asks nobody.
# boot-gate start   after Docker: asks the peers about the other volumes. What somebody has with a higher epoch becomes
#                   diverged, what nobody has is mounted, and while somebody does not answer it waits. Then the
#                   containers that Docker wanted to start are started, each after what it needs.
set -uo pipefail
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
etc=/etc/drover run=/run/drover answers=/run/drover/answers lock=/run/lock/drover.lock
patience=180 pause=15 # seconds: with `alone start`, and between two rounds of questions
me=$(cat $etc/node-id) && [ -f $etc/root-dataset ] || exit 0

# VOLUME EPOCH DATASET of each volume that this node owns and that is not mounted; fails where it cannot be told yet.
owned() {
  local volume role epoch owner dataset
  /usr/local/lib/drover/epochs datasets | while IFS=$'\t' read -r volume role epoch owner dataset; do
    [ "$role $owner" = "owner $me" ] || continue
    if [ "$(zfs get -H -o value mounted "$dataset")" = no ]; then printf '%s\t%s\t%s\n' "$volume" "$epoch" "$dataset"; fi
  done
}
# Whatever was sent to a node left a snapshot or a bookmark of drover, and whatever came from one has a higher epoch.
never_copied() {
  local names
  names=$(zfs list -H -d 1 -t snapshot,bookmark -o name "$2") || return 1
  [ "$1" = 1 ] && ! grep -q '[@#]drover-' <<<"$names"
}
mount_own() {
  local failed=0 volume epoch dataset
  while IFS=$'\t' read -r volume epoch dataset; do
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
    # This node's host key is who it is, as for everybody who connects to it; the peer's is pinned.
    answer=$(timeout 60 ssh -F none -T -p "$port" -l drover-peer "${identities[@]}" \
      -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o PreferredAuthentications=publickey \
      -o StrictHostKeyChecking=yes -o HostKeyAlias="$1" -o UserKnownHostsFile=$run/peer-known-hosts \
      -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no -o ConnectTimeout=10 -o LogLevel=ERROR \
      -o ServerAliveInterval=5 -o ServerAliveCountMax=3 -- "$1" epochs </dev/null) || continue
    [ "${answer##*$'\n'}" = end ] && { printf '%s\n' "$answer"; return 0; }
  done
  return 1
}
# All peers at once; $silent becomes the addresses of those that do not answer.
ask_all() {
  local peers peer
  rm -rf $answers && mkdir -p $answers || return 1
  touch $etc/boot-peers
  awk '$1 == "peer" {print $2, $4, $5}' $etc/boot-peers >$run/peer-known-hosts
  peers=$({ cat $etc/peers 2>/dev/null; awk '$1 == "peer" {print $2}' $etc/boot-peers; } | sed '/^#/d; /^$/d' | sort -u)
  for peer in $peers; do
    { ask "$peer" >"$answers/.$peer" 2>"$run/ask-$peer.log" && mv "$answers/.$peer" "$answers/$peer"; } &
  done
  wait
  silent=''
  for peer in $peers; do [ -f "$answers/$peer" ] || silent="$silent,$peer"; done
  silent=${silent#,}
}
# VOLUME CONDITION: addresses, roles and epochs of the peers whose answer fulfils it ($3 is their epoch, e ours).
peers_with() {
  set -- "$1" "$2" "$3" $answers/*
  [ -f "$4" ] || return 0
  volume=$1 epoch=$2 awk -F '\t' "\$1 == ENVIRON[\"volume\"] { e = ENVIRON[\"epoch\"] + 0; if ($3) { sub(\".*/\", \"\", FILENAME); print FILENAME, \$2, \$3 } }" "${@:4}"
}
# VOLUME EPOCH DATASET: mounts it, marks it, or adds it to the file of those that wait.
judge() {
  local above rivals
  above=$(peers_with "$1" "$2" '$3 + 0 > e')
  rivals=$(peers_with "$1" "$2" '$3 + 0 == e && ($2 == "owner" || $2 == "frozen")' | awk '{print $1}' | paste -sd ,)
  if [ -n "$above" ]; then
    echo "volume $1 has epoch $2 here, and was taken over: $(paste -sd ';' <<<"$above"). $3 is kept as diverged"
    # Not one of the names that drover itself destroys.
    zfs list -H -t snapshot "$3@diverged-e$2" >/dev/null 2>&1 || zfs snapshot "$3@diverged-e$2" || return 1
    zfs set drover:role=diverged readonly=on "$3"
  elif [ -n "$rivals" ]; then
    printf '%s\trival\t%s\n' "$1" "$rivals" >>$run/waiting.new
  elif [ -n "$silent" ] && ! { grep -qx 'alone start' $etc/boot-peers && [ $SECONDS -ge $patience ]; }; then
    printf '%s\tsilent\t%s\n' "$1" "$silent" >>$run/waiting.new
  else
    zfs mount "$3"
  fi
}
# One round; fails while something waits.
decide() {
  local volume epoch dataset list failed=0
  list=$(owned) || return 1
  if [ -z "$list" ]; then rm -f $run/waiting; return 0; fi
  ask_all || return 1
  [ ! -L $lock ] && exec 9<>$lock || return 1
  if ! flock -n 9; then exec 9>&-; return 1; fi # drover is at work here
  printf '{"owner":"the boot of this node","since":"%s"}\n' "$(date -u +%FT%TZ)" >$lock
  : >$run/waiting.new
  while IFS=$'\t' read -r volume epoch dataset; do judge "$volume" "$epoch" "$dataset" || failed=1; done < <(owned)
  : >$lock
  exec 9>&-
  cmp -s $run/waiting.new $run/waiting || sed 's/^/waits: /' $run/waiting.new
  mv $run/waiting.new $run/waiting
  [ $failed = 0 ] && [ ! -s $run/waiting ]
}

# NAME|APPLICATION|STATE|AFTER|EXTERNAL/INTERNAL/PROTOCOL…|DIRECTORIES|ERROR
format='{{.Name}}|{{index .Config.Labels "drover.application"}}|{{.State.Status}}|{{index .Config.Labels "drover.after"}}|'\
'{{range $p, $b := .HostConfig.PortBindings}}{{range $b}}{{.HostPort}}/{{end}}{{$p}} {{end}}|'\
'{{range .Mounts}}{{if eq .Type "bind"}}{{.Source}} {{end}}{{end}}|{{json .State.Error}}'
all_mounted() {
  local directory
  for directory in "$@"; do
    [ "$directory" = $run/gate ] || { [ -d "$directory" ] && mountpoint -q "${directory%/*}"; } || return 1
  done
}
# PORT…: until a container's TCP ports accept, or 60 s. At Docker's own address, where no forward of ours applies.
accepting() {
  local address port until=$((SECONDS + 60))
  address=$(ip -4 -o addr show dev docker0 2>/dev/null | awk '{sub("/.*", "", $4); print $4; exit}')
  for port in ${address:+"$@"}; do
    until timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port" 2>/dev/null || [ $SECONDS -ge $until ]; do sleep 1; done
  done
}
# Starts what Docker wanted to start and could not, because there was no gate: what others need goes first.
start_wanted() {
  local ids name app state after ports directories error port other next first
  declare -A serves=() needs=() todo=() opens=()
  ids=$(docker ps -aq --no-trunc --filter label=drover.managed=true) || return 1
  mkdir -p -m 0755 $run/gate || return 1
  [ -n "$ids" ] || return 0
  while IFS='|' read -r name app state after ports directories error; do
    name=${name#/} serves[${app:--}]=$name needs[$name]=$after opens[$name]=''
    for port in $ports; do
      for other in $(tr / ' ' <<<"${port%/*/*}"); do
        serves[$other/${port##*/}]=$name
        [ "${port##*/}" = udp ] || opens[$name]="${opens[$name]} $other"
      done
    done
    case $state:$error in
      exited:*$run/gate* | created:*$run/gate* | exited:*/var/lib/drover/volumes/* | created:*/var/lib/drover/volumes/*) ;;
      *) continue ;;
    esac
    all_mounted $directories && todo[$name]=yes
  done < <(docker inspect --format "$format" $ids 2>/dev/null)
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
    next=${next:-$first} # a circle: somebody has to be first
    unset "todo[$next]"
    echo "starting $next"
    docker start "$next" >/dev/null || continue
    for name in "${!todo[@]}"; do
      for other in ${needs[$name]}; do [ "${serves[$other]-}" = "$next" ] && { accepting ${opens[$next]}; break 2; }; done
    done
  done
}

mkdir -p -m 0755 $run
case ${1-} in
  mount) mount_own ;;
  start)
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
Description=drover: mount the volumes that nobody but this node ever had
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
want $units/drover-boot.service 644 "$boot_unit"
want $units/docker.service.d/drover.conf 644 "$docker_dropin"
enabled='drover-net.service drover-boot.service'
enabled="$enabled drover-start.service"

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
# Whom the peers ask as, at boot: a login that nobody has a password for, and whose keys drover writes.
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

[ $failed = 0 ] || exit 1
[ $check = no ] || [ $changed = 0 ]

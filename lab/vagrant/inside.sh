#!/bin/bash
# The part of the Vagrant test that runs in namespaces of its own: `inside.sh WORK`, started by test.mjs with a network
# without any way out, private mounts, and as the first of its processes, so that its end is the end of all of them.
set -euo pipefail
work=$1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export VAGRANT_HOME=$work/vagrant-home VAGRANT_DEFAULT_PROVIDER=libvirt DROVER_BOX=drover-test VAGRANT_CHECKPOINT_DISABLE=1
# Nothing of the user who runs this: no lab, no settings, no earlier runs.
unset DROVER_LAB DROVER_INVENTORY VAGRANT_CWD VAGRANT_DOTFILE_PATH SSH_AUTH_SOCK
export HOME=$work/home XDG_STATE_HOME=$work/state XDG_CONFIG_HOME=$work/config XDG_CACHE_HOME=$work/cache NO_COLOR=1
package=$work/package part=tutorials/mongodb/1-move-an-application
drover() { node "$package/dist/drover.js" "$@"; }

began=$SECONDS
say() { printf '\n=== %4d s  %s\n' $((SECONDS - began)) "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
# Shows a command, its output and its time, and ends the test where it fails.
run() { local from=$SECONDS; printf '$ %s\n' "$*"; "$@" </dev/null || fail "$* (status $?)"; printf '  (%d s)\n' $((SECONDS - from)); }
# expect PATTERN COMMAND…: its output has the pattern.
expect() {
  local pattern=$1 out; shift; printf '$ %s\n' "$*"
  out=$("$@" 2>&1 </dev/null) || true
  printf '%s\n' "$out"
  grep -Eq -- "$pattern" <<<"$out" || fail "this does not show \"$pattern\""
}

tidy() {
  local status=$?
  trap - EXIT INT TERM HUP
  set +e
  if [ $status != 0 ]; then tail -n 30 "$work"/log/*.log; fi
  say 'removing what was made'
  if virsh list >/dev/null 2>&1; then
    (cd "$package" && vagrant destroy -f)
    vagrant box remove drover-test --all --force
    for domain in $(virsh list --all --name); do virsh destroy "$domain"; virsh undefine "$domain" --remove-all-storage; done
    for pool in $(virsh pool-list --all --name); do
      for volume in $(virsh vol-list "$pool" | awk 'NR > 2 && $1 != "" {print $1}'); do virsh vol-delete "$volume" "$pool"; done
      virsh pool-destroy "$pool"; virsh pool-undefine "$pool"
    done
    for network in $(virsh net-list --all --name); do virsh net-destroy "$network"; virsh net-undefine "$network"; done
    left=$(virsh list --all --name; virsh net-list --all --name; virsh pool-list --all --name)
    if [ -z "${left//[[:space:]]/}" ]; then echo 'left: no domain, no network, no storage pool'
    else echo "left: $left"; [ $status != 0 ] || status=1; fi
  fi
  exit $status
}
trap tidy EXIT
trap 'exit 130' INT TERM HUP

say 'namespaces: a network without a way out, mounts and processes of this test alone'
cgroups=$work/cgroup; mkdir -p "$cgroups" "$work"/{log,home,etc,lib,cachedir}
mount --bind /sys/fs/cgroup "$cgroups"
mount -t sysfs sysfs /sys            # shows this network's devices, not those of the machine
mount --rbind "$cgroups" /sys/fs/cgroup
mount -t tmpfs tmpfs /run; mkdir -p /run/lock /run/libvirt
cp -a /etc/libvirt/. "$work/etc/"; rm -rf "$work"/etc/{qemu,storage}/*
mount --bind "$work/etc" /etc/libvirt
mkdir -p /var/lib/libvirt /var/cache/libvirt
mount --bind "$work/lib" /var/lib/libvirt; mount --bind "$work/cachedir" /var/cache/libvirt
mkdir -p "$work/lib"/{images,qemu,dnsmasq,boot,network}
ip link set lo up
run ip -brief address

cat >"$work/libvirtd.conf" <<CONF
auth_unix_rw = "none"
log_outputs = "2:file:$work/log/libvirtd.log"
CONF
# Machines run as the one who runs this test, whose folder they are in; no log daemon, no groups, no security module.
cat >/etc/libvirt/qemu.conf <<'CONF'
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
remember_owner = 0
CONF
libvirtd --daemon --config "$work/libvirtd.conf"
for _ in $(seq 50); do virsh list >/dev/null 2>&1 && break; sleep 0.2; done
virsh list >/dev/null || fail 'libvirtd did not start'
virsh pool-define-as default dir --target /var/lib/libvirt/images >/dev/null
virsh pool-start default >/dev/null

# The output of the machines while they boot: only it shows why a boot hangs.
consoles() {
  local domain seen=' '
  while sleep 1; do
    for domain in $(virsh list --name 2>/dev/null); do
      case $seen in *" $domain "*) continue ;; esac
      cat "$(virsh ttyconsole "$domain")" >>"$work/log/console-$domain.log" 2>/dev/null &
      seen="$seen$domain "
    done
  done
}
consoles &

say 'drover, before there are machines'
cd "$package"
expect 'vagrant up' drover status -C "$part" --vagrant

say 'vagrant up, with the Vagrantfile of the package'
run vagrant box add --no-tty --name drover-test "$work/drover-test.box"
rm -f "$work/drover-test.box"
run vagrant up --no-tty
run vagrant status

say 'what came up'
vagrant ssh-config >"$work/ssh-config"
for node in node1 node2; do
  on() { ssh -F "$work/ssh-config" "$node" "$@"; }
  expect '^drover.*ONLINE' on sudo zpool list -H
  expect 'virtio-pool' on sudo zpool status -P drover
  { read -r ref; read -r tar; mapfile -t changes; } <"$work/import"
  words=$(printf '%q ' "${changes[@]}")
  echo "import $ref on $node"
  on "sudo docker import $words - $ref" <"$tar" || fail "import $ref"
done

say 'drover finds the machines'
export DROVER_INVENTORY=$work/stand-ins.yml   # only says which image stands for which: no registry answers here
cat "$DROVER_INVENTORY"
run drover status -C "$part"
run drover apply -C "$part"
run cat "$XDG_STATE_HOME"/drover/vagrant/*/drover.yml "$XDG_STATE_HOME"/drover/vagrant/*/known_hosts
expect 'drover-mongodb-example' ssh -F "$work/ssh-config" node1 sudo docker ps
expect 'nothing to do|converged' drover apply -C "$part"

say 'it moves'
run drover move mongodb-example node2 -C "$part"
expect 'drover-mongodb-example' ssh -F "$work/ssh-config" node2 sudo docker ps

say 'node2 is rebooted'
on() { ssh -F "$work/ssh-config" -o ConnectTimeout=10 node2 "$@"; }
boot=$(on cat /proc/sys/kernel/random/boot_id)
on sudo systemctl reboot || true
for _ in $(seq 90); do now=$(on cat /proc/sys/kernel/random/boot_id 2>/dev/null) && [ "$now" != "$boot" ] && break; sleep 5; done
[ "${now:-$boot}" != "$boot" ] || fail 'node2 did not come back'
expect '^drover.*ONLINE' on sudo zpool list -H
run drover apply -C "$part"
expect 'drover-mongodb-example' on sudo docker ps

say 'vagrant destroy'
run vagrant destroy -f
expect 'vagrant up' drover status -C "$part" --vagrant
say 'passed'

#!/bin/sh
# Turns the fresh Debian tree into the disk of a lab node. Called by mmdebstrap with the tree as its
# only argument; LAB_PUBKEY is the public key that may log in, LAB_SUBNET the first three numbers.
set -eu
root=$1

# Who may log in: root, and a plain user with sudo, so that both ways of reaching a node are tried.
chroot "$root" useradd --create-home --shell /bin/bash drover
printf 'drover ALL=(ALL) NOPASSWD:ALL\n' >"$root/etc/sudoers.d/drover"
chmod 0440 "$root/etc/sudoers.d/drover"
for home in root home/drover; do
  mkdir -p "$root/$home/.ssh"
  printf '%s\n' "$LAB_PUBKEY" >"$root/$home/.ssh/authorized_keys"
  chmod 0700 "$root/$home/.ssh"
  chmod 0600 "$root/$home/.ssh/authorized_keys"
done
chroot "$root" chown -R drover:drover /home/drover/.ssh

# Addresses by MAC: every node boots from this same disk.
for n in 1 2 3 4 5 6 7 8 9; do
  cat >"$root/etc/systemd/network/10-node$n.network" <<EOF
[Match]
MACAddress=52:54:00:d0:00:0$n
[Network]
Address=$LAB_SUBNET.$((249 + n))/24
Gateway=$LAB_SUBNET.1
IPv6AcceptRA=no
LinkLocalAddressing=ipv6
EOF
  printf '%s.%s node%s\n' "$LAB_SUBNET" $((249 + n)) "$n" >>"$root/etc/hosts"
done
rm -f "$root/etc/resolv.conf"
: >"$root/etc/resolv.conf"

# Each node's own name and ssh host key, handed in by the lab through QEMU's firmware device, so that
# the lab knows the key before the first connection.
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" # else every node would take its id from here
ln -s /etc/machine-id "$root/var/lib/dbus/machine-id"
mkdir -p "$root/usr/local/lib/drover-lab"
cat >"$root/usr/local/lib/drover-lab/identity" <<'EOF'
#!/bin/sh
set -eu
modprobe qemu_fw_cfg
from=/sys/firmware/qemu_fw_cfg/by_name/opt/drover
[ -e "$from" ] || exit 0
umask 077
cat "$from/hostkey/raw" >/etc/ssh/ssh_host_ed25519_key
ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key >/etc/ssh/ssh_host_ed25519_key.pub
umask 022
cat "$from/hostname/raw" >/etc/hostname
hostname -F /etc/hostname
EOF
chmod 0755 "$root/usr/local/lib/drover-lab/identity"
cat >"$root/etc/systemd/system/drover-lab-identity.service" <<'EOF'
[Unit]
Description=Take the name and host key the lab gives this node
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
Before=ssh.service ssh.socket docker.service network-pre.target
Wants=network-pre.target
DefaultDependencies=no
After=local-fs.target systemd-modules-load.service
[Service]
Type=oneshot
ExecStart=/usr/local/lib/drover-lab/identity
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
EOF

printf '/dev/vda / ext4 noatime 0 1\n' >"$root/etc/fstab"
printf 'options zfs zfs_arc_max=134217728\n' >"$root/etc/modprobe.d/drover-lab.conf"
mkdir -p "$root/etc/systemd/journald.conf.d"
printf "[Journal]\nStorage=volatile\n" >"$root/etc/systemd/journald.conf.d/lab.conf"

chroot "$root" systemctl -q enable systemd-networkd ssh drover-lab-identity
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service fstrim.timer zfs-zed.service zfs-share.service; do
  chroot "$root" systemctl -q mask "$unit"
done

# A small initrd: only what finds the disk.
printf 'virtio_pci\nvirtio_blk\next4\n' >>"$root/etc/initramfs-tools/modules"
printf 'MODULES=list\n' >"$root/etc/initramfs-tools/conf.d/lab.conf"
chroot "$root" update-initramfs -u

# The build has failed, whatever dpkg says, when the module is not there for the kernel.
for kernel in "$root"/lib/modules/*/; do
  chroot "$root" modinfo -k "$(basename "$kernel")" zfs >/dev/null
done

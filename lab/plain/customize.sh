#!/bin/sh
# Turns the fresh Debian tree into the disk of a plain machine. Called by mmdebstrap with the tree as its only argument;
# LAB_PUBKEY is the public key that may log in, LAB_SUBNET the first three numbers, LAB_MIRROR the folder for packages,
# LAB_PACKAGES what to fetch into it.
set -eu
root=$1

# Fetched with the tree's own apt, so that just what is missing in it comes.
mkdir -p "$LAB_MIRROR/partial"
# shellcheck disable=SC2086
APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get --yes --download-only -o Dir::Cache::archives="$LAB_MIRROR" install $LAB_PACKAGES
rm -rf "$LAB_MIRROR/partial" "$LAB_MIRROR/lock"

# Debian's own file as its installer writes it: main alone. Only the address is the lab's, and nobody signed its list.
rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*
cat >"$root/etc/apt/sources.list.d/debian.sources" <<EOF
Types: deb
URIs: http://$LAB_SUBNET.1/debian
Suites: trixie
Components: main
Trusted: yes
EOF
rm -f "$root"/etc/apt/apt.conf.d/99mmdebstrap

# Root and a plain user with sudo may log in; a second user may log in and may not become root.
for user in drover guest; do chroot "$root" useradd --create-home --shell /bin/bash $user; done
printf 'drover ALL=(ALL) NOPASSWD:ALL\n' >"$root/etc/sudoers.d/drover"
printf 'guest ALL=(ALL) ALL\n' >"$root/etc/sudoers.d/guest"
chmod 0440 "$root"/etc/sudoers.d/*
for home in root home/drover home/guest; do
  install -d -m 0700 "$root/$home/.ssh"
  printf '%s\n' "$LAB_PUBKEY" >"$root/$home/.ssh/authorized_keys"
  chmod 0600 "$root/$home/.ssh/authorized_keys"
done
for user in drover guest; do chroot "$root" chown -R $user:$user /home/$user/.ssh; done

# Addresses by MAC: every machine boots from this same disk.
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
done
rm -f "$root/etc/resolv.conf"
: >"$root/etc/resolv.conf"

# Name and host key are handed in by the lab through QEMU's firmware device, as for its nodes.
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"
mkdir -p "$root/usr/local/lib/drover-lab"
cat >"$root/usr/local/lib/drover-lab/identity" <<'EOF'
#!/bin/sh
set -eu
modprobe qemu_fw_cfg
from=/sys/firmware/qemu_fw_cfg/by_name/opt/drover
umask 077
cat "$from/hostkey/raw" >/etc/ssh/ssh_host_ed25519_key
ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key >/etc/ssh/ssh_host_ed25519_key.pub
umask 022
cat "$from/hostname/raw" >/etc/hostname
hostname -F /etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$(cat /etc/hostname)" >/etc/hosts
EOF
chmod 0755 "$root/usr/local/lib/drover-lab/identity"
cat >"$root/etc/systemd/system/drover-lab-identity.service" <<'EOF'
[Unit]
Description=Take the name and host key the lab gives this machine
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
Before=ssh.service ssh.socket network-pre.target
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
chroot "$root" systemctl -q enable systemd-networkd ssh drover-lab-identity
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer; do
  chroot "$root" systemctl -q mask "$unit"
done

# A small initrd: only what finds the disk.
printf 'virtio_pci\nvirtio_blk\next4\n' >>"$root/etc/initramfs-tools/modules"
printf 'MODULES=list\n' >"$root/etc/initramfs-tools/conf.d/lab.conf"
chroot "$root" update-initramfs -u

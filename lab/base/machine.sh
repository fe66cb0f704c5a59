# What every machine of the lab has, whatever is installed on it. Runs in one shell before a customize.sh, with the fresh
# Debian tree as only argument; LAB_USERS are the users beside root, LAB_PUBKEY is the key that may log in as each of
# them, LAB_SUBNET the first three numbers of an address, LAB_ROOT_DISK the disk that the machine boots from.
set -eu
root=$1

for home in root $LAB_USERS; do
  if [ "$home" != root ]; then
    chroot "$root" useradd --create-home --shell /bin/bash "$home"
    home=home/$home
  fi
  install -d -m 0700 "$root/$home/.ssh"
  printf '%s\n' "$LAB_PUBKEY" >"$root/$home/.ssh/authorized_keys"
  chmod 0600 "$root/$home/.ssh/authorized_keys"
  chroot "$root" chown -R --reference="/$home" "/$home/.ssh"
done

# Addresses by MAC: machines of one image boot from this same disk.
for n in 1 2 3 4 5; do
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
# User-Mode Linux calls it vec0.
printf '[Match]\nOriginalName=vec0\n[Link]\nName=eth0\n' >"$root/etc/systemd/network/10-lab.link"
rm -f "$root/etc/resolv.conf"
: >"$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"

# Each machine's own name and ssh host key, handed in by the lab, so that the lab knows the key before the first
# connection: through QEMU's firmware device, or as a tar file on the third disk of a User-Mode Linux machine, which also
# has the list of what is built into its kernel.
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" # else every machine would take its id from here
ln -s /etc/machine-id "$root/var/lib/dbus/machine-id"
mkdir -p "$root/usr/local/lib/drover-lab"
cat >"$root/usr/local/lib/drover-lab/identity" <<'EOF'
#!/bin/sh
set -eu
umask 077
from=/sys/firmware/qemu_fw_cfg/by_name/opt/drover
if [ -b /dev/ubdc ]; then
  from=$(mktemp -d)
  tar -x -f /dev/ubdc -C "$from"
  hostkey=$from/hostkey hostname=$from/hostname
  (umask 022 && mkdir -p /lib/modules && cp -r "$from"/modules/* /lib/modules/ && depmod)
else
  modprobe qemu_fw_cfg
  [ -e "$from" ] || exit 0
  hostkey=$from/hostkey/raw hostname=$from/hostname/raw
fi
cat "$hostkey" >/etc/ssh/ssh_host_ed25519_key
ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key >/etc/ssh/ssh_host_ed25519_key.pub
umask 022
cat "$hostname" >/etc/hostname
hostname -F /etc/hostname
printf '127.0.1.1 %s\n' "$(cat /etc/hostname)" >>/etc/hosts
[ ! -b /dev/ubdc ] || rm -rf "$from"
EOF
chmod 0755 "$root/usr/local/lib/drover-lab/identity"
cat >"$root/etc/systemd/system/drover-lab-identity.service" <<'EOF'
[Unit]
Description=Take the name and host key the lab gives this machine
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

# No check of the disk at boot: its journal is what makes it whole after a power cut.
printf '%s / ext4 noatime 0 0\n' "$LAB_ROOT_DISK" >"$root/etc/fstab"
printf 'options zfs zfs_arc_max=134217728\n' >"$root/etc/modprobe.d/drover-lab.conf"
# The same where OpenZFS is part of the kernel.
printf 'w- /sys/module/zfs/parameters/zfs_arc_max - - - - 134217728\n' >"$root/etc/tmpfiles.d/drover-lab.conf"
chroot "$root" systemctl -q enable systemd-networkd ssh drover-lab-identity
# Nothing works on its own behind a test's back.
chroot "$root" systemctl -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service fstrim.timer

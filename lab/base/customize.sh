# Makes a machine of the lab (machine.sh) a lab node. Root may log in, and a plain user with sudo, so that both ways of
# reaching a node are tried.
printf 'drover ALL=(ALL) NOPASSWD:ALL\n' >"$root/etc/sudoers.d/drover"
chmod 0440 "$root/etc/sudoers.d/drover"

for n in 1 2 3 4 5; do
  printf '%s.%s node%s\n' "$LAB_SUBNET" $((249 + n)) "$n" >>"$root/etc/hosts"
done

mkdir -p "$root/etc/systemd/journald.conf.d"
printf "[Journal]\nStorage=volatile\n" >"$root/etc/systemd/journald.conf.d/lab.conf"
chroot "$root" systemctl -q mask zfs-zed.service zfs-share.service

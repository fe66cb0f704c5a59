#!/bin/bash
# Makes a Vagrant machine a drover node: runs provision.sh with the empty disk that the Vagrantfile added as the pool.
# Without such a disk (Parallels, an old Vagrant) the pool is a sparse file of the given size, and a line says so.
#
#   vagrant-node.sh SIZE      (provision.sh is at /tmp/drover-provision.sh)
set -eu
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
size=$1 script=/tmp/drover-provision.sh

# Whole disks of at least 1 GiB without partitions, content or mount point.
empty_disks() {
  lsblk --nodeps --bytes --noheadings --raw --output NAME,TYPE,RO,SIZE | while read -r name type ro bytes; do
    [ "$type" = disk ] && [ "$ro" = 0 ] && [ "$bytes" -ge 1073741824 ] || continue
    case $name in sd*|vd*|xvd*|nvme*) ;; *) continue ;; esac
    [ "$(lsblk --noheadings --raw --output NAME "/dev/$name" | wc -l)" = 1 ] || continue
    [ -z "$(lsblk --nodeps --noheadings --output MOUNTPOINT "/dev/$name" | tr -d ' ')" ] || continue
    # 2: blkid found nothing that it knows.
    code=0; blkid --probe "/dev/$name" >/dev/null 2>&1 || code=$?
    [ $code = 2 ] && echo "/dev/$name"
  done
  return 0
}

pool=()
if lsblk --noheadings --output FSTYPE | grep -q '^zfs_member' || [ -e /var/lib/drover-pool.img ]; then
  echo 'the machine has its pool already'
  # After a new installation of the system the pool only has to be imported, which provision.sh tries first.
  [ ! -e /var/lib/drover-pool.img ] || pool=(--pool "/var/lib/drover-pool.img:$size")
else
  udevadm settle || true
  mapfile -t found < <(empty_disks)
  case ${#found[@]} in
    0) echo "NOTE: this machine has no empty disk for the pool; the pool is a sparse file, /var/lib/drover-pool.img"
       pool=(--pool "/var/lib/drover-pool.img:$size") ;;
    1) pool=(--pool "${found[0]}"); echo "the pool's disk is ${pool[1]}" ;;
    *) echo "cannot choose between several empty disks (${found[*]}); run provision.sh with one of them:"
       echo "  sudo bash $script --pool DISK"; exit 1 ;;
  esac
fi
status=0
bash "$script" "${pool[@]}" || status=$?
[ $status = 0 ] || exit $status
rm -f "$script"

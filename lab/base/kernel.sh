# For machines that run in QEMU: Debian's kernel with a small initrd, which only finds the disk.
printf 'virtio_pci\nvirtio_blk\next4\n' >>"$root/etc/initramfs-tools/modules"
printf 'MODULES=list\n' >"$root/etc/initramfs-tools/conf.d/lab.conf"
chroot "$root" update-initramfs -u

# The build has failed, whatever dpkg says, when the module is not there for the kernel.
for kernel in "$root"/lib/modules/*/; do
  chroot "$root" modinfo -k "$(basename "$kernel")" zfs >/dev/null
done

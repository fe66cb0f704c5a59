/**
 * Shell text that defines `seal DATASET [MOUNTPOINT OVERLAY]` (both as zfs says, where the caller knows them):
 * nothing can be made in the mountpoint of a dataset that is not mounted. Else
 * `docker run -v …/data:…` makes a directory there, on the node's own file system, and Docker can start a container of
 * drover's on it, empty. The directory gets the attribute that `chattr +i` sets, which `zfs mount` does not mind. Where
 * the file system has no such attribute, a file takes the place of `data`, which Docker cannot bind to a directory; not
 * where the dataset could then no longer be mounted. What another program has left there is kept under another name.
 * Never fails: it is one guard more, not a condition.
 */
export const seal = `seal() {
  local place=\${2-} overlay=\${3-}
  [ -n "$place" ] || read -r place overlay < <(zfs list -H -o mountpoint,overlay "$1")
  [[ $place == /* ]] && mkdir -p -- "$place" || return 0
  ! mountpoint -q -- "$place" || return 0
  [ ! -d "$place/data" ] || rmdir -- "$place/data" 2>/dev/null || mv -T -- "$place/data" "$place/found-$(date +%s)" || true
  # FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IMMUTABLE_FL: chattr may not be installed
  perl -e 'use Fcntl; my ($f, $d) = (pack "L!", 0); sysopen($d, $ARGV[0], O_RDONLY) && ioctl($d, 0x80086601, $f)
    && ioctl($d, 0x40086602, pack "L!", unpack("L!", $f) | 0x10) or exit 1' -- "$place" 2>/dev/null ||
    [ "$overlay" != on ] || [ -e "$place/data" ] || : >"$place/data" || true
}
`;

import { guard, lateCode } from '../fence.ts';

/**
 * Fixed texts for `bash -s -- ARGS` on a node. Data comes only through arguments. A script that finds the world other
 * than asked leaves with one of `exits` and its evidence on stdout; any other failure is zfs's own, on stderr.
 */
export const exits = { conflict: 10, busy: 11, noRoot: 12, gone: 13, late: lateCode } as const;

/** Machine-readable output needs the C locale; zfs lives in sbin, which a login by key may not have in its PATH. */
export const prelude = `export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
set -u
`;

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

/** Datasets in $root with properties $columns, a line with $separator, snapshots and bookmarks. */
export const listCommands = `# -r -t filesystem: one call for every dataset below the root
zfs get -Hp -r -t filesystem -o name,property,value,source "$columns" "$root" || {
  zfs list -H -o name "$root" >/dev/null 2>&1 && exit 1
  exit ${exits.noRoot}
}
printf '%s\\n' "$separator"
zfs list -Hp -r -t snapshot,bookmark -o name,guid,createtxg "$root" || exit 1
`;

/** ROOT COLUMNS SEPARATOR. */
export const listScript = `${prelude}
root=$1 columns=$2 separator=$3
${listCommands}
`;

/** What `parsePool` and `parseCapabilities` read, of $pool; without the features where zpool does not list them. */
export const poolCommand = `{
  zpool list -Hp -o name,health,size,free,feature@bookmarks,feature@large_blocks "$pool" 2>/dev/null ||
    zpool list -Hp -o name,health,size,free "$pool"
} && zfs list -Hp -o avail "$pool" || exit 1`;

/** Versions of the zfs module and of the kernel, and the processor. */
export const systemCommand = `{ IFS= read -r version </sys/module/zfs/version || version=-; printf '%s\\n' "$version"; uname -rm; } 2>/dev/null`;

/** POOL: what a node can do, without observing the rest of it. */
export const capabilitiesScript = `${prelude}
pool=$1
${poolCommand}
printf '\\036\\n'
${systemCommand}
`;

/**
 * FENCE ROOT DATASET VOLUME APP LIMIT FLAGS DEPLOYMENT: make it so. An owner of the same volume that is already there is completed;
 * anything else under that name is a conflict. Everything that decides about the volume is set in the create itself.
 */
export const createScript = `${prelude}
fence=$1 root=$2 ds=$3 volume=$4 app=$5 limit=$6 flags=$7 deployment=$8
${seal}${guard}node=$(zfs get -H -s local -o value drover:node "$root" 2>/dev/null) || exit ${exits.noRoot}
[ -n "$node" ] || exit ${exits.noRoot}
if found=$(zfs get -H -s local -o property,value drover:vol,drover:role,drover:owner,drover:deployment "$ds" 2>/dev/null); then
  wanted=$(printf 'drover:vol\\t%s\\ndrover:role\\towner\\ndrover:owner\\t%s' "$volume" "$node")\${deployment:+$'\\n'$(printf 'drover:deployment\\t%s' "$deployment")}
  [ "$found" = "$wanted" ] || { printf '%s\\n' "$found"; exit ${exits.conflict}; }
else
  [ "$(zfs get -H -o value encryption "$root")" = off ] || flags="$flags -w" # raw from birth: mixing breaks later streams
  zfs create -o canmount=noauto -o readonly=off -o setuid=off -o devices=off -o refquota="$limit" -o drover:vol="$volume" \${app:+-o "drover:app=$app"} \${deployment:+-o "drover:deployment=$deployment"} \\
    -o drover:role=owner -o drover:owner="$node" -o drover:epoch=1 -o drover:flags="$flags" "$ds" || exit 1
fi
[ "$(zfs get -H -o value mounted "$ds")" = yes ] || { seal "$ds"; zfs mount "$ds"; } || exit 1
directory=$(zfs get -H -o value mountpoint "$ds")/data
[ -d "$directory" ] || mkdir -m 0755 "$directory" || exit 1
grep -qF " - zfs $ds " /proc/self/mountinfo
`;

/**
 * Shell text: conflict where $ds is not as the arguments up to `--` say, as name=value, an empty value meaning unset;
 * with guid=GUID among them drover's newest snapshot must have that one, with nothing written since. Takes the
 * arguments; ${all[…]} is what `zfs get` says of $columns, which end with a comma.
 */
export const compare = `newest= found= guid=
for name; do case $name in --) break ;; guid=*) guid=\${name#*=} ;; esac; done
if [ -n "$guid" ]; then
  copies=$(zfs list -Hp -d 1 -t snapshot -s createtxg -o name,guid "$ds") || exit 1
  while IFS=$'\\t' read -r name value; do
    if [[ \${name#*@} =~ ^drover-e[0-9]+-[0-9]+$ ]]; then newest=\${name#*@} found=$value; fi
  done <<<"$copies"
fi
facts=$(zfs get -Hp -o property,value,source "$columns"drover:vol,drover:role,drover:owner,drover:epoch,drover:app,drover:deployment\${newest:+,written@$newest} "$ds") || exit 1
declare -A now=() all=()
while IFS=$'\\t' read -r name value source; do
  all[$name]=$value
  [ "$source" != local ] || now[$name]=$value
done <<<"$facts"
differs() {
  grep -E '^(drover:|written@)' <<<"$facts"
  [ -z "$guid" ] || printf 'the newest snapshot\\t%s (%s)\\n' "\${newest:-none}" "\${found:-none}"
  exit ${exits.conflict}
}
while [ "$1" != -- ]; do
  name=\${1%%=*}
  [ "$name" = guid ] || [ "\${now[$name]-}" = "\${1#*=}" ] || differs
  shift
done
shift
[ -z "$guid" ] || { [ "$found" = "$guid" ] && [ "\${all[written@$newest]}" = 0 ]; } || differs
`;

/** FENCE DATASET EXPECTED… -- ASSIGNMENTS…: both as name=value; without an assignment it only compares. */
export const setScript = `${prelude}
fence=$1 ds=$2 columns=
shift 2
${guard}${compare}
[ $# = 0 ] || zfs set "$@" "$ds"
`;

/** FENCE SNAPSHOT…: all at once; a late one would be on a copy that is no owner any more, which could take no increment after it. */
export const snapshotScript = `${prelude}
fence=$1
shift
${guard}zfs snapshot "$@"
`;

export const mountScript = `${prelude}
${seal}[ "$(zfs get -H -o value mounted "$1")" = yes ] || { seal "$1"; zfs mount "$1"; }
`;

/** DATASET: the mountpoint; conflict where it is not mounted, gone where its directory is missing. */
export const directoryScript = `${prelude}
facts=$(zfs get -H -o value mounted,mountpoint "$1") || exit 1
[ "\${facts%%$'\\n'*}" = yes ] || exit ${exits.conflict}
directory=\${facts#*$'\\n'}/data
[ -d "$directory" ] || exit ${exits.gone}
printf '%s' "$directory"
`;

/**
 * Prints \`pid TAB command TAB what\` for up to 20 processes that use the dataset in $1. Devices are compared, not
 * paths: inside a container the same file has another path.
 */
const holdersProgram = `
my $ds = shift; my (%dev, %foreign); my $own = readlink "/proc/self/ns/mnt"; alarm 10;
my @processes = grep { $_ ne "/proc/$$" } glob "/proc/[0-9]*";
for my $p (@processes) {
  open my $mounts, "<", "$p/mountinfo" or next;
  while (<$mounts>) {
    next unless /^\\S+ \\S+ (\\d+):(\\d+) .* - zfs \\Q$ds\\E /;
    $dev{"$1:$2"} = 1;
    my $ns = readlink "$p/ns/mnt"; $foreign{$ns} //= $p if defined $ns && $ns ne $own;
  }
}
my $rows = 0;
sub row { my ($p, $what) = @_; open my $c, "<", "$p/comm" or return; chomp(my $name = <$c> // "?");
  print substr($p, 6), "\\t$name\\t$what\\n"; exit if ++$rows >= 20; }
PROCESS: for my $p (@processes) {
  for my $link ("$p/cwd", "$p/root", "$p/exe", glob "$p/fd/*") {
    my $d = (stat $link)[0] // next;
    my $id = (($d >> 8) & 0xfff) . ":" . (($d & 0xff) | (($d >> 12) & 0xfff00));
    next unless $dev{$id};
    row($p, readlink $link); next PROCESS;
  }
}
row($_, "a mount of its own") for $rows ? () : values %foreign;
`;

/**
 * Shell text that defines `unmount`: $ds is unmounted in every mount namespace, or busy; $was says whether it was mounted.
 * umount succeeds on the host while a container's own mount still writes, so the proof is that no process sees it
 * mounted. A container's mounts may outlive its stop by a moment: tried again for
 * 3 s, soon at first, because the application is down meanwhile. What stays in use is mounted
 * again: nothing has changed then.
 */
export const unmountCommands = `was=no
here() { grep -qF " - zfs $ds " /proc/self/mountinfo; }
unmount() {
  local try said=
  for try in 0.02 0.05 0.1 0.2 0.4 0.8 1.5 last; do
    if here; then was=yes; said=$(zfs unmount "$ds" 2>&1); fi
    grep -qsF " - zfs $ds " /proc/[0-9]*/mountinfo || return 0
    [ $try = last ] || sleep $try
  done
  perl -e '${holdersProgram}' "$ds"
  [ $was = no ] || here || zfs mount "$ds"
  printf '%s\\n' "$said" >&2
  exit ${exits.busy}
}`;

/** DATASET. */
export const unmountScript = `${prelude}
${seal}ds=$1
zfs list -H -o name "$ds" >/dev/null || exit 1
${unmountCommands}
unmount
seal "$ds"
`;

/** TAG SNAPSHOT: no error where it is so already. */
export const holdScript = `${prelude}
said=$(zfs hold "$1" "$2" 2>&1) && exit 0
while IFS=$'\\t' read -r _ tag _; do [ "$tag" != "$1" ] || exit 0; done <<<"$(zfs holds -H "$2" 2>/dev/null)"
printf '%s\\n' "$said" >&2; exit 1
`;

/** SNAPSHOT BOOKMARK: no error where the bookmark already marks that snapshot. */
export const bookmarkScript = `${prelude}
said=$(zfs bookmark "$1" "$2" 2>&1) && exit 0
guid=$(zfs get -Hp -o value guid "$1" 2>/dev/null) && [ "$guid" = "$(zfs get -Hp -o value guid "$2" 2>/dev/null)" ] && exit 0
printf '%s\\n' "$said" >&2; exit 1
`;

/**
 * DATASET SNAPSHOT BASE: size of a stream, with the dataset's own flags. Without a snapshot the stream does not exist
 * yet (zfs refuses to estimate a mounted head), so what changed since the base stands for it.
 */
export const estimateScript = `${prelude}
ds=$1 snapshot=$2 base=$3
if [ -z "$snapshot" ]; then
  if [ -n "$base" ]; then property=written$base; else property=referenced; fi
  printf 'size\\t%s\\n' "$(zfs get -Hp -o value "$property" "$ds")"; exit 0
fi
flags=()
for flag in $(zfs get -H -s local -o value drover:flags "$ds"); do case $flag in -L | -c | -w) flags+=("$flag") ;; esac; done
[ -z "$base" ] || flags+=(-i "$base")
zfs send "\${flags[@]}" -nvP "$ds@$snapshot" 2>/dev/null || { zfs list -H -t snapshot "$ds@$snapshot" >/dev/null || exit 1; }
`;

export const abortReceiveScript = `${prelude}
token=$(zfs get -H -o value receive_resume_token "$1" 2>/dev/null) || exit 0
[ "$token" = - ] || zfs receive -A "$1"
`;

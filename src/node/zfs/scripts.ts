import { guard, lateCode } from '../fence.ts';
import { compareProgram, runProgram, setProgram } from './programs.ts';

/**
 * Exit codes of the fixed scripts for `bash -s -- ARGS` on a node, which get data only through arguments. A script that
 * does not find what it expects exits with one of these, with the facts on stdout. Other failures are zfs's own, on stderr.
 */
export const exits = { conflict: 10, busy: 11, noRoot: 12, gone: 13, late: lateCode } as const;

/** Machine-readable output needs the C locale. zfs is in sbin, which the PATH of an SSH session may not have. */
export const prelude = `export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
set -u
`;

/**
 * Shell text that defines `seal DATASET [MOUNTPOINT OVERLAY]` (both properties, where the caller knows them). It keeps
 * other programs from creating files in the mountpoint of an unmounted dataset. Otherwise `docker run -v …/data:…` would
 * create a directory there, on the node's own file system, and Docker could start drover's container on it, empty. The
 * directory gets the attribute of `chattr +i`, which does not prevent `zfs mount`. On a file system without it, a file
 * takes the place of `data`, which Docker cannot bind as a directory, unless the file would prevent the mount. Files of
 * other programs are kept under another name. Never fails, since it is only an additional guard.
 */
export const seal = `seal() {
  local place=\${2-} overlay=\${3-} at
  [ -n "$place" ] || read -r place overlay < <(zfs list -H -o mountpoint,overlay "$1")
  [[ $place == /* ]] && { [ -d "$place" ] || mkdir -p -- "$place"; } || return 0
  while read -r _ _ _ _ at _; do [ "$at" != "\${place// /\\\\040}" ] || return 0; done </proc/self/mountinfo
  # It is sealed already: no process has to start while an application is down.
  if [ ! -e "$place/data" ]; then { : >"$place/.unsealed"; } 2>/dev/null || return 0; rm -f -- "$place/.unsealed"; fi
  [ ! -d "$place/data" ] || rmdir -- "$place/data" 2>/dev/null || mv -T -- "$place/data" "$place/found-$(date +%s)" || true
  # FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IMMUTABLE_FL: chattr may not be installed
  perl -e 'use Fcntl; my ($f, $d) = (pack "L!", 0); sysopen($d, $ARGV[0], O_RDONLY) && ioctl($d, 0x80086601, $f)
    && ioctl($d, 0x40086602, pack "L!", unpack("L!", $f) | 0x10) or exit 1' -- "$place" 2>/dev/null ||
    [ "$overlay" != on ] || [ -e "$place/data" ] || : >"$place/data" || true
}
`;

/** Prints the datasets in $root with the properties $columns, $separator, and then snapshots and bookmarks. */
export const listCommands = `# -r -t filesystem: one call for every dataset below the root
zfs get -Hp -r -t filesystem -o name,property,value,source "$columns" "$root" || {
  zfs list -H -o name "$root" >/dev/null 2>&1 && exit 1
  exit ${exits.noRoot}
}
printf '%s\\n' "$separator"
zfs list -Hp -r -t snapshot,bookmark -o name,guid,createtxg "$root" || exit 1
`;

/** ROOT COLUMNS SEPARATOR: runs `listCommands`. */
export const listScript = `${prelude}
root=$1 columns=$2 separator=$3
${listCommands}
`;

/** Prints what `parsePool` and `parseCapabilities` read of $pool; without features where zpool does not list them. */
export const poolCommand = `{
  zpool list -Hp -o name,health,size,free,feature@bookmarks,feature@large_blocks "$pool" 2>/dev/null ||
    zpool list -Hp -o name,health,size,free "$pool"
} && zfs list -Hp -o avail "$pool" || exit 1`;

/** Prints the versions of the zfs module and the kernel, and the processor. */
export const systemCommand = `{ IFS= read -r version </sys/module/zfs/version || version=-; printf '%s\\n' "$version"; uname -rm; } 2>/dev/null`;

/** POOL: prints what `parseCapabilities` reads, without the rest of an observation. */
export const capabilitiesScript = `${prelude}
pool=$1
${poolCommand}
printf '\\036\\n'
${systemCommand}
`;

/**
 * FENCE ROOT DATASET VOLUME APP LIMIT FLAGS DEPLOYMENT ROLE NAME: creates the volume, or completes one of the same volume and
 * role that an earlier run has created. The role is owner or incoming; the latter is writable as well, but belongs to no node. Any other dataset of that name is a conflict. `zfs create` itself sets all properties that
 * make it a volume.
 */
export const createScript = `${prelude}
fence=$1 root=$2 ds=$3 volume=$4 app=$5 limit=$6 flags=$7 deployment=$8 role=$9 name=\${10}
${seal}${guard}node=$(zfs get -H -s local -o value drover:node "$root" 2>/dev/null) || exit ${exits.noRoot}
[ -n "$node" ] || exit ${exits.noRoot}
if found=$(zfs get -H -s local -o property,value drover:vol,drover:role,drover:owner,drover:deployment "$ds" 2>/dev/null); then
  wanted=$(printf 'drover:vol\\t%s\\ndrover:role\\t%s' "$volume" "$role")
  [ "$role" != owner ] || wanted+=$'\\n'$(printf 'drover:owner\\t%s' "$node")
  wanted+=\${deployment:+$'\\n'$(printf 'drover:deployment\\t%s' "$deployment")}
  [ "$found" = "$wanted" ] || { printf '%s\\n' "$found"; exit ${exits.conflict}; }
else
  claim=(-o drover:epoch=0)
  [ "$role" != owner ] || claim=(-o "drover:owner=$node" -o drover:epoch=1 -o drover:copies=1:-:-)
  [ "$(zfs get -H -o value encryption "$root")" = off ] || flags="$flags -w" # raw from birth: mixing breaks later streams
  zfs create -o canmount=noauto -o readonly=off -o setuid=off -o devices=off -o refquota="$limit" -o drover:vol="$volume" \${name:+-o "drover:name=$name"} \${app:+-o "drover:app=$app"} \${deployment:+-o "drover:deployment=$deployment"} \\
    -o drover:role="$role" "\${claim[@]}" -o drover:flags="$flags" "$ds" || exit 1
fi
[ "$(zfs get -H -o value mounted "$ds")" = yes ] || { seal "$ds"; zfs mount "$ds"; } || exit 1
directory=$(zfs get -H -o value mountpoint "$ds")/data
[ -d "$directory" ] || mkdir -m 0755 "$directory" || exit 1
grep -qF " - zfs $ds " /proc/self/mountinfo
`;

/**
 * Shell text: exits with `conflict` unless $ds has the properties in the arguments before `--`, as NAME=VALUE; an empty
 * value means unset. With guid=GUID among them, drover's newest snapshot must have that guid, and nothing may be written
 * since. Removes these arguments. Afterwards ${all[…]} has the values of $columns, which ends with a comma.
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

/** FENCE DATASET EXPECTED… -- ASSIGNMENTS…, both as NAME=VALUE: compares and sets; without assignments only compares. */
export const setScript = `${prelude}
fence=$1 ds=$2 columns=
shift 2
${guard}if [ "\${!#}" = -- ]; then
  said=${runProgram(compareProgram, 'n')}
  [[ $said != '{"return":"same '* ]] || exit 0
else
  said=${runProgram(setProgram)}
  [ "$said" != '{"return":"set"}' ] || exit 0
fi
${compare}[ $# = 0 ] || zfs set "$@" "$ds"
`;

/** FENCE SNAPSHOT…: takes all at once. A late one on a former owner would keep that copy from receiving increments. */
export const snapshotScript = `${prelude}
fence=$1
shift
${guard}zfs snapshot "$@"
`;

export const mountScript = `${prelude}
${seal}[ "$(zfs get -H -o value mounted "$1")" = yes ] || { seal "$1"; zfs mount "$1"; }
`;

/** DATASET: prints the volume's directory; `conflict` where it is not mounted, `gone` where the directory is missing. */
export const directoryScript = `${prelude}
facts=$(zfs get -H -o value mounted,mountpoint "$1") || exit 1
[ "\${facts%%$'\\n'*}" = yes ] || exit ${exits.conflict}
directory=\${facts#*$'\\n'}/data
[ -d "$directory" ] || exit ${exits.gone}
printf '%s' "$directory"
`;

/**
 * DATASET: prints `PID TAB COMMAND TAB FILE` for up to 20 processes that use it. Compares devices and not paths, because
 * a file has another path inside a container.
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

/** Shell text that defines `here`: whether $ds is mounted; $place is then where. Starts no process. */
export const hereCommands = `place=
here() {
  local mounts= line
  IFS= read -rd '' mounts </proc/self/mountinfo
  [[ $mounts == *" - zfs $ds "* ]] || return 1
  line=\${mounts%%" - zfs $ds "*} line=\${line##*$'\\n'} line=\${line#* * * * } place=\${line%% *} place=\${place//\\\\040/ }
}
`;

/**
 * Shell text that defines `unmount`: unmounts $ds in every mount namespace or exits with `busy`; $was is whether it was
 * mounted. umount succeeds on the host while a container's own mount still writes, so the proof is that no process has
 * it mounted. A container's mounts can remain for a moment after its stop, so it tries again for 3 s, soon at first,
 * because the application is down. A dataset that stays in use is mounted again, so that nothing has changed.
 */
export const unmountCommands = `${hereCommands}was=no
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

/** DATASET: unmounts and seals it. */
export const unmountScript = `${prelude}
${seal}ds=$1
zfs list -H -o name "$ds" >/dev/null || exit 1
${unmountCommands}
unmount
seal "$ds"
`;

/** TAG SNAPSHOT: holds it; no error where it has that hold. */
export const holdScript = `${prelude}
said=$(zfs hold "$1" "$2" 2>&1) && exit 0
while IFS=$'\\t' read -r _ tag _; do [ "$tag" != "$1" ] || exit 0; done <<<"$(zfs holds -H "$2" 2>/dev/null)"
printf '%s\\n' "$said" >&2; exit 1
`;

/** SNAPSHOT BOOKMARK: creates it; no error where the bookmark of that snapshot exists. */
export const bookmarkScript = `${prelude}
said=$(zfs bookmark "$1" "$2" 2>&1) && exit 0
guid=$(zfs get -Hp -o value guid "$1" 2>/dev/null) && [ "$guid" = "$(zfs get -Hp -o value guid "$2" 2>/dev/null)" ] && exit 0
printf '%s\\n' "$said" >&2; exit 1
`;

/**
 * DATASET SNAPSHOT BASE: prints the size of a stream with the dataset's own flags. Without a snapshot, prints how much
 * has changed since the base, because zfs refuses to estimate a mounted dataset.
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

import type { Argv } from '../command.ts';
import { type Fence, guard } from '../fence.ts';
import { prelude } from './scripts.ts';
import { receiveAndHold, receiveOnlyOneSnapshot } from './transfer-stream.ts';

/** FENCE ARGS…: the fenced command as a single line, as authorized_keys needs it. */
const fenced = (command: string): string =>
  `${prelude}fence=$1; shift
${guard}exec 8>&-
${command}`
    .split('\n')
    .join('; ');

/** The text of `fencedSend`. */
export const sendScript = fenced('exec zfs "$@"');
/** The text of `fencedReceiveAndHold`. */
export const receiveScript = fenced(receiveAndHold);

/**
 * `zfs send` as an argv; exits with `lateCode` where its lock was lost. The lock is compared only at the start, because a
 * transfer takes longer than another run should wait.
 */
export const fencedSend = ({ token }: Fence, args: readonly string[]): Argv => {
  return ['bash', '-c', sendScript, 'drover-zfs', token, ...args];
};

/** `zfs receive` in the same way; it accepts only the stream of one snapshot. */
export const fencedReceive = ({ token }: Fence, args: readonly string[]): Argv => {
  return ['bash', '-c', fenced(receiveOnlyOneSnapshot), 'drover-zfs', token, ...args];
};

/** `fencedReceive` that holds the snapshot when it has arrived, and prints its guid. */
export const fencedReceiveAndHold = ({ token }: Fence, { full, tag }: Held, args: readonly string[]): Argv => {
  return ['bash', '-c', receiveScript, 'drover-zfs', token, full, tag, ...args];
};

/** A snapshot by its full name, and the tag of its hold. */
export interface Held {
  readonly full: string;
  readonly tag: string;
}

/** SNAPSHOT TAG: holds the snapshot and prints its guid. */
export const holdArrivedScript = `${prelude}
zfs hold "$2" "$1" && zfs get -Hp -o value guid "$1"
`;

/**
 * Copies stdin to stdout and reports the bytes on stderr, twice a second and at the end. This count does not depend on the
 * output of zfs. POSIX::times because perl-base has no Time::HiRes. Exits when its count is no longer read: then the
 * controller is gone, and the receive keeps a resume token.
 */
const counter = `
use POSIX (); $SIG{PIPE} = "IGNORE";
my ($n, $buffer) = (0, ""); my $half = POSIX::sysconf(POSIX::_SC_CLK_TCK()) / 2; my $last = (POSIX::times())[0];
sub report { defined syswrite STDERR, "drover-bytes $n\\n" or exit 1 }
while (1) {
  my $r = sysread STDIN, $buffer, 131072;
  if (!defined $r) { next if $! == POSIX::EINTR(); report(); exit 1 }
  last if $r == 0;
  for (my $o = 0; $o < $r;) {
    my $w = syswrite STDOUT, $buffer, $r - $o, $o;
    if (!defined $w) { next if $! == POSIX::EINTR(); report(); exit 1 }
    $o += $w; $n += $w;
  }
  my $now = (POSIX::times())[0];
  if ($now - $last >= $half) { $last = $now; report() }
}
report();
`;

/**
 * FENCE DIRECTORY PORT LOGIN ADDRESS SEND-ARGS…: runs the whole pipe on the source, with the operation's key and the
 * target's pinned host key only, whatever ssh_config says. On TERM it ends its process group, because under sudo only
 * this shell gets the signal.
 */
export const directScript = `${prelude}
fence=$1 dir=$2 port=$3 login=$4 address=$5; shift 5
${guard}exec 8>&-
trap 'trap - TERM; kill -TERM 0' TERM HUP INT
{
  zfs send "$@" </dev/null | perl -e '${counter}' | ssh -F none -T -p "$port" -l "$login" -i "$dir/key" \\
    -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o PreferredAuthentications=publickey \\
    -o StrictHostKeyChecking=yes -o HostKeyAlias=drover-target -o UserKnownHostsFile="$dir/known_hosts" \\
    -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no -o Compression=no -o ConnectTimeout=10 \\
    -o ServerAliveInterval=5 -o ServerAliveCountMax=3 -o LogLevel=ERROR -- "$address" receive
  printf 'drover-status %s\\n' "\${PIPESTATUS[*]}" >&2
} &
wait $!
`;

/**
 * Shell text at the top of scripts that write files of sshd and ssh. The caller has checked each word; these functions
 * check again on the node that has the file. They compare bytes, since the locale is C.
 */
const checks = `
bad() { printf 'refused: %s is not valid\\n' "$1" >&2; exit 1; }
is() { [[ $2 =~ ^($3)$ ]] || bad "$1"; }
operation_is() { is 'the name of the operation' "$1" '[A-Za-z0-9-]{1,64}'; }
`;

/** OPERATION DATASET HOSTKEYS…: makes a key for this operation, in memory. Prints the public key, then drover:flags. */
export const prepareScript = `${prelude}${checks}
umask 077
operation_is "$1"
for key in "\${@:3}"; do is 'a host key' "$key" '[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,3}'; done
dir=/run/drover/send-$1 ds=$2; shift 2
mkdir -p -m 0700 /run/drover || exit 1
find /run/drover -maxdepth 1 -name 'send-*' -mmin +1440 -exec rm -rf {} + # of a controller that died
mkdir "$dir" && ssh-keygen -q -t ed25519 -N '' -C drover -f "$dir/key" || exit 1
for key; do printf 'drover-target %s\\n' "$key"; done >"$dir/known_hosts"
cut -d ' ' -f 1,2 "$dir/key.pub"
[ -z "$ds" ] || zfs get -H -s local -o value drover:flags "$ds"
`;

/** OPERATION: removes the key. */
export const discardScript = `${prelude}${checks}
operation_is "$1"
rm -rf "/run/drover/send-$1"
`;

/**
 * Shell text that defines `replace`: replaces the file with the output of `edit`, or leaves it as it is. The new file is
 * synced first, so that after a power cut there is the old or the new file, never an empty one. Other programs do not
 * take drover's lock: if one has changed the file since it was read, the edit starts again.
 */
const editKeys = `
is 'the login' "$login" '[^-[:cntrl:][:space:]:][^[:cntrl:][:space:]:]*'
home=$(getent passwd "$login" | cut -d : -f 6); [ -n "$home" ] || exit 1
mkdir -p -m 0700 /run/drover || exit 1
umask 077
exec 9>/run/drover/authorized_keys.lock || exit 1 # two transfers to one node edit one file
flock -w 30 9 || { echo 'another transfer has been editing authorized_keys for 30 s' >&2; exit 1; }
[ -d "$home/.ssh" ] || install -d -m 0700 -o "$login" -g "$(id -gn "$login")" "$home/.ssh" || exit 1
file=$(readlink -f "$home/.ssh/authorized_keys") && [ -n "$file" ] || exit 1
[ -e "$file" ] || install -m 0600 -o "$login" -g "$(id -gn "$login")" /dev/null "$file" || exit 1
# -l and the line end: the last line of a hand-made file may have none
keep() { now=$(date +%Y%m%d%H%M) mine="$1" perl -nle '
  next if /expiry-time="(\\d{12})".* drover-transfer-(\\S+)$/ && ($2 eq $ENV{mine} || $1 lt $ENV{now}); print' "$2"; }
replace() {
  local try
  new=$(mktemp "$file.XXXXXX") && before=$(mktemp "$file.XXXXXX") || exit 1
  trap 'rm -f "$new" "$before"' EXIT
  for try in 1 2 3 4 5; do
    cat <"$file" >"$before" && edit "$before" >"$new" || exit 1
    chmod --reference="$file" "$new" && chown --reference="$file" "$new" && sync "$new" || exit 1
    cmp -s "$before" "$file" && { mv "$new" "$file"; return; }
  done
  echo 'another program keeps changing authorized_keys' >&2; exit 1
}
`;

/**
 * LOGIN OPERATION KEY SOURCE COMMAND: permits the key to run the command, from that address, for ten minutes (which limits
 * the login, not the transfer). Removes expired lines of earlier operations. Double quotes in the command have their
 * backslash already.
 */
export const authorizeScript = `${prelude}${checks}
operation_is "$2"
is 'the key' "$3" 'ssh-ed25519 [A-Za-z0-9+/]{68}'
is 'the address' "$4" '[0-9A-Fa-f:.]{2,45}'
is 'the command' "$5" '([^"[:cntrl:]]|\\\\")*'
[ \${#5} -le 16384 ] || bad 'the command'
login=$1 operation=$2 line=$(printf 'restrict,command="%s",from="%s",expiry-time="%s" %s drover-transfer-%s' \\
  "$5" "$4" "$(date -d '+10 minutes' +%Y%m%d%H%M)" "$3" "$2")
edit() { keep "$operation" "$1" && printf '%s\\n' "$line"; }
${editKeys}
replace
`;

/** LOGIN OPERATION: removes the key's line. */
export const forbidScript = `${prelude}${checks}
operation_is "$2"
login=$1 operation=$2
edit() { keep "$operation" "$1"; }
${editKeys}
replace
`;

/** ADDRESS PORT…: prints the first pair that answers, and the address of this node on that route; nothing without one. */
export const probeScript = `${prelude}
while [ $# -ge 2 ]; do
  if timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null; then
    source=$(ip -o route get "$1" | sed -n 's/.* src \\([^ ]*\\).*/\\1/p')
    [ -z "$source" ] || { printf '%s %s %s\\n' "$1" "$2" "$source"; exit 0; }
  fi
  shift 2
done
`;

/** DATASET: prints token, bytes written since the newest snapshot, and that snapshot's guid and name; nothing without it. */
export const targetStateScript = `${prelude}
facts=$(zfs get -Hp -o value receive_resume_token,written "$1" 2>/dev/null) || exit 0
printf '%s\\n' "$facts"
zfs list -Hp -d 1 -t snapshot -o guid,name -s createtxg "$1" | tail -n 1
`;

/** The properties of every copy: no program in it gets another user's rights, and device files do not work. */
export const harmless: readonly string[] = ['setuid=off', 'devices=off'];

/**
 * Properties that the target always inherits. A stream with properties is refused as a whole; should one get through, these
 * do not count. Only inheritable properties can be excluded, because zfs tries to inherit the others too.
 */
export const notFromStreams: readonly string[] = ['mountpoint', 'sharenfs', 'sharesmb', 'exec'];

/**
 * Passes its input on if it begins like the stream of one snapshot of one filesystem, or is too short for any stream (then
 * zfs reports what is wrong). Refuses the packages of `zfs send -p` and `-R`, which have properties and child datasets:
 * a source that sends one is compromised. The numbers are those of OpenZFS's dmu_replay_record: type 0, its magic, the
 * kind of the header in the lowest two bits, and 2 for a filesystem.
 */
const onlyOneSnapshot = [
  'my $h = "";',
  'while (length $h < 312) {',
  'my $r = sysread STDIN, $h, 312 - length $h, length $h;',
  'if (!defined $r) { next if $! == 4; exit 1 }',
  'last if $r == 0 }',
  'if (length $h == 312) {',
  'my ($type, $magic, $info, $kind) = unpack "V x4 Q< Q< x8 V", $h;',
  'if ($type != 0 || $magic != 0x2F5BACBAC || ($info & 3) != 1 || $kind != 2) {',
  'print STDERR "refused: this is not the stream of one snapshot of a filesystem\\n"; exit 1 } }',
  'for (my $o = 0; $o < length $h;) {',
  'my $w = syswrite STDOUT, $h, length($h) - $o, $o;',
  'if (!defined $w) { next if $! == 4; exit 1 }',
  '$o += $w }',
  'exec "cat";',
].join(' ');

/** Shell text, one line for authorized_keys. zfs replaces the shell, so that signals reach it. */
export const receiveOnlyOneSnapshot = `exec zfs "$@" < <(exec perl -e '${onlyOneSnapshot}')`;

/** SNAPSHOT TAG ZFS-ARGS…: the same, then holds what has arrived and prints its guid: both at once, as a hold waits for the pool. */
export const receiveAndHold = `full=$1 tag=$2
shift 2
zfs "$@" < <(exec perl -e '${onlyOneSnapshot}') || exit
zfs hold "$tag" "$full" & held=$!
guid=$(zfs get -Hp -o value guid "$full") && wait $held && printf '%s\\n' "$guid"`;

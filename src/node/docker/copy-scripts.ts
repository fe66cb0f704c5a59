import { exits, prelude } from '../zfs/scripts.ts';

/**
 * Perl that both programs begin with. `walk DIR` visits each entry below DIR in order, without sockets and without other
 * file systems, as a path relative to DIR. `facts` is what a copy must have: type, mode, owner, group, size, time, target.
 */
const walkProgram = `
use strict; use warnings; no warnings "recursion"; use Fcntl qw(:mode O_RDONLY); use POSIX ();
$| = 1;
my ($device, $machine) = (undef, (POSIX::uname())[4]);
my $statx = {x86_64 => 332, ppc64le => 383, s390x => 379}->{$machine} // 291;
sub status { my ($path) = @_; $path = "$path"; my $buffer = "\\0" x 256;
  # AT_FDCWD, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS: perl itself knows whole seconds only
  if (syscall($statx, -100, $path, 0x100, 0x7ff, $buffer) != 0) { return if $!{ENOENT} || $!{ENOTDIR}; die "cannot read $path: $!\\n" }
  my ($nlink, $uid, $gid, $mode) = unpack "x16 L L L S", $buffer; my ($ino, $size) = unpack "x32 Q Q", $buffer;
  my ($changed, $changedNs) = unpack "x96 q L", $buffer; my ($written, $writtenNs) = unpack "x112 q L", $buffer;
  my @device = unpack "x128 L L L L", $buffer;
  return ("$device[2]:$device[3]", $ino, $mode, $nlink, $uid, $gid, "$device[0]:$device[1]", $size, undef, "$written.$writtenNs", $changed, "$changed.$changedNs");
}
sub walk { my ($root, $visit, $at) = @_; $at //= "";
  my $directory = $at eq "" ? $root : "$root/$at";
  opendir(my $handle, $directory) or do { return if $!{ENOENT}; die "cannot read $directory: $!\\n" };
  for my $name (sort grep { $_ ne "." && $_ ne ".." } readdir $handle) {
    my $path = $at eq "" ? $name : "$at/$name";
    my @s = status("$root/$path") or next;
    next if S_ISSOCK($s[2]);
    $visit->($path, \\@s);
    walk($root, $visit, $path) if S_ISDIR($s[2]) && $s[0] eq $device;
  }
}
sub facts { my ($root, $path, $s) = @_;
  my $type = S_IFMT($s->[2]);
  my $more = S_ISREG($s->[2]) ? "$s->[7]" : S_ISLNK($s->[2]) ? readlink("$root/$path") // "" :
    S_ISBLK($s->[2]) || S_ISCHR($s->[2]) ? $s->[6] : "";
  return join " ", $type, S_ISLNK($s->[2]) ? 0 : S_IMODE($s->[2]), $s->[4], $s->[5], S_ISDIR($s->[2]) ? 0 : $s->[9], $more;
}
sub fields { my ($name) = @_; open my $in, "<", $name or return (); local $/ = "\\0"; my @all = <$in>; chomp @all; return @all; }
`;

/** SRC: prints bytes and number of files. */
const measureProgram = `${walkProgram}
my ($src) = @ARGV; $device = (status($src))[0]; my ($bytes, $files) = (0, 0);
walk($src, sub { my ($path, $s) = @_; $files++; $bytes += $s->[7] if S_ISREG($s->[2]); });
print "$bytes $files\\n";
`;

/**
 * SRC DST SINCE LIST: writes the paths to copy into LIST, removes from DST what SRC does not have, and prints the number
 * of entries, their bytes, and how many were removed. All names of a file with several names are copied together.
 */
const listProgram = `${walkProgram}
my ($src, $dst, $since, $list) = @ARGV; my (%seen, %inode, %names, %copy, @order); $device = (status($src))[0];
walk($src, sub { my ($path, $s) = @_;
  $seen{$path} = S_IFMT($s->[2]); push @order, $path;
  if (!S_ISDIR($s->[2]) && $s->[3] > 1) { my $key = "$s->[0]:$s->[1]"; $inode{$path} = $key; push @{$names{$key}}, $path; }
  my @d = status("$dst/$path");
  $copy{$path} = $s if !@d || $s->[10] >= $since || facts($src, $path, $s) ne facts($dst, $path, \\@d);
});
for my $path (keys %copy) { for my $name (@{$names{$inode{$path} // ""} // []}) { my @s = status("$src/$name"); $copy{$name} //= \\@s if @s; } }
my ($removed, @gone) = (0);
$device = (status($dst))[0];
walk($dst, sub { my ($path, $s) = @_;
  push @gone, $path if !exists $seen{$path} || $seen{$path} != S_IFMT($s->[2]);
});
for my $path (reverse @gone) {
  my $full = "$dst/$path";
  (-d $full && !-l $full ? rmdir $full : unlink $full) or $!{ENOENT} or die "cannot remove $full: $!\\n";
  $removed++;
}
open my $out, ">", $list or die "cannot write $list: $!\\n";
my ($count, $bytes, %counted) = (0, 0);
for my $path (@order) { my $s = $copy{$path} or next; $count++;
  $bytes += $s->[7] if S_ISREG($s->[2]) && !($inode{$path} && $counted{$inode{$path}}++);
  print $out "./$path\\0"; }
close $out or die "cannot write $list: $!\\n";
print "$count $bytes $removed\\n";
`;

/** Passes a stream on, and prints on standard error how many bytes it had. */
const countProgram = `
my ($n, $last, $b) = (0, time); $SIG{PIPE} = "DEFAULT";
while (my $r = sysread STDIN, $b, 1 << 20) { my $o = 0; while ($o < $r) { my $w = syswrite STDOUT, $b, $r - $o, $o; defined $w or exit 1; $o += $w }
  $n += $r; if (time > $last) { $last = time; print STDERR "$n\\n" } }
print STDERR "$n\\n";
`;

/**
 * SRC DST HOW KNOWN: compares both trees. Extended attributes are compared where the numbers of the system calls are known.
 * KNOWN has \`path \\0 inode ctime size \\0\` for each file whose contents were found equal.
 */
const compareProgram = `${walkProgram}
my ($src, $dst, $how, $known) = @ARGV; my (%known, %names, @differs, @keep); my ($files, $bytes, $before) = (0, 0, 0);
my ($list, $get) = $machine eq "x86_64" ? (195, 192) : $machine eq "aarch64" ? (12, 9) : ();
my @lines = fields($known); while (@lines > 1) { my ($path, $mark) = splice @lines, 0, 2; $known{$path} = $mark; }
sub attributes { my ($path) = @_; return "" unless defined $list;
  my $names = "\\0" x 65536; my $n = syscall($list, $path, $names, 65536); return "" if $n <= 0;
  my @found; for my $name (split /\\0/, substr $names, 0, $n) { next if $name =~ /^security\\.selinux$|^system\\.nfs4/;
    my $value = "\\0" x 65536; my $key = $name; my $m = syscall($get, $path, $key, $value, 65536); push @found, "$name=" . ($m < 0 ? "?" : substr $value, 0, $m); }
  return join "\\n", sort @found; }
sub same { my ($one, $two) = @_;
  sysopen(my $a, $one, O_RDONLY) or return 0; sysopen(my $b, $two, O_RDONLY) or return 0;
  while (1) { my $n = sysread $a, my $x, 1 << 20; my $m = sysread $b, my $y, 1 << 20;
    return 0 unless defined $n && defined $m && $n == $m && $x eq $y; return 1 if $n == 0; } }
sub mark { my ($s) = @_; return "$s->[1] $s->[11] $s->[7]"; }
my %there; $device = (status($src))[0];
my $differs = sub { push @differs, "$_[0]: $_[1]" if @differs < 10; };
walk($src, sub { my ($path, $s) = @_; $files++; $there{$path} = 1;
  my @d = status("$dst/$path");
  if ($how eq "stopped") {
    return $differs->($path, "is missing") unless @d;
    return $differs->($path, "has another type, mode, owner, size, time or target") if facts($src, $path, $s) ne facts($dst, $path, \\@d);
    return $differs->($path, "has other attributes") if attributes("$src/$path") ne attributes("$dst/$path");
    if (!S_ISDIR($s->[2]) && $s->[3] > 1) { my $other = $names{"$s->[0]:$s->[1]"} //= $d[1]; return $differs->($path, "is not the same file as its other names") if $other != $d[1]; }
  }
  return unless S_ISREG($s->[2]) && @d && S_ISREG($d[2]);
  if (($known{$path} // "") eq mark($s)) { $before += $s->[7]; push @keep, $path, mark($s); return; }
  return if $how eq "in-use" && facts($src, $path, $s) ne facts($dst, $path, \\@d);
  my $equal = same("$src/$path", "$dst/$path"); $bytes += $s->[7];
  my @now = status("$src/$path");
  if ($equal && @now && mark(\\@now) eq mark($s)) { push @keep, $path, mark($s); }
  elsif ($how eq "stopped") { $differs->($path, "has another content"); }
});
if ($how eq "stopped") { $device = (status($dst))[0]; walk($dst, sub { my ($path) = @_; $differs->($path, "is not in the volume") unless $there{$path}; }); }
else { open my $out, ">", $known or die "cannot write $known: $!\\n"; print $out map { "$_\\0" } @keep; close $out or die "cannot write $known: $!\\n"; }
print "$files $bytes $before\\n"; print "$_\\n" for map { s/[\\r\\n]/?/gr } @differs;
`;

/** Files next to `data`, in the dataset itself: they are there as long as the copy is. */
const places = `state=$top/.drover-import since=$top/.drover-import/since list=$top/.drover-import/list known=$top/.drover-import/known`;

const mountedDataset = `facts=$(zfs get -H -o value mounted,mountpoint,readonly "$ds") || exit 1
{ read -r mounted; read -r top; read -r readonly; } <<<"$facts"
[ "$mounted" = yes ] && [ -d "$top/data" ] || exit ${exits.conflict}
dst=$top/data
${places}
mkdir -p -m 0700 -- "$state" || exit 1`;

const checkSource = `[ -d "$src" ] && [ ! -L "$src" ] || exit ${exits.gone}`;

/** SRC: prints bytes and files. */
export const measureScript = `${prelude}
src=$1
${checkSource}
perl -e '${measureProgram}' -- "$src"
`;

/**
 * SRC DATASET: one pass. Prints \`total ENTRIES BYTES REMOVED\`, then \`at BYTES\` now and then, then \`done\`. tar copies what
 * the list names; it is on every node, and knows holes, links, ACLs and attributes. First the kernel writes the pages
 * that programs have changed: a page changed after that gets a new time, so that the next pass sees it.
 */
export const copyScript = `${prelude}set -o pipefail
src=$1 ds=$2
${checkSource}
${mountedDataset}
before=0
[ ! -s "$since" ] || before=$(<"$since")
# 2 s earlier: the kernel's time for files is a little behind the clock
began=$(($(date +%s) - 2))
sync -f -- "$src"
total=$(perl -e '${listProgram}' -- "$src" "$dst" "$before" "$list") || exit 1
echo "total $total"
# the pipe below is not the place for the numbers
exec 3>&1
{ tar -C "$src" --create --null --no-recursion --verbatim-files-from --files-from="$list" --format=posix --sparse --numeric-owner \\
    --acls --xattrs --xattrs-include='*' --one-file-system --ignore-failed-read --warning=none --file=- 2>"$state/errors" || [ $? = 1 ]; } | # what it could not read, the comparison finds
  perl -e '${countProgram}' 2> >(while read -r n; do echo "at $n"; done >&3) |
  tar -C "$dst" --extract --preserve-permissions --same-owner --numeric-owner --acls --xattrs --xattrs-include='*' \\
    --delay-directory-restore --warning=no-timestamp --file=- || { tail -n 3 -- "$state/errors" >&2; exit 1; }

# what tar sets last, for the top itself
chown --reference="$src" -- "$dst" && chmod --reference="$src" -- "$dst" && touch -r "$src" -- "$dst" || exit 1
printf '%s\\n' "$began" >"$since" || exit 1
sync -f -- "$dst"
echo done
`;

/** SRC DATASET HOW: prints \`FILES BYTES KNOWN\`, then a line for each difference. */
export const compareScript = `${prelude}
src=$1 ds=$2 how=$3
${checkSource}
${mountedDataset}
perl -e '${compareProgram}' -- "$src" "$dst" "$how" "$known"
`;

/** DATASET: removes the files next to \`data\`. */
export const forgetScript = `${prelude}
ds=$1
${mountedDataset}
rm -rf --one-file-system -- "$state"
`;

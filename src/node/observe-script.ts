import { readBootCommand } from './boot-rules.ts';
import { readRecordCommand } from './deployment-record.ts';
import { foreignMountsProgram } from './foreign-mounts.ts';
import { netUpMark, netUpPath } from './net-up.ts';
import { readTableCommand } from './proxy-scripts.ts';
import { listCommands, prelude } from './zfs-scripts.ts';

/** Asks Docker's socket for a path and prints the body. HTTP/1.0, so that it comes in one piece and ends. */
export const dockerGet = `
use IO::Socket::UNIX; $/ = undef; alarm 20;
my $s = IO::Socket::UNIX->new("/run/docker.sock") or die "cannot reach Docker: $!\\n";
print $s "GET $ARGV[0] HTTP/1.0\\r\\nHost: docker\\r\\n\\r\\n"; $s->flush;
my ($head, $body) = split /\\r\\n\\r\\n/, <$s>, 2;
die "Docker says: $head\\n" unless $head =~ /^HTTP\\S+ 200 /;
print $body, "\\n";
`;

/** The order of the sections that `observeScript` prints. */
export const sections = [
  'datasets',
  'copies',
  'mounts',
  'pool',
  'network',
  'sockets',
  'system',
  'boot',
  'deployments',
  'docker',
  'addresses',
  'images',
] as const;

/** ROOT COLUMNS SEPARATOR POOL: everything about a node but its containers; reads only. */
export const observeScript = `${prelude}
root=$1 columns=$2 separator=$3 pool=$4
next() { printf '%s\\n' "$separator"; }
docker() { perl -e '${dockerGet}' "$1"; }
${listCommands}
# A mount that this does not find is found by the unmount.
next; perl -e '${foreignMountsProgram}' "$root" || true
next; zpool list -Hp -o name,health,size,free "$pool" && zfs list -Hp -o avail "$pool" || exit 1
next; { ${readTableCommand}; } || exit 1
# -H no header, listening sockets of tcp and udp, numbers, with their processes
next; ss -Hltnup || exit 1
next; uname -r; uname -m; cat /sys/module/zfs/version
next; ${readBootCommand}
next; ${readRecordCommand} || exit 1
next; docker /version || exit 1
next; ip -o addr show; grep -qx '${netUpMark}' ${netUpPath} || echo outdated
next; docker /images/json
`;

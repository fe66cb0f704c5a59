import { readBootCommand } from './boot-rules.ts';
import { readRecordCommand } from './deployment-record.ts';
import { foreignMountsProgram } from './foreign-mounts.ts';
import { netUpMark, netUpPath } from './network/net-up.ts';
import { readTableCommand } from './network/proxy-scripts.ts';
import { listCommands, poolCommand, prelude, systemCommand } from './zfs/scripts.ts';

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
  'addresses',
  'times',
] as const;

/** ROOT COLUMNS SEPARATOR POOL: everything about a node but what Docker says; reads only. */
export const observeScript = `${prelude}
began=\${EPOCHREALTIME-}
root=$1 columns=$2 separator=$3 pool=$4
next() { printf '%s\\n' "$separator"; }
${listCommands}
# A mount that this does not find is found by the unmount.
next; perl -e '${foreignMountsProgram}' "$root" || true
next; ${poolCommand}
next; { ${readTableCommand}; } || exit 1
# -H no header, listening sockets of tcp and udp, numbers, with their processes
next; ss -Hltnup || exit 1
next; ${systemCommand}
next; ${readBootCommand}
next; ${readRecordCommand} || exit 1
next; ip -o addr show; [ -f ${netUpPath} ] && [[ $'\\n'$(<${netUpPath})$'\\n' == *$'\\n''${netUpMark}'$'\\n'* ]] || echo outdated
next; printf '%s\\n' "$began" "\${EPOCHREALTIME-}"
`;

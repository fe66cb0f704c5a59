import type { AppName } from '../../model/config.ts';
import { containerName } from '../../model/names.ts';
import type { NodeConnection } from '../ssh/connection.ts';

/**
 * CONTAINER MILLISECONDS. Reads the TCP sockets of the container's network: connections to a port that a program listens
 * at, established or closed by the client alone (which may still wait for the answer), and not from the container itself.
 */
const drainScript = `pid=$(docker inspect -f '{{.State.Pid}}' -- "$1" 2>/dev/null) || exit 0
[ "$pid" -gt 0 ] && [ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ] || exit 0
now() { echo $(( $(date +%s%N) / 1000000 )); }
until=$(( $(now) + $2 ))
while :; do
  left=$(awk '
    { split($2, at, ":"); port = at[2] }
    $4 == "0A" { listens[port] = 1 }
    ($4 == "01" || $4 == "08") && at[1] !~ /7F$/ && at[1] != "00000000000000000000000001000000" { open[port]++ }
    END { for (port in open) if (port in listens) n += open[port]; print n + 0 }
  ' "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" 2>/dev/null)
  [ "\${left:-0}" -gt 0 ] && [ "$(now)" -lt "$until" ] || break
  sleep 0.1
done
echo "\${left:-0}"`;

/** As `NodeClient.drain`. */
export async function drainContainer(
  connection: NodeConnection,
  app: AppName,
  waitMs: number,
  signal: AbortSignal,
): Promise<number> {
  const { stdout } = await connection.script(drainScript, [containerName(app), String(Math.round(waitMs))], { signal });
  return /^\d{1,9}\n$/.test(stdout) ? Number(stdout) : 0;
}

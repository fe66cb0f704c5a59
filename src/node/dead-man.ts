import type { DeadMan } from '../engine/node-client.ts';
import { AppError } from '../model/errors.ts';
import { containerName } from '../model/names.ts';
import type { NodeConnection } from './ssh/connection.ts';
import { prelude } from './zfs/scripts.ts';

const notSetUpCode = 12;

/** Shell text, $1 being the application: sets $unit and $record, the file that says what to start again. Defines `end`. */
const names = `unit=drover-dead-man@$(systemd-escape -- "$1") record=/var/lib/drover/dead-man/$1
end() { systemctl stop "$unit.timer" "$unit.service"; systemctl reset-failed "$unit.timer" "$unit.service"; }`;

/**
 * APP CONTAINER SECONDS COUNT, then APP CONTAINER of so many applications that share volumes with it, and DATASET EPOCH
 * of each volume: writes the record first, so that it is there after a power cut, and then starts the timer. Ends a
 * dead-man that waits for the lock, which this run holds: the new one replaces it.
 */
const armScript = `${prelude}
${names}
app=$1 container=$2 seconds=$3 count=$4 version=2 sharers=(); shift 4
[ "$count" = 0 ] || version=3
grep -qx "# record $version" /usr/local/lib/drover/dead-man && systemctl cat "$unit.service" >/dev/null 2>&1 || exit ${notSetUpCode}
said=$(docker inspect -f '{{.Id}} {{.State.StartedAt}}' "$container" 2>&1) || {
  case $said in *[Nn]'o such '*) exit 0 ;; *) printf '%s\\n' "$said" >&2; exit 1 ;; esac
}
while [ "$count" -gt 0 ]; do
  id=$(docker inspect -f '{{.Id}}' "$2" 2>&1) && sharers+=("with $id $1") || case $id in *[Nn]'o such '*) ;; *) printf '%s\\n' "$id" >&2; exit 1 ;; esac
  shift 2; count=$((count - 1))
done
mkdir -p "\${record%/*}" || exit 1
new=$(mktemp "\${record%/*}/.new.XXXXXX") || exit 1
{ printf '%s\\n' "\${said%% *}" "\${said#* }" "$(</proc/sys/kernel/random/boot_id)" "\${sharers[@]}" && printf '%s %s\\n' "$@"; } >"$new" && sync "$new" && mv "$new" "$record" && sync "\${record%/*}" || exit 1
end 2>/dev/null
# AccuracySec: systemd puts timers together within a minute otherwise.
systemd-run --quiet --on-active="$seconds" --timer-property=AccuracySec=1s --unit="$unit.service"
`;

/** APP: disarms; no error where nothing is armed. */
const disarmScript = `${prelude}
${names}
rm -f "$record" || exit 1
end 2>/dev/null
exit 0
`;

/** A systemd timer on the node (`systemctl list-timers 'drover-dead-man@*'`), which starts a program of provision.sh. */
export function createDeadMan(connection: NodeConnection): DeadMan {
  return {
    async arm(app, volumes, sharers, afterMs, signal) {
      const copies = volumes.flatMap(({ dataset, epoch }) => [dataset, String(epoch)]);
      const others = sharers.flatMap((other) => [other, containerName(other)]);
      const seconds = String(Math.ceil(afterMs / 1000));
      const args = [app, containerName(app), seconds, String(sharers.length), ...others, ...copies];
      const { code } = await connection.script(armScript, args, { signal, okCodes: [0, notSetUpCode] });
      if (code === 0) return;
      const what = `cannot move "${app}" away from "${connection.node}"`;
      throw new AppError('command-failed', `${what}: the node has no dead-man program that could start it again`, {
        hint: 'run host/provision.sh on the node again',
        details: { node: connection.node },
      });
    },
    async disarm(app, signal) {
      await connection.script(disarmScript, [app], { signal });
    },
  };
}

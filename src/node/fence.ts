import { AppError } from '../model/errors.ts';

/** The lock that a run of drover holds on a node. Its folder belongs to root, so that no other login can open or block it. */
export const lockFile = '/run/drover/lock';
/** Held for an instant by every program on the node that checks who owns a volume and then changes it. */
export const setLockFile = '/run/drover/set.lock';
/** The lock of drover 0.1 and of nodes that it provisioned. Every run takes it too. Every login may write to its folder. */
export const oldLockFile = '/run/lock/drover.lock';

/** The lock that a client took last on its node; the node's lock file contains the token as long as the client holds it. */
export interface Fence {
  token: string;
}

/** Exit code of a script that arrived after its run had lost the lock. */
export const lateCode = 14;

/** The error for a command that arrived after its run had lost the lock of the node. */
export function tooLate(what: string, node: string): AppError {
  return new AppError('connection-failed', `cannot ${what} on "${node}": the lock of the node was lost`, {
    retryable: true,
    details: { node },
  });
}

const folderOf = (file: string): string => file.replace(/\/[^/]*$/, '');

/**
 * Shell text: exits where the lock of $fence has been lost. Without the lock that `guard` takes, it only saves work. Starts
 * no process, because applications are down in the meantime.
 */
export const leaveIfLate = `lock=; [ -z "$fence" ] || { IFS= read -rd '' lock <${lockFile}; } 2>/dev/null
[[ -z $fence || $lock == *"\\"token\\":\\"$fence\\""* ]] || exit ${lateCode}
`;

/**
 * Shell text at the top of every script that changes who owns a volume; $fence is the token of the lock it was sent
 * under. A command may arrive long after its run has lost the lock, because TCP repeats it. From the moment another run
 * has the lock, such a command is refused: the token is written and compared under the same lock, so no command can be
 * between its check and its change when the next run begins to observe.
 */
export const guard = `{ [ -d ${folderOf(setLockFile)} ] || mkdir -p -m 0700 ${folderOf(setLockFile)}; } && { [ -f ${setLockFile} ] || (umask 077; : >>${setLockFile}); } && exec 8>${setLockFile} || exit 1
flock -w 60 8 || { echo 'another command of drover has been running for 60 s' >&2; exit 1; }
${leaveIfLate}`;

/**
 * Shell function, the same in host/provision.sh. Only root's processes are drover: if another login made the file, or
 * holds a lock on it, a new file takes its place.
 */
export const oldLock = `# FILE: takes it as 7, the lock of earlier versions; fails while one of them has it.
old_lock() {
  local pid real
  for _ in 1 2 3; do
    [ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c '%u %h' -- "$1")" = "$(id -u) 1" ] || rm -rf --one-file-system -- "$1"
    (umask 077; : >>"$1") && exec 7<>"$1" && chmod 0600 -- "$1" || return 1
    if flock -n 7; then return 0; fi
    for pid in $(find /proc/[0-9]*/fd -lname "$1" 7<&- 2>/dev/null | cut -d / -f 3 | sort -u); do
      [ "$pid" != $$ ] && real=$(awk '$1 == "Uid:" { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
      if [ "$real" = "$(id -u)" ]; then return 1; fi
    done
    exec 7<&-
    rm -f -- "$1"
  done
  return 1
}
`;

/** The lock that a run of drover holds on a node. */
export const lockFile = '/run/lock/drover.lock';
/** Held for an instant, by every program on the node that looks who owns a volume and then changes it. */
export const setLockFile = '/run/drover/set.lock';

/** What a client knows of the lock that it took last on its node: a word that the lock file has as long as it holds. */
export interface Fence {
  token: string;
}

/** Exit code of a script that came after its lock was lost. */
export const lateCode = 14;

/**
 * Shell text at the top of every script that changes who owns a volume; $fence is the token of the lock it was sent
 * under. A command may arrive long after its run has lost the lock, because TCP repeats it. From the moment another run
 * has the lock, such a command is refused: the token is written and compared under the same lock, so no command is
 * between its look and its change when the next run begins to look.
 */
export const guard = `mkdir -p ${setLockFile.replace(/\/[^/]*$/, '')} && exec 8>${setLockFile} && flock 8 || exit 1
[ -z "$fence" ] || grep -qsF -- "\\"token\\":\\"$fence\\"" ${lockFile} || exit ${lateCode}
`;

/** What Docker also tells while nothing changes: health checks are execs, and come every few seconds. */
const ofNoWeight = /^(exec_|attach|detach|top|resize|copy|export|archive-path|extract-to-dir|commit|prune)/;

/** True where an action that Docker tells about changes how the container is. */
export const changesContainer = (action: string): boolean => !ofNoWeight.test(action);

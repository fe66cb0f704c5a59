import { randomUUID } from 'node:crypto';
import type { LockHandle, NodeMutex } from '../engine/node-client.ts';
import { AppError } from '../model/errors.ts';
import type { SpawnedCommand } from './command.ts';
import { type Fence, lockFile, oldLock, oldLockFile, setLockFile } from './fence.ts';
import { isRecord, parseJson, textAt } from './json.ts';
import type { NodeConnection } from './ssh-connection.ts';

const heldCode = 75;
const beatMs = 5_000;

/** The node gives up after 30 s what it may wait for; the rest is the way there and back. */
const acquireLimitMs = 60_000;
const releaseLimitMs = 5_000;
/** What the holder of a lock writes is short. */
const longestText = 4_096;

/**
 * Takes the lock, writes who has it, says so, and keeps it until its stdin ends or is silent for 30 s: a controller
 * that lost its power closes nothing. What was sent under an earlier lock has ended, or is refused, once the text is
 * written under the second lock. $1 file, $2 what to write into it, $3 the second lock, $4 the lock of earlier versions.
 */
const holder = `${oldLock}umask 077
[ -L "$1" ] && { echo "$1 is a symbolic link" >&2; exit 1; }
mkdir -p -- "\${1%/*}" "\${3%/*}" && chmod 0700 -- "\${1%/*}" "\${3%/*}" && exec 9<>"$1" 8>"$3" || exit 1
chmod 0600 -- "$1" "$3" || exit 1
if ! flock -n 9; then head -c ${longestText / 2} -- "$1"; exit ${heldCode}; fi
if ! old_lock "$4"; then head -c ${longestText / 2} -- "$4"; exit ${heldCode}; fi
if ! flock -w 30 8; then echo "another command of drover has been running for 30 s" >&2; exit 1; fi
printf '%s\\n' "$2" | tee -- "$1" >"$4"
exec 8>&-
echo locked
while IFS= read -r -t 30 beat && [ "$beat" = beat ]; do :; done
: >"$1"; : >"$4"`;

/** A `flock` on the node, held by an open channel: it ends with the handle, the connection or this process. */
export function createNodeMutex(
  connection: NodeConnection,
  fence: Fence = { token: '' },
  files = { lock: lockFile, set: setLockFile, old: oldLockFile },
): NodeMutex {
  return {
    async acquire(owner, signal) {
      const since = new Date().toISOString();
      // Only until the lock is there: afterwards it is given back by `release`.
      const starting = new AbortController();
      const limit = setTimeout(() => starting.abort(tooSlow(connection.node)), acquireLimitMs);
      const stop = (): void => starting.abort(signal.reason);
      signal.throwIfAborted();
      signal.addEventListener('abort', stop, { once: true });
      try {
        const token = randomUUID();
        const args = [files.lock, JSON.stringify({ owner, since, token }), files.set, files.old];
        const command = await connection.spawn(['bash', '-c', holder, 'drover-lock', ...args], starting.signal);
        await untilLocked(connection.node, command, starting.signal);
        fence.token = token;
        return hold(command, () => starting.abort());
      } catch (error) {
        starting.abort();
        throw error;
      } finally {
        clearTimeout(limit);
        signal.removeEventListener('abort', stop);
      }
    },
  };
}

async function untilLocked(node: string, command: SpawnedCommand, signal: AbortSignal): Promise<void> {
  let text = '';
  const locked = new Promise<true>((resolve, reject) => {
    command.stdout.on('data', (chunk: Buffer) => {
      if (text.length <= longestText) text += chunk.toString('utf8');
      if (text === 'locked\n') resolve(true);
      else if (text.length > longestText) reject(badAnswer(node));
    });
    const leave = (): void => reject(signal.reason);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  });
  const first = await Promise.race([locked, command.done]).catch((error: unknown) => {
    // What was cancelled has ended for that reason, whatever the command says of its end.
    throw signal.reason instanceof AppError ? signal.reason : error;
  });
  if (first === true) return;
  if (first.code === heldCode) throw lockHeld(node, text);
  const why = first.stderrTail || `exit status ${first.code}`;
  throw new AppError('command-failed', `cannot take the lock on "${node}": ${why}`, { details: { node } });
}

function tooSlow(node: string): AppError {
  return new AppError('timeout', `cannot take the lock on "${node}": no answer within ${acquireLimitMs / 1000} s`, {
    retryable: true,
    details: { node },
  });
}

function badAnswer(node: string): AppError {
  const message = `cannot take the lock on "${node}": it answers with more than ${longestText} characters`;
  return new AppError('command-failed', message, { details: { node } });
}

function lockHeld(node: string, text: string): AppError {
  const written = parseJson(text);
  const owner = (isRecord(written) ? textAt(written, 'owner') : undefined) ?? 'somebody who has not written a name yet';
  const since = isRecord(written) ? textAt(written, 'since') : undefined;
  return new AppError(
    'lock-held',
    `cannot take the lock on "${node}": ${owner} has it${since ? ` since ${since}` : ''}`,
    {
      hint: 'wait until that run has ended',
      retryable: true,
      details: { node, owner, ...(since === undefined ? {} : { since }) },
    },
  );
}

/** `close` ends the command, whatever the node does. */
function hold(command: SpawnedCommand, close: () => void): LockHandle {
  const lost = new AbortController();
  let released = false;
  const beat = setInterval(() => command.stdin.write('beat\n'), beatMs);
  // The lock alone keeps no process alive.
  beat.unref();
  command.stdin.on('error', () => undefined);
  const ended = command.done.then(
    () => new Error('the lock was given up on the node'),
    (error: unknown) => error,
  );
  const over = ended.then((reason) => {
    clearInterval(beat);
    if (!released) lost.abort(reason);
  });
  return {
    lost: lost.signal,
    async release() {
      released = true;
      clearInterval(beat);
      command.stdin.end();
      // A node that keeps the channel open keeps nobody here.
      let limit: NodeJS.Timeout | undefined;
      const tooLong = new Promise<void>((resolve) => {
        limit = setTimeout(() => {
          close();
          resolve();
        }, releaseLimitMs);
      });
      await Promise.race([over, tooLong]);
      clearTimeout(limit);
    },
  };
}

import { randomUUID } from 'node:crypto';
import type { LockHandle, NodeMutex } from '../engine/node-client.ts';
import { defined } from '../model/defined.ts';
import { AppError } from '../model/errors.ts';
import { lockAnswerBytes, lockAnswerMs, lockReleaseMs, printLimit } from '../model/limits.ts';
import { auditFile, auditFunctions, parseAudit, printNote, readAuditScript } from './audit.ts';
import type { SpawnedCommand } from './command.ts';
import { type Fence, lockFile, oldLock, oldLockFile, setLockFile } from './fence.ts';
import { isRecord, parseJson, textAt } from './json.ts';
import type { NodeConnection } from './ssh/connection.ts';

const heldCode = 75;
const beatMs = 5_000;

/**
 * Takes the lock, writes who holds it, prints `locked`, and keeps it until its stdin ends or is silent for 30 s: a
 * controller that loses power closes no connection. The text is written under the second lock: from then on, a command
 * that was sent under an earlier lock has ended or is refused. The last line of stdin is the result of the run.
 * $1 the lock, $2 the text to write into it, $3 the second lock, $4 the lock of earlier versions, $5 the run's part of
 * audit lines (empty: none are written), $6 the audit file.
 */
const holder = `note=$5 log=$6 from=
${auditFunctions}${oldLock}umask 077
[ -L "$1" ] && { echo "$1 is a symbolic link" >&2; exit 1; }
mkdir -p -- "\${1%/*}" "\${3%/*}" && chmod 0700 -- "\${1%/*}" "\${3%/*}" && exec 9<>"$1" 8>"$3" || exit 1
chmod 0600 -- "$1" "$3" || exit 1
if ! flock -n 9; then head -c ${lockAnswerBytes / 2} -- "$1"; exit ${heldCode}; fi
if ! old_lock "$4"; then head -c ${lockAnswerBytes / 2} -- "$4"; exit ${heldCode}; fi
if ! flock -w 30 8; then echo "another command of drover has been running for 30 s" >&2; exit 1; fi
printf '%s\\n' "$2" | tee -- "$1" >"$4"
exec 8>&-
if [ -n "$note" ]; then seen_from; fi
keep_line began
echo locked
while IFS= read -r -t 30 beat && [ "$beat" = beat ]; do :; done
: >"$1"; : >"$4"
case \${beat-} in 'end '*) result=\${beat#end } result=\${result//[^a-z-]/} ;; *) result=lost ;; esac
keep_line ended "\${result:0:40}"`;

/** Paths on the node; `audit` is its record of runs. */
export interface LockFiles {
  readonly lock: string;
  readonly set: string;
  readonly old: string;
  readonly audit?: string;
}

/** A `flock` on the node, held by an open channel: it ends with the handle, the connection or this process. */
export function createNodeMutex(
  connection: NodeConnection,
  fence: Fence = { token: '' },
  files: LockFiles = { lock: lockFile, set: setLockFile, old: oldLockFile },
): NodeMutex {
  const log = files.audit ?? auditFile;
  return {
    async acquire(holding, signal) {
      const { owner, note } = typeof holding === 'string' ? { owner: holding, note: undefined } : holding;
      const since = new Date().toISOString();
      // Cancels only the wait for the lock; once it is taken, `release` gives it back.
      const starting = new AbortController();
      const stop = (): void => starting.abort(signal.reason);
      signal.throwIfAborted();
      signal.addEventListener('abort', stop, { once: true });
      try {
        const token = randomUUID();
        const kept = note === undefined ? '' : printNote(note, owner);
        const args = [files.lock, JSON.stringify({ owner, since, token }), files.set, files.old, kept, log];
        const command = await connection.spawn(['bash', '-c', holder, 'drover-lock', ...args], starting.signal);
        await untilLocked(connection.node, command, stop).catch((error: unknown) => {
          // A script that still runs there must not take the lock later.
          starting.abort(error);
          throw error;
        });
        fence.token = token;
        return hold(command, stop);
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
    async audit(signal) {
      return parseAudit((await connection.script(readAuditScript, [log], { signal })).stdout);
    },
  };
}

/**
 * Waits for the script's one line. A channel that sends more than a holder's name takes is not read any further, and
 * `stop` ends it, even after the lock was taken.
 */
async function untilLocked(node: string, command: SpawnedCommand, stop: () => void): Promise<void> {
  const cannot = (why: string): AppError =>
    new AppError('command-failed', `cannot take the lock on "${node}": ${why}`, { details: { node } });
  let text = '';
  let timer: NodeJS.Timeout | undefined;
  const locked = new Promise<true>((resolve, reject) => {
    timer = setTimeout(() => reject(tooSlow(node)), lockAnswerMs);
    const read = (chunk: Buffer): void => {
      text += chunk.toString('utf8');
      if (text === 'locked\n') resolve(true);
      if (text.length <= lockAnswerBytes) return;
      command.stdout.off('data', read).pause();
      text = '';
      stop();
      reject(cannot(`it answered with more than ${printLimit(lockAnswerBytes)}`));
    };
    command.stdout.on('data', read);
  });
  const first = await Promise.race([locked, command.done]).finally(() => clearTimeout(timer));
  if (first === true) return;
  if (first.code === heldCode) throw lockHeld(node, text);
  throw cannot(first.stderrTail || `exit status ${first.code}`);
}

const tooSlow = (node: string): AppError =>
  new AppError('timeout', `cannot take the lock on "${node}": no answer within ${lockAnswerMs / 1000} s`, {
    retryable: true,
    details: { node },
  });

function lockHeld(node: string, text: string): AppError {
  const written = parseJson(text);
  const owner = (isRecord(written) ? textAt(written, 'owner') : undefined) ?? 'a run that has not written its name yet';
  const since = isRecord(written) ? textAt(written, 'since') : undefined;
  const held = since === undefined ? 'holds it' : `has held it since ${since}`;
  return new AppError('lock-held', `cannot take the lock on "${node}": ${owner} ${held}`, {
    hint: 'wait until that run has ended',
    retryable: true,
    details: { node, owner, ...defined({ since }) },
  });
}

/** The handle of a lock that was taken. `stop` ends the command where the node does not report its end. */
function hold(command: SpawnedCommand, stop: () => void): LockHandle {
  const lost = new AbortController();
  let released = false;
  const beat = setInterval(() => command.stdin.write('beat\n'), beatMs);
  // The lock alone does not keep this process alive.
  beat.unref();
  command.stdin.on('error', () => undefined);
  const ended = command.done.then(
    () => new Error('the node gave the lock up'),
    (error: unknown) => error,
  );
  const over = ended.then((reason) => {
    clearInterval(beat);
    if (!released) lost.abort(reason);
  });
  return {
    lost: lost.signal,
    async release(result) {
      released = true;
      clearInterval(beat);
      command.stdin.end(result === undefined ? undefined : `end ${result}\n`);
      // A node that keeps the channel open does not delay the release.
      let timer: NodeJS.Timeout | undefined;
      const tooLong = new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          stop();
          resolve();
        }, lockReleaseMs);
      });
      await Promise.race([over, tooLong]).finally(() => clearTimeout(timer));
    },
  };
}

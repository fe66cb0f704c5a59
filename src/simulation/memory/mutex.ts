import type { NodeMutex } from '../../engine/node-client.ts';
import type { NodeName } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import type { AuditLine, RunNote } from '../../model/history.ts';
import { parseAudit, printNote } from '../../node/audit.ts';
import type { MemoryMachine } from './types.ts';
import { call, type MemoryWorld } from './world.ts';

/** The locks of a session: those it holds, and the last one that it took on each node, even if it was lost. */
export interface SessionLocks {
  readonly held: Set<() => void>;
  readonly last: Map<NodeName, MemoryMachine['lock']>;
}

/** A node's lock behind the engine's interface. */
export function createMemoryMutex(world: MemoryWorld, node: NodeName, locks: SessionLocks): NodeMutex {
  return {
    acquire: (holder, signal) =>
      call(world, { node, operation: 'mutex.acquire', write: false }, signal, (machine) => {
        const { owner, note } = typeof holder === 'string' ? { owner: holder, note: undefined } : holder;
        if (machine.lock !== undefined) throw lockHeld(node, machine.lock);
        const lost = new AbortController();
        let isKept = note === undefined;
        const keepEnd = (result: string): void => {
          if (!isKept)
            machine.audit.push(...lineOf(world, owner, note, 'ended', ` result=${result.replace(/[^a-z-]/g, '')}`));
          isKept = true;
        };
        const lose = (): void => {
          keepEnd('lost');
          lost.abort();
        };
        const lock = { owner, sinceMs: world.clock.now(), lose };
        const release = (result = 'lost') => {
          locks.held.delete(release);
          if (machine.lock === lock) machine.lock = undefined;
          keepEnd(result);
        };
        machine.lock = lock;
        locks.held.add(release);
        locks.last.set(node, lock);
        machine.audit.push(...lineOf(world, owner, note, 'began'));
        return { lost: lost.signal, release: async (result) => release(result) };
      }),
    audit: (signal) => call(world, { node, operation: 'mutex.audit', write: false }, signal, ({ audit }) => [...audit]),
  };
}

/** Made through a real node's text, so that the same characters are replaced. */
function lineOf(
  world: MemoryWorld,
  owner: string,
  note: RunNote | undefined,
  event: AuditLine['event'],
  end = '',
): readonly AuditLine[] {
  if (note === undefined) return [];
  const at = new Date(world.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  return parseAudit(`audit at=${at} event=${event} ${printNote(note, owner)} from=unknown${end}`);
}

function lockHeld(node: NodeName, lock: { readonly owner: string; readonly sinceMs: number }): AppError {
  const since = new Date(lock.sinceMs).toISOString();
  return new AppError('lock-held', `cannot take the lock on "${node}": ${lock.owner} has held it since ${since}`, {
    hint: 'wait until that run has ended',
    details: { node, owner: lock.owner, since },
  });
}

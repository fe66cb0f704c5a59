import { AppError } from '../model/errors.ts';
import type { Acts, EngineDeps } from './types.ts';

const refusal = (): AppError =>
  new AppError('usage', 'cannot change anything: read-only', { hint: 'start drover without --read-only' });

/** Throws `usage` where nothing may be changed; asked before a node is touched. */
export function checkWritable({ isReadOnly }: Pick<EngineDeps, 'isReadOnly'>): void {
  if (isReadOnly === true) throw refusal();
}

/** The acts as they are, or only those that change nothing: a program in a container can change everything there. */
export function readingActs({ isReadOnly }: Pick<EngineDeps, 'isReadOnly'>, acts: Acts): Acts {
  if (isReadOnly !== true) return acts;
  const refuse = async (): Promise<never> => {
    throw refusal();
  };
  return {
    zfs: acts.zfs,
    restart: refuse,
    stop: refuse,
    start: refuse,
    snapshot: refuse,
    cloneSnapshot: refuse,
    rollBack: refuse,
    reclaim: refuse,
    exec: refuse,
  };
}

import { type Act, actNames, acts as table } from '../model/acts.ts';
import { AppError } from '../model/errors.ts';
import type { Acts, EngineDeps } from './types.ts';

/** The compiler refuses a method of `Acts` without a row. */
const rows: Readonly<Record<keyof Acts, Act>> = table;

/** Names of the acts with one of these effects. */
export const actsWith = (...effects: readonly Act['effect'][]): readonly (keyof Acts)[] =>
  actNames.filter((name) => effects.includes(rows[name].effect));

const refusal = (): AppError =>
  new AppError('usage', 'cannot change anything: read-only', { hint: 'start drover without --read-only' });

/** Throws `usage` if the engine is read-only; called before a node is touched. */
export function checkWritable({ isReadOnly }: Pick<EngineDeps, 'isReadOnly'>): void {
  if (isReadOnly === true) throw refusal();
}

/** The acts unchanged, or only those that change nothing. */
export function readingActs({ isReadOnly }: Pick<EngineDeps, 'isReadOnly'>, acts: Acts): Acts {
  if (isReadOnly !== true) return acts;
  const refuse = async (): Promise<never> => {
    throw refusal();
  };
  const refused = actsWith('adds', 'enters', 'interrupts').map((name) => [name, refuse]);
  return { ...acts, ...Object.fromEntries(refused) };
}

import { AppError } from '../model/errors.ts';
import type { Printed } from '../model/plain-text.ts';
import type { Invocation } from './invocation.ts';

export interface Confirmation {
  readonly question: Printed;
  /** The word to type, such as the name of the application; absent: yes. */
  readonly word?: string;
  /** Completes "cannot … : it was not confirmed". */
  readonly what: string;
  readonly hint: string;
}

/** Asks, unless --yes was given. Throws `usage` without a terminal, with --json, and after any other answer. */
export async function confirm(
  { world: { terminal }, options }: Pick<Invocation, 'world' | 'options'>,
  { question, word, what, hint }: Confirmation,
): Promise<void> {
  if (options.yes) return;
  const answer = options.json ? undefined : (await terminal.ask?.(question))?.trim();
  const isConfirmed = word === undefined ? isYes(answer ?? '') : answer === word;
  if (!isConfirmed) throw new AppError('usage', `cannot ${what}: it was not confirmed`, { hint });
}

export const typeItsName = 'answer with the name of the application, or add --yes';

export const isYes = (answer: string): boolean => /^y(es)?$/i.test(answer.trim());

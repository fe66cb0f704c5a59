import type { IncomingMessage } from 'node:http';
import { AppError } from '../../model/errors.ts';
import { dockerAnswerBytes, dockerErrorBytes, printLimit } from '../../model/limits.ts';
import { isRecord, parseJson, textAt } from '../json.ts';

/** The number of bytes that several answers may have together. */
export interface ByteBudget {
  /** Subtracts the bytes; false once the budget is exceeded. */
  take(bytes: number): boolean;
  /** The whole budget. */
  readonly bytes: number;
}

export function createBudget(bytes: number): ByteBudget {
  let left = bytes;
  return {
    bytes,
    take(taken) {
      left -= taken;
      return left >= 0;
    },
  };
}

/** An error answer of Docker's, with its status and message. */
export class RefusedByDocker extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The answer as JSON; undefined for an empty one. Throws `UnusableAnswer` where it is longer than the limit or the rest
 * of the budget, and where it is not JSON.
 */
export async function readAnswer(
  response: IncomingMessage,
  limitBytes = dockerAnswerBytes,
  budget?: ByteBudget,
): Promise<unknown> {
  const text = await readText(response, createBudget(limitBytes), budget);
  if (text === '') return undefined;
  const value = parseJson(text);
  if (value === undefined) throw new UnusableAnswer('its answer is not JSON, or has too many values');
  return value;
}

/** The error for a status that is not a success, with Docker's reason. */
export async function readRefusal(response: IncomingMessage): Promise<RefusedByDocker> {
  const status = response.statusCode ?? 0;
  const text = await readText(response, createBudget(dockerErrorBytes)).catch((error: unknown) => {
    if (error instanceof UnusableAnswer && !(error instanceof EndlessAnswer)) return '';
    throw error;
  });
  const answer = parseJson(text);
  const said = isRecord(answer) ? textAt(answer, 'message') : undefined;
  return new RefusedByDocker(status, said ?? (text.trim().slice(0, 500) || `HTTP status ${status}`));
}

/** An answer that cannot be used; another attempt would get the same. */
export class UnusableAnswer extends Error {}

/** An answer longer than the limit, whose sender has not stopped. */
export class EndlessAnswer extends UnusableAnswer {}

async function readText(response: IncomingMessage, ...budgets: readonly (ByteBudget | undefined)[]): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) {
    const full = budgets.find((budget) => budget?.take(chunk.length) === false);
    if (full !== undefined) {
      chunks.length = 0;
      response.destroy();
      throw new EndlessAnswer(`it answered with more than ${printLimit(full.bytes)}`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** `docker-failed` for an answer that cannot be used. */
export function unusable(what: string, node: string, error: UnusableAnswer): AppError {
  return new AppError(
    'docker-failed',
    `cannot ${what} on "${node}": Docker's answer cannot be used: ${error.message}`,
    {
      hint: 'run "docker info" on the node',
      details: { node, reason: error.message },
    },
  );
}

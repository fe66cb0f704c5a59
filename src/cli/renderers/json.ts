import { redact } from '../../view/redact.ts';
import type { World } from '../world.ts';
import type { Renderer } from './plain.ts';

/** One event a line, as the engine made it but for the values of environments. */
export function createJsonRenderer({ terminal }: Pick<World, 'terminal'>): Renderer {
  return { onEvent: (event) => terminal.out(`${JSON.stringify(redact(event))}\n`), close: () => undefined };
}

/** The whole answer of a command as one document. */
export function printJson({ terminal }: Pick<World, 'terminal'>, value: unknown): void {
  terminal.out(`${JSON.stringify(redact(value), null, 2)}\n`);
}

import { plainJson } from '../../model/plain-text.ts';
import { redact } from '../../view/redact.ts';
import { joined, printed } from '../style.ts';
import type { World } from '../world.ts';
import type { Renderer } from './plain.ts';

/** One event a line, as the engine made it but for the values of environments. */
export function createJsonRenderer({ terminal }: Pick<World, 'terminal'>): Renderer {
  return { onEvent: (event) => printJsonLine({ terminal }, event), close: () => undefined };
}

/** The whole answer of a command as one document. */
export function printJson({ terminal }: Pick<World, 'terminal'>, value: unknown): void {
  terminal.out(joined(plainJson(redact(value), 2), printed`\n`));
}

/** One answer of several, as a document on a line of its own. */
export function printJsonLine({ terminal }: Pick<World, 'terminal'>, value: unknown): void {
  terminal.out(joined(plainJson(redact(value)), printed`\n`));
}

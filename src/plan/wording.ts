import type { Volume } from '../model/cluster.ts';

/** A volume in messages: its dataset and application, if it has one, because its id is usually a hash. */
export function titleOf({ id, application, dataset }: Volume): string {
  return application === undefined ? `volume ${quote(id)}` : `volume ${quote(dataset)} of ${quote(application)}`;
}

export const quote = (text: string): string => `"${text}"`;
export const quoteAll = (texts: readonly string[]): string => texts.map(quote).join(', ');

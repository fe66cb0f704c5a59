import type { Volume } from '../model/cluster.ts';

/** A volume for people: its dataset and its application, where it has one; ids made from a hash say nothing. */
export function titleOf({ id, application, dataset }: Volume): string {
  return application === undefined ? `volume ${quote(id)}` : `volume ${quote(dataset)} of ${quote(application)}`;
}

export const quote = (text: string): string => `"${text}"`;
export const quoteAll = (texts: readonly string[]): string => texts.map(quote).join(', ');

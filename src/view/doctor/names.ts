import type { Config } from '../../model/config.ts';
import type { NamesReading } from '../../model/examination.ts';
import { addressNumber, parseNameRange } from '../../model/name-range.ts';
import { plainText } from '../../model/plain-text.ts';
import { type Finding, type Patient, some } from './finding.ts';

/** Findings about the name servers of a node, and about its networks next to the one of virtual addresses. */
export function nameFindings(
  { fault, ok, shell }: Patient,
  { settings }: Config,
  names: NamesReading,
): readonly Finding[] {
  const check = 'names';
  const { nameRange } = settings;
  const clash = nameRange === undefined ? undefined : names.routes.find(({ network }) => overlaps(nameRange, network));
  const bad = names.servers.filter(({ runs, answers }) => !runs || !answers);
  const found: Finding[] = [];
  if (clash !== undefined) {
    const text = `the network ${clash.network} at ${plainText(clash.interface)} lies in ${nameRange}, the network of names: choose another one in drover.yml (names: range)`;
    found.push(fault(check, text, shell.run('ip', '-4', 'route', 'show')));
  }
  for (const { address, runs } of bad) {
    const text = runs
      ? `the name server at ${address} does not answer: containers that ask it find no names`
      : `the name server at ${address} does not run: containers that ask it find no names`;
    found.push(fault(check, text, shell.run('systemctl', 'restart', `drover-names@${address}`)));
  }
  if (found.length > 0 || names.servers.length === 0) return found;
  const text = `name servers answer: ${some(names.servers.map(({ address }) => address))}`;
  return [ok(check, text)];
}

/** Whether a network or address, as a route has it, has addresses in the range. */
function overlaps(rangeText: string, text: string): boolean {
  const range = parseNameRange(rangeText);
  const [address = '', prefix = '32'] = text.split('/');
  const base = addressNumber(address);
  if (range === undefined || base === undefined) return false;
  return base < range.base + range.size && base + 2 ** (32 - Number(prefix)) > range.base;
}

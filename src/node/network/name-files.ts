import { isIPv6, plainAddress } from '../../model/addresses.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import type { NamedPort, NameEntry, NameTable, Resolver } from '../../model/name-table.ts';
import { isApplicationName, isPort } from '../../model/untrusted.ts';
import { parseDeployment } from '../deployment-record.ts';
import { at, listAt, numberAt, parseJson, textAt } from '../json.ts';
import { isReached, resolverPort } from './name-rules.ts';

/** The most entries, resolvers, ports and names of a table that drover reads from a node. */
const most = 10_000;
/** A name as a program may look it up: labels of DNS, with the underscores of Compose. */
const nameForm = /^[a-z\d_]([a-z\d_.-]{0,251}[a-z\d_])?$/i;

const isAddress = (text: string): boolean => /^[\da-f.:]+$/i.test(text) && plainAddress(text) !== undefined;
const isVirtual = (text: string): boolean => plainAddress(text) === text && !isIPv6(text);
const isRange = (text: string): boolean => {
  const [address = '', prefix = ''] = text.split('/');
  return isVirtual(address) && /^\d\d?$/.test(prefix) && Number(prefix) >= 8 && Number(prefix) <= 30;
};

/**
 * The table as one line of JSON, which the node keeps and `parseNames` reads. Throws `network-failed` for a name or an
 * address that must not be in a file of the node.
 */
export function printNames({ ranges, entries, resolvers }: NameTable): string {
  const bad = [
    ...ranges.filter((range) => !isRange(range)),
    ...[...entries, ...resolvers].map(({ address }) => address).filter((address) => !isVirtual(address)),
    ...entries.flatMap((entry) => entry.networks.flatMap(({ names }) => names)).filter((name) => !nameForm.test(name)),
    ...[...entries.map((entry) => entry.at), ...resolvers.flatMap(({ upstream }) => upstream ?? [])].filter(
      (address) => address !== undefined && !isAddress(address),
    ),
  ][0];
  if (bad !== undefined) throw new AppError('network-failed', `cannot use the name or address ${JSON.stringify(bad)}`);
  return JSON.stringify({ ranges, entries: entries.map(plainEntry), resolvers: resolvers.map(plainResolver) });
}

const plainEntry = ({ deployment, application, address, networks, ports, at: node }: NameEntry): NameEntry => ({
  deployment,
  application,
  address,
  networks: networks.map(({ network, names }) => ({ network, names })),
  ports: ports.map(({ port, protocol, meshPort, isLearned }) => ({
    port,
    protocol,
    meshPort,
    ...defined({ isLearned }),
  })),
  ...defined({ at: node }),
});

const plainResolver = ({ deployment, address, networks, upstream }: Resolver): Resolver => ({
  deployment,
  address,
  networks,
  ...defined({ upstream }),
});

/** The table in a node's file. Anything that drover would not write makes the whole of it unusable: undefined. */
export function parseNames(json: string): NameTable | undefined {
  const value = parseJson(json);
  const lists = {
    ranges: listAt(value, 'ranges'),
    entries: listAt(value, 'entries'),
    resolvers: listAt(value, 'resolvers'),
  };
  if (Object.values(lists).some((list) => list.length > most)) return undefined;
  const table = {
    ranges: lists.ranges.filter((range): range is string => typeof range === 'string'),
    entries: lists.entries.flatMap(parseEntry),
    resolvers: lists.resolvers.flatMap(parseResolver),
  };
  try {
    return printNames(table) === json.trim() ? table : undefined;
  } catch {
    return undefined;
  }
}

const texts = (value: unknown, key: string): string[] =>
  listAt(value, key).filter((text): text is string => typeof text === 'string');

function parseEntry(value: unknown): NameEntry[] {
  const [deployment, application] = [parseDeployment(textAt(value, 'deployment')), textAt(value, 'application')];
  const address = textAt(value, 'address');
  if (deployment === undefined || application === undefined || address === undefined) return [];
  if (!isApplicationName(application)) return [];
  const networks = listAt(value, 'networks').flatMap((one) => {
    const network = textAt(one, 'network');
    return network === undefined ? [] : [{ network, names: texts(one, 'names') }];
  });
  const ports = listAt(value, 'ports').flatMap(parsePort);
  return [{ deployment, application, address, networks, ports, ...defined({ at: textAt(value, 'at') }) }];
}

function parsePort(value: unknown): NamedPort[] {
  const [port, meshPort, protocol] = [numberAt(value, 'port'), numberAt(value, 'meshPort'), textAt(value, 'protocol')];
  if (!isPort(port) || !isPort(meshPort) || (protocol !== 'tcp' && protocol !== 'udp')) return [];
  return [{ port, protocol, meshPort, ...(at(value, 'isLearned') === true ? { isLearned: true } : {}) }];
}

function parseResolver(value: unknown): Resolver[] {
  const [deployment, address] = [parseDeployment(textAt(value, 'deployment')), textAt(value, 'address')];
  if (deployment === undefined || address === undefined) return [];
  const upstream = at(value, 'upstream') === undefined ? undefined : texts(value, 'upstream');
  return [{ deployment, address, networks: texts(value, 'networks'), ...defined({ upstream }) }];
}

/**
 * The files of all name servers in one text: a line `@ADDRESS/FILE` before the lines of each. `hosts` and `servers` are
 * read again on SIGHUP, `dnsmasq.conf` is read at the start.
 */
export const printResolverFiles = (table: NameTable): string =>
  table.resolvers.map((resolver) => printResolver(resolver, table)).join('');

function printResolver(resolver: Resolver, { entries }: NameTable): string {
  const { address, upstream } = resolver;
  const shared = entries
    .filter((entry) => isReached(entry, resolver))
    .map((entry) => ({
      address: entry.address,
      names: entry.networks.filter(({ network }) => resolver.networks.includes(network)).flatMap(({ names }) => names),
    }));
  const names = [...new Set(shared.flatMap((one) => one.names))];
  const folder = `/etc/drover/names/${address}`;
  const file = (name: string, lines: readonly string[]): string =>
    [`@${address}/${name}`, ...lines].map((line) => `${line}\n`).join('');
  return [
    file('dnsmasq.conf', [
      `listen-address=${address}`,
      `port=${resolverPort}`,
      'bind-interfaces',
      'no-hosts',
      `addn-hosts=${folder}/hosts`,
      `servers-file=${folder}/servers`,
      // A name without a dot is not for the servers of others.
      'domain-needed',
      // A program asks again each time: a name that was added a moment ago is found.
      'local-ttl=0',
      'cache-size=0',
      'no-negcache',
      ...(upstream === undefined ? ['resolv-file=/etc/resolv.conf'] : ['no-resolv']),
      ...(upstream ?? []).map((server) => `server=${server}`),
    ]),
    file(
      'hosts',
      shared.flatMap((one) => one.names.map((name) => `${one.address} ${name}`)),
    ),
    // Without this line the other servers would be asked for the IPv6 address of the name. What is below a name with
    // dots may exist elsewhere: an application can have the name of a public site.
    file(
      'servers',
      names.flatMap((name) => [`server=/${name}/`, ...(name.includes('.') ? [`server=/*.${name}/#`] : [])]),
    ),
  ].join('');
}

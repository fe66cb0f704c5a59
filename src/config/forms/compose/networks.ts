import type { NetworkMembership } from '../../../model/config.ts';
import { defaultNetwork } from '../../../model/name-table.ts';
import { suggest } from '../../did-you-mean.ts';
import {
  complain,
  complainAtKey,
  entriesOf,
  noteAtKey,
  type Place,
  readFields,
  readItems,
  readName,
  readText,
  scalarAt,
} from '../../fields.ts';
import { isNothing, quote } from '../../yaml/yaml-node.ts';
import { checkKeys } from './check-keys.ts';
import { type ComposeService, readKey } from './service.ts';

/** A network of the file. */
interface Network {
  /** Networks with the same name are one network. */
  readonly name: string;
  readonly isInternal: boolean;
}

/** By key. */
export type Networks = ReadonlyMap<string, Network>;

/** Every file has the network `default`. */
export function readTopNetworks(place: Place | undefined): Networks {
  const networks = new Map<string, Network>([[defaultNetwork, { name: defaultNetwork, isInternal: false }]]);
  if (place === undefined || isNothing(place.node)) return networks;
  for (const [key, entry] of readFields(place, '"networks"')?.entries ?? []) {
    const network = readNetwork(key, entry);
    if (network !== undefined) networks.set(key, network);
  }
  return networks;
}

const isTrue = (place: Place | undefined): boolean => place?.node.kind === 'scalar' && place.node.value === true;

function readNetwork(key: string, place: Place): Network | undefined {
  if (!checkNetworkName(key, place, true)) return undefined;
  if (isNothing(place.node)) return { name: key, isInternal: false };
  const fields = readFields(place, `the network ${quote(key)}`);
  if (fields === undefined) return undefined;
  checkKeys(place, 'network');
  const external = fields.entries.get('external');
  const isExternal = external !== undefined && (isTrue(external) || external.node.kind === 'map');
  if (isExternal) {
    const message = `the network ${quote(key)} is external: here only services of this deployment are on it`;
    noteAtKey(external, message);
  }
  // Early files have `external: {name: …}`.
  const named = fields.entries.get('name') ?? (isExternal ? entriesOf(external).get('name') : undefined);
  const name = named === undefined ? key : readName(named, '"name"');
  if (named !== undefined && name !== undefined && !checkNetworkName(name, named)) return undefined;
  return { name: name ?? key, isInternal: isTrue(fields.entries.get('internal')) };
}

function checkNetworkName(name: string, place: Place, isKey = false): boolean {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(name)) return true;
  const say = isKey ? complainAtKey : complain;
  say(place, `${quote(name)} is not the name of a network`, 'use letters, digits, ".", "_" and "-"');
  return false;
}

/** The networks of a service with its names there; undefined for the network `default` under its own name. */
export function readServiceNetworks(
  service: ComposeService,
  networks: Networks,
): readonly NetworkMembership[] | undefined {
  const extra = readKey(service, 'container_name', readContainerName);
  const joined = readKey(service, 'networks', (place) => readJoined(place, networks)) ?? [];
  const on = joined.length > 0 ? joined : [{ key: defaultNetwork, aliases: [] }];
  const byName = new Map<string, NetworkMembership>();
  for (const { key, aliases } of on) {
    const network = networks.get(key);
    if (network === undefined) continue;
    const own = [...aliases, ...(extra === undefined ? [] : [extra])].filter((name) => name !== service.name);
    const before = byName.get(network.name)?.aliases ?? [];
    byName.set(network.name, {
      network: network.name,
      aliases: [...new Set([...before, ...own])].sort(),
      ...(network.isInternal ? { isInternal: true as const } : {}),
    });
  }
  const all = [...byName.values()].sort((a, b) => (a.network < b.network ? -1 : 1));
  const [only] = all;
  const isPlain = all.length === 1 && only?.network === defaultNetwork && only.aliases.length === 0;
  return isPlain && only.isInternal !== true ? undefined : all;
}

interface Joined {
  readonly key: string;
  readonly aliases: readonly string[];
}

function readJoined(place: Place, networks: Networks): readonly Joined[] {
  if (isNothing(place.node)) return [];
  if (place.node.kind === 'map') {
    return [...entriesOf(place)].flatMap(([key, entry]) => {
      const atKey = { ...entry, node: entry.key ?? entry.node };
      if (!isKnown(key, atKey, networks) || isNothing(entry.node))
        return isKnownKey(key, networks) ? [{ key, aliases: [] }] : [];
      const fields = readFields(entry, `the network ${quote(key)}`);
      checkKeys(entry, 'service.networks');
      const aliases = fields?.entries.get('aliases');
      return [{ key, aliases: aliases === undefined || isNothing(aliases.node) ? [] : readAliases(aliases) }];
    });
  }
  const items = readItems(place, '"networks"', 'a list or a mapping of networks') ?? [];
  return items.flatMap((item) => {
    const key = readText(item, 'a network');
    return key !== undefined && isKnown(key, item, networks) ? [{ key, aliases: [] }] : [];
  });
}

const isKnownKey = (key: string, networks: Networks): boolean => networks.has(key);

function isKnown(key: string, place: Place, networks: Networks): boolean {
  if (isKnownKey(key, networks)) return true;
  complain(
    place,
    `the network ${quote(key)} is not in "networks" of the file`,
    () => suggest(scalarAt(place), networks.keys()) ?? `add "networks: {${key}: {}}" to the file`,
  );
  return false;
}

function readAliases(place: Place): readonly string[] {
  const items = readItems(place, '"aliases"', 'a list of names') ?? [];
  return items.flatMap((item) => {
    const name = readText(item, 'an alias');
    return name !== undefined && checkHostName(item, name) ? [name] : [];
  });
}

function readContainerName(place: Place): string | undefined {
  const name = readName(place, '"container_name"');
  return name !== undefined && checkHostName(place, name) ? name : undefined;
}

/** A name that can be looked up. */
export function checkHostName(place: Place, name: string): boolean {
  if (name.length <= 253 && /^[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?$/.test(name)) return true;
  complain(place, `${quote(name)} cannot be looked up as a name`, 'use letters, digits, ".", "_" and "-"');
  return false;
}

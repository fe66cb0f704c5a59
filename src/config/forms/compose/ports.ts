import { isWildcard } from '../../../model/addresses.ts';
import type { ExposedPort, PortMapping } from '../../../model/config.ts';
import {
  complain,
  entriesOf,
  mustBe,
  note,
  type Place,
  type Placed,
  readFields,
  readItems,
  readName,
  readPort,
  readText,
  required,
} from '../../fields.ts';
import { quote } from '../../yaml/yaml-node.ts';
import { range, readProtocol } from '../exposed-ports.ts';
import { checkPublishAddress } from '../read-parts.ts';
import { checkKeys } from './check-keys.ts';

const hint = 'write "8080:80", "8080:80/udp", "127.0.0.1:8080:80" or {target: 80, published: 8080}';

/** Ports with an external port, and those without, which only other services reach. */
export interface ComposePorts {
  readonly ports: readonly Placed<PortMapping>[];
  readonly exposes: readonly Placed<ExposedPort>[];
}

const none: ComposePorts = { ports: [], exposes: [] };

/** Compose's short and long ports, and ranges of them. The same port twice is one port. */
export function readPorts(place: Place): ComposePorts {
  const items = readItems(place, '"ports"', 'a list', hint) ?? [];
  const read = items.map((item) => {
    const { node } = item;
    if (node.kind === 'map') return readLongPort(item);
    if (node.kind === 'scalar' && (node.type === 'text' || node.type === 'integer'))
      return readShortPort(item, node.source);
    mustBe(item, 'a port', 'a string or a mapping', hint);
    return none;
  });
  const ports = new Map<string, Placed<PortMapping>>();
  for (const port of read.flatMap((one) => one.ports)) {
    const text = JSON.stringify(port.value);
    if (!ports.has(text)) ports.set(text, port);
  }
  return { ports: [...ports.values()], exposes: read.flatMap(({ exposes }) => exposes) };
}

/** `[ADDRESS:][[HOST]:]CONTAINER[/PROTOCOL]`; HOST and CONTAINER may be ranges. */
function readShortPort(place: Place, text: string): ComposePorts {
  const [, before, inside = '', word] = /^(?:(.*):)?([0-9-]+)(?:\/([A-Za-z]+))?$/.exec(text) ?? [];
  if (inside === '' || before === '') {
    complain(place, `the port ${quote(text)} is not of the form host:container`, hint);
    return none;
  }
  const [, at, outside = before ?? ''] = /^(.+):([0-9-]*)$/.exec(before ?? '') ?? [];
  if (!/^[0-9-]*$/.test(outside)) {
    complain(place, `the port ${quote(text)} is not of the form host:container`, hint);
    return none;
  }
  const address = at === undefined ? undefined : checkPublishAddress(place, at.replace(/^\[(.*)\]$/, '$1'));
  const containers = range(place, inside);
  const hosts = outside === '' ? [] : range(place, outside);
  const protocol = readProtocol(place, word);
  if (containers === undefined || hosts === undefined || protocol === undefined) return none;
  if (at !== undefined && address === undefined) return none;
  return pair(place, text, { containers, hosts, protocol, address, isForwarded: false });
}

interface Ports {
  readonly containers: readonly number[];
  readonly hosts: readonly number[];
  readonly protocol: PortMapping['protocol'];
  readonly address: string | undefined;
  /** The file asks for it although the port has an address. */
  readonly isForwarded: boolean;
}

/**
 * Docker Compose takes a free port of the host where the file gives none. drover cannot: the port is the same on every
 * node, and for good. So such a port is reached by name alone.
 */
function pair(place: Place, text: string, { containers, hosts, protocol, address, isForwarded }: Ports): ComposePorts {
  const [first] = hosts;
  if (first === undefined) {
    note(place, `the port ${quote(text)} has no external port: other services reach it by name, and nothing else does`);
    return { ports: [], exposes: containers.map((port) => ({ value: { port, protocol }, place })) };
  }
  if (hosts.length !== containers.length && containers.length > 1) {
    complain(place, `the ranges of ${quote(text)} have different lengths`, 'give both as many ports');
    return none;
  }
  if (hosts.length !== containers.length)
    note(place, `of the range in ${quote(text)} the port ${first} is used: an external port never changes`);
  const isLocal = address !== undefined && !isWildcard(address) && !isForwarded;
  const ports = containers.map((internal, at) => ({
    value: {
      internal,
      external: hosts[at] ?? first,
      protocol,
      ...(address === undefined ? {} : { addresses: [address] }),
      ...(isLocal ? { isLocal } : {}),
    },
    place,
  }));
  return { ports, exposes: [] };
}

function readLongPort(place: Place): ComposePorts {
  const fields = readFields(place, 'a port', hint);
  if (fields === undefined) return none;
  checkKeys(place, 'ports');
  const target = required(fields, 'target');
  const internal = target === undefined ? undefined : readPort(target, '"target"');
  const published = fields.entries.get('published');
  const text = published === undefined ? '' : textOf(published);
  const hosts = published === undefined || text === '' ? [] : range(published, text);
  const entry = fields.entries.get('protocol');
  const word = entry === undefined ? undefined : readText(entry, '"protocol"');
  const protocol = entry !== undefined && word === undefined ? undefined : readProtocol(entry ?? place, word);
  const at = fields.entries.get('host_ip');
  const given = at === undefined ? undefined : readName(at, '"host_ip"');
  const address = at === undefined || given === undefined ? undefined : checkPublishAddress(at, given);
  if (at !== undefined && address === undefined) return none;
  if (internal === undefined || hosts === undefined || protocol === undefined) return none;
  const ports = { containers: [internal], hosts, protocol, address, isForwarded: asksForward(fields.entries) };
  return pair(place, `${text === '' ? '' : `${text}:`}${internal}`, ports);
}

/** Compose takes it with and without quotes, and as a range. */
function textOf({ node }: Place): string {
  return node.kind === 'scalar' ? node.source : '?';
}

/** `x-drover: {forward: true}`: the other nodes forward a port that has an address. */
function asksForward(entries: ReadonlyMap<string, Place>): boolean {
  const own = entries.get('x-drover');
  const forward = own === undefined ? undefined : entriesOf(own).get('forward');
  return forward?.node.kind === 'scalar' && forward.node.value === true;
}

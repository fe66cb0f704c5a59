import type { PortMapping, Protocol } from '../../../model/config.ts';
import { defined } from '../../../model/defined.ts';
import {
  complain,
  type Fields,
  mustBe,
  type Place,
  type Placed,
  readFields,
  readItems,
  readName,
  readPort,
  readWord,
  required,
} from '../../fields.ts';
import { quote } from '../../yaml/yaml-node.ts';
import { portNumber } from '../fig-form.ts';
import { checkPublishAddress, placed } from '../read-parts.ts';
import { checkKeys } from './check-keys.ts';

const hint = 'write "8080:80", "8080:80/udp", "127.0.0.1:8080:80" or {target: 80, published: 8080}';

/** Compose's short and long ports; an external port must be given, since every node forwards it. */
export function readPorts(place: Place): Placed<PortMapping>[] {
  const items = readItems(place, '"ports"', 'a list', hint) ?? [];
  return items.flatMap((item) => {
    const { node } = item;
    if (node.kind === 'map') return readLongPort(item);
    if (node.kind === 'scalar' && (node.type === 'text' || node.type === 'integer')) {
      return placed(readShortPort(item, node.source), item);
    }
    mustBe(item, 'a port', 'a string or a mapping', hint);
    return [];
  });
}

function readShortPort(place: Place, text: string): PortMapping | undefined {
  const match = /^(?:(\[[^\]]*\]|[^:/[\]]+):)?([0-9]+):([0-9]+)(?:\/(tcp|udp))?$/.exec(text);
  if (match === null) return complain(place, `the port ${quote(text)} ${shortComplaint(text)}`, hint);
  const [, at, outside, inside, protocol] = match;
  const address = at === undefined ? undefined : checkPublishAddress(place, at.replace(/^\[(.*)\]$/, '$1'));
  const external = portNumber(place, outside);
  const internal = portNumber(place, inside);
  if (external === undefined || internal === undefined || (at !== undefined && address === undefined)) return undefined;
  return { internal, external, protocol: protocol === 'udp' ? 'udp' : 'tcp', ...publishedAt(address) };
}

const publishedAt = (address: string | undefined) =>
  defined({ addresses: address === undefined ? undefined : [address] });

function shortComplaint(text: string): string {
  if (/^[0-9]+(?:\/\w+)?$/.test(text)) return 'has no external port';
  if (/^[0-9]+(?:-[0-9]+)?:[0-9]+(?:-[0-9]+)?(?:\/\w+)?$/.test(text) && text.includes('-')) {
    return 'is a range, which is not supported';
  }
  if (/::[0-9]+/.test(text)) return 'has no external port';
  return 'is not of the form host:container';
}

function readLongPort(place: Place): Placed<PortMapping>[] {
  const fields = readFields(place, 'a port', hint);
  if (fields === undefined) return [];
  checkKeys(place, 'ports');
  const target = required(fields, 'target');
  const internal = target === undefined ? undefined : readPort(target, '"target"');
  const external = readPublished(fields);
  const entry = fields.entries.get('protocol');
  const protocol: Protocol | undefined = entry === undefined ? 'tcp' : readWord(entry, '"protocol"', ['tcp', 'udp']);
  const at = fields.entries.get('host_ip');
  const text = at === undefined ? undefined : readName(at, '"host_ip"');
  const address = at === undefined || text === undefined ? undefined : checkPublishAddress(at, text);
  if (at !== undefined && address === undefined) return [];
  if (internal === undefined || external === undefined || protocol === undefined) return [];
  return placed({ internal, external, protocol, ...publishedAt(address) }, place);
}

/** Compose takes it with and without quotes. */
function readPublished(fields: Fields): number | undefined {
  const place = required(fields, 'published');
  if (place === undefined) return undefined;
  const { node } = place;
  if (node.kind === 'scalar' && node.type === 'text' && /^[0-9]+$/.test(node.value))
    return portNumber(place, node.value);
  return readPort(place, '"published"');
}

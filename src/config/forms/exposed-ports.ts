import type { ExposedPort, Protocol } from '../../model/config.ts';
import { complain, mustBe, type Place, type Placed, readItems } from '../fields.ts';
import { quote } from '../yaml/yaml-node.ts';

const hint = 'write each as "3000", "3000/udp" or "3000-3005"';

/** `expose` of every form: ports inside the container that other applications reach by name. */
export function readExpose(place: Place): Placed<ExposedPort>[] {
  const items = readItems(place, '"expose"', 'a list of ports', hint) ?? [];
  return items.flatMap((item) => {
    const { node } = item;
    if (node.kind !== 'scalar' || (node.type !== 'text' && node.type !== 'integer')) {
      mustBe(item, 'an exposed port', 'a port', hint);
      return [];
    }
    const [, numbers = '', word] = /^([0-9-]+)(?:\/([A-Za-z]+))?$/.exec(node.source) ?? [];
    const protocol = readProtocol(item, word);
    const ports = numbers === '' ? complain(item, `${quote(node.source)} is not a port`, hint) : range(item, numbers);
    return ports === undefined || protocol === undefined
      ? []
      : ports.map((port) => ({ value: { port, protocol }, place: item }));
  });
}

/** `8080` or `8080-8090`; undefined after reporting what is wrong. */
export function range(place: Place, text: string): readonly number[] | undefined {
  const [, from, to] = /^([0-9]{1,9})(?:-([0-9]{1,9}))?$/.exec(text) ?? [];
  if (from === undefined)
    return complain(place, `${quote(text)} is not a port or a range of ports`, 'write "8000-8010"');
  const [first, last] = [Number(from), Number(to ?? from)];
  if (first < 1 || last > 65_535) return complain(place, `the port ${text} is not from 1 to 65535`);
  if (last < first) return complain(place, `the range ${text} ends before it begins`, `write "${last}-${first}"`);
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

/** TCP without a word; undefined after reporting another protocol. */
export function readProtocol(place: Place, word: string | undefined): Protocol | undefined {
  const protocol = (word ?? 'tcp').toLowerCase();
  if (protocol === 'tcp' || protocol === 'udp') return protocol;
  return complain(place, `drover does not forward the protocol ${quote(word ?? '')}`, 'use tcp or udp');
}

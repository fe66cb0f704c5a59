/** The default: reserved for benchmarks (RFC 2544), so that no other network uses it. */
export const defaultNameRange = '198.18.0.0/15';

/** A network of virtual addresses: IPv4 addresses as numbers. The applications have its lower half, name servers the upper. */
export interface NameRange {
  readonly base: number;
  readonly size: number;
}

/** Networks that no host of the internet has. */
const privateNetworks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '198.18.0.0/15'];
/** The longest prefix: a name server and an application need some room. */
const longestPrefix = 24;

/** A private network such as `198.18.0.0/15`, without host bits; undefined for any other text. */
export function parseNameRange(text: string): NameRange | undefined {
  const range = parseNetwork(text);
  if (range === undefined || range.size < 2 ** (32 - longestPrefix)) return undefined;
  const isInside = privateNetworks.some((network) => {
    const outer = parseNetwork(network);
    return outer !== undefined && range.base >= outer.base && range.base + range.size <= outer.base + outer.size;
  });
  return isInside ? range : undefined;
}

function parseNetwork(text: string): NameRange | undefined {
  const [, address = '', length = ''] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  const base = addressNumber(address);
  if (base === undefined || Number(length) > 32 || length === '') return undefined;
  const size = 2 ** (32 - Number(length));
  return base % size === 0 ? { base, size } : undefined;
}

/** An IPv4 address as a number; undefined for any other text. */
export function addressNumber(text: string): number | undefined {
  if (!/^(?:(?:0|[1-9]\d{0,2})(?:\.(?!$)|$)){4}$/.test(text)) return undefined;
  const parts = text.split('.').map(Number);
  return parts.some((part) => part > 255) ? undefined : parts.reduce((sum, part) => sum * 256 + part, 0);
}

export const addressText = (address: number): string =>
  [24, 16, 8, 0].map((bits) => Math.floor(address / 2 ** bits) % 256).join('.');

/** First and last address of applications. */
export const applicationPart = ({ base, size }: NameRange): readonly [first: number, last: number] => [
  base + 1,
  base + size / 2 - 1,
];
/** First and last address of name servers. */
export const resolverPart = ({ base, size }: NameRange): readonly [first: number, last: number] => [
  base + size / 2,
  base + size - 2,
];

export const isInRange = (address: string, { base, size }: NameRange): boolean => {
  const number = addressNumber(address);
  return number !== undefined && number >= base && number < base + size;
};

/** The same number for the same text on every machine (FNV-1a, mixed so that similar texts lie far apart). */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The first free number from the hash of the text on, in a circle; undefined if none is free. */
export function firstFree(
  text: string,
  [first, last]: readonly [first: number, last: number],
  isFree: (number: number) => boolean,
): number | undefined {
  const count = last - first + 1;
  const start = hashText(text) % count;
  for (let step = 0; step < count; step += 1) {
    const number = first + ((start + step) % count);
    if (isFree(number)) return number;
  }
  return undefined;
}

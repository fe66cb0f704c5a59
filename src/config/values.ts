import { plainAddress } from '../model/addresses.ts';
import type { ImageRef } from '../model/config.ts';
import { isBuiltIn } from '../model/untrusted.ts';
import { quote } from './yaml/yaml-node.ts';

/** Either the value a text stands for, or what is wrong with the text. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string; readonly hint?: string };

const good = <T>(value: T): Parsed<T> => ({ ok: true, value });
const bad = <T>(message: string, hint?: string): Parsed<T> => ({
  ok: false,
  message,
  ...(hint === undefined ? {} : { hint }),
});

const units: Readonly<Record<string, bigint>> = { '': 1n, K: 1n << 10n, M: 1n << 20n, G: 1n << 30n, T: 1n << 40n };

/** Flocker's storage quantity: digits, optional fraction, optional K M G T of either case, 1024-based, rounded up. */
export function parseSize(text: string): Parsed<number> {
  const match = /^([0-9]{1,20})(?:\.([0-9]{1,20}))?([KMGT]?)$/i.exec(text);
  if (match === null) {
    return bad(`${quote(text)} is not a size`, 'write digits and one of K, M, G, T, such as "500M" or "1.5G"');
  }
  const [, whole = '', fraction = '', unit = ''] = match;
  const scale = 10n ** BigInt(fraction.length);
  const bytes = (BigInt(whole + fraction) * (units[unit.toUpperCase()] ?? 1n) + scale - 1n) / scale;
  if (bytes < 1n) return bad(`${quote(text)} is not greater than zero`);
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) return bad(`${quote(text)} is too large`);
  return good(Number(bytes));
}

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `500ms`, `30s`, `1.5m`, `1h` in milliseconds; at least 1 ms, at most 24 hours. */
export function parseDuration(text: string): Parsed<number> {
  const match = /^([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h)$/.exec(text);
  if (match === null) return bad(`${quote(text)} is not a duration`, 'write a number and ms, s, m or h, such as "30s"');
  const ms = Math.round(Number(match[1]) * (durationUnits[match[2] ?? ''] ?? 1));
  if (ms < 1 || ms > 86_400_000) return bad(`${quote(text)} is not between 1ms and 24h`);
  return good(ms);
}

/** The same, also Compose's form of several parts: `1m30s`. */
export function parseGrace(text: string): Parsed<number> {
  const parts = text.match(/[0-9.]+[a-z]+/g) ?? [];
  if (parts.length < 2 || parts.join('') !== text) return parseDuration(text);
  let ms = 0;
  for (const part of parts) {
    const parsed = parseDuration(part);
    if (!parsed.ok) return parsed;
    ms += parsed.value;
  }
  return ms > 86_400_000 ? bad(`${quote(text)} is not between 1ms and 24h`) : good(ms);
}

const nanoseconds: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
  d: 86_400e9,
  w: 604_800e9,
};

/** A duration as Compose writes it, in milliseconds: `90s`, `1m30s`, `1500000us`, `1h5m0.5s`. 0, or 1 ms to 30 days. */
export function parseSpan(text: string): Parsed<number> {
  const parts = [...text.matchAll(/([0-9]{1,12}(?:\.[0-9]{1,9})?)(ns|us|µs|μs|ms|s|m|h|d|w)/g)];
  const isWhole = parts.length > 0 && parts.map(([part]) => part).join('') === text;
  if (!isWhole && text !== '0') {
    return bad(`${quote(text)} is not a duration`, 'write numbers and us, ms, s, m or h, such as "1m30s"');
  }
  const total = parts.reduce((sum, [, digits, unit = '']) => sum + Number(digits) * (nanoseconds[unit] ?? 1), 0);
  const ms = Math.round(total) / 1e6;
  if (ms !== 0 && (ms < 1 || ms > 2_592_000_000)) return bad(`${quote(text)} is not between 1ms and 30 days`);
  return good(ms);
}

const hostPart =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]+)?$/;
const bracketedHost = /^\[[0-9a-fA-F:]+\](?::[0-9]+)?$/;
const repositoryPart = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const digestPattern = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const imageHint = 'write repository[:tag] or repository@sha256:…, such as "postgres:16"';

/** Docker's image reference; no tag means `latest`, a colon before the last slash belongs to the registry's port. */
export function parseImage(text: string): Parsed<ImageRef> {
  const at = text.indexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const repository = colon < 0 ? named : named.slice(0, colon);
  const tag = colon < 0 ? 'latest' : named.slice(colon + 1);
  if (repository === '') return bad(`the image name ${quote(text)} has no repository`, imageHint);
  if (tag === '') return bad(`the image name ${quote(text)} has an empty tag`, 'write the tag, or drop the colon');
  if (!tagPattern.test(tag)) return bad(`the image name ${quote(text)} has a malformed tag ${quote(tag)}`, imageHint);
  if (digest !== undefined && !digestPattern.test(digest)) {
    return bad(`the image name ${quote(text)} has a malformed digest`, imageHint);
  }
  const complaint = repositoryComplaint(repository);
  if (complaint !== undefined) return bad(`the image name ${quote(text)} ${complaint}`, imageHint);
  return good({ repository, tag, ...(digest === undefined ? {} : { digest }) });
}

function repositoryComplaint(repository: string): string | undefined {
  if (repository.length > 255) return 'is longer than 255 characters';
  const parts = repository.split('/');
  const first = parts[0] ?? '';
  const hasHost = parts.length > 1 && (/[.:[]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  if (hasHost && !hostPart.test(first) && !bracketedHost.test(first)) return `has a malformed registry ${quote(first)}`;
  const path = hasHost ? parts.slice(1) : parts;
  if (path.every((part) => repositoryPart.test(part))) return undefined;
  return path.some((part) => /[A-Z]/.test(part)) ? 'has capital letters in the repository' : 'is malformed';
}

/** Absolute, ASCII, without `.` and `..` and trailing slashes; `/` itself is refused. */
export function parseMountpoint(text: string): Parsed<string> {
  if (/[^\x20-\x7e]/.test(text)) return bad(`the path ${quote(text)} is not printable ASCII`);
  if (!text.startsWith('/')) {
    return bad(`the path ${quote(text)} is not absolute`, 'start it with "/", as seen inside the container');
  }
  // Docker separates the parts of a bind with colons.
  if (text.includes(':')) {
    return bad(
      `the path ${quote(text)} has a colon`,
      'give the path inside the container only: host paths are not supported',
    );
  }
  if (text.length > 4096) return bad('the path is longer than 4096 characters');
  const parts: string[] = [];
  for (const part of text.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  if (parts.length === 0) return bad('a volume cannot be mounted at "/"', 'choose a directory below "/"');
  return good(`/${parts.join('/')}`);
}

/** What Docker and ZFS accept behind our prefix. */
export function applicationNameComplaint(name: string): string | undefined {
  if (name.length > 100) return `the application name ${quote(name)} is longer than 100 characters`;
  if (isBuiltIn(name)) return `the application name ${quote(name)} is reserved`;
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) return undefined;
  return `the application name ${quote(name)} must start with a letter or digit and hold only letters, digits, "_", "." and "-"`;
}

/** The reason a host name or address (IPv4, IPv6 without brackets) is not one, or undefined where it is. */
export function hostComplaint(text: string): string | undefined {
  if (/^[0-9.]+$/.test(text)) return isIpv4(text) ? undefined : `${quote(text)} is not an IPv4 address`;
  if (text.includes(':')) return isIpv6(text) ? undefined : `${quote(text)} is neither a host name nor an address`;
  const labels = text.split('.');
  const fits =
    text.length <= 253 && labels.every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/.test(label));
  return fits ? undefined : `${quote(text)} is neither a host name nor an address`;
}

/** The reason a word of `listen` is not one, or undefined where it is: an address, a network, an interface, `mesh`. */
export function listenComplaint(text: string): string | undefined {
  const [base = '', length, ...rest] = text.split('/');
  const isSix = isIpv6(base) && !base.includes('%');
  const isAddress = isIpv4(base) || isSix;
  if (length !== undefined) {
    const fits = isAddress && rest.length === 0 && /^[0-9]{1,3}$/.test(length) && Number(length) <= (isSix ? 128 : 32);
    return fits ? undefined : `${quote(text)} is not a network`;
  }
  if (isAddress) {
    return isEveryAddress(base) ? `${quote(text)} stands for every address, which is the default` : undefined;
  }
  // The kernel's own rule for names of interfaces, without what is odd in a file.
  const isInterface =
    /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,14}$/.test(text) && !/^[0-9.]+$/.test(text) && text !== 'localhost';
  return isInterface ? undefined : `${quote(text)} is neither an address nor a network nor an interface`;
}

const isEveryAddress = (address: string): boolean => /^[0:.]+$/.test(address);

/** The short form of the address at which a port is published; undefined where it is none. */
export const parseAddress = (text: string): string | undefined =>
  isIpv4(text) || (isIpv6(text) && !text.includes('%')) ? plainAddress(text) : undefined;

/** Dotted decimal without leading zeros. */
export function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  const [address = '', zone] = text.split('%');
  if (zone !== undefined && !/^[A-Za-z0-9_.-]+$/.test(zone)) return false;
  const halves = address.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? groups.length < 8 : groups.length === 8;
}

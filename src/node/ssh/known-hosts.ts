import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readTextBounded } from '../../files/read-bounded.ts';
import { isCode } from '../../model/errors.ts';
import { knownHostsBytes } from '../../model/limits.ts';

/** One line of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export interface KnownHost {
  readonly marker?: '@revoked' | '@cert-authority';
  readonly hosts: string;
  readonly type: string;
  readonly key: Buffer;
  readonly file: string;
  /** 1-based. */
  readonly line: number;
}

/** The verdict of the known_hosts files on a key that a host presented. */
export type HostKeyVerdict =
  | { readonly status: 'known' }
  | { readonly status: 'unknown'; readonly authority?: UnprovenAuthority }
  | { readonly status: 'changed'; readonly entry: KnownHost; readonly authority?: UnprovenAuthority }
  | { readonly status: 'revoked'; readonly entry: Pick<KnownHost, 'file' | 'line'> };

/** A certificate authority that the files name for a host, and why it does not certify the presented key. */
export interface UnprovenAuthority {
  readonly entry: Pick<KnownHost, 'file' | 'line'>;
  readonly why: string;
}

/** The usable lines of a file; skips comments and empty or unreadable lines, as ssh does. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split(/\r?\n/).flatMap((line, index) => parseLine(line.trim(), file, index + 1));
}

function parseLine(text: string, file: string, line: number): KnownHost[] {
  if (text === '' || text.startsWith('#')) return [];
  const fields = text.split(/\s+/);
  const marker = fields[0]?.startsWith('@') ? fields.shift() : undefined;
  // A line with an unknown marker must not count as a plain key.
  if (marker !== undefined && marker !== '@revoked' && marker !== '@cert-authority') return [];
  const [hosts, type, base64] = fields;
  if (hosts === undefined || type === undefined || base64 === undefined) return [];
  const key = Buffer.from(base64, 'base64');
  if (key.length === 0) return [];
  return [{ ...(marker === undefined ? {} : { marker }), hosts, type, key, file, line }];
}

/** The lines of all files, in this order; a missing file has none. */
export async function readKnownHosts(files: readonly string[]): Promise<KnownHost[]> {
  const read = async (file: string): Promise<KnownHost[]> => {
    try {
      return parseKnownHosts(await readTextBounded(file, knownHostsBytes), file);
    } catch (error) {
      if (isCode(error, 'ENOENT', 'ENOTDIR')) return [];
      throw error;
    }
  };
  return (await Promise.all(files.map(read))).flat();
}

/** A host's name in the files: `host`, or `[host]:port` for a port other than 22. In lower case, as ssh writes it. */
export function knownHostName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** True for a line about this name: hashed, or a list of patterns; a match of a negated pattern excludes the name. */
export function matchesHost(entry: KnownHost, name: string): boolean {
  if (entry.hosts.startsWith('|')) return matchesHashed(entry.hosts, name);
  let matched = false;
  for (const pattern of entry.hosts.toLowerCase().split(',')) {
    if (pattern.startsWith('!')) {
      if (fitsPattern(pattern.slice(1), name)) return false;
    } else if (fitsPattern(pattern, name)) matched = true;
  }
  return matched;
}

/**
 * True where a name matches a pattern of ssh, in which `*` stands for any text and `?` for one character. Takes at most
 * the product of both lengths in steps, because a pattern may come from another person's file or certificate.
 */
export function fitsPattern(pattern: string, name: string): boolean {
  let [at, from] = [0, 0];
  /** Position of the last `*`, and how far its match reaches. */
  let star: { readonly at: number; reach: number } | undefined;
  while (from < name.length) {
    if (pattern[at] === '*') {
      star = { at, reach: from };
      at += 1;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[from])) {
      at += 1;
      from += 1;
    } else if (star !== undefined) {
      star.reach += 1;
      at = star.at + 1;
      from = star.reach;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

function matchesHashed(hosts: string, name: string): boolean {
  const [, magic, salt, hash] = hosts.split('|');
  if (magic !== '1' || salt === undefined || hash === undefined) return false;
  const expected = Buffer.from(hash, 'base64');
  const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return expected.length === actual.length && timingSafeEqual(actual, expected);
}

/**
 * The verdict on a presented key. A revocation wins over everything. `changed` where other keys are pinned, even of
 * another type: the host is known and must present one of them.
 */
export function judgeHostKey(entries: readonly KnownHost[], name: string, key: Buffer): HostKeyVerdict {
  const mine = entries.filter((entry) => matchesHost(entry, name));
  const revoked = mine.find((entry) => entry.marker === '@revoked' && entry.key.equals(key));
  if (revoked !== undefined) return { status: 'revoked', entry: revoked };
  const pinned = mine.filter((entry) => entry.marker === undefined);
  if (pinned.some((entry) => entry.key.equals(key))) return { status: 'known' };
  const type = keyType(key);
  const other = pinned.find((entry) => entry.type === type) ?? pinned[0];
  return other === undefined ? { status: 'unknown' } : { status: 'changed', entry: other };
}

/** The authorities that may certify a host; revoked ones are left out. */
export function authoritiesOf(entries: readonly KnownHost[], name: string): readonly KnownHost[] {
  const mine = entries.filter((entry) => matchesHost(entry, name));
  const revoked = mine.filter((entry) => entry.marker === '@revoked');
  return mine.filter(
    (entry) => entry.marker === '@cert-authority' && !revoked.some((bad) => bad.key.equals(entry.key)),
  );
}

/** A new line for a host; its name is hashed where the user's configuration asks for that (HashKnownHosts). */
export function printKnownHost(name: string, key: Buffer, isHashed: boolean): string {
  return `${isHashed ? hashName(name) : name} ${keyType(key)} ${key.toString('base64')}`;
}

function hashName(name: string): string {
  const salt = randomBytes(20);
  const hash = createHmac('sha1', salt).update(name).digest('base64');
  return `|1|${salt.toString('base64')}|${hash}`;
}

/** The pinned keys of a host as `type base64`, each once. */
export function pinnedKeys(entries: readonly KnownHost[], name: string): string[] {
  const revoked = entries.filter((entry) => entry.marker === '@revoked' && matchesHost(entry, name));
  const lines = entries
    .filter((entry) => entry.marker === undefined && matchesHost(entry, name))
    .filter((entry) => !revoked.some((bad) => bad.key.equals(entry.key)))
    .map((entry) => `${entry.type} ${entry.key.toString('base64')}`);
  return [...new Set(lines)];
}

/** The signature algorithms that drover accepts for host keys by default. */
export const defaultHostKeyAlgorithms = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;

/** The algorithms, those of pinned key types first, so that the server presents a known key. */
export function hostKeyAlgorithms(
  pinned: readonly string[],
  among: readonly string[] = defaultHostKeyAlgorithms,
): string[] {
  const types = new Set(pinned.map((line) => line.split(' ', 1)[0]));
  // An ssh-rsa key is proven with a SHA-2 signature (RFC 8332).
  const isPinned = (name: string): boolean => types.has(name.startsWith('rsa-sha2-') ? 'ssh-rsa' : name);
  return [...among.filter(isPinned), ...among.filter((name) => !isPinned(name))];
}

/** The type written in a public key blob (RFC 4253, 6.6); `unknown` where there is none. */
export function keyType(key: Buffer): string {
  if (key.length < 4) return 'unknown';
  const length = key.readUInt32BE(0);
  return length > 0 && length <= 64 && 4 + length <= key.length ? key.toString('latin1', 4, 4 + length) : 'unknown';
}

/** `SHA256:…`, as `ssh-keygen -l` prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

import { createPublicKey, verify as verifySignature } from 'node:crypto';
import ssh2 from 'ssh2';
import { fitsPattern, keyType } from './known-hosts.ts';

/** An OpenSSH certificate (PROTOCOL.certkeys): an authority's statement about a public key. */
export interface Certificate {
  /** `ssh-ed25519-cert-v01@openssh.com` and the like. */
  readonly type: string;
  readonly blob: Buffer;
  /** The certified public key, in its form without a certificate. */
  readonly key: Buffer;
  readonly kind: 'user' | 'host' | 'unknown';
  readonly principals: readonly string[];
  /** Seconds since 1970: valid from `validAfter` on, and before `validBefore`. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  readonly criticalOptions: readonly string[];
  /** The authority's public key, and its signature over `signed`. */
  readonly authority: Buffer;
  readonly signature: Buffer;
  readonly signed: Buffer;
}

const suffix = '-cert-v01@openssh.com';

/** The number of fields of the plain key after the nonce, by key type. */
const keyFields: Readonly<Record<string, number>> = {
  'ssh-ed25519': 1,
  'ssh-rsa': 2,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
};

/** Reads the fields of RFC 4251 one after the other. Throws RangeError at the end of the data. */
export function createFieldReader(data: Buffer, start = 0) {
  let at = start;
  const take = (length: number): Buffer => {
    if (length > data.length - at) throw new RangeError('the data ends too early');
    const part = data.subarray(at, at + length);
    at += length;
    return part;
  };
  const uint32 = (): number => take(4).readUInt32BE();
  return {
    uint32,
    uint64: (): bigint => take(8).readBigUInt64BE(),
    string: (): Buffer => take(uint32()),
    position: (): number => at,
    isAtEnd: (): boolean => at === data.length,
  };
}

/** A `string` field of RFC 4251: length and bytes. */
export function stringField(value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Undefined where the bytes are not a certificate for a type of key that drover can use. */
export function parseCertificate(blob: Buffer): Certificate | undefined {
  try {
    const fields = createFieldReader(blob);
    const type = fields.string().toString('latin1');
    const plain = type.slice(0, -suffix.length);
    const count = keyFields[plain];
    if (!type.endsWith(suffix) || count === undefined) return undefined;
    fields.string();
    const parts = Array.from({ length: count }, () => fields.string());
    fields.uint64();
    const kind = fields.uint32();
    fields.string();
    const principals = listOf(fields.string());
    const [validAfter, validBefore] = [fields.uint64(), fields.uint64()];
    const criticalOptions = listOf(fields.string()).filter((_, index) => index % 2 === 0);
    fields.string();
    fields.string();
    const authority = fields.string();
    const signed = blob.subarray(0, fields.position());
    const signature = fields.string();
    if (!fields.isAtEnd()) return undefined;
    return {
      type,
      blob,
      key: Buffer.concat([plain, ...parts].map(stringField)),
      kind: kind === 1 ? 'user' : kind === 2 ? 'host' : 'unknown',
      principals,
      validAfter,
      validBefore,
      criticalOptions,
      authority,
      signature,
      signed,
    };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function listOf(data: Buffer): string[] {
  const fields = createFieldReader(data);
  const list: string[] = [];
  while (!fields.isAtEnd()) list.push(fields.string().toString('utf8'));
  return list;
}

/** What a host's certificate must match. */
export interface HostClaim {
  /** The name of the host in lower case, without a port. */
  readonly host: string;
  /** The host's public key; the connection has proven that the host has it. */
  readonly key: Buffer;
  /** Public keys of the authorities that may certify it. */
  readonly authorities: readonly Buffer[];
  /** Accepted signature algorithms. */
  readonly algorithms: readonly string[];
  readonly nowSeconds: number;
}

/** Why the certificate does not prove the host's identity; undefined where it does. */
export function refuseHostCertificate(certificate: Certificate, claim: HostClaim): string | undefined {
  const { authority, principals, validAfter, validBefore } = certificate;
  const now = BigInt(Math.floor(claim.nowSeconds));
  if (certificate.kind !== 'host') return 'its certificate is not one for a host';
  if (!certificate.key.equals(claim.key)) return 'its certificate is for another key';
  if (!claim.authorities.some((one) => one.equals(authority))) return 'its certificate is from another authority';
  // Checked before any other field is trusted.
  if (!isSigned(certificate, claim.algorithms)) return 'the signature in its certificate is wrong';
  if (certificate.criticalOptions.length > 0) return 'its certificate has options that drover does not know';
  if (now < validAfter) return 'its certificate is not valid yet';
  if (now >= validBefore) return 'its certificate has expired';
  if (principals.length > 0 && !principals.some((pattern) => fitsPattern(pattern.toLowerCase(), claim.host))) {
    return `its certificate is for ${principals.join(', ')}`;
  }
  return undefined;
}

/** Signature algorithms without SHA-1, as ssh's own default (CASignatureAlgorithms). */
export const defaultAuthorityAlgorithms = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;

const hashes: Readonly<Record<string, string | null>> = {
  'ssh-ed25519': null,
  'ecdsa-sha2-nistp256': 'sha256',
  'ecdsa-sha2-nistp384': 'sha384',
  'ecdsa-sha2-nistp521': 'sha512',
  'rsa-sha2-512': 'sha512',
  'rsa-sha2-256': 'sha256',
};
const coordinateBytes: Readonly<Record<string, number>> = {
  'ecdsa-sha2-nistp256': 32,
  'ecdsa-sha2-nistp384': 48,
  'ecdsa-sha2-nistp521': 66,
};

function isSigned({ authority, signature, signed }: Certificate, allowed: readonly string[]): boolean {
  try {
    const fields = createFieldReader(signature);
    const algorithm = fields.string().toString('latin1');
    const value = fields.string();
    const hash = hashes[algorithm];
    const expected = algorithm.startsWith('rsa-sha2-') ? 'ssh-rsa' : algorithm;
    if (hash === undefined || !allowed.includes(algorithm) || keyType(authority) !== expected) return false;
    const parsed = ssh2.utils.parseKey(`${expected} ${authority.toString('base64')}`);
    if (parsed instanceof Error) return false;
    const key = createPublicKey(parsed.getPublicPEM());
    const size = coordinateBytes[algorithm];
    if (size === undefined) return verifySignature(hash, signed, key, value);
    return verifySignature(hash, signed, { key, dsaEncoding: 'ieee-p1363' }, fixedCoordinates(value, size));
  } catch {
    // Malformed data is not a valid signature.
    return false;
  }
}

/** Both numbers of an ECDSA signature, each padded to `size` bytes. */
function fixedCoordinates(value: Buffer, size: number): Buffer {
  const fields = createFieldReader(value);
  return Buffer.concat(
    [fields.string(), fields.string()].map((number) => {
      const start = number.findIndex((byte) => byte !== 0);
      const digits = number.subarray(start < 0 ? number.length : start);
      if (digits.length > size) throw new RangeError('a number of the signature is too long');
      return Buffer.concat([Buffer.alloc(size - digits.length), digits]);
    }),
  );
}

import type { Client, ParsedKey } from 'ssh2';
import { type Certificate, stringField } from './certificate.ts';

/**
 * Two things that ssh2 1.17 has no option for: logging in with a certificate, and hearing that a key was accepted and
 * something else is wanted as well. Both reach into a protocol object that is not part of its interface; the version is
 * pinned, and the tests log in to a real sshd.
 */
interface Protocol {
  authPK(username: string, key: ParsedKey, algorithm?: string, sign?: Sign): void;
  readonly _authsQueue: string[];
  readonly _handlers: Record<string, ((protocol: unknown, ...rest: unknown[]) => void) | undefined>;
  readonly _kex: { readonly sessionID: Buffer };
  readonly _kexinit?: unknown;
  _queue?: Uint8Array[];
  readonly _cipher: { encrypt(packet: Uint8Array): void };
  readonly _packetRW: {
    readonly write: {
      readonly allocStart: number;
      alloc(size: number): Uint8Array;
      finalize(p: Uint8Array): Uint8Array;
    };
  };
}

type Sign = (data: Buffer, done: (signature: Buffer) => void) => void;

const certificates = new WeakMap<object, Certificate>();

/** A key that ssh2 offers with its certificate, on a client that `supportCertificates` has prepared. */
export function certifiedKey(key: ParsedKey, certificate: Certificate): ParsedKey {
  // ssh2 knows its keys by a private mark, which is inherited.
  const certified: ParsedKey = Object.create(key, {
    type: { value: certificate.type },
    getPublicSSH: { value: () => certificate.blob },
  });
  certificates.set(certified, certificate);
  return certified;
}

/** `hash`: what the signature is made with, where the kind of key leaves a choice. */
export function signingOf(key: ParsedKey): { readonly algorithm: string; readonly hash?: 'sha512' } | undefined {
  const certificate = certificates.get(key);
  if (certificate === undefined) return undefined;
  const plain = certificate.type.replace(/-cert-v01@openssh\.com$/, '');
  return plain === 'ssh-rsa' ? { algorithm: 'rsa-sha2-512', hash: 'sha512' } : { algorithm: plain };
}

/** To be called right after `connect`. `onPartial`: a key was accepted, and these methods are wanted besides. */
export function extendAuthentication(client: Client, onPartial: (methods: readonly string[]) => void): void {
  const protocol = (client as Client & { readonly _protocol?: Protocol })._protocol;
  if (protocol === undefined) return;
  const failed = protocol._handlers.USERAUTH_FAILURE;
  protocol._handlers.USERAUTH_FAILURE = (self, methods, isPartial, ...rest) => {
    if (isPartial === true && Array.isArray(methods)) onPartial(methods.map(String));
    failed?.(self, methods, isPartial, ...rest);
  };
  const plain = protocol.authPK.bind(protocol);
  protocol.authPK = (username, key, algorithm, sign) => {
    const signing = signingOf(key);
    const certificate = certificates.get(key);
    if (signing === undefined || certificate === undefined) plain(username, key, algorithm, sign);
    else {
      const name = `${signing.algorithm}-cert-v01@openssh.com`;
      if (sign === undefined) plain(username, key, name);
      else authenticate(protocol, { username, name, algorithm: signing.algorithm, blob: certificate.blob, sign });
    }
  };
}

interface CertificateLogin {
  readonly username: string;
  /** Of key and certificate; `algorithm` is the signature's own. */
  readonly name: string;
  readonly algorithm: string;
  readonly blob: Buffer;
  readonly sign: Sign;
}

/** SSH_MSG_USERAUTH_REQUEST with a signature (RFC 4252, 7): ssh2 would give the signature the certificate's name. */
function authenticate(protocol: Protocol, { username, name, algorithm, blob, sign }: CertificateLogin): void {
  const request = Buffer.concat([
    Buffer.from([50]),
    ...[username, 'ssh-connection', 'publickey'].map(stringField),
    Buffer.from([1]),
    stringField(name),
    stringField(blob),
  ]);
  sign(Buffer.concat([stringField(protocol._kex.sessionID), request]), (made) => {
    const signature = Buffer.concat([stringField(algorithm), stringField(sshSignature(made, algorithm))]);
    const payload = Buffer.concat([request, stringField(signature)]);
    const { write } = protocol._packetRW;
    const start = write.allocStart;
    const packet = write.alloc(payload.length);
    packet.set(payload, start);
    protocol._authsQueue.push('publickey');
    const whole = write.finalize(packet);
    if (protocol._kexinit === undefined) protocol._cipher.encrypt(whole);
    else protocol._queue = [...(protocol._queue ?? []), whole];
  });
}

/** ECDSA's two numbers as SSH has them; OpenSSL gives DER, an agent what SSH wants. */
function sshSignature(made: Buffer, algorithm: string): Buffer {
  if (!algorithm.startsWith('ecdsa-') || made[0] !== 0x30) return made;
  const body = made.subarray((made[1] ?? 0) < 128 ? 2 : 3);
  const first = body.subarray(2, 2 + (body[1] ?? 0));
  const rest = body.subarray(2 + first.length);
  return Buffer.concat([stringField(first), stringField(rest.subarray(2, 2 + (rest[1] ?? 0)))]);
}

/** The public half of a key, the same for a private key and an agent's. */
export function isSameKey(one: ParsedKey, publicKey: Buffer): boolean {
  return one.getPublicSSH().equals(publicKey);
}

/** The certificate in the text of a `…-cert.pub` file: `TYPE BASE64 COMMENT`. */
export function certificateText(text: string): Buffer {
  return Buffer.from(text.trim().split(/\s+/)[1] ?? '', 'base64');
}

import type { Client, ParsedKey } from 'ssh2';
import { type Certificate, stringField } from './certificate.ts';

/**
 * Two things for which ssh2 1.17 has no option: to log in with a certificate, and to notice that a key was accepted but
 * the server requires another method as well. Both use a protocol object that is not part of ssh2's interface; the
 * version is pinned, and the tests log in to a real sshd.
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

/** A key that ssh2 offers with its certificate, on a client that `extendAuthentication` has prepared. */
export function certifiedKey(key: ParsedKey, certificate: Certificate): ParsedKey {
  // ssh2 recognises its keys by a private property, which is inherited.
  const certified: ParsedKey = Object.create(key, {
    type: { value: certificate.type },
    getPublicSSH: { value: () => certificate.blob },
  });
  certificates.set(certified, certificate);
  return certified;
}

/** How a certified key signs; undefined for a plain key. `hash` is set where the type of key allows several. */
export function signingOf(key: ParsedKey): { readonly algorithm: string; readonly hash?: 'sha512' } | undefined {
  const certificate = certificates.get(key);
  if (certificate === undefined) return undefined;
  const plain = certificate.type.replace(/-cert-v01@openssh\.com$/, '');
  return plain === 'ssh-rsa' ? { algorithm: 'rsa-sha2-512', hash: 'sha512' } : { algorithm: plain };
}

/** Call it right after `connect`. `onPartial`: a key was accepted, and the server also requires one of these methods. */
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
  /** The algorithm of key and certificate; `algorithm` is the signature's. */
  readonly name: string;
  readonly algorithm: string;
  readonly blob: Buffer;
  readonly sign: Sign;
}

/** Sends SSH_MSG_USERAUTH_REQUEST (RFC 4252, 7): ssh2 itself would label the signature with the certificate's name. */
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

/** The signature in SSH's form: OpenSSL returns the two numbers of ECDSA as DER, an agent as SSH needs them. */
function sshSignature(made: Buffer, algorithm: string): Buffer {
  if (!algorithm.startsWith('ecdsa-') || made[0] !== 0x30) return made;
  const body = made.subarray((made[1] ?? 0) < 128 ? 2 : 3);
  const first = body.subarray(2, 2 + (body[1] ?? 0));
  const rest = body.subarray(2 + first.length);
  return Buffer.concat([stringField(first), stringField(rest.subarray(2, 2 + (rest[1] ?? 0)))]);
}

/** True where both have the same public half, be it a private key or one of an agent. */
export function isSameKey(one: ParsedKey, publicKey: Buffer): boolean {
  return one.getPublicSSH().equals(publicKey);
}

/** The certificate in the text of a `…-cert.pub` file: `TYPE BASE64 COMMENT`. */
export function certificateText(text: string): Buffer {
  return Buffer.from(text.trim().split(/\s+/)[1] ?? '', 'base64');
}

import { createECDH, generateKeyPairSync, getDiffieHellman, randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { hostCertificateBytes } from '../../model/limits.ts';
import { type Certificate, createFieldReader, parseCertificate, stringField } from './certificate.ts';

const message = { disconnect: 1, ignore: 2, unimplemented: 3, debug: 4, kexInit: 20, kexStart: 30, kexReply: 31 };

/** How to begin each key exchange. The server's answer to any of them has its certificate (RFC 4253, 5656, 8731). */
const exchanges: Readonly<Record<string, () => Buffer>> = {
  'curve25519-sha256': x25519Share,
  'curve25519-sha256@libssh.org': x25519Share,
  'ecdh-sha2-nistp256': () => createECDH('prime256v1').generateKeys(),
  'ecdh-sha2-nistp384': () => createECDH('secp384r1').generateKeys(),
  'ecdh-sha2-nistp521': () => createECDH('secp521r1').generateKeys(),
  'diffie-hellman-group14-sha256': () => positive(getDiffieHellman('modp14').generateKeys()),
  'diffie-hellman-group16-sha512': () => positive(getDiffieHellman('modp16').generateKeys()),
};

function x25519Share(): Buffer {
  const der = generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'der' });
  return der.subarray(-32);
}

/** Numbers of RFC 4251 are signed: a positive one must not begin with a 1 bit. */
const positive = (number: Buffer): Buffer =>
  (number[0] ?? 0) < 128 ? number : Buffer.concat([Buffer.alloc(1), number]);

/** The algorithm names that ask for the certificate of a key of this type. */
function certificateAlgorithms(keyType: string): readonly string[] {
  const names = keyType === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [keyType];
  return names.map((name) => `${name}-cert-v01@openssh.com`);
}

/**
 * The certificate of a server for its host key of this type. ssh2 asks for plain keys only, so this uses a connection of
 * its own, which begins a key exchange and ends with the server's answer. Nothing on it needs to be trusted: the
 * certificate has its authority's signature, and the other connection proves that the server has the key. Undefined
 * where the server has no such certificate. Rejects with the signal's reason, and where the server does not speak SSH
 * or the connection fails. Destroys the stream.
 */
export async function fetchHostCertificate(
  stream: Duplex,
  keyType: string,
  signal: AbortSignal,
): Promise<Certificate | undefined> {
  const destroy = (): void => void stream.destroy();
  signal.addEventListener('abort', destroy, { once: true });
  stream.on('error', () => undefined);
  try {
    signal.throwIfAborted();
    return await exchange(stream, certificateAlgorithms(keyType));
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', destroy);
    stream.destroy();
  }
}

async function exchange(stream: Duplex, wanted: readonly string[]): Promise<Certificate | undefined> {
  const input = createInput(stream);
  stream.write('SSH-2.0-drover\r\n');
  // Lines before the version are for people (RFC 4253, 4.2).
  while (!(await input.line()).startsWith('SSH-2.0-'));
  stream.write(packet(kexInit(wanted)));
  const theirs = await readPacket(input, message.kexInit);
  const [kex, hostKeys] = namesOf(theirs);
  const method = Object.keys(exchanges).find((name) => kex.includes(name));
  const share = method === undefined ? undefined : exchanges[method];
  if (share === undefined) throw new Error('it has no key exchange that drover can begin');
  if (!wanted.some((name) => hostKeys.includes(name))) return undefined;
  stream.write(packet(Buffer.concat([Buffer.from([message.kexStart]), stringField(share())])));
  const reply = createFieldReader(await readPacket(input, message.kexReply), 1);
  return parseCertificate(reply.string());
}

function kexInit(hostKeys: readonly string[]): Buffer {
  const cipher = 'aes128-ctr,aes256-ctr,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com';
  const mac = 'hmac-sha2-256,hmac-sha2-512,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com';
  const lists = [
    Object.keys(exchanges).join(','),
    hostKeys.join(','),
    cipher,
    cipher,
    mac,
    mac,
    'none',
    'none',
    '',
    '',
  ];
  return Buffer.concat([Buffer.from([message.kexInit]), randomBytes(16), ...lists.map(stringField), Buffer.alloc(5)]);
}

/** Key exchanges and host key algorithms of a KEXINIT. */
function namesOf(payload: Buffer): readonly [readonly string[], readonly string[]] {
  const fields = createFieldReader(payload, 17);
  const list = (): readonly string[] => fields.string().toString('latin1').split(',');
  return [list(), list()];
}

/** An unencrypted packet: length, padding length, payload, padding (RFC 4253, 6). */
function packet(payload: Buffer): Buffer {
  const padding = 8 - ((5 + payload.length) % 8);
  const length = padding < 4 ? padding + 8 : padding;
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + payload.length + length);
  head[4] = length;
  return Buffer.concat([head, payload, randomBytes(length)]);
}

type Input = ReturnType<typeof createInput>;

/** The payload of the next packet of this kind; skips packets that may come at any time. */
async function readPacket(input: Input, kind: number): Promise<Buffer> {
  for (;;) {
    const head = await input.bytes(5);
    const length = head.readUInt32BE();
    const padding = head[4] ?? 0;
    if (length < padding + 2) throw new Error('it sends a packet without content');
    const payload = (await input.bytes(length - 1)).subarray(0, length - 1 - padding);
    const is = payload[0];
    if (is === kind) return payload;
    if (is === message.disconnect) throw new Error('it ends the connection');
    if (is !== message.ignore && is !== message.debug && is !== message.unimplemented) {
      throw new Error(`it sends message ${is} out of turn`);
    }
  }
}

/** Reads lines and bytes from the stream, at most `hostCertificateBytes` in all. */
function createInput(stream: Duplex) {
  const chunks = stream[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  let total = 0;
  const more = async (): Promise<void> => {
    const { value, done } = await chunks.next();
    if (done === true) throw new Error('it closes the connection');
    total += value.length;
    if (total > hostCertificateBytes) throw new Error('it sends too much');
    held = Buffer.concat([held, value]);
  };
  const take = (length: number): Buffer => {
    const part = held.subarray(0, length);
    held = held.subarray(length);
    return part;
  };
  return {
    async line(): Promise<string> {
      while (!held.includes(10)) await more();
      return take(held.indexOf(10) + 1)
        .toString('latin1')
        .trimEnd();
    },
    async bytes(length: number): Promise<Buffer> {
      if (length > hostCertificateBytes) throw new Error('it sends too much');
      while (held.length < length) await more();
      return take(length);
    },
  };
}

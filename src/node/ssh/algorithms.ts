import type { Algorithms } from 'ssh2';
import { AppError } from '../../model/errors.ts';
import { defaultHostKeyAlgorithms, hostKeyAlgorithms } from './known-hosts.ts';

/** What ssh_config asks for; absent where it has ssh's own default. */
export interface AskedAlgorithms {
  readonly ciphers?: readonly string[];
  readonly macs?: readonly string[];
  readonly kex?: readonly string[];
  readonly hostKey?: readonly string[];
  /** For keys to log in with, and for their certificates. */
  readonly publicKey?: readonly string[];
}

/** Every algorithm of ssh2. drover always offers `offered`, in this order, and `onDemand` only where ssh_config names it. */
const known = {
  kex: {
    offered: [
      'curve25519-sha256',
      'curve25519-sha256@libssh.org',
      'ecdh-sha2-nistp256',
      'ecdh-sha2-nistp384',
      'ecdh-sha2-nistp521',
      'diffie-hellman-group-exchange-sha256',
      'diffie-hellman-group16-sha512',
      'diffie-hellman-group18-sha512',
      'diffie-hellman-group14-sha256',
    ],
    onDemand: [
      'diffie-hellman-group15-sha512',
      'diffie-hellman-group17-sha512',
      'diffie-hellman-group-exchange-sha1',
      'diffie-hellman-group14-sha1',
      'diffie-hellman-group1-sha1',
    ],
  },
  ciphers: {
    offered: [
      'aes128-gcm@openssh.com',
      'aes256-gcm@openssh.com',
      'aes128-ctr',
      'aes192-ctr',
      'aes256-ctr',
      'chacha20-poly1305@openssh.com',
    ],
    onDemand: ['aes256-cbc', 'aes192-cbc', 'aes128-cbc', '3des-cbc'],
  },
  macs: {
    offered: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
    onDemand: ['hmac-sha1-etm@openssh.com', 'hmac-sha1', 'hmac-sha1-96', 'hmac-md5', 'hmac-md5-96'],
  },
  hostKey: {
    offered: defaultHostKeyAlgorithms,
    onDemand: ['ssh-rsa'],
  },
} as const;

/** The option of ssh_config for each kind. */
export const algorithmOptions = {
  kex: 'KexAlgorithms',
  ciphers: 'Ciphers',
  macs: 'MACs',
  hostKey: 'HostKeyAlgorithms',
} as const;

type Kind = keyof typeof algorithmOptions;

/**
 * The algorithms to offer, in the order of ssh_config, the types of the host's pinned keys first. Throws `usage` where
 * ssh_config allows none that drover has.
 */
export function chooseAlgorithms(asked: AskedAlgorithms, pinned: readonly string[], host: string): Algorithms {
  const choose = (kind: Kind): readonly string[] => {
    const { offered, onDemand } = known[kind];
    const wanted = asked[kind];
    if (wanted === undefined) return offered;
    const able: readonly string[] = [...offered, ...onDemand];
    const both = wanted.filter((name) => able.includes(name));
    if (both.length > 0) return both;
    const value = wanted.join(',');
    throw new AppError(
      'usage',
      `cannot connect to "${host}": ${algorithmOptions[kind]} in its ssh configuration allows only ${value}`,
      {
        hint: `add one of these to ${algorithmOptions[kind]} of this host: ${offered.join(', ')}`,
        details: { option: algorithmOptions[kind], value },
      },
    );
  };
  // The names are ssh2's own: `known` lists no others.
  return {
    kex: choose('kex'),
    cipher: choose('ciphers'),
    hmac: choose('macs'),
    serverHostKey: hostKeyAlgorithms(pinned, choose('hostKey')),
  } as Algorithms;
}

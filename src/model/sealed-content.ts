import { scryptSync } from 'node:crypto';

/** Stands where a secret would. */
export const hiddenText = '(hidden)';

/** What a container's label holds in place of a content. */
export interface ContentHash {
  /** Random for each container, so that equal contents have different hashes. */
  readonly salt: string;
  readonly hash: string;
}

const cost = { N: 8192, r: 8, p: 1 };

/** Contents are compared with few containers; a node that changes its labels all the time must not fill memory. */
const maxRemembered = 16;

/** Longer salts are not ours. */
const maxSaltLength = 64;

/**
 * The content of a secret or of a configuration file. It does not show itself in JSON, in a log or on the screen: only
 * `bytes` gives it away.
 */
export class SealedContent {
  readonly #bytes: Uint8Array;
  readonly #hashes = new Map<string, string>();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  static ofText(text: string): SealedContent {
    return new SealedContent(Buffer.from(text, 'utf8'));
  }

  bytes(): Uint8Array {
    return this.#bytes;
  }

  /**
   * Labels can be read by monitoring programs, and a short password is soon found by trying: so the hash is slow
   * (scrypt, about 25 ms) and salted. Remembered, because every plan asks for it.
   */
  hash(salt: string): ContentHash {
    let hash = this.#hashes.get(salt);
    if (hash === undefined) {
      hash = scryptSync(this.#bytes, salt, 32, cost).toString('base64url');
      const [oldest] = this.#hashes.keys();
      if (this.#hashes.size >= maxRemembered && oldest !== undefined) this.#hashes.delete(oldest);
      this.#hashes.set(salt, hash);
    }
    return { salt, hash };
  }

  equals(other: SealedContent | ContentHash): boolean {
    if (other instanceof SealedContent) return Buffer.compare(this.#bytes, other.#bytes) === 0;
    return other.salt.length <= maxSaltLength && this.hash(other.salt).hash === other.hash;
  }

  toJSON(): string {
    return hiddenText;
  }

  toString(): string {
    return hiddenText;
  }
}

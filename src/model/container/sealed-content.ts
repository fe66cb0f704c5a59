import { scryptSync } from 'node:crypto';

/** Shown in place of a secret. */
export const hiddenText = '(hidden)';

/** What a container's label has in place of a file's content. */
export interface ContentHash {
  /** Random for each container, so that equal contents have different hashes. */
  readonly salt: string;
  readonly hash: string;
}

const cost = { N: 8192, r: 8, p: 1 };

/** A content is compared with few containers. The limit protects memory from a node that keeps changing its labels. */
const maxRemembered = 16;

/** drover's salts are not longer. */
const maxSaltLength = 64;

/**
 * The content of a secret or config. JSON, logs and the screen show a placeholder: only `bytes` returns the content.
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
   * Monitoring programs can read labels, and a short password is soon guessed: so the hash is slow (scrypt, about 25
   * ms) and salted. It is cached, because every plan needs it.
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

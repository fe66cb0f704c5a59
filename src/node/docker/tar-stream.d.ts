/** The part of tar-stream 2 that is used here; the package has no types of its own. */
declare module 'tar-stream' {
  import type { Readable, Writable } from 'node:stream';

  interface Header {
    readonly name: string;
    readonly size: number;
    readonly type: string;
  }
  interface Extract extends Writable {
    on(event: 'entry', listener: (header: Header, content: Readable, next: (error?: unknown) => void) => void): this;
    on(event: string, listener: (...args: never[]) => void): this;
  }
  export function extract(): Extract;
}

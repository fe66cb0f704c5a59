import type { SealedContent } from './sealed-content.ts';

export type FileKind = 'secret' | 'config';

/** A file that is put into a container before it starts. Read back from a node, its content is a hash. */
export interface ContainerFile<Content = SealedContent> {
  readonly kind: FileKind;
  /** Its key in the top-level `secrets` or `configs` of the application file. */
  readonly name: string;
  /** Absolute path inside the container. */
  readonly target: string;
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
  readonly content: Content;
}

import type { SealedContent } from './sealed-content.ts';

/** `file`: a file or folder next to the application file, which the node keeps and the container sees read-only. */
export type FileKind = 'secret' | 'config' | 'file';

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
  /** Of a `file`: a packed tree (file-tree.ts), whose modes are those of the files. */
  readonly content: Content;
}

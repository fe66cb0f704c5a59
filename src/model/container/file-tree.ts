/** A file, or a folder with all that is in it, that goes with an application. */
export interface FileTree {
  readonly isFolder: boolean;
  /** The file itself has an empty path; paths in a folder are relative, with slashes. In the order of their paths. */
  readonly files: readonly TreeFile[];
}

export interface TreeFile {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly bytes: Uint8Array;
}

/** The tree as one content, the same for equal trees. */
export function packTree({ isFolder, files }: FileTree): Uint8Array {
  const packed = files.map(({ path, mode, bytes }) => [path, mode, Buffer.from(bytes).toString('base64')]);
  return Buffer.from(JSON.stringify([isFolder, packed]), 'utf8');
}

/** Inverse of `packTree`. */
export function unpackTree(content: Uint8Array): FileTree {
  const [isFolder, packed]: [boolean, [string, number, string][]] = JSON.parse(Buffer.from(content).toString('utf8'));
  return {
    isFolder,
    files: packed.map(([path, mode, text]) => ({ path, mode, bytes: Buffer.from(text, 'base64') })),
  };
}

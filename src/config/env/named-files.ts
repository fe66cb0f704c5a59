import { unpackTree } from '../../model/container/file-tree.ts';

/** What a file is read for; each kind has its largest size in bytes. */
export type NamedFileKind = 'compose' | 'env' | 'secret' | 'config' | 'bind';

/** Docker's own limit for a secret, and the size that a Compose project's files may have elsewhere. */
export const maxNamedFileBytes: Readonly<Record<NamedFileKind, number>> = {
  compose: 2 * 1024 * 1024,
  env: 1024 * 1024,
  secret: 500 * 1024,
  config: 1024 * 1024,
  // All files of a folder together; what is read is a packed tree.
  bind: 1024 * 1024,
};

/** Most files that an application file can name. */
const maxNamedFiles = 500;

export type Reading =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unreadable'; readonly why: string };

export interface NamedFileRequest {
  readonly path: string;
  readonly kind: NamedFileKind;
}

/**
 * Files that the application file names: further Compose files, env files, secrets and configs. Reading the configuration is pure, so that it
 * only asks: what was not read yet is absent, the edge reads it, and everything is read again.
 */
export interface NamedFiles {
  read(path: string, kind: NamedFileKind): Reading;
  /** All that was asked for, in order. */
  asked(): readonly NamedFileRequest[];
  /** The paths of all that was asked for, and of what is in folders. */
  sources(): readonly string[];
  /** What was asked for and is not known; the result is of no use while there is any. */
  missing(): readonly NamedFileRequest[];
}

export const requestKey = ({ path, kind }: NamedFileRequest): string => `${kind} ${path}`;

/** `known`: readings by `requestKey`. */
export function createNamedFiles(known: ReadonlyMap<string, Reading>): NamedFiles {
  const asked = new Map<string, NamedFileRequest>();
  return {
    read(path, kind) {
      const request = { path, kind };
      const key = requestKey(request);
      if (asked.size >= maxNamedFiles && !asked.has(key)) {
        return { kind: 'unreadable', why: `more than ${maxNamedFiles} files are named` };
      }
      asked.set(key, request);
      return known.get(key) ?? { kind: 'absent' };
    },
    asked: () => [...asked.values()],
    sources: () => {
      const all = [...asked].flatMap(([key, { path, kind }]) => {
        const reading = known.get(key);
        if (kind !== 'bind' || reading?.kind !== 'bytes') return [path];
        return [path, ...unpackTree(reading.bytes).files.map((file) => `${path}/${file.path}`)];
      });
      return [...new Set(all)];
    },
    missing: () => [...asked].flatMap(([key, request]) => (known.has(key) ? [] : [request])),
  };
}

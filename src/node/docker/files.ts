import { Readable } from 'node:stream';
import type { ContainerSpec } from '../../model/cluster.ts';
import type { ContainerFile, FileKind } from '../../model/container/file.ts';
import { type ContentHash, SealedContent } from '../../model/container/sealed-content.ts';
import { AppError } from '../../model/errors.ts';
import { isRecord, listAt, numberAt, parseJson, textAt } from '../json.ts';
import type { DockerApi } from './api.ts';

/**
 * JSON `{salt, files}`: the secrets and configs in the container, with slow, salted hashes of their contents. The contents
 * are in the container's own layer, which only root can read on the node: they survive a restart and a reboot, and are
 * removed with the container.
 */
export const filesLabel = 'drover.files';
/** `command` where the container's command is a secret and must not be shown. */
export const hidesLabel = 'drover.hides';

const kinds: readonly FileKind[] = ['secret', 'config', 'file'];

type SpecFile = NonNullable<ContainerSpec['files']>[number];

/** The label's text; `salt` is random for each container. */
export function filesToLabel(files: readonly SpecFile[], salt: string): string {
  const listed = files.map(({ content, ...rest }) => ({ ...rest, hash: hashOf(content, salt) }));
  return JSON.stringify({ salt, files: listed });
}

const hashOf = (content: SpecFile['content'], salt: string): string =>
  content instanceof SealedContent ? content.hash(salt).hash : content.hash;

/** The files in a label; none in a label of another form, which then counts as a difference. */
export function labelToFiles(text: string | undefined): readonly ContainerFile<ContentHash>[] {
  const label = parseJson(text ?? '{}');
  const salt = textAt(label, 'salt') ?? '';
  return listAt(label, 'files').flatMap((file) => {
    const kind = kinds.find((one) => one === textAt(file, 'kind')) ?? 'secret';
    if (!isRecord(file)) return [];
    const content = { salt, hash: textAt(file, 'hash') ?? '' };
    return {
      kind,
      name: textAt(file, 'name') ?? '',
      target: textAt(file, 'target') ?? '',
      uid: numberAt(file, 'uid') ?? 0,
      gid: numberAt(file, 'gid') ?? 0,
      mode: numberAt(file, 'mode') ?? 0,
      content,
    };
  });
}

/**
 * The files to put into the container. Throws `docker-failed` where one would be written into a volume of the image,
 * where it would stay, or where its content is not known: nodes have only hashes.
 */
export function checkFiles(
  spec: ContainerSpec,
  imageVolumes: readonly string[],
  node: string,
): readonly ContainerFile[] {
  return (spec.files ?? []).map(({ content, ...file }) => {
    const { kind, name, target } = file;
    const what = `cannot put the ${kind} "${name}" into "${spec.application}" on "${node}"`;
    const volume = imageVolumes.find((path) => target === path || target.startsWith(`${path}/`));
    if (volume !== undefined && kind !== 'file') {
      throw new AppError('docker-failed', `${what}: ${target} lies in the image's volume at ${volume}`, {
        hint: 'choose a "target" outside of the volume',
        details: { node },
      });
    }
    if (content instanceof SealedContent) return { ...file, content };
    throw new AppError('docker-failed', `${what}: its content is not in the files any more`, { details: { node } });
  });
}

/** Copies the files into a container that has not started. Over Docker's API, so that no process list shows them. */
export async function putFiles(
  api: DockerApi,
  container: string,
  all: readonly ContainerFile[],
  signal: AbortSignal,
): Promise<void> {
  // The others are bound.
  const files = all.filter(({ kind }) => kind !== 'file');
  if (files.length === 0) return;
  await api.json(
    {
      what: `put secrets and configs into "${container}"`,
      method: 'PUT',
      path: `/containers/${container}/archive`,
      // A file must not replace a folder of the image.
      query: { path: '/', noOverwriteDirNonDir: true },
      upload: Readable.from([tarOf(files)]),
    },
    signal,
  );
}

const blockBytes = 512;

/** A tar archive of the files. Docker creates missing folders, owned by root. */
export const tarOf = (files: readonly ContainerFile[]): Buffer =>
  archiveOf(
    files.map(({ target, content, ...rest }) => ({
      ...rest,
      path: target.replace(/^\/+/, ''),
      bytes: content.bytes(),
    })),
  );

/** A file in an archive. */
export interface ArchiveFile {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly bytes: Uint8Array;
}

export function archiveOf(files: readonly ArchiveFile[]): Buffer {
  const parts = files.flatMap(({ path, uid, gid, mode, bytes }) => {
    // An extended header has room for paths of more than 100 characters and for large numbers.
    const records = Buffer.from(
      [record('path', path), record('uid', `${uid}`), record('gid', `${gid}`)].join(''),
      'utf8',
    );
    return [
      header({ name: 'drover', type: 'x', size: records.length, mode: 0o600, uid: 0, gid: 0 }),
      padded(records),
      header({ name: path.slice(-99), type: '0', size: bytes.length, mode, uid, gid }),
      padded(bytes),
    ];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)]);
}

/** `LENGTH key=value\n`, where the length counts itself. */
function record(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (rest + String(length).length > length) length += 1;
  return `${length} ${key}=${value}\n`;
}

interface Entry {
  readonly name: string;
  readonly type: 'x' | '0';
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

function header({ name, type, size, mode, uid, gid }: Entry): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, digits: number): void =>
    void block.write(
      `${Math.min(value, 8 ** digits - 1)
        .toString(8)
        .padStart(digits, '0')}\0`,
      at,
      'latin1',
    );
  block.write(name, 0, 100, 'utf8');
  octal(mode, 100, 7);
  octal(uid, 108, 7);
  octal(gid, 116, 7);
  octal(size, 124, 11);
  // Time 0, so that equal files make equal archives.
  octal(0, 136, 11);
  block.write('        ', 148, 'latin1');
  block.write(type, 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function padded(bytes: Uint8Array): Buffer {
  const rest = bytes.length % blockBytes;
  return rest === 0 ? Buffer.from(bytes) : Buffer.concat([bytes, Buffer.alloc(blockBytes - rest)]);
}

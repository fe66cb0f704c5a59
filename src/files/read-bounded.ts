import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { printLimit } from '../model/limits.ts';

/** Why a file was not read, in words that follow "the file cannot be read:"; `code` is ENOENT and so on where the system refused. */
export class UnreadableFile extends Error {
  /** The file is there, and longer than the limit. */
  readonly isTooLarge: boolean;

  constructor(message: string, isTooLarge = false) {
    super(message);
    this.name = 'UnreadableFile';
    this.isTooLarge = isTooLarge;
  }
}

/** Shells hand over the output of another program under such a name, as in `-f <(make-config)`. */
const isHandedOver = (path: string): boolean =>
  /^\/dev\/(?:fd\/\d+|stdin|null|zero)$|^\/proc\/(?:self|\d+)\/fd\/\d+$/.test(path);

/**
 * The bytes of a regular file, at most `limitBytes`. Throws `UnreadableFile` for a longer one and for what is not a
 * file: opening a named pipe waits for its writer, and a device may have no end. What a shell hands over
 * (`/dev/fd/63`) is read all the same, up to the limit. Throws the system's error where the file cannot be opened.
 */
export async function readBounded(path: string, limitBytes: number): Promise<Buffer> {
  // Without O_NONBLOCK, opening a named pipe that nothing writes to never returns.
  const mode = isHandedOver(path) ? constants.O_RDONLY : constants.O_RDONLY | constants.O_NONBLOCK;
  const file = await open(path, mode);
  try {
    const stat = await file.stat();
    if (!stat.isFile() && (!isHandedOver(path) || stat.isDirectory())) {
      throw new UnreadableFile(stat.isDirectory() ? 'it is a folder' : 'it is not a regular file');
    }
    if (stat.isFile() && stat.size > limitBytes) throw tooLarge(limitBytes);
    const bytes = await readAtMost(file, limitBytes);
    if (bytes.length > limitBytes) throw tooLarge(limitBytes);
    return bytes;
  } finally {
    await file.close();
  }
}

/** The same as text; what is not UTF-8 becomes U+FFFD. */
export async function readTextBounded(path: string, limitBytes: number): Promise<string> {
  return (await readBounded(path, limitBytes)).toString('utf8');
}

/**
 * The last lines of a file that drover appends to, at most `limitBytes` of it; `isWhole` is false where earlier ones
 * were left out. The first line may be cut. Throws as `readBounded` does, but never for a long file.
 */
export async function readTail(
  path: string,
  limitBytes: number,
): Promise<{ readonly text: string; readonly isWhole: boolean }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new UnreadableFile('it is not a regular file');
    const bytes = Buffer.alloc(Math.min(stat.size, limitBytes));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, stat.size - bytes.length);
    return { text: bytes.toString('utf8', 0, bytesRead), isWhole: stat.size <= limitBytes };
  } finally {
    await file.close();
  }
}

/** One byte more than allowed, if it is there: a pipe, or a file that grows, has no size to trust. */
async function readAtMost(file: FileHandle, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of file.createReadStream({ autoClose: false, end: limitBytes })) {
    chunks.push(chunk);
    total += chunk.length;
  }
  return Buffer.concat(chunks, total);
}

function tooLarge(limitBytes: number): UnreadableFile {
  return new UnreadableFile(`it is larger than ${printLimit(limitBytes)}`, true);
}

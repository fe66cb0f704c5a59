import { posix } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { extract } from 'tar-stream';
import { AppError } from '../../model/errors.ts';
import { at, entriesAt, isRecord, parseJson } from '../json.ts';

/** The files that describe an archive have a few KiB for each image. */
const longestDescription = 1024 * 1024;
const longestName = 1_024;

/** The reason to refuse an archive with this description; undefined to accept it. */
type Judge = (content: unknown) => string | undefined;

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (Array.isArray(value) && value.length === 0);

/** The files from which `docker load` takes images and their names, in all layouts since Docker 20.10. */
const descriptions: ReadonlyMap<string, Judge> = new Map<string, Judge>([
  [
    'manifest.json',
    (content) => {
      if (!Array.isArray(content) || content.length !== 1 || !isRecord(content[0]))
        return 'it does not contain exactly one image';
      return isEmpty(at(content[0], 'RepoTags')) ? undefined : 'it gives a name to an image';
    },
  ],
  [
    'index.json',
    (content) => {
      const manifests = at(content, 'manifests');
      if (!Array.isArray(manifests) || manifests.length === 0) return 'its index has no image';
      const names = manifests.flatMap((one) => entriesAt(one, 'annotations')).map(([name]) => name);
      const isName = (name: string): boolean => /image\.name$|ref\.name$/.test(name);
      return names.some(isName) ? 'it gives a name to an image' : undefined;
    },
  ],
  [
    'repositories',
    (content) => (isRecord(content) && Object.keys(content).length === 0 ? undefined : 'it gives a name to an image'),
  ],
]);

const plainTypes: ReadonlySet<string> = new Set(['file', 'directory', 'symlink', 'link']);

/**
 * An archive of `docker save`, checked while it is passed on: it must have one image, without a name. Docker does nothing
 * before it has the whole archive, and never gets the end of a refused one. Whether it is the right image is checked
 * later, by the id that the target computes from the content. Errors are `docker-failed`.
 */
export function onlyOneUnnamedImage(tar: Readable, from: string): Readable {
  const parser = extract();
  const refused = (why: string): AppError =>
    new AppError('docker-failed', `cannot load ${from}: ${why}`, {
      hint: 'if you trust the archive, load it on the node with "docker load"',
    });
  let isDescribed = false;
  let failure: Error | undefined;
  parser.on('error', (error: Error) => {
    failure ??= error instanceof AppError ? error : refused(`it is not an image archive: ${error.message}`);
  });
  parser.on('entry', (header, content, next) => {
    const name = posix.join('/', header.name).slice(1).replace(/\/$/, '');
    const judge = descriptions.get(name);
    if (!plainTypes.has(header.type) || header.name.length > longestName)
      return next(refused('it contains special files or very long names'));
    if (judge === undefined) {
      content.on('end', () => next());
      content.resume();
      return;
    }
    if (header.type !== 'file' || header.size > longestDescription)
      return next(refused(`its ${name} is not a small regular file`));
    const chunks: Buffer[] = [];
    content.on('data', (chunk: Buffer) => chunks.push(chunk));
    content.on('end', () => {
      const value = parseJson(Buffer.concat(chunks).toString('utf8'));
      const why = value === undefined ? `its ${name} is not JSON` : judge(value);
      isDescribed ||= name !== 'repositories';
      next(why === undefined ? undefined : refused(why));
    });
  });
  const checked = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (failure !== undefined) return done(failure);
      const settle = once((error?: unknown) => {
        parser.off('error', settle);
        if (failure !== undefined || error) done(failure ?? refused(String(error)));
        else done(null, chunk);
      });
      // A failed parser never calls back.
      parser.on('error', settle);
      parser.write(chunk, settle);
    },
    flush(done) {
      const settle = once(() => done(failure ?? (isDescribed ? null : refused('it describes no image'))));
      parser.on('error', settle);
      parser.on('finish', settle);
      parser.end();
    },
  });
  tar.on('error', (error) => checked.destroy(error));
  checked.once('close', () => tar.destroy());
  return tar.pipe(checked);
}

function once(act: (error?: unknown) => void): (error?: unknown) => void {
  let isDone = false;
  return (error) => {
    if (isDone) return;
    isDone = true;
    act(error);
  };
}

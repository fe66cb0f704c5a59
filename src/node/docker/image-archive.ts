import { posix } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { extract } from 'tar-stream';
import { AppError } from '../../model/errors.ts';
import { at, entriesAt, isRecord, parseJson } from '../json.ts';

/** Descriptions of an archive are a few KiB for each image. */
const longestDescription = 1024 * 1024;
const longestName = 1_024;

/** Says why an archive with this description is refused; undefined where it is fine. */
type Judge = (content: unknown) => string | undefined;

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (Array.isArray(value) && value.length === 0);

/** Files that tell `docker load` which images there are and which names they get, in the layouts since Docker 20.10. */
const descriptions: ReadonlyMap<string, Judge> = new Map<string, Judge>([
  [
    'manifest.json',
    (content) => {
      if (!Array.isArray(content) || content.length !== 1 || !isRecord(content[0])) return 'it does not hold one image';
      return isEmpty(at(content[0], 'RepoTags')) ? undefined : 'it gives a name to an image';
    },
  ],
  [
    'index.json',
    (content) => {
      const manifests = at(content, 'manifests');
      if (!Array.isArray(manifests) || manifests.length === 0) return 'its index holds no image';
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
 * An archive of `docker save`, checked while it passes: it must hold one image, and give it no name. Docker does nothing
 * with an archive before it has all of it, and the end of one that is refused never comes. Which image it is decides
 * its id on the node that has loaded it, which follows from the content. Errors are `docker-failed`.
 */
export function onlyOneUnnamedImage(tar: Readable, from: string): Readable {
  const parser = extract();
  const refused = (why: string): AppError =>
    new AppError('docker-failed', `cannot load ${from}: ${why}`, {
      hint: 'load the image there with "docker load" where you know what it is',
    });
  let isDescribed = false;
  let failure: Error | undefined;
  parser.on('error', (error: Error) => {
    failure ??= error instanceof AppError ? error : refused(`it is no archive of an image: ${error.message}`);
  });
  parser.on('entry', (header, content, next) => {
    const name = posix.join('/', header.name).slice(1).replace(/\/$/, '');
    const judge = descriptions.get(name);
    if (!plainTypes.has(header.type) || header.name.length > longestName) return next(refused('it holds odd files'));
    if (judge === undefined) {
      content.on('end', () => next());
      content.resume();
      return;
    }
    if (header.type !== 'file' || header.size > longestDescription)
      return next(refused(`its ${name} is no plain file`));
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
      // A parser that has failed does not call back.
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

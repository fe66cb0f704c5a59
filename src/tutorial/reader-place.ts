import { splitShellWords } from '../config/shell-words.ts';
import { readCommandLine } from './command-line.ts';
import type { Tutorial } from './types.ts';

/** The reader's folders: how a command of the page is written there, and how drover runs it. */
export interface ReaderPlace {
  /** The reader is in a clone's own folder and uses the page's own files, so all commands are as on the page. */
  readonly isAtHome: boolean;
  /** Path of the package's folder, relative if that is shorter. */
  readonly packageFolder: string;
  /** The reader's folder for a part's folder on the page. */
  readonly folderOf: (folder: string) => string;
  /** The words that start each program: drover, the lab, Node.js. */
  readonly starts: Readonly<Record<'drover' | 'lab' | 'node', readonly string[]>>;
}

/** The command as the reader types it. */
export function shownCommand(text: string, tutorial: Tutorial, place: ReaderPlace): string {
  if (place.isAtHome) return text;
  const there = withFolders(text, tutorial, place);
  // In the project's folder `npm run` works, whichever files are in use.
  if (place.packageFolder === '.') return there;
  return there
    .replace(/^npm run (?:-s )?drover --/, 'drover')
    .replace(/^npm run (?:-s )?lab --/, `npm --prefix ${place.packageFolder} run -s lab --`);
}

/** The words with which drover runs the command, without a shell; undefined if a quotation mark is not closed. */
export function wordsOf(text: string, tutorial: Tutorial, place: ReaderPlace): readonly string[] | undefined {
  const read = readCommandLine(place.isAtHome ? text : withFolders(text, tutorial, place));
  if (read === undefined) return undefined;
  return read.program === 'other' ? read.words : [...place.starts[read.program], ...read.words];
}

/** Replaces paths of the page: the reader's files are in the reader's folder, everything else is in the package. */
function withFolders(text: string, { name, parts, files }: Tutorial, { folderOf, packageFolder }: ReaderPlace): string {
  const own = `tutorials/${name}`;
  const theirs = new Map<string, string>();
  for (const { folder } of parts) {
    theirs.set(folder, folderOf(folder));
    for (const file of [...files, 'drover.yml']) theirs.set(`${folder}/${file}`, `${folderOf(folder)}/${file}`);
  }
  const words = splitShellWords(text) ?? [];
  let result = text;
  for (const word of words.filter((each) => each === own || each.startsWith(`${own}/`))) {
    result = result.replace(word, () => theirs.get(word) ?? joined(packageFolder, word));
  }
  return result;
}

const joined = (folder: string, path: string): string => (folder === '.' ? path : `${folder}/${path}`);

import { splitShellWords } from '../config/shell-words.ts';
import { readCommandLine } from './command-line.ts';
import type { Tutorial } from './types.ts';

/** Where the reader is: what a command of the page has to look like there, and how it is run. */
export interface ReaderPlace {
  /** In the project's folder of a clone, on the files of the page itself: everything is as it stands there. */
  readonly isAtHome: boolean;
  /** Path of the package's folder, as short as it can be shown. */
  readonly packageFolder: string;
  /** Where the reader's files of a part's folder (as on the page) are. */
  readonly folderOf: (folder: string) => string;
  /** Words that start the programs: drover itself, the lab, Node.js. */
  readonly starts: Readonly<Record<'drover' | 'lab' | 'node', readonly string[]>>;
}

/** The command as the reader types it. */
export function shownCommand(text: string, tutorial: Tutorial, place: ReaderPlace): string {
  if (place.isAtHome) return text;
  const there = withFolders(text, tutorial, place);
  // The project's folder has the scripts, whatever files are in use.
  if (place.packageFolder === '.') return there;
  return there
    .replace(/^npm run (?:-s )?drover --/, 'drover')
    .replace(/^npm run (?:-s )?lab --/, `npm --prefix ${place.packageFolder} run -s lab --`);
}

/** The words with which the program itself runs it, without a shell; undefined where a quote is left open. */
export function wordsOf(text: string, tutorial: Tutorial, place: ReaderPlace): readonly string[] | undefined {
  const read = readCommandLine(place.isAtHome ? text : withFolders(text, tutorial, place));
  if (read === undefined) return undefined;
  return read.program === 'other' ? read.words : [...place.starts[read.program], ...read.words];
}

/** What of a folder is the reader's; its other files, as clients, are where the package has them. */
const files = ['application.yml', 'deployment.yml', 'drover.yml'] as const;

/** Folders with the files are the reader's; everything else of the tutorial is where the package has it. */
function withFolders(text: string, { name, parts }: Tutorial, { folderOf, packageFolder }: ReaderPlace): string {
  const own = `tutorials/${name}`;
  const theirs = new Map<string, string>();
  for (const { folder } of parts) {
    theirs.set(folder, folderOf(folder));
    for (const file of files) theirs.set(`${folder}/${file}`, `${folderOf(folder)}/${file}`);
  }
  const words = splitShellWords(text) ?? [];
  let result = text;
  for (const word of words.filter((each) => each === own || each.startsWith(`${own}/`))) {
    result = result.replace(word, () => theirs.get(word) ?? joined(packageFolder, word));
  }
  return result;
}

const joined = (folder: string, path: string): string => (folder === '.' ? path : `${folder}/${path}`);

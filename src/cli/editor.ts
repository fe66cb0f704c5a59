import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { AppError } from '../model/errors.ts';

export interface EditorPlace {
  readonly file: string;
  /** 1-based. */
  readonly line?: number;
  readonly column?: number;
}

/** Opens the editor, given as the words of its command, at the place, with our terminal; resolves when it ended. */
export async function openEditor(place: EditorPlace, command: readonly string[]): Promise<void> {
  const [program = 'vi', ...args] = command;
  await new Promise<void>((resolve, reject) => {
    const child = spawn(program, [...args, ...placeArgs(program, place)], { stdio: 'inherit' });
    child.once('error', (cause) =>
      reject(
        new AppError('usage', `cannot open the editor "${program}": ${cause.message}`, {
          hint: 'set EDITOR to a program that is there',
          cause,
        }),
      ),
    );
    child.once('close', () => resolve());
  });
}

/** Arguments that open an editor at a line; an unknown editor gets only the file. */
function placeArgs(program: string, { file, line, column }: EditorPlace): readonly string[] {
  if (line === undefined) return [file];
  switch (basename(program)) {
    case 'vi':
    case 'vim':
    case 'nvim':
      return column === undefined ? [`+${line}`, file] : [`+call cursor(${line},${column})`, file];
    case 'nano':
      return [column === undefined ? `+${line}` : `+${line},${column}`, file];
    case 'emacs':
    case 'emacsclient':
    case 'kak':
    case 'mg':
      return [column === undefined ? `+${line}` : `+${line}:${column}`, file];
    case 'code':
    case 'codium':
      // Without --wait the command returns at once.
      return ['--wait', '--goto', [file, line, column].filter((each) => each !== undefined).join(':')];
    case 'hx':
    case 'helix':
    case 'micro':
    case 'subl':
      return [[file, line, column].filter((each) => each !== undefined).join(':')];
    default:
      return [file];
  }
}

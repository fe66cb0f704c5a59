import { AppError } from '../../model/errors.ts';
import type { EditResult } from './edit.ts';

export interface TextFiles {
  readonly readText: (path: string) => Promise<string>;
  readonly replaceText: (path: string, text: string) => Promise<void>;
}

/** The edited text. Throws `usage` if the edit was refused; `what` completes "cannot …". */
export function editedText(result: EditResult, what: string, hint?: string): string {
  if ('text' in result) return result.text;
  throw new AppError('usage', `cannot ${what}: ${result.problem}`, hint === undefined ? {} : { hint });
}

/** Reads a file, edits its text and writes it if it changed. Returns both texts. Throws as `editedText`. */
export async function editFile(
  { readText, replaceText }: TextFiles,
  path: string,
  edit: (text: string) => EditResult,
  what: string,
  hint?: string,
): Promise<{ readonly before: string; readonly after: string }> {
  const before = await readText(path);
  const after = editedText(edit(before), what, hint);
  if (after !== before) await replaceText(path, after);
  return { before, after };
}

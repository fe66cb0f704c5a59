import type { ProblemFix } from '../../model/config.ts';
import type { EditResult } from './edit.ts';

/**
 * The text with the fix written into it, everything else as it is. Refused where something else stands at the place
 * than `expected`: the file was changed since it was read.
 */
export function applyFix(text: string, fix: ProblemFix, expected: string = fix.was): EditResult {
  const bom = text.startsWith('\uFEFF') ? '\uFEFF' : '';
  const body = text.slice(bom.length);
  const start = offsetOf(body, fix);
  if (start === undefined || expected.length !== fix.length || !body.startsWith(expected, start)) {
    return { problem: `line ${fix.line} is not what it was when the problem was found` };
  }
  return { text: `${bom}${body.slice(0, start)}${fix.replacement}${body.slice(start + fix.length)}` };
}

/** All of one file's fixes: from the last to the first, so that none moves another one's place. */
export function applyFixes(text: string, fixes: readonly ProblemFix[]): EditResult {
  let result: EditResult = { text };
  for (const fix of fixes.toSorted((a, b) => b.line - a.line || b.column - a.column)) {
    if ('problem' in result) return result;
    result = applyFix(result.text, fix);
  }
  return result;
}

/** Lines end as in text-position.ts; undefined where the text has no such line or the line is shorter. */
function offsetOf(text: string, { line, column }: ProblemFix): number | undefined {
  const end = /\r\n|\r|\n/g;
  let start = 0;
  for (let at = 1; at < line; at += 1) {
    if (end.exec(text) === null) return undefined;
    start = end.lastIndex;
  }
  const length = /^[^\r\n]*/.exec(text.slice(start))?.[0].length ?? 0;
  return column - 1 <= length ? start + column - 1 : undefined;
}

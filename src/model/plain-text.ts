/** Text whose parts from outside have passed `plainText`. Only such text is written to a terminal. */
export type Printed = string & { readonly [printed]: true };
declare const printed: unique symbol;

/**
 * Text from outside (a node, a file, a program) as one line that is safe to show: without escape sequences, control
 * characters except the tab, line ends, marks of writing direction, and invisible characters that make two names look
 * alike. Otherwise a node could move the cursor, write the clipboard, or forge drover's own lines.
 */
export const plainText = (text: string): string => (isPlain.test(text) ? text : cleaned(text));

/** The same for a cell of a table or of the screen, whose width matters: a tab becomes one space. */
export const plainCell = (text: string): string => plainText(text).replaceAll('\t', ' ');

/** The same for text of several lines: each is cleaned, the line feeds between them stay. */
export const plainLines = (text: string): string => text.split(/\r?\n/).map(plainText).join('\n');

/** Replaces each unit that `plainText` would remove with `?`: the width stays the same, and nothing is hidden. */
export const visibleText = (text: string): string =>
  isPlain.test(text)
    ? text
    : text
        .replace(stacked, (found, kept: string) => kept + '?'.repeat(found.length - kept.length))
        .replace(/[^\t\x20-\x7e]/gu, (each) => (plainText(each) === each ? each : '?'.repeat(each.length)));

// Nearly all text is plain, and a screen has thousands of pieces of it: ASCII, Latin letters, punctuation, arrows,
// boxes and signs.
const isPlain = /^[\t\x20-\x7e\xa0-\xac\xae-\u024f\u2010-\u2027\u2030-\u205e\u2190-\u2bff]*$/;

function cleaned(text: string): string {
  return text
    .replace(stringSequence, '')
    .replace(controlSequence, '')
    .replace(escape, '')
    .replace(lineEnds, (found, at: number, whole: string) => (at + found.length === whole.length ? '' : ' '))
    .replace(controls, '')
    .replace(invisible, '')
    .replace(stacked, '$1')
    .replace(/\p{Surrogate}/gu, '\ufffd');
}

// Each expression takes linear time, whatever text a node sends.

/** OSC, DCS, APC, PM and SOS up to their end. Without an end only the beginning is removed: the rest stays visible. */
const stringSequence =
  /(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u0090\u0098\u009c-\u009f]*(?:\u0007|\u001b\\|\u009c)/g;
const controlSequence = /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]/g;
const escape = /\u001b[ -/]*[0-Z\\^-~]/g;
const lineEnds = /[\n\v\f\r\u0085\u2028\u2029]+/g;
const controls = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;
/**
 * Characters without a shape (marks of direction and zero-width ones are among them). The joiner stays between two
 * pictures, which make one picture together; so does the mark that chooses a picture's look.
 */
const invisible =
  /(?<!\p{Extended_Pictographic}[\ufe0f\u{1f3fb}-\u{1f3ff}]?)\u200d|\u200d(?!\p{Extended_Pictographic})|(?![\u200d\ufe0e\ufe0f])\p{Default_Ignorable_Code_Point}|[\ufff9-\ufffb]/gu;

/** Marks above or below a letter are stacked. This many do not reach another line. */
const stacked = /([\p{Mn}\p{Me}]{6})[\p{Mn}\p{Me}]+/gu;

/**
 * A value as JSON that is safe for a terminal: control characters, marks of direction and invisible characters are
 * escaped, so the value does not change. Indented by `space` columns if it is given.
 */
export function plainJson(value: unknown, space?: number): Printed {
  const text = JSON.stringify(value, undefined, space) ?? 'null';
  // Every character left is either JSON's own or safe, by the escapes above.
  return (isAscii.test(text) ? text : text.replace(hidden, escaped)) as Printed;
}

const isAscii = /^[\n\x20-\x7e]*$/;
const hidden = /[\u007f-\u009f\u2028\u2029\ufff9-\ufffb]|(?![\ufe0e\ufe0f])\p{Default_Ignorable_Code_Point}/gu;
const escaped = (found: string): string =>
  Array.from({ length: found.length }, (_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');

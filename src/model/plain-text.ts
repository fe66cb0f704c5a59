/** Text in which everything that comes from outside went through `plainText`: the only text a terminal gets. */
export type Printed = string & { readonly [printed]: true };
declare const printed: unique symbol;

/**
 * Text from outside (a node, a file, a program) as one line that is safe to show: no escape sequences, no control
 * characters but the tab, no line ends, nothing that turns the direction of writing, nothing invisible that makes two
 * names look alike. Without this a node could move the cursor, write the clipboard, or forge lines of drover's own.
 */
export const plainText = (text: string): string => (isPlain.test(text) ? text : cleaned(text));

/** The same for a cell of a table or of the screen, whose width counts: a tab is one blank. */
export const plainCell = (text: string): string => plainText(text).replaceAll('\t', ' ');

/** The same for text of several lines: each is cleaned, the line feeds between them stay. */
export const plainLines = (text: string): string => text.split(/\r?\n/).map(plainText).join('\n');

/** The same width as before: `?` stands for each unit that `plainText` would take away, so that nothing is hidden. */
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

// Each expression takes time in proportion to the text, whatever a node puts into it.

/** OSC, DCS, APC, PM and SOS up to their end. One that has no end loses its beginning only: what follows stays seen. */
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

/** Marks that stand above or below a letter, each on top of the one before: so many reach no other line. */
const stacked = /([\p{Mn}\p{Me}]{6})[\p{Mn}\p{Me}]+/gu;

/**
 * A value as JSON in which nothing is left for a terminal to obey: control characters, marks of direction and invisible
 * characters are escapes, so that the value stays exactly what it was. Indented by `space` columns where it is given.
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

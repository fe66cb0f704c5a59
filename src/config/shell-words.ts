/** A command line split as a POSIX shell would, without expansions; undefined where a quote is left open. */
export function splitShellWords(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let index = 0;
  while (index < line.length) {
    const character = line.charAt(index);
    index += 1;
    if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    word ??= '';
    if (character === '\\') {
      if (index >= line.length) return undefined;
      word += line.charAt(index);
      index += 1;
    } else if (character === "'" || character === '"') {
      const quoted = readQuoted(line, index, character);
      if (quoted === undefined) return undefined;
      word += quoted.text;
      index = quoted.next;
    } else word += character;
  }
  if (word !== undefined) words.push(word);
  return words;
}

function readQuoted(
  line: string,
  start: number,
  quote: string,
): { readonly text: string; readonly next: number } | undefined {
  let text = '';
  for (let index = start; index < line.length; index += 1) {
    const character = line.charAt(index);
    if (character === quote) return { text, next: index + 1 };
    // Inside double quotes a backslash only escapes what is special there.
    if (quote === '"' && character === '\\' && /["\\$`]/.test(line.charAt(index + 1))) {
      index += 1;
      text += line.charAt(index);
    } else text += character;
  }
  return undefined;
}

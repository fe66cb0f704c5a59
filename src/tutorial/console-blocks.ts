/** A command of a page and what the page says it prints. */
export interface ConsoleCommand {
  readonly line: number;
  readonly command: string;
  /** Lines. A line `…` matches any number of lines; `…` in a line matches any text. */
  readonly expected: readonly string[];
}

/** Every `$ command` in the ```console blocks of a Markdown page, with the lines after it. */
export function readConsoleBlocks(markdown: string): readonly ConsoleCommand[] {
  const commands: { line: number; command: string; expected: string[] }[] = [];
  let inside = false;
  markdown.split('\n').forEach((text, index) => {
    if (text.startsWith('```')) inside = text === '```console';
    else if (inside && text.startsWith('$ ')) commands.push({ line: index + 1, command: text.slice(2), expected: [] });
    else if (inside) commands.at(-1)?.expected.push(text);
  });
  return commands;
}

/** True if the output is what the page shows; spaces at the end of a line do not count. */
export function matchesPage(output: string, expected: readonly string[]): boolean {
  const lines =
    output.trimEnd() === ''
      ? []
      : output
          .trimEnd()
          .split('\n')
          .map((line) => line.trimEnd());
  return matchFrom(lines, 0, expected, 0);
}

function matchFrom(lines: readonly string[], at: number, expected: readonly string[], want: number): boolean {
  const pattern = expected[want];
  if (pattern === undefined) return at === lines.length;
  if (pattern === '…') {
    for (let next = at; next <= lines.length; next++) if (matchFrom(lines, next, expected, want + 1)) return true;
    return false;
  }
  const line = lines[at];
  return line !== undefined && lineMatches(line, pattern) && matchFrom(lines, at + 1, expected, want + 1);
}

function lineMatches(line: string, pattern: string): boolean {
  const escaped = pattern.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`).test(line);
}

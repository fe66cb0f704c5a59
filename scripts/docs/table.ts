/** A Markdown table; a pipe inside of a cell is escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => plain(cell)).join(' | ')} |\n`;
  return `${line(head)}|${head.map(() => '---|').join('')}\n${rows.map(line).join('')}`;
}

export const code = (text: string): string => `\`${text}\``;

/** A sentence begins with a capital letter, unless it begins with the name of a file or a list of values, and ends with a full stop. */
export function sentence(text: string): string {
  if (text === '') return '';
  const [word = ''] = text.split(' ', 1);
  const first = /\w\.\w|,$/.test(word) ? (text[0] ?? '') : (text[0] ?? '').toUpperCase();
  return `${first}${text.slice(1)}${/[.!?…]$/.test(text) ? '' : '.'}`;
}

/** Signs that would end the cell or begin a tag are escaped, except between backticks. */
function plain(cell: string): string {
  const pieces = cell.replaceAll('|', '\\|').replaceAll('\n', ' ').split('`');
  return pieces.map((piece, index) => (index % 2 === 1 ? piece : piece.replaceAll('<', '&lt;'))).join('`');
}

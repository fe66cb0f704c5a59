/** Signs in sentences and in what other folders word, each with one of ASCII that takes the same single cell. */
const plain: Readonly<Record<string, string>> = {
  '·': '-',
  '–': '-',
  '—': '-',
  '×': 'x',
  '±': '~',
  '≈': '~',
  '≤': '<',
  '≥': '>',
  '→': '>',
  '⇢': '>',
  '▸': '>',
  '←': '<',
  '⇠': '<',
  '↑': '^',
  '⇧': '^',
  '↓': 'v',
  '…': '.',
  '●': '*',
  '◆': '#',
  '○': 'o',
  '◐': '~',
  '◌': '?',
  '✔': 'v',
  '✖': 'x',
  '✘': 'x',
  '─': '-',
  '━': '=',
  '│': '|',
  '┃': '|',
  '└': '`',
  '█': '#',
  '░': '.',
  '’': "'",
  '‘': "'",
  '“': '"',
  '”': '"',
};

const signs = new RegExp(`[${Object.keys(plain).join('')}]`, 'g');

/** The text without signs that a font may not have; letters of any language stay as they are, and so does the width. */
export const asciiSigns = (text: string): string => text.replace(signs, (sign) => plain[sign] ?? sign);

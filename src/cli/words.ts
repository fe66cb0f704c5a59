/** Words of a command as EDITOR has it: `code --wait`, `"/opt/my editor/bin/ed" -x`; no other shell syntax. */
export function splitWords(text: string): readonly string[] {
  const words = [...text.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)];
  return words.map(([, double, single, bare]) => double?.replace(/\\(.)/g, '$1') ?? single ?? bare ?? '');
}

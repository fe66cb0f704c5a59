import type { Advice, Finding, Hint } from './problems.ts';
import type { YamlNode, YamlScalar } from './yaml/yaml-node.ts';

/**
 * A finding fit for printing. Where the value at its place, or below it, came from a variable, the message may quote
 * that value or a part of it: all that it quotes goes, except names of the path; the variables are named instead. What
 * would write a value into the file is left out.
 */
export function withoutValues(node: YamlNode, finding: Finding): Finding {
  const scalars = replacedScalars(node);
  if (scalars.length === 0) return finding;
  const values = scalars.map(({ source }) => source);
  const hide = (text: string): string => hideIn(text, values, new Set(finding.path.split('/')));
  const origins = [...new Set(scalars.flatMap(({ from }) => from ?? []))];
  const from = origins.length === 0 ? '' : ` (with ${origins.join(', ')})`;
  const hint = hideInHint(finding.hint, values);
  const { hint: _hint, ...rest } = finding;
  return { ...rest, message: `${hide(finding.message)}${from}`, ...(hint === undefined ? {} : { hint }) };
}

/** Lists and mappings as a whole are complained about with what one of their values is. */
function replacedScalars(node: YamlNode): readonly YamlScalar[] {
  if (node.kind === 'scalar') return node.from === undefined ? [] : [node];
  const below = node.kind === 'list' ? node.items : node.entries.map(({ value }) => value);
  return below.flatMap((each) => (each.kind === 'scalar' && each.from !== undefined ? [each] : []));
}

/** A number is hidden only where it stands in a value: messages say limits as well. */
function hideIn(text: string, values: readonly string[], names: ReadonlySet<string>): string {
  const isPart = (part: string): boolean => part !== '' && values.some((value) => value.includes(part));
  // Numbers are shown as they are written, and cut where they are long.
  const whole = values.flatMap((value) => [value, value.slice(0, 60), value.slice(0, 40)]);
  const rest = whole.reduce((left, value) => (value.length < 3 ? left : left.replaceAll(value, '…')), text);
  return rest.replace(/"((?:[^"\\]|\\.)*)"|\d+/g, (token: string, quoted: string | undefined) => {
    if (quoted === undefined) return isPart(token) ? '…' : token;
    return names.has(quoted) ? token : '"…"';
  });
}

/** A hint that is worked out late is about the value: what it could be instead. */
function hideInHint(hint: Hint | undefined, values: readonly string[]): Hint | undefined {
  if (typeof hint === 'function' || hint === undefined) return undefined;
  const { hint: text }: Advice = typeof hint === 'string' ? { hint } : hint;
  return text.replace(/"((?:[^"\\]|\\.)*)"/g, (token: string, quoted: string) => {
    const isOfValue = values.some((value) => value.includes(quoted) || (value !== '' && quoted.includes(value)));
    return isOfValue ? '"…"' : token;
  });
}

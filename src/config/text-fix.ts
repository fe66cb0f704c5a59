import type { YamlScalar } from './yaml/yaml-node.ts';

/** Another value for one key or scalar of a file. */
export interface TextFix {
  readonly node: YamlScalar;
  readonly value: string;
  /** `as-written` keeps the quotes that are there. */
  readonly style: 'as-written' | 'plain' | 'quoted';
}

export interface Change {
  readonly offset: number;
  readonly was: string;
  readonly replacement: string;
}

/** Longer texts are not misspelt words. */
const maxLength = 200;

/** What to write where; undefined where the scalar is written with escapes, over several lines, or not at all. */
export function changeOf(text: string, { node, value, style }: TextFix): Change | undefined {
  const was = writtenAt(text, node);
  if (was === undefined || was.length > maxLength || value.length > maxLength) return undefined;
  const replacement = style === 'plain' ? value : style === 'quoted' ? JSON.stringify(value) : likewise(was, value);
  return replacement === was ? undefined : { offset: node.offset, was, replacement };
}

function writtenAt(text: string, { offset, source }: YamlScalar): string | undefined {
  if (source === '' || /[\r\n]/.test(source)) return undefined;
  if (text.startsWith(source, offset)) return source;
  const mark = text[offset];
  if (mark !== '"' && mark !== "'") return undefined;
  const quoted = `${mark}${source}${mark}`;
  return text.startsWith(quoted, offset) ? quoted : undefined;
}

/** What YAML 1.1 readers take for truth values or nothing as well: other programs read these files too. */
const otherTypes = /^(?:true|false|yes|no|on|off|y|n|null)$/i;
const plainWord = /^(?:[A-Za-z_][A-Za-z0-9_./-]*|[0-9]+(?:\.[0-9]+){3})$/;

function likewise(was: string, value: string): string {
  if (was.startsWith("'")) return `'${value.replaceAll("'", "''")}'`;
  const isPlain = plainWord.test(value) && !otherTypes.test(value);
  return isPlain && !was.startsWith('"') ? value : JSON.stringify(value);
}

import { visibleText } from '../../model/plain-text.ts';
/** A value of a YAML file together with where it stands; offsets count UTF-16 units from the start of the text. */
export type YamlNode = YamlScalar | YamlList | YamlMap;

/** `source` is the decoded text as written, whatever type it resolved to. */
export type YamlScalar = ScalarValue & {
  readonly kind: 'scalar';
  readonly source: string;
  readonly offset: number;
  /** Variables were replaced in it: where their values are from. Their values belong into no message. */
  readonly from?: readonly string[];
  /** Its value is not known, for a reason that is or will be reported: nothing else is said about it. */
  readonly unknown?: UnknownValue;
  readonly merge?: MergeTag;
  readonly file?: FileName;
};

/** Reported already, or variables that are not set: only a value that cannot do without them is a problem. */
export type UnknownValue = 'reported' | { readonly message: string; readonly hint: string };

/** Of several files, the one that a value and its key are from; absent for the first. */
export type FileName = string;

/** Compose's tags `!reset` and `!override`: what another file says about this value is not merged with it. */
export type MergeTag = 'reset' | 'override';

/** YAML 1.2 core schema; an integer written `1.0` is a decimal. */
export type ScalarValue =
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'integer' | 'decimal'; readonly value: number }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'null'; readonly value: null };

export interface YamlList {
  readonly kind: 'list';
  readonly items: readonly YamlNode[];
  readonly offset: number;
  readonly merge?: MergeTag;
  readonly file?: FileName;
}

/** Keys are unique; merge keys (`<<`) are already resolved. */
export interface YamlMap {
  readonly kind: 'map';
  readonly entries: readonly YamlEntry[];
  readonly offset: number;
  readonly merge?: MergeTag;
  readonly file?: FileName;
}

export interface YamlEntry {
  readonly key: YamlScalar;
  readonly value: YamlNode;
}

const pathLength = 60;

/** Text in quotes for a message: one line, no control characters, at most 60 characters. */
export function quote(text: string): string {
  const short = text.length > pathLength ? `${text.slice(0, pathLength)}…` : text;
  return visibleText(JSON.stringify(short));
}

/** True for a key without a value, `~` and `null`. */
export const isNothing = (node: YamlNode): boolean => node.kind === 'scalar' && node.type === 'null';

/** What a node is, for "must be …, not …". */
export function describeNode(node: YamlNode): string {
  if (node.kind === 'list') return node.items.length === 0 ? 'an empty list' : 'a list';
  if (node.kind === 'map') return node.entries.length === 0 ? 'an empty mapping' : 'a mapping';
  if (node.type === 'null') return 'nothing';
  if (node.type === 'boolean') return `the truth value ${node.value}`;
  if (node.type === 'text') return `the text ${quote(node.value)}`;
  return `the number ${node.source.slice(0, pathLength)}`;
}

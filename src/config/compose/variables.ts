import { defined } from '../../model/defined.ts';
import type { FileContext } from '../env/file-context.ts';
import { type Interpolated, interpolate, type Unset } from '../env/interpolate.ts';
import { complain, type Place } from '../fields.ts';
import { isSecretPath } from '../hide-text.ts';
import type { YamlNode, YamlScalar } from '../yaml/yaml-node.ts';
import { typedAt } from './value-types.ts';

/** All that variables may add to one file, in characters. */
const maxAdded = 10 * 1024 * 1024;

/**
 * The file with its variables replaced, as Compose does before it reads it: in every value, never in a key. A variable
 * that is not set is the empty text, with a note.
 */
export function substituteVariables(root: Place, context: Pick<FileContext, 'lookup'>): Place {
  return {
    ...root,
    node: substitute({ root, lookup: context.lookup, added: 0, noted: new Set() }, root.node, root.path),
  };
}

interface Work {
  readonly root: Place;
  readonly lookup: FileContext['lookup'];
  /** Variables that were noted: one note for each is enough. */
  readonly noted: Set<string>;
  added: number;
}

function substitute(work: Work, node: YamlNode, path: string): YamlNode {
  const below = (name: string | number): string => (path === '' ? String(name) : `${path}/${name}`);
  if (node.kind === 'list') {
    return { ...node, items: node.items.map((item, index) => substitute(work, item, below(index))) };
  }
  if (node.kind === 'map') {
    const entries = node.entries.map(({ key, value }) => ({ key, value: substitute(work, value, below(key.source)) }));
    return { ...node, entries };
  }
  if (node.type !== 'text') return node;
  return typedAt(path, node.value.includes('$') ? substituteText(work, node, node.value, path) : node);
}

function substituteText(work: Work, node: YamlScalar, text: string, path: string): YamlScalar {
  const place: Place = { ...work.root, node, path };
  const result = interpolate(text, work.lookup);
  if (!result.ok) {
    complain(place, messageOf(result), result.hint);
    return { ...node, type: 'text', value: '', source: '', unknown: 'reported' };
  }
  work.added += result.text.length;
  if (work.added > maxAdded) {
    complain(place, 'the values of variables are longer than 10 MiB together', 'use files instead');
    return { ...node, type: 'text', value: '', source: '', unknown: 'reported' };
  }
  for (const unset of result.unset) note(work, place, unset);
  const replaced = { ...node, type: 'text', value: result.text, source: result.text } as const;
  const isReplaced = result.used.length + result.unset.length > 0;
  const from = [
    ...result.used.map((name) => `\${${name}}`),
    ...result.unset.filter(({ isBraced }) => isBraced).map(({ name }) => `\${${name}}, which is not set`),
  ];
  const unknown = unknownBecause(result.unset.find(({ isBraced }) => isBraced));
  return isReplaced ? { ...replaced, from, ...defined({ unknown }) } : replaced;
}

/** Without braces it may be no variable at all. */
function unknownBecause(unset: Unset | undefined): YamlScalar['unknown'] {
  if (unset === undefined) return undefined;
  return {
    message: `the variable "${unset.name}" is not set, and there is no value without it`,
    hint: `set it in .env or in the environment, or write a default: "\${${unset.name}:-value}"`,
  };
}

const messageOf = ({ message, said }: Extract<Interpolated, { ok: false }>): string =>
  said === undefined ? message : `${message}: ${said}`;

/** `$word` in a password is most likely no variable, and must not be shown. */
function note({ root, noted }: Work, place: Place, { name, isBraced }: Unset): void {
  const isNamed = isBraced || !isSecretPath(place.path);
  const key = isNamed ? name : place.path;
  if (noted.has(key)) return;
  noted.add(key);
  const what = isNamed ? `the variable "${name}" is` : 'a variable in it is';
  root.report({
    offset: place.node.offset,
    path: place.path,
    message: `${what} not set; the empty text stands for it`,
    hint: 'set it in .env or in the environment; write "$$" for a single "$"',
    isNote: true,
  });
}

import type { ContainerFile, FileKind } from '../../model/container/file.ts';
import { SealedContent } from '../../model/container/sealed-content.ts';
import { suggest } from '../did-you-mean.ts';
import type { Draft } from '../draft.ts';
import { type ComposeEnvironment, mergeEnvironment, readEnvFiles, readPath } from '../env/env-files.ts';
import type { FileContext } from '../env/file-context.ts';
import { maxNamedFileBytes } from '../env/named-files.ts';
import {
  complain,
  complainAtKey,
  isExtension,
  mustBe,
  type Place,
  type Placed,
  readAt,
  readFields,
  readItems,
  readName,
  readText,
  refuseOthers,
  required,
  scalarAt,
  typed,
  withoutExtensions,
} from '../fields.ts';
import { parseMountpoint } from '../values.ts';
import { isNothing, quote } from '../yaml/yaml-node.ts';
import { accept, placed } from './read-parts.ts';

/** More for one application are a mistake. */
const maxFiles = 100;

/** The keys of an application that name files; the same in every form. */
export const fileKeys = ['env_file', 'secrets', 'configs'] as const;

/** What the top level of the file says about files. */
export interface TopFiles {
  readonly context: FileContext;
  readonly secrets: FileDefinitions;
  readonly configs: FileDefinitions;
}

export function readTopFiles(root: ReadonlyMap<string, Place>, context: FileContext): TopFiles {
  const secrets = readDefinitions(root.get('secrets'), 'secret', context);
  return { context, secrets, configs: readDefinitions(root.get('configs'), 'config', context) };
}

/** Environment and files of one application, as its own keys and the files they name say. */
export function readAppFiles(
  entries: ReadonlyMap<string, Place>,
  { context, secrets, configs }: TopFiles,
  environment: ComposeEnvironment,
  mountpoints: readonly string[],
): Pick<Draft, 'environment' | 'files'> {
  // The usual case, and a file can have many thousands of applications.
  if (!fileKeys.some((key) => entries.has(key))) return { environment: mergeEnvironment([], environment) };
  const fromFiles = readAt(entries, 'env_file', (place) => readEnvFiles(place, context, environment.set)) ?? [];
  const files = [secrets, configs].flatMap((definitions) => {
    const place = entries.get(`${definitions.kind}s`);
    const isEmpty = place === undefined || isNothing(place.node);
    return isEmpty ? [] : readFileUses(place, definitions);
  });
  checkFileTargets(files, mountpoints);
  return { environment: mergeEnvironment(fromFiles, environment), ...(files.length === 0 ? {} : { files }) };
}

/** The kinds that have a key of their own. */
type KeyKind = Exclude<FileKind, 'file'>;

/** The content of each entry of the top-level `secrets` or `configs`, by name; read when an application wants it. */
export interface FileDefinitions {
  readonly kind: KeyKind;
  readonly names: ReadonlySet<string>;
  /** Undefined after reporting why there is none. */
  content(name: string): SealedContent | undefined;
}

const sources: Readonly<Record<KeyKind, readonly string[]>> = {
  secret: ['file', 'environment'],
  config: ['file', 'environment', 'content'],
};

/** What other programs read in a definition and what changes nothing here. */
const ignored = ['name', 'labels', 'external'];

/** The top-level `secrets` or `configs` of any form; `place` is absent where the file has none. */
function readDefinitions(place: Place | undefined, kind: KeyKind, context: FileContext): FileDefinitions {
  const contents = new Map<string, () => SealedContent | undefined>();
  const isEmpty = place === undefined || isNothing(place.node);
  for (const [name, entry] of isEmpty ? [] : (readFields(place, `"${kind}s"`)?.entries ?? [])) {
    if (isExtension(name)) continue;
    if (!/^[A-Za-z0-9_.-]{1,100}$/.test(name) || name === '.' || name === '..') {
      complainAtKey(entry, `the name of a ${kind} must hold only letters, digits, "_", "." and "-", 100 at most`);
    }
    const source = readSource(entry, name, kind);
    let read: { readonly content: SealedContent | undefined } | undefined;
    contents.set(name, () => {
      if (source === undefined) return undefined;
      read ??= { content: readContent(source, kind, context) };
      return read.content;
    });
  }
  return { kind, names: new Set(contents.keys()), content: (name) => contents.get(name)?.() };
}

interface Source {
  readonly key: string;
  readonly place: Place;
  readonly text: string;
}

function readSource(place: Place, name: string, kind: KeyKind): Source | undefined {
  const fields = readFields(place, `the ${kind} ${quote(name)}`);
  if (fields === undefined) return undefined;
  const known = sources[kind];
  const entries = withoutExtensions(fields);
  refuseOthers({ ...fields, entries }, [...known, ...ignored]);
  const external = fields.entries.get('external');
  if (external !== undefined && !isFalse(external)) {
    return complainAtKey(external, `an external ${kind} is not supported`, 'write its "file", relative to this file');
  }
  const given = [...entries].filter(([key]) => known.includes(key));
  const [first, second] = given;
  if (first === undefined)
    return complainAtKey(place, `the ${kind} ${quote(name)} has no ${known.map(quote).join(' or ')}`);
  if (second !== undefined) {
    return complainAtKey(
      second[1],
      `${quote(first[0])} and ${quote(second[0])} exclude each other`,
      'keep one of the two',
    );
  }
  const [key, entry] = first;
  const text = key === 'content' ? readText(entry, '"content"') : readPath(entry, quote(key));
  return text === undefined ? undefined : { key, place: entry, text };
}

function isFalse({ node }: Place): boolean {
  const value = typed(node);
  return value.kind === 'scalar' && value.type === 'boolean' && !value.value;
}

function readContent({ key, place, text }: Source, kind: KeyKind, context: FileContext): SealedContent | undefined {
  if (key === 'file') return readFromFile(place, text, kind, context);
  const value = key === 'content' ? text : context.lookup(text);
  if (value === undefined) {
    return complain(place, 'the variable is not set', 'set it in .env or in the environment');
  }
  const bytes = Buffer.from(value, 'utf8');
  if (bytes.length > maxNamedFileBytes[kind]) return complain(place, tooLarge(kind));
  return new SealedContent(bytes);
}

function readFromFile(place: Place, name: string, kind: KeyKind, context: FileContext): SealedContent | undefined {
  const reading = context.read(name, kind);
  if (reading.kind === 'bytes') return new SealedContent(reading.bytes);
  const file = `the file ${quote(reading.path)}`;
  if (reading.kind === 'absent')
    return complain(place, `${file} does not exist`, 'create it; its path begins at the folder of this file');
  return complain(place, `${file} cannot be read: ${reading.why}`);
}

const tooLarge = (kind: KeyKind): string => `a ${kind} is larger than ${maxNamedFileBytes[kind] / 1024} KiB`;

/** An application's `secrets` or `configs`: names, or `{source, target, uid, gid, mode}`. */
function readFileUses(place: Place, definitions: FileDefinitions): Placed<ContainerFile>[] {
  const { kind } = definitions;
  const items = readItems(place, `"${kind}s"`, 'a list', `write each as a name of the top-level "${kind}s"`) ?? [];
  if (items.length > maxFiles) {
    complain(place, `"${kind}s" has more than ${maxFiles} entries`);
    return [];
  }
  return items.flatMap((item) => {
    const use = item.node.kind === 'map' ? readLongUse(item, kind) : readShortUse(item, kind);
    if (use === undefined) return [];
    const { source, ...rest } = use;
    const text = readName(source, '"source"');
    if (text === undefined) return [];
    if (!definitions.names.has(text)) {
      complain(source, `there is no ${kind} ${quote(text)} in the top-level "${kind}s"`, () =>
        suggest(scalarAt(source), definitions.names),
      );
      return [];
    }
    const content = definitions.content(text);
    const target = targetOf(use.target ?? source, use.target === undefined ? text : undefined, kind);
    if (content === undefined || target === undefined) return [];
    const { uid, gid, mode } = rest;
    return placed<ContainerFile>({ kind, name: text, target, uid, gid, mode, content }, item);
  });
}

interface Use {
  readonly source: Place;
  readonly target?: Place;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Compose's: every process in the container can read it, none can write. */
const defaultMode = 0o444;

function readShortUse(place: Place, kind: KeyKind): Use | undefined {
  const { node } = place;
  if (node.kind !== 'scalar' || node.type !== 'text') return mustBe(place, `a ${kind}`, 'a name or a mapping');
  return { source: place, uid: 0, gid: 0, mode: defaultMode };
}

function readLongUse(place: Place, kind: KeyKind): Use | undefined {
  const fields = readFields(place, `a ${kind}`);
  if (fields === undefined) return undefined;
  refuseOthers(fields, ['source', 'target', 'uid', 'gid', 'mode']);
  const source = required(fields, 'source');
  const { entries } = fields;
  const uid = entries.has('uid') ? readAt(entries, 'uid', readOwner) : 0;
  const gid = entries.has('gid') ? readAt(entries, 'gid', readOwner) : 0;
  const mode = entries.has('mode') ? readAt(entries, 'mode', readMode) : defaultMode;
  if (source === undefined || uid === undefined || gid === undefined || mode === undefined) return undefined;
  const target = fields.entries.get('target');
  return { source, ...(target === undefined ? {} : { target }), uid, gid, mode };
}

const largestId = 4_294_967_294;

function readOwner(place: Place, what: string): number | undefined {
  const { node } = place;
  const text = node.kind === 'scalar' ? node.source : '';
  if (/^(?:0|[1-9][0-9]{0,9})$/.test(text) && Number(text) <= largestId) return Number(text);
  return complain(place, `${what} must be a number from 0 to ${largestId}`, 'names of users are not known here');
}

/** Octal in every notation that shows it: 0440, 0o440 and "440". */
function readMode(place: Place, what: string): number | undefined {
  const { node } = place;
  const hint = 'write it in octal, such as 0440';
  if (node.kind !== 'scalar') return mustBe(place, what, 'an octal number', hint);
  const isText = node.type === 'text';
  const digits = (isText ? /^(?:0o?)?([0-7]{1,4})$/ : /^0o?([0-7]{1,4})$/).exec(node.source)?.[1];
  const mode = digits === undefined ? undefined : Number.parseInt(digits, 8);
  if (mode === undefined || mode > 0o777) {
    return complain(place, `${what} must be an octal number with a 0 in front, from 0 to 0777`, hint);
  }
  return mode;
}

/** Where Docker or the kernel puts something else. */
const taken = ['/proc', '/sys', '/dev', '/run/drover', '/etc/hosts', '/etc/hostname', '/etc/resolv.conf'];

function targetOf(place: Place, name: string | undefined, kind: KeyKind): string | undefined {
  const text = name ?? readName(place, '"target"');
  if (text === undefined) return undefined;
  const base = kind === 'secret' ? '/run/secrets/' : '/';
  if (text.split('/').includes('..')) return complain(place, 'the target must not have ".." in it');
  if (text.endsWith('/')) return complain(place, 'the target is a folder', 'write the path of the file itself');
  const target = accept(place, parseMountpoint(text.startsWith('/') ? text : `${base}${text}`));
  if (target === undefined) return undefined;
  if (target.length > 1024 || target.split('/').some((part) => part.length > 255)) {
    return complain(place, 'the target is too long');
  }
  const other = taken.find((path) => isAtOrBelow(target, path));
  return other === undefined ? target : complain(place, `nothing can be put at or below ${other}`);
}

const isAtOrBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** Checks the files of one application against each other and against its volumes. */
function checkFileTargets(files: readonly Placed<ContainerFile>[], mountpoints: readonly string[]): void {
  const seen: string[] = [];
  for (const { value, place } of files) {
    const { target } = value;
    // Put into the container before it starts, it would be written into the volume, and stay there.
    const volume = mountpoints.find((mountpoint) => isAtOrBelow(target, mountpoint) || isAtOrBelow(mountpoint, target));
    const other = seen.find((one) => isAtOrBelow(target, one) || isAtOrBelow(one, target));
    if (volume !== undefined) {
      complain(
        place,
        `the ${value.kind} at ${target} lies in the volume at ${volume}`,
        'choose a "target" outside of the volume',
      );
    } else if (other !== undefined)
      complain(place, `the target ${target} is used already, at ${other}`, 'choose another "target"');
    seen.push(target);
  }
}

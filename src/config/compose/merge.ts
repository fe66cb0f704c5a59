import { complain, type Place, type ReportOf } from '../fields.ts';
import { describeNode, isNothing, type YamlEntry, type YamlMap, type YamlNode } from '../yaml/yaml-node.ts';
import {
  asList,
  asMap,
  entryOf,
  type ItemKey,
  joinLists,
  sameFile,
  sameName,
  samePath,
  samePort,
  sameTarget,
  sameText,
} from './merge-lists.ts';

/** Values that may be copied while files are merged: far more than people write. */
const maxCopied = 2_000_000;

/** One merge of several files. */
export interface Merging {
  readonly reportOf: ReportOf;
  copied: number;
}

type Merge = (base: YamlNode, over: YamlNode, path: readonly string[], merging: Merging) => YamlNode;

/** Lists of `NAME=value`, or mappings. */
const pairs: Merge = (base, over, path, merging) => {
  if (base.kind === 'list' && over.kind === 'list') return unique(sameName)(base, over, path, merging);
  return merged(asMap(base) ?? base, asMap(over) ?? over, path, merging);
};

/** Lists of names, or mappings by name. */
const names: Merge = (base, over, path, merging) => {
  if (base.kind === 'list' && over.kind === 'list') return unique(sameText)(base, over, path, merging);
  return merged(asMap(base) ?? base, asMap(over) ?? over, path, merging);
};

/** One text or a list of them. */
const words =
  (keyOf: ItemKey = sameText): Merge =>
  (base, over, path, merging) =>
    unique(keyOf)(asList(base) ?? base, asList(over) ?? over, path, merging);

/** A host can have several addresses. */
const hosts: Merge = (base, over, path, merging) => {
  if (base.kind === 'map' && over.kind === 'map') return merged(base, over, path, merging);
  return words()(base, over, path, merging);
};

const replace: Merge = (_base, over) => over;

/** The options of one driver mean nothing to another. */
const logging: Merge = (base, over, path, merging) => {
  const [before, after] = [entryOf(base, 'driver'), entryOf(over, 'driver')];
  const isOther = before?.kind === 'scalar' && after?.kind === 'scalar' && before.source !== after.source;
  return isOther ? over : merged(base, over, path, merging);
};

/** A text is the `context`. */
const build: Merge = (base, over, path, merging) => {
  const asBuild = (node: YamlNode): YamlNode =>
    node.kind !== 'scalar' || node.type === 'null'
      ? node
      : {
          kind: 'map',
          offset: node.offset,
          entries: [{ key: { ...node, type: 'text', value: 'context', source: 'context' }, value: node }],
          ...(node.file === undefined ? {} : { file: node.file }),
        };
  return merged(asBuild(base), asBuild(over), path, merging);
};

function unique(keyOf: ItemKey): Merge {
  return (base, over, path, merging) => {
    if (base.kind !== 'list' || over.kind !== 'list') return merged(base, over, path, merging);
    if (!count(merging, base.items.length + over.items.length, over, path)) return base;
    return { ...base, items: joinLists(base.items, over.items, keyOf) };
  };
}

/** The exceptions; elsewhere mappings are merged, lists appended and other values replaced. `*` is any name. */
const rules: Readonly<Record<string, Merge>> = {
  'services/*/annotations': pairs,
  'services/*/build': build,
  'services/*/build/args': pairs,
  'services/*/build/additional_contexts': pairs,
  'services/*/build/extra_hosts': hosts,
  'services/*/build/labels': pairs,
  'services/*/cap_add': unique(sameText),
  'services/*/cap_drop': unique(sameText),
  'services/*/command': replace,
  'services/*/configs': unique(sameFile('')),
  'services/*/depends_on': names,
  'services/*/deploy/labels': pairs,
  'services/*/device_cgroup_rules': unique(sameText),
  'services/*/devices': unique(sameTarget),
  'services/*/dns': words(),
  'services/*/dns_opt': words(),
  'services/*/dns_search': words(),
  'services/*/entrypoint': replace,
  'services/*/env_file': words(samePath),
  'services/*/environment': pairs,
  'services/*/expose': unique(sameText),
  'services/*/external_links': unique(sameText),
  'services/*/extra_hosts': hosts,
  'services/*/group_add': unique(sameText),
  'services/*/healthcheck/test': replace,
  'services/*/label_file': words(),
  'services/*/labels': pairs,
  'services/*/links': unique(sameText),
  'services/*/logging': logging,
  'services/*/models': names,
  'services/*/networks': names,
  'services/*/networks/*/aliases': unique(sameText),
  'services/*/networks/*/link_local_ips': unique(sameText),
  'services/*/ports': unique(samePort),
  'services/*/profiles': unique(sameText),
  'services/*/secrets': unique(sameFile('/run/secrets')),
  'services/*/security_opt': unique(sameText),
  'services/*/sysctls': pairs,
  'services/*/tmpfs': words(),
  'services/*/ulimits/*': replace,
  'services/*/volumes': unique(sameTarget),
  'networks/*/labels': pairs,
  'volumes/*/labels': pairs,
  'secrets/*/labels': pairs,
  'configs/*/labels': pairs,
};

/** The rule for a value at this path. */
function ruleAt(path: readonly string[]): Merge | undefined {
  const isNamed = (index: number): boolean =>
    index === 1 || (index === 3 && (path[2] === 'ulimits' || path[2] === 'networks'));
  const pattern = path.map((name, index) => (isNamed(index) ? '*' : name)).join('/');
  return Object.hasOwn(rules, pattern) ? rules[pattern] : undefined;
}

/**
 * Two values of one place in different files, as the Compose Specification merges them: `over` is of the later file.
 * `!reset` and `!override` stay in the result, because a further merge needs them; `withoutTags` ends them.
 */
export function mergeNodes(base: YamlNode, over: YamlNode, path: readonly string[], merging: Merging): YamlNode {
  if (base.merge === 'reset' || over.merge !== undefined) return over;
  const rule = ruleAt(path);
  if (rule === replace || isNothing(base)) return over;
  if (isNothing(over)) return base;
  return (rule ?? merged)(base, over, path, merging);
}

const merged: Merge = (base, over, path, merging) => {
  if (base.kind === 'map' && over.kind === 'map') return mergeMaps(base, over, path, merging);
  if (base.kind === 'list' && over.kind === 'list') {
    if (!count(merging, base.items.length + over.items.length, over, path)) return base;
    return { ...base, items: [...base.items, ...over.items] };
  }
  if (base.kind === 'scalar') return over;
  const message = `it cannot be merged with ${describeNode(base)} in another file: this is ${describeNode(over)}`;
  complain(placeOf(over, path, merging), message, 'write both in the same way, or put "!override" before this value');
  return over;
};

function mergeMaps(base: YamlMap, over: YamlMap, path: readonly string[], merging: Merging): YamlMap {
  if (!count(merging, base.entries.length + over.entries.length, over, path)) return base;
  const entries = new Map<string, YamlEntry>(base.entries.map((entry) => [entry.key.source, entry]));
  for (const entry of over.entries) {
    const name = entry.key.source;
    const before = entries.get(name);
    if (before === undefined) {
      entries.set(name, entry);
      continue;
    }
    const value = mergeNodes(before.value, entry.value, [...path, name], merging);
    // Key and value are of one file, and problems with a key are reported there.
    const isOver = value.file === entry.value.file && value.offset === entry.value.offset;
    entries.set(name, { key: isOver ? entry.key : before.key, value });
  }
  return { ...base, entries: [...entries.values()] };
}

function count(merging: Merging, copied: number, over: YamlNode, path: readonly string[]): boolean {
  const wasFull = merging.copied > maxCopied;
  merging.copied += copied;
  if (merging.copied <= maxCopied) return true;
  if (!wasFull) complain(placeOf(over, path, merging), `files are merged to more than ${maxCopied} values`);
  return false;
}

/** The place of a value of any of the files. */
export function placeOf(node: YamlNode, path: readonly string[], { reportOf }: Pick<Merging, 'reportOf'>): Place {
  return { node, keyOffset: node.offset, path: path.join('/'), report: reportOf(node.file), reportOf };
}

/** What is left when all files are merged: nothing that was reset, and no tags. */
export function withoutTags(node: YamlNode): YamlNode {
  if (node.kind === 'scalar') return untagged(node);
  if (node.kind === 'list') {
    return untagged({ ...node, items: node.items.filter(({ merge }) => merge !== 'reset').map(withoutTags) });
  }
  const entries = node.entries.filter(({ value }) => value.merge !== 'reset');
  return untagged({ ...node, entries: entries.map(({ key, value }) => ({ key, value: withoutTags(value) })) });
}

function untagged<N extends YamlNode>(node: N): N {
  if (node.merge === undefined) return node;
  const { merge: _merge, ...rest } = node;
  return rest as N;
}

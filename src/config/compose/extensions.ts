import type { YamlNode } from '../yaml/yaml-node.ts';

/** Mappings whose keys are names that people choose; in all others a key with `x-` means nothing. */
const named = new Set([
  ...['services', 'networks', 'volumes', 'secrets', 'configs', 'models'],
  ...['additional_contexts', 'annotations', 'args', 'depends_on', 'driver_opts', 'environment', 'extra_hosts'],
  ...['labels', 'options', 'storage_opt', 'sysctls', 'ulimits'],
]);

/** drover's own key. */
const own = 'x-drover';

/** A Compose file without its extensions: keys that begin with `x-`, which hold parts for aliases and other programs. */
export function withoutExtensions(node: YamlNode, name?: string): YamlNode {
  if (node.kind === 'scalar') return node;
  if (node.kind === 'list') {
    const items = node.items.map((item) => withoutExtensions(item));
    return items.every((item, index) => item === node.items[index]) ? node : { ...node, items };
  }
  const isNamed = name !== undefined && named.has(name);
  const kept = node.entries.filter(({ key: { source } }) => isNamed || !source.startsWith('x-') || source === own);
  const entries = kept.map((entry) => {
    // What a person named is not the name of a kind of mapping.
    const value = withoutExtensions(entry.value, isNamed ? undefined : entry.key.source);
    return value === entry.value ? entry : { key: entry.key, value };
  });
  const isSame = kept.length === node.entries.length && entries.every((entry, index) => entry === node.entries[index]);
  return isSame ? node : { ...node, entries };
}

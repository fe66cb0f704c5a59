import { complain, type Place } from './fields.ts';
import type { YamlNode } from './yaml-node.ts';

/**
 * Compose replaces `$NAME` and `${NAME}` from the shell it runs in. Here the two files alone decide, so they are
 * refused; `$$` stands for one `$`, as there.
 */
export function substituteVariables(place: Place): Place {
  return { ...place, node: substitute(place, place.node, place.path) };
}

function substitute(place: Place, node: YamlNode, path: string): YamlNode {
  if (node.kind === 'list') {
    return { ...node, items: node.items.map((item, index) => substitute(place, item, `${path}/${index}`)) };
  }
  if (node.kind === 'map') {
    const entries = node.entries.map(({ key, value }) => ({
      key,
      value: substitute(place, value, `${path}/${key.source}`),
    }));
    return { ...node, entries };
  }
  if (node.type !== 'text' || !node.value.includes('$')) return node;
  if (/(?:^|[^$])(?:\$\$)*\$[A-Za-z_{]/.test(node.value)) {
    complain(
      { ...place, node, path },
      'variables are not replaced',
      'write the value itself, and "$$" for a single "$"',
    );
  }
  const value = node.value.replaceAll('$$', '$');
  return { ...node, value, source: value };
}

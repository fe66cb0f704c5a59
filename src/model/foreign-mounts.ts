import type { ForeignMount, NodeFacts } from './cluster.ts';
import { isName } from './command-line.ts';

/** The programs that keep a dataset mounted after an unmount on its node, and what to do; undefined for none. */
export function mountedElsewhere(
  facts: NodeFacts | undefined,
  dataset: string,
): { readonly who: string; readonly hint: string } | undefined {
  const users = facts?.foreignMounts?.filter((one) => one.dataset === dataset) ?? [];
  const [first] = users;
  if (first === undefined) return undefined;
  const names = [...new Set(users.map(nameOf))];
  return { who: names.join(' and '), hint: hintOf(first) };
}

const nameOf = ({ container, process, pid }: ForeignMount): string =>
  container === undefined ? `process ${pid} (${process})` : `container "${container}"`;

/** The hint says stop, because a container that is restarted gets the mount again. */
function hintOf({ container, pid }: ForeignMount): string {
  if (container === undefined) return `end process ${pid}, or what started it, until the volume has left the node`;
  const command = isName(container) ? `: docker stop ${container}` : '';
  return `stop it until the volume has left the node${command}; with rslave (-v DIRECTORY:DIRECTORY:ro,rslave) it would not keep it`;
}

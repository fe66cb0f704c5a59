import type { ForeignMount, NodeFacts } from '../model/cluster.ts';
import type { VolumeProblem, WantedVolume } from './volume-problem.ts';
import type { Copy } from './volume-standing.ts';
import { quote, type World } from './world.ts';

/** Who keeps the dataset mounted when it is unmounted on its node, and what to do about it; undefined for no program. */
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
  container === undefined ? `process ${pid} (${process})` : `container ${quote(container)}`;

/** A container that is only restarted gets the mount again. */
function hintOf({ container, pid }: ForeignMount): string {
  if (container === undefined) return `end process ${pid}, or what started it, until the volume has left the node`;
  return `stop it until the volume has left the node: docker stop ${container}; so that it does not happen again, run it with rslave, as in -v /:/rootfs:ro,rslave`;
}

/**
 * Why the volume cannot leave its node: a program in a mount namespace of its own has it mounted, and would keep it
 * mounted. Found by the unmount, the application would have been stopped for it, each time.
 */
export function heldOnSource(world: World, want: WantedVolume, at: Copy): VolumeProblem | undefined {
  const held = mountedElsewhere(world.reachable.get(at.node), at.volume.dataset);
  if (held === undefined) return undefined;
  const cannot = `cannot move volume "${want.id}" from ${quote(at.node)} to ${quote(want.node)}`;
  return { node: at.node, reason: `${cannot}: ${held.who} keeps it mounted there`, hint: held.hint };
}

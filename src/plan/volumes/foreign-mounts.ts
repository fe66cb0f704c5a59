import { mountedElsewhere } from '../../model/foreign-mounts.ts';
import { quote, type World } from '../world.ts';
import type { VolumeProblem, WantedVolume } from './volume-problem.ts';
import type { Copy } from './volume-standing.ts';

/**
 * Why the volume cannot leave its node: a program in a mount namespace of its own has it mounted, and would keep it
 * mounted. Found by the unmount, the application would have been stopped for it, each time.
 */
export function heldOnSource(world: World, want: WantedVolume, at: Copy): VolumeProblem | undefined {
  const held = mountedElsewhere(world.reachable.get(at.node), at.volume.dataset);
  if (held === undefined) return undefined;
  const cannot = `cannot move ${want.title} from ${quote(at.node)} to ${quote(want.node)}`;
  return { node: at.node, reason: `${cannot}: ${held.who} keeps it mounted there`, hint: held.hint };
}

import type { NodeFacts } from '../../model/cluster.ts';
import type { AppName, NodeName } from '../../model/config.ts';
import { plainText } from '../../model/plain-text.ts';
import { waitingOf } from '../status.ts';
import { waitingReason } from '../status-lines.ts';
import type { BoardNote } from './types.ts';

/** Why an application has not come back with its node: a volume of it waits for an answer. `facts` as they are now. */
export function waitingNote(
  app: AppName,
  facts: NodeFacts | undefined,
  titleOf: (node: NodeName) => string,
): BoardNote | undefined {
  for (const volume of facts?.volumes ?? []) {
    const waits = facts && volume.application === app ? waitingOf(facts, volume) : undefined;
    if (waits === undefined) continue;
    const names = waits.peers.map(titleOf);
    const full = `its volume has been waiting since the node booted: ${waitingReason(waits.why, names)} (apply decides)`;
    return { kind: 'blocked', text: plainText(`waits for ${names.join(', ')}`), full: plainText(full) };
  }
  return undefined;
}

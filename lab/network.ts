/** How the nodes are joined: by a bridge of this machine (root), or by a switch of the lab's own; see NetworkKind. */
import * as bridge from './bridge.ts';
import * as rootless from './rootless/network.ts';
import type { Lab, NetworkKind } from './types.ts';

export { FAST_INSIDE, NFT_TABLE, SLOW_INSIDE } from './bridge.ts';

const of = (lab: Lab): NetworkKind => (lab.rootless ? rootless : bridge);

export const netPrefix: NetworkKind['netPrefix'] = (lab) => of(lab).netPrefix(lab);
export const netdevWords: NetworkKind['netdevWords'] = (lab, index) => of(lab).netdevWords(lab, index);
export const umWire: NetworkKind['umWire'] = (lab, index) => of(lab).umWire(lab, index);
export const claimNetwork: NetworkKind['claimNetwork'] = (lab) => of(lab).claimNetwork(lab);
export const raiseNetwork: NetworkKind['raiseNetwork'] = (lab) => of(lab).raiseNetwork(lab);
export const restNetwork = async (lab: Lab): Promise<void> => of(lab).restNetwork?.(lab);
export const dropNetwork: NetworkKind['dropNetwork'] = (lab) => of(lab).dropNetwork(lab);

export const cutCable: NetworkKind['cutCable'] = (lab, index) => of(lab).cutCable(lab, index);
export const plugCable: NetworkKind['plugCable'] = (lab, index) => of(lab).plugCable(lab, index);
export const slowDown: NetworkKind['slowDown'] = (lab, index) => of(lab).slowDown(lab, index);
export const speedUp: NetworkKind['speedUp'] = (lab, index) => of(lab).speedUp(lab, index);
export const losePackets: NetworkKind['losePackets'] = (lab, index, percent) =>
  of(lab).losePackets(lab, index, percent);
export const stopLosing: NetworkKind['stopLosing'] = (lab, index) => of(lab).stopLosing(lab, index);

/** Removes every fault of a node's wire. */
export async function repairWire(lab: Lab, index: number): Promise<void> {
  await plugCable(lab, index);
  await speedUp(lab, index);
  await stopLosing(lab, index);
}

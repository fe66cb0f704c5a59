/** How the nodes are joined: by a bridge of this machine's (root), or by a switch of our own (a lab without root). */
import * as bridge from './bridge.mjs';
import * as rootless from './rootless/network.mjs';

export { FAST_INSIDE, NFT_TABLE, SLOW_INSIDE } from './bridge.mjs';

const of = (lab) => (lab.rootless ? rootless : bridge);

/** Words to put before a command so that it runs where the nodes can be reached. */
export const netPrefix = (lab) => of(lab).netPrefix(lab);
/** QEMU's words for a node's end of the wire. */
export const netdevWords = (lab, index) => of(lab).netdevWords(lab, index);
/** The same for User-Mode Linux: `{word, before}`, its word and the words that come before the program. */
export const umWire = (lab, index) => of(lab).umWire(lab, index);
/** What raiseNetwork is about to make; to be on record first, so that destroy finds it after an interruption. */
export const claimNetwork = (lab) => of(lab).claimNetwork(lab);
export const raiseNetwork = (lab) => of(lab).raiseNetwork(lab);
/** The machines are off: what is a process of the network's ends too. */
export const restNetwork = (lab) => of(lab).restNetwork?.(lab);
/** Takes down what this lab raised; returns what went, for the person to read. */
export const dropNetwork = (lab) => of(lab).dropNetwork(lab);

/** Cable out, cable in. */
export const cutCable = (lab, index) => of(lab).cutCable(lab, index);
export const plugCable = (lab, index) => of(lab).plugCable(lab, index);
/** 2 Mbit/s. With a bridge only towards the node: the other direction is slowed inside the node (SLOW_INSIDE). */
export const slowDown = (lab, index) => of(lab).slowDown(lab, index);
export const speedUp = (lab, index) => of(lab).speedUp(lab, index);
/** Each packet of the node's, coming or going, is lost with this probability. */
export const losePackets = (lab, index, percent) => of(lab).losePackets(lab, index, percent);
export const stopLosing = (lab, index) => of(lab).stopLosing(lab, index);

/** The wire of a node as it should be, whatever was broken. */
export async function mendWire(lab, index) {
  await plugCable(lab, index);
  await speedUp(lab, index);
  await stopLosing(lab, index);
}

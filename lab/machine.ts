/** A node's machine: start, find, save, end. QEMU with or without KVM, or User-Mode Linux, as the lab's record says. */
import * as qemu from './qemu.mjs';
import * as um from './um/machine.mjs';

const of = (lab) => (lab.accel === 'um' ? um : qemu);

/** What, when changed, makes a saved state unusable. */
export const machineFacts = (lab) => of(lab).machineFacts(lab);
/** The process that a machine is, or undefined when it is off. */
export const pidOf = (lab, index) => of(lab).pidOf(lab, index);
/** The process whose memory is the node's. */
export const memoryPid = (lab, index) => of(lab).memoryPid(lab, index);
/** In a word: 'running', 'paused'. */
export const stateOf = (lab, index) => of(lab).stateOf(lab, index);
/** The socket of the node's console; one at a time may be at it. */
export const consolePath = (lab, index) => of(lab).consolePath(lab, index);
/** The systemd unit that logs in at the console. */
export const consoleUnit = (lab) => of(lab).CONSOLE_UNIT;
/** The disk for the pool, by its name on the node. */
export const poolDisk = (lab) => of(lab).POOL_DISK;
/** Whether a machine can be switched off and go on later where it was. */
export const canSleep = (lab) => of(lab).canSleep;

export const createDisks = (lab, index, base) => of(lab).createDisks(lab, index, base);
/** Starts a machine, from the moment that `snapshot` names or from its disks as they are. */
export const startMachine = (lab, index, base, options) => of(lab).startMachine(lab, index, base, options);
/** Power loss. Resolves to the process that was killed. */
export const killMachine = (lab, index) => of(lab).killMachine(lab, index);
/** Ends a machine with its disks written; the node is not asked. */
export const quitMachine = (lab, index) => of(lab).quitMachine(lab, index);

/** Saves all machines at one moment, under a name; without `resume` they are not continued. */
export const saveMachines = (lab, indexes, tag, options) => of(lab).saveMachines(lab, indexes, tag, options);
/** Names of the moments saved for a node. */
export const savedTags = (lab, index) => of(lab).savedTags(lab, index);
/** Copies a saved moment of a node into another folder, and back. */
export const keepDisks = (lab, index, tag, to) => of(lab).keepDisks(lab, index, tag, to);
export const takeDisks = (lab, index, tag, from) => of(lab).takeDisks(lab, index, tag, from);

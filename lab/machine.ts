/** A node's machine: start, find, save, end. QEMU or User-Mode Linux, as the lab's record says; see MachineKind. */
import * as qemu from './qemu.ts';
import type { Lab, MachineKind } from './types.ts';
import * as um from './um/machine.ts';

const of = (lab: Lab): MachineKind => (lab.accel === 'um' ? um : qemu);

export const consoleUnit = (lab: Lab): string => of(lab).CONSOLE_UNIT;
export const poolDisk = (lab: Lab): string => of(lab).POOL_DISK;
export const canSleep = (lab: Lab): boolean => of(lab).canSleep;

export const machineFacts: MachineKind['machineFacts'] = (lab) => of(lab).machineFacts(lab);
export const pidOf: MachineKind['pidOf'] = (lab, index) => of(lab).pidOf(lab, index);
export const memoryPid: MachineKind['memoryPid'] = (lab, index) => of(lab).memoryPid(lab, index);
export const stateOf: MachineKind['stateOf'] = (lab, index) => of(lab).stateOf(lab, index);
export const consolePath: MachineKind['consolePath'] = (lab, index) => of(lab).consolePath(lab, index);

export const createDisks: MachineKind['createDisks'] = (lab, index, base) => of(lab).createDisks(lab, index, base);
export const startMachine: MachineKind['startMachine'] = (lab, index, base, options) =>
  of(lab).startMachine(lab, index, base, options);
export const killMachine: MachineKind['killMachine'] = (lab, index) => of(lab).killMachine(lab, index);
export const quitMachine: MachineKind['quitMachine'] = (lab, index) => of(lab).quitMachine(lab, index);

export const saveMachines: MachineKind['saveMachines'] = (lab, indexes, tag, options) =>
  of(lab).saveMachines(lab, indexes, tag, options);
export const savedTags: MachineKind['savedTags'] = (lab, index) => of(lab).savedTags(lab, index);
export const keepDisks: MachineKind['keepDisks'] = (lab, index, tag, to) => of(lab).keepDisks(lab, index, tag, to);
export const takeDisks: MachineKind['takeDisks'] = (lab, index, tag, from) => of(lab).takeDisks(lab, index, tag, from);

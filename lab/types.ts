/** What the parts of the lab hand to each other: the record of a lab, the base image it was made from, a machine. */

/** How the nodes run: KVM, User-Mode Linux, or QEMU's emulation. */
export type Accel = 'kvm' | 'um' | 'tcg';

export type FaultName = 'cable' | 'loss' | 'power' | 'slow' | 'full' | 'clock' | 'docker';

/** A fault that a node has, with a text that describes it. */
export interface BrokenBy {
  readonly kind: FaultName;
  readonly text: string;
}

/** Port `here` of a node's loopback address leads to port `there` of the node. */
export interface PublishedPort {
  readonly here: number;
  readonly there: number;
}

/** What `chooseAccel` decided. `qemu` is QEMU's version, `kernel` the id of a User-Mode Linux kernel. */
export interface ChosenAccel {
  readonly accel: Accel;
  readonly why: string;
  readonly smp: number;
  readonly qemu?: string;
  readonly kernel?: string;
}

/** The record of a lab, kept in its lab.json between two commands. Commands change it and write it back. */
export interface Lab {
  name: string;
  /** `plain` marks machines that are not nodes (plain/machines.ts). */
  phase: 'making' | 'ready' | 'plain';
  nodes: number;
  /** MB of each node. */
  memory: number;
  /** Whether the nodes have the container images of lab/images. */
  images: boolean;
  /** Hash of the base image. */
  base: string;
  accel: Accel;
  accelWhy?: string | undefined;
  smp: number;
  qemu?: string;
  kernel?: string;
  /** The network namespace of the lab; undefined for a lab in the machine's own network. */
  netns?: string | undefined;
  /** The lab made its namespace, so `destroy` removes it. */
  madeNetns?: boolean;
  /** IPv4 forwarding was off before the lab, so `destroy` switches it off again. */
  forwardWasOff?: boolean;
  /** The nodes can reach other networks. */
  wayOut?: boolean;
  rootless?: boolean;
  /** First three numbers of the nodes' loopback addresses in a lab without root. */
  loopback?: string;
  published?: PublishedPort[];
  /** Faults by node number. */
  broken?: Record<string, readonly BrokenBy[]>;
  /** Nodes whose memory was saved by `down`. */
  asleep?: number[];
}

/** A finished base image: the disk every node starts from, with its kernel and the key for its ssh. */
export interface Base {
  readonly dir: string;
  readonly hash: string;
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly key: string;
}

/** A container image that the builder made. */
export interface BuiltImage {
  readonly name: string;
  readonly ref: string;
  readonly tar: string;
  readonly hash: string;
  readonly changes?: readonly string[];
}

export interface SaveOptions {
  /** Let the machines go on afterwards; default true. */
  readonly resume?: boolean;
}

export interface StartOptions {
  /** Name of the saved state to start from; without it the machine boots its disks. */
  readonly snapshot?: string | undefined;
}

/** One kind of machine: QEMU (qemu.ts) or User-Mode Linux (um/machine.ts). Nodes are named by their number. */
export interface MachineKind {
  /** The systemd unit that logs in at the console. */
  readonly CONSOLE_UNIT: string;
  /** The disk for the pool, by its name on the node. */
  readonly POOL_DISK: string;
  /** Whether a machine that is off can continue where it was. */
  readonly canSleep: boolean;
  /** Values that make a saved state unusable when they change. */
  machineFacts(lab: Lab): readonly unknown[];
  /** The process of a machine; undefined when it is off. */
  pidOf(lab: Lab, index: number): number | undefined;
  /** The process whose memory is the node's. */
  memoryPid(lab: Lab, index: number): number | undefined;
  /** One word: 'running', 'paused', 'unknown'. */
  stateOf(lab: Lab, index: number): Promise<string>;
  /** The socket of the console. It takes one client at a time. */
  consolePath(lab: Lab, index: number): string;
  createDisks(lab: Lab, index: number, base: Base): Promise<void>;
  /** Throws LabError where the machine does not start. */
  startMachine(lab: Lab, index: number, base: Base, options?: StartOptions): Promise<void>;
  /** Power loss. Resolves to the process that was killed. */
  killMachine(lab: Lab, index: number): Promise<number | undefined>;
  /** Ends a machine after its disks are written. The node is not asked. */
  quitMachine(lab: Lab, index: number): Promise<unknown>;
  /** Saves all machines at one moment, under a name. */
  saveMachines(lab: Lab, indexes: readonly number[], tag: string, options?: SaveOptions): Promise<void>;
  /** Names of the states saved for a node. */
  savedTags(lab: Lab, index: number): Promise<string[]>;
  /** Copies a saved state of a node into another folder, and back. */
  keepDisks(lab: Lab, index: number, tag: string, to: string): Promise<unknown>;
  takeDisks(lab: Lab, index: number, tag: string, from: string): Promise<unknown>;
}

/** How a User-Mode Linux machine joins the network: its kernel's word, and words that come before the program. */
export interface UmWire {
  readonly word: string;
  readonly before: readonly string[];
}

/** How the nodes are joined: a bridge (bridge.ts) or, without root, a switch of the lab's own (rootless/network.ts). */
export interface NetworkKind {
  /** Words before a command that has to reach the nodes. */
  netPrefix(lab: Lab): readonly string[];
  /** QEMU's words for a node's end of the wire. */
  netdevWords(lab: Lab, index: number): readonly string[];
  umWire(lab: Lab, index: number): UmWire | Promise<UmWire>;
  /** Records what raiseNetwork is going to make, so that `destroy` finds it after an interruption. */
  claimNetwork(lab: Lab): Promise<void>;
  raiseNetwork(lab: Lab): Promise<void>;
  /** Ends the network's processes while the machines are off. */
  restNetwork?(lab: Lab): Promise<void>;
  /** Removes what this lab made; resolves to a description of each thing removed. */
  dropNetwork(lab: Lab): Promise<string[]>;
  cutCable(lab: Lab, index: number): Promise<unknown>;
  plugCable(lab: Lab, index: number): Promise<unknown>;
  /** 2 Mbit/s. With a bridge only towards the node: the other direction is slowed inside the node (SLOW_INSIDE). */
  slowDown(lab: Lab, index: number): Promise<unknown>;
  speedUp(lab: Lab, index: number): Promise<unknown>;
  /** Loses each packet of the node, coming or going, with this probability in percent. */
  losePackets(lab: Lab, index: number, percent: number): Promise<unknown>;
  stopLosing(lab: Lab, index: number): Promise<unknown>;
}

/** The options of every command as the user gave them. A command accepts those that help.ts lists for it. */
export interface Values {
  readonly help?: boolean;
  readonly netns?: string;
  readonly nodes?: string;
  readonly memory?: string;
  readonly 'no-images'?: boolean;
  readonly rootless?: boolean;
  readonly publish?: readonly string[];
  readonly accel?: string;
  readonly rebuild?: boolean;
  readonly 'power-off'?: boolean;
  readonly json?: boolean;
  readonly build?: boolean;
  readonly follow?: boolean;
  readonly unit?: string;
  readonly lines?: string;
  readonly undo?: boolean;
  readonly loss?: string;
  readonly by?: string;
  readonly cache?: boolean;
}

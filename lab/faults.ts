/** The faults that a node can be given, and how each is fixed. Every `undo` may be called when nothing is broken. */
import { LabError } from './errors.mjs';
import { baseOf } from './image.ts';
import { killMachine, pidOf, startMachine } from './machine.ts';
import {
  cutCable,
  FAST_INSIDE,
  losePackets,
  plugCable,
  SLOW_INSIDE,
  slowDown,
  speedUp,
  stopLosing,
} from './network.ts';
import { awaitNode, onNode } from './nodes.ts';
import type { BrokenBy, FaultName, Lab } from './types.ts';

const BOOT_LIMIT_MS = 600_000;
export const DEFAULT_LOSS = 20;
export const DEFAULT_STEP = 3600;

const FILL = 'drover/lab-fill';
/** A reservation takes all the space at once and writes nothing. */
const FILL_POOL = `zfs create -o canmount=off -o mountpoint=none ${FILL} 2>/dev/null; zfs set refreservation=$(zfs get -Hp -o value available drover) ${FILL}`;

/** Kills Docker as a crash does, and masks it, because systemd would restart it within seconds. A reboot removes the mask. */
const KILL_DOCKER = `systemctl mask --runtime --quiet docker.service docker.socket
systemctl kill --signal=KILL docker.service
systemctl stop docker.service docker.socket
! pgrep -x dockerd`;
const START_DOCKER = `systemctl unmask --runtime --quiet docker.service docker.socket
systemctl reset-failed docker.service docker.socket 2>/dev/null
systemctl start docker.socket docker.service && docker info >/dev/null`;

const setClock = (lab: Lab, index: number, offset: number) =>
  onNode(lab, index, `date -s @${(Date.now() / 1000 + offset).toFixed(3)} >/dev/null`);

async function powerOn(lab: Lab, index: number): Promise<void> {
  if (!pidOf(lab, index)) await startMachine(lab, index, baseOf(lab));
  await awaitNode(lab, index, BOOT_LIMIT_MS);
}

const signed = (seconds: number): string => `${seconds < 0 ? '' : '+'}${seconds} s`;

/** Options of `break`. */
export interface FaultDetails {
  /** Percent of the packets. */
  readonly loss?: number;
  /** Seconds. */
  readonly by?: number;
}

interface Fault {
  /** Describes the fault, and the node without it. */
  does(details: FaultDetails): string;
  readonly undone: string;
  /** A machine that loses its power loses this fault too. */
  readonly inside?: boolean;
  /** A machine that is off can have this fault. */
  readonly off?: boolean;
  /** How long `undo` takes on an emulated node. */
  readonly undoMs?: number;
  do(lab: Lab, index: number, details: FaultDetails): Promise<unknown>;
  undo(lab: Lab, index: number): Promise<unknown>;
}

/** In the order in which they are fixed: first the wire, then the power, then what needs a node that answers. */
export const FAULTS: Readonly<Record<FaultName, Fault>> = {
  cable: {
    does: () => 'network cable pulled',
    undone: 'cable plugged in',
    do: cutCable,
    undo: plugCable,
  },
  loss: {
    does: ({ loss = DEFAULT_LOSS }) => `${loss} % of its packets are lost`,
    undone: 'no packets are lost',
    do: (lab: Lab, index: number, { loss = DEFAULT_LOSS }) => losePackets(lab, index, loss),
    undo: stopLosing,
  },
  power: {
    does: () => 'power lost',
    undone: 'power back, booted from its disks',
    undoMs: 60_000,
    off: true,
    do: killMachine,
    undo: powerOn,
  },
  slow: {
    does: () => 'link slowed to 2 Mbit/s in both directions',
    undone: 'link at full speed',
    do: async (lab: Lab, index: number) => {
      await slowDown(lab, index);
      if (!lab.rootless) await onNode(lab, index, SLOW_INSIDE);
    },
    undo: async (lab: Lab, index: number) => {
      await speedUp(lab, index);
      if (!lab.rootless) await onNode(lab, index, FAST_INSIDE, { nothrow: true });
    },
  },
  full: {
    does: () => 'pool is full',
    undone: 'pool has space again',
    do: (lab: Lab, index: number) => onNode(lab, index, FILL_POOL),
    undo: (lab: Lab, index: number) => onNode(lab, index, `! zfs list ${FILL} >/dev/null 2>&1 || zfs destroy ${FILL}`),
  },
  clock: {
    inside: true,
    does: ({ by = DEFAULT_STEP }) => `clock ${signed(by)} off`,
    undone: 'clock right again',
    do: (lab: Lab, index: number, { by = DEFAULT_STEP }) => setClock(lab, index, by),
    undo: (lab: Lab, index: number) => setClock(lab, index, 0),
  },
  docker: {
    inside: true,
    does: () => 'dockerd killed and masked',
    undone: 'dockerd runs again',
    undoMs: 10_000,
    do: (lab: Lab, index: number) => onNode(lab, index, KILL_DOCKER),
    undo: (lab: Lab, index: number) => onNode(lab, index, START_DOCKER),
  },
};

/** The faults that a node has. */
export const brokenOn = (lab: Lab, index: number): readonly BrokenBy[] => lab.broken?.[index] ?? [];

/** Records that a node has a fault (`text`) or does not have it any more (undefined). */
export function noteFault(lab: Lab, index: number, kind: FaultName, text: string | undefined): void {
  const others = brokenOn(lab, index).filter((each) => each.kind !== kind);
  lab.broken = { ...lab.broken, [index]: text === undefined ? others : [...others, { kind, text }] };
}

/** Records that a machine lost its power, and with it the faults inside it. */
export function forgetInside(lab: Lab, index: number): void {
  for (const { kind } of brokenOn(lab, index)) if (FAULTS[kind].inside) noteFault(lab, index, kind, undefined);
}

/** Throws LabError where the machine is off and the fault needs one that runs. */
export function refuseWhenOff(lab: Lab, index: number, kind: FaultName): void {
  if (pidOf(lab, index) || FAULTS[kind].off) return;
  const off = brokenOn(lab, index).some((each) => each.kind === 'power');
  const remedy = off ? `npm run lab -- fix node${index}` : 'npm run lab -- up';
  throw new LabError(`node${index} is off; \`${remedy}\` starts it.`);
}

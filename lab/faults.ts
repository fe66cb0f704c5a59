/** What can go wrong with a node, and how it is put right. Every `undo` may be called when nothing is broken. */
import { LabError } from './errors.mjs';
import { baseOf } from './image.mjs';
import { killMachine, pidOf, startMachine } from './machine.mjs';
import {
  cutCable,
  FAST_INSIDE,
  losePackets,
  plugCable,
  SLOW_INSIDE,
  slowDown,
  speedUp,
  stopLosing,
} from './network.mjs';
import { awaitNode, onNode } from './nodes.mjs';

const BOOT_LIMIT_MS = 600_000;
export const DEFAULT_LOSS = 20;
export const DEFAULT_STEP = 3600;

const FILL = 'drover/lab-fill';
/** A reservation takes all the room at once and writes nothing. */
const FILL_POOL = `zfs create -o canmount=off -o mountpoint=none ${FILL} 2>/dev/null; zfs set refreservation=$(zfs get -Hp -o value available drover) ${FILL}`;

/** Killed as by a crash, and masked, because systemd would have it back within seconds; a reboot takes the mask away. */
const KILL_DOCKER = `systemctl mask --runtime --quiet docker.service docker.socket
systemctl kill --signal=KILL docker.service
systemctl stop docker.service docker.socket
! pgrep -x dockerd`;
const START_DOCKER = `systemctl unmask --runtime --quiet docker.service docker.socket
systemctl reset-failed docker.service docker.socket 2>/dev/null
systemctl start docker.socket docker.service && docker info >/dev/null`;

const setClock = (lab, index, offset) =>
  onNode(lab, index, `date -s @${(Date.now() / 1000 + offset).toFixed(3)} >/dev/null`);

async function powerOn(lab, index) {
  if (!pidOf(lab, index)) await startMachine(lab, index, baseOf(lab));
  await awaitNode(lab, index, BOOT_LIMIT_MS);
}

const signed = (seconds) => `${seconds < 0 ? '' : '+'}${seconds} s`;

/**
 * In the order in which they are put right: first the wire, then the power, then what only a node that answers can do.
 * `inside`: gone when the machine lost its power; `undoMs`: what the way back takes, emulated.
 */
export const FAULTS = {
  cable: {
    does: () => 'network cable pulled',
    undone: 'cable plugged in',
    do: cutCable,
    undo: plugCable,
  },
  loss: {
    does: ({ loss = DEFAULT_LOSS }) => `${loss} % of its packets are lost`,
    undone: 'no packets are lost',
    do: (lab, index, { loss = DEFAULT_LOSS }) => losePackets(lab, index, loss),
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
    do: async (lab, index) => {
      await slowDown(lab, index);
      if (!lab.rootless) await onNode(lab, index, SLOW_INSIDE);
    },
    undo: async (lab, index) => {
      await speedUp(lab, index);
      if (!lab.rootless) await onNode(lab, index, FAST_INSIDE, { nothrow: true });
    },
  },
  full: {
    does: () => 'pool has no room left',
    undone: 'pool has room again',
    do: (lab, index) => onNode(lab, index, FILL_POOL),
    undo: (lab, index) => onNode(lab, index, `! zfs list ${FILL} >/dev/null 2>&1 || zfs destroy ${FILL}`),
  },
  clock: {
    inside: true,
    does: ({ by = DEFAULT_STEP }) => `clock ${signed(by)} off`,
    undone: 'clock right again',
    do: (lab, index, { by = DEFAULT_STEP }) => setClock(lab, index, by),
    undo: (lab, index) => setClock(lab, index, 0),
  },
  docker: {
    inside: true,
    does: () => 'dockerd killed, and it stays away',
    undone: 'dockerd runs again',
    undoMs: 10_000,
    do: (lab, index) => onNode(lab, index, KILL_DOCKER),
    undo: (lab, index) => onNode(lab, index, START_DOCKER),
  },
};

/** What is broken on a node, `[{kind, text}]`. */
export const brokenOn = (lab, index) => lab.broken?.[index] ?? [];

/** Notes in the lab's record that a fault is there (`text`) or is no longer (undefined). */
export function noteFault(lab, index, kind, text) {
  const others = brokenOn(lab, index).filter((each) => each.kind !== kind);
  lab.broken = { ...lab.broken, [index]: text === undefined ? others : [...others, { kind, text }] };
}

/** A machine that lost its power has forgotten what was wrong inside of it. */
export function forgetInside(lab, index) {
  for (const { kind } of brokenOn(lab, index)) if (FAULTS[kind]?.inside) noteFault(lab, index, kind, undefined);
}

/** Refuses what cannot be done to a machine that is off. */
export function refuseWhenOff(lab, index, kind) {
  if (pidOf(lab, index) || FAULTS[kind].off) return;
  const off = brokenOn(lab, index).some((each) => each.kind === 'power');
  const remedy = off ? `npm run lab -- mend node${index}` : 'npm run lab -- up';
  throw new LabError(`node${index} is off; \`${remedy}\` starts it.`);
}

/** break NODE power|cable|slow|full, and --undo. */
import { LabError, UsageError } from '../errors.mjs';
import { baseOf } from '../image.mjs';
import { cutCable, FAST_INSIDE, plugCable, SLOW_INSIDE, slowDown, speedUp } from '../network.mjs';
import { awaitNode, onNode } from '../nodes.mjs';
import { progress } from '../progress.mjs';
import { killMachine, pidOf, startMachine } from '../qemu.mjs';
import { labName, requireLab, withLab, writeLab } from '../store.mjs';
import { nodeIndex } from './ssh.mjs';

const BOOT_LIMIT_MS = 900_000;
const FILL = 'drover/lab-fill';
/** A reservation takes all the room at once and writes nothing. */
const FILL_POOL = `zfs create -o canmount=off -o mountpoint=none ${FILL} 2>/dev/null; zfs set refreservation=$(zfs get -Hp -o value available drover) ${FILL}`;

async function powerOn(lab, index) {
  if (!pidOf(lab, index)) await startMachine(lab, index, baseOf(lab));
  await awaitNode(lab, index, BOOT_LIMIT_MS);
}

const FAULTS = {
  power: {
    does: 'power lost',
    undone: 'power back, booted from its disks',
    undoMs: 60_000,
    do: killMachine,
    undo: powerOn,
  },
  cable: {
    does: 'network cable pulled',
    undone: 'cable plugged in',
    do: cutCable,
    undo: plugCable,
  },
  slow: {
    does: 'link slowed to 2 Mbit/s in both directions',
    undone: 'link at full speed',
    do: async (lab, index) => {
      await slowDown(lab, index);
      await onNode(lab, index, SLOW_INSIDE);
    },
    undo: async (lab, index) => {
      await speedUp(lab, index);
      await onNode(lab, index, FAST_INSIDE, { nothrow: true });
    },
  },
  full: {
    does: 'pool has no room left',
    undone: 'pool has room again',
    do: (lab, index) => onNode(lab, index, FILL_POOL),
    undo: (lab, index) => onNode(lab, index, `zfs destroy ${FILL}`, { nothrow: true }),
  },
};

export async function breakNode(values, [node, kind]) {
  const name = labName(values);
  const fault = Object.hasOwn(FAULTS, kind ?? '') ? FAULTS[kind] : undefined;
  if (!fault) throw new UsageError(`"${kind ?? ''}" is no fault; there are ${Object.keys(FAULTS).join(', ')}.`);
  await withLab(name, async () => {
    const lab = await requireLab(name);
    const index = nodeIndex(lab, node);
    if (!pidOf(lab, index) && kind !== 'power')
      throw new LabError(`node${index} is off; \`npm run lab -- up\` starts it.`);
    const text = values.undo ? fault.undone : fault.does;
    const stage = progress.stage(`node${index}: ${text}`, { expectedMs: values.undo ? fault.undoMs : undefined });
    try {
      await (values.undo ? fault.undo : fault.do)(lab, index);
    } catch (error) {
      stage.fail();
      throw error;
    }
    const others = (lab.broken?.[index] ?? []).filter((each) => each !== kind);
    lab.broken = { ...lab.broken, [index]: values.undo ? others : [...others, kind] };
    await writeLab(lab);
    stage.done();
  });
}

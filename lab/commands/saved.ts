/** reset, save NAME, restore NAME: saved states of the whole lab, all nodes together. */

import { withStage } from '../../scripts/progress.mjs';
import { LabError, UsageError } from '../errors.mjs';
import { baseOf } from '../image.ts';
import { pidOf, quitMachine, savedTags, saveMachines, startMachine } from '../machine.ts';
import { raiseNetwork, repairWire } from '../network.ts';
import { awaitNode, indexesOf } from '../nodes.ts';
import { CLEAN } from '../states.ts';
import { labName, requireLab, withLab, writeLab } from '../store.ts';
import type { Lab, Values } from '../types.ts';

export const PREFIX = 'user-';
const ANSWER_LIMIT_MS = 180_000;

/** The tag for a name that the user gave. Throws UsageError. */
function checkTag(name: string | undefined): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,40}$/.test(name ?? '')) {
    throw new UsageError(`"${name ?? ''}" cannot be the name of a saved state: use letters, digits, dots and hyphens.`);
  }
  return `${PREFIX}${name}`;
}

/** Starts every node from `tag`, also nodes that are off. */
async function goBack(lab: Lab, tag: string, what: string): Promise<void> {
  const base = baseOf(lab);
  await withStage(what, 4000, async () => {
    const all = indexesOf(lab);
    if (lab.rootless) await raiseNetwork(lab); // a lab that is down has no switch
    await Promise.all(all.map((index) => repairWire(lab, index)));
    // In new processes: the same way for nodes that run and nodes that are off, and the old memory is freed.
    await Promise.all(all.map((index) => quitMachine(lab, index)));
    await Promise.all(all.map((index) => startMachine(lab, index, base, { snapshot: tag })));
    lab.broken = {};
    lab.asleep = [];
    await writeLab(lab);
    await Promise.all(all.map((index) => awaitNode(lab, index, ANSWER_LIMIT_MS)));
  });
}

export async function reset(values: Values): Promise<void> {
  const name = labName(values);
  await withLab(name, async () =>
    goBack(await requireLab(name), CLEAN, 'going back to the state after the first boot'),
  );
}

export async function save(values: Values, [word]: readonly string[]): Promise<void> {
  const name = labName(values);
  const tag = checkTag(word);
  await withLab(name, async () => {
    const lab = await requireLab(name);
    const off = indexesOf(lab).filter((index) => !pidOf(lab, index));
    if (off.length > 0) throw new LabError(`cannot save node${off[0]}: it is off; \`npm run lab -- up\` starts it.`);
    await withStage(`saving as "${word}"`, undefined, () => saveMachines(lab, indexesOf(lab), tag));
  });
}

export async function restore(values: Values, [word]: readonly string[]): Promise<void> {
  const name = labName(values);
  const tag = checkTag(word);
  await withLab(name, async () => {
    const lab = await requireLab(name);
    const saved = await savedTags(lab, 1);
    if (!saved.includes(tag)) {
      const known = saved.filter((each) => each.startsWith(PREFIX)).map((each) => each.slice(PREFIX.length));
      throw new LabError(
        `unknown saved state "${word}"; ${known.length > 0 ? `the saved states are ${known.join(', ')}` : 'nothing is saved yet'}.`,
      );
    }
    await goBack(lab, tag, `going back to "${word}"`);
  });
}

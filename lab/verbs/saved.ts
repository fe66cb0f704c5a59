/** reset, save NAME, restore NAME: moments of the whole lab, all nodes together. */
import { LabError, UsageError } from '../errors.mjs';
import { baseOf } from '../image.mjs';
import { pidOf, quitMachine, savedTags, saveMachines, startMachine } from '../machine.mjs';
import { mendWire, raiseNetwork } from '../network.mjs';
import { awaitNode, indexesOf } from '../nodes.mjs';
import { progress } from '../progress.mjs';
import { CLEAN } from '../states.mjs';
import { labName, requireLab, withLab, writeLab } from '../store.mjs';

export const PREFIX = 'user-';
const ANSWER_LIMIT_MS = 180_000;

function checkTag(name) {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,40}$/.test(name ?? '')) {
    throw new UsageError(`"${name ?? ''}" cannot name a saved state: use letters, digits, dots and hyphens.`);
  }
  return `${PREFIX}${name}`;
}

/** Every node is started again from `tag`, running or not. */
async function goBack(lab, tag, what) {
  const base = baseOf(lab);
  const stage = progress.stage(what, { expectedMs: 4000 });
  try {
    const all = indexesOf(lab);
    if (lab.rootless) await raiseNetwork(lab); // a lab that is down has no switch
    await Promise.all(all.map((index) => mendWire(lab, index)));
    // Always in a new process: one way back for running and for switched-off nodes, and the old memory is freed.
    await Promise.all(all.map((index) => quitMachine(lab, index)));
    await Promise.all(all.map((index) => startMachine(lab, index, base, { snapshot: tag })));
    lab.broken = {};
    lab.asleep = [];
    await writeLab(lab);
    await Promise.all(all.map((index) => awaitNode(lab, index, ANSWER_LIMIT_MS)));
    stage.done();
  } catch (error) {
    stage.fail();
    throw error;
  }
}

export async function reset(values) {
  const name = labName(values);
  await withLab(name, async () =>
    goBack(await requireLab(name), CLEAN, 'going back to the state after the first boot'),
  );
}

export async function save(values, [word]) {
  const name = labName(values);
  const tag = checkTag(word);
  await withLab(name, async () => {
    const lab = await requireLab(name);
    const off = indexesOf(lab).filter((index) => !pidOf(lab, index));
    if (off.length > 0)
      throw new LabError(`node${off[0]} is off, and only running nodes can be saved; \`npm run lab -- up\` starts it.`);
    const stage = progress.stage(`saving as "${word}"`);
    await saveMachines(lab, indexesOf(lab), tag);
    stage.done();
  });
}

export async function restore(values, [word]) {
  const name = labName(values);
  const tag = checkTag(word);
  await withLab(name, async () => {
    const lab = await requireLab(name);
    const saved = await savedTags(lab, 1);
    if (!saved.includes(tag)) {
      const known = saved.filter((each) => each.startsWith(PREFIX)).map((each) => each.slice(PREFIX.length));
      throw new LabError(
        `Nothing is saved as "${word}"; ${known.length > 0 ? `there is ${known.join(', ')}` : 'nothing is saved yet'}.`,
      );
    }
    await goBack(lab, tag, `going back to "${word}"`);
  });
}

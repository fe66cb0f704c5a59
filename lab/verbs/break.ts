/** break NODE FAULT, --undo, and mend [NODE…]. */
import { UsageError } from '../errors.mjs';
import { brokenOn, FAULTS, forgetInside, noteFault, refuseWhenOff } from '../faults.mjs';
import { indexesOf } from '../nodes.mjs';
import { progress } from '../progress.mjs';
import { labName, requireLab, withLab, writeLab } from '../store.mjs';
import { nodeIndex } from './ssh.mjs';

const ALL = 'all';

/** "30", "30%" -> 30; "-60", "+60", "60s" -> seconds. Undefined stays undefined. */
export function readNumber(text, { name, unit, least, most }) {
  if (text === undefined) return undefined;
  const match = new RegExp(`^([+-]?\\d+(?:\\.\\d+)?)\\s*${unit}?$`).exec(text.trim());
  const number = match ? Number(match[1]) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`${name} must be a number from ${least} to ${most}, not "${text}".`);
}

function readDetails(values, kind) {
  if (values.loss !== undefined && kind !== 'loss') throw new UsageError('--loss is for the fault "loss" only.');
  if (values.by !== undefined && kind !== 'clock') throw new UsageError('--by is for the fault "clock" only.');
  const loss = readNumber(values.loss, { name: '--loss', unit: '%', least: 0.1, most: 100 });
  const by = readNumber(values.by, { name: '--by', unit: 's', least: -2_000_000_000, most: 2_000_000_000 });
  return { ...(loss === undefined ? {} : { loss }), ...(by === undefined ? {} : { by }) };
}

async function withStage(index, text, expectedMs, work) {
  const stage = progress.stage(`node${index}: ${text}`, { expectedMs });
  try {
    await work();
  } catch (error) {
    stage.fail();
    throw error;
  }
  stage.done();
}

async function inflict(lab, index, kind, details) {
  const text = FAULTS[kind].does(details);
  // On record first: what was begun has to be mended, whatever comes of it.
  noteFault(lab, index, kind, text);
  if (kind === 'power') forgetInside(lab, index);
  await writeLab(lab);
  await withStage(index, text, undefined, () => FAULTS[kind].do(lab, index, details));
}

async function putRight(lab, index, kind) {
  const fault = FAULTS[kind];
  await withStage(index, fault.undone, fault.undoMs, () => fault.undo(lab, index));
  noteFault(lab, index, kind, undefined);
  await writeLab(lab);
}

/** Everything that is on record, in the order of FAULTS. */
async function putAllRight(lab, index) {
  const kinds = new Set(brokenOn(lab, index).map(({ kind }) => kind));
  for (const kind of Object.keys(FAULTS)) if (kinds.has(kind)) await putRight(lab, index, kind);
  return kinds.size;
}

export async function breakNode(values, [node, kind]) {
  const name = labName(values);
  if (!Object.hasOwn(FAULTS, kind ?? '') && !(kind === ALL && values.undo)) {
    const more = values.undo ? `, or ${ALL}` : '';
    throw new UsageError(`"${kind ?? ''}" is no fault; there are ${Object.keys(FAULTS).join(', ')}${more}.`);
  }
  const details = readDetails(values, kind);
  await withLab(name, async () => {
    const lab = await requireLab(name);
    const index = nodeIndex(lab, node);
    if (kind === ALL) return putAllRight(lab, index);
    refuseWhenOff(lab, index, kind);
    await (values.undo ? putRight(lab, index, kind) : inflict(lab, index, kind, details));
  });
}

/** Nodes at once, because the way back of one may be a boot. */
export async function mend(values, words) {
  const name = labName(values);
  await withLab(name, async () => {
    const lab = await requireLab(name);
    const indexes = words.length > 0 ? [...new Set(words.map((word) => nodeIndex(lab, word)))] : indexesOf(lab);
    const counts = await Promise.all(indexes.map((index) => putAllRight(lab, index)));
    if (counts.every((count) => count === 0)) process.stdout.write('Nothing was broken.\n');
  });
}

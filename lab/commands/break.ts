/** break NODE FAULT, --undo, and fix [NODE…]. */
import { withStage } from '../../scripts/progress.mjs';
import { UsageError } from '../errors.mjs';
import { brokenOn, FAULTS, type FaultDetails, forgetInside, noteFault, refuseWhenOff } from '../faults.ts';
import { indexesOf } from '../nodes.ts';
import { labName, requireLab, withLab, writeLab } from '../store.ts';
import type { FaultName, Lab, Values } from '../types.ts';
import { nodeIndex } from './ssh.ts';

const ALL = 'all';

interface NumberRule {
  readonly name: string;
  readonly unit: string;
  readonly least: number;
  readonly most: number;
}

/** "30", "30%" -> 30; "-60", "+60", "60s" -> seconds. undefined stays undefined. Throws UsageError. */
export function readNumber(text: string | undefined, { name, unit, least, most }: NumberRule): number | undefined {
  if (text === undefined) return undefined;
  const match = new RegExp(`^([+-]?\\d+(?:\\.\\d+)?)\\s*${unit}?$`).exec(text.trim());
  const number = match ? Number(match[1]) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`${name} must be a number from ${least} to ${most}, not "${text}".`);
}

function readDetails(values: Values, kind: FaultName | typeof ALL): FaultDetails {
  if (values.loss !== undefined && kind !== 'loss') throw new UsageError('--loss is for the fault "loss" only.');
  if (values.by !== undefined && kind !== 'clock') throw new UsageError('--by is for the fault "clock" only.');
  const loss = readNumber(values.loss, { name: '--loss', unit: '%', least: 0.1, most: 100 });
  const by = readNumber(values.by, { name: '--by', unit: 's', least: -2_000_000_000, most: 2_000_000_000 });
  return { ...(loss === undefined ? {} : { loss }), ...(by === undefined ? {} : { by }) };
}

/** The fault that the user named, or `all` with --undo. Throws UsageError. */
function readFault(word: string | undefined, undo: boolean): FaultName | typeof ALL {
  if (word === ALL && undo) return ALL;
  if (word !== undefined && Object.hasOwn(FAULTS, word)) return word as FaultName;
  const names = [...Object.keys(FAULTS), ...(undo ? [ALL] : [])].join(', ');
  throw new UsageError(`unknown fault "${word ?? ''}"; the faults are ${names}.`);
}

async function inflict(lab: Lab, index: number, kind: FaultName, details: FaultDetails): Promise<void> {
  const text = FAULTS[kind].does(details);
  // Recorded first: a fault that was begun has to be fixed, also where this fails half-way.
  noteFault(lab, index, kind, text);
  if (kind === 'power') forgetInside(lab, index);
  await writeLab(lab);
  await withStage(`node${index}: ${text}`, undefined, () => FAULTS[kind].do(lab, index, details));
}

async function undo(lab: Lab, index: number, kind: FaultName): Promise<void> {
  const fault = FAULTS[kind];
  await withStage(`node${index}: ${fault.undone}`, fault.undoMs, () => fault.undo(lab, index));
  noteFault(lab, index, kind, undefined);
  await writeLab(lab);
}

/** Undoes every recorded fault, in the order of FAULTS. Resolves to how many there were. */
async function undoAll(lab: Lab, index: number): Promise<number> {
  const kinds = new Set(brokenOn(lab, index).map(({ kind }) => kind));
  for (const kind of Object.keys(FAULTS) as FaultName[]) if (kinds.has(kind)) await undo(lab, index, kind);
  return kinds.size;
}

export async function breakNode(values: Values, [node, word]: readonly string[]): Promise<void> {
  const name = labName(values);
  const kind = readFault(word, values.undo === true);
  const details = readDetails(values, kind);
  await withLab(name, async () => {
    const lab = await requireLab(name);
    const index = nodeIndex(lab, node);
    if (kind === ALL) return void (await undoAll(lab, index));
    refuseWhenOff(lab, index, kind);
    await (values.undo ? undo(lab, index, kind) : inflict(lab, index, kind, details));
  });
}

/** All nodes at the same time, because fixing one may be a boot. */
export async function fix(values: Values, words: readonly string[]): Promise<void> {
  const name = labName(values);
  await withLab(name, async () => {
    const lab = await requireLab(name);
    const indexes = words.length > 0 ? [...new Set(words.map((word) => nodeIndex(lab, word)))] : indexesOf(lab);
    const counts = await Promise.all(indexes.map((index) => undoAll(lab, index)));
    if (counts.every((count) => count === 0)) process.stdout.write('Nothing was broken.\n');
  });
}

/** up: makes image, network and machines; keeps those that exist. */
import { readFile } from 'node:fs/promises';
import { progress, withStage } from '../../scripts/progress.mjs';
import { chooseAccel, readAccel } from '../accel.ts';
import { LabError, UsageError } from '../errors.mjs';
import { brokenOn, FAULTS, noteFault } from '../faults.ts';
import { baseOf, ensureBase } from '../image.ts';
import { buildImages } from '../images.ts';
import { canSleep, killMachine, pidOf, quitMachine, saveMachines, startMachine } from '../machine.ts';
import { claimNetwork, raiseNetwork, repairWire } from '../network.ts';
import { awaitNode, indexesOf, sshConfig, writeAccess } from '../nodes.ts';
import {
  ALL_NODES,
  addressOf,
  DEFAULT_MEMORY_MB,
  DEFAULT_NODES,
  MAX_NODES,
  MIN_MEMORY_MB,
  reachOf,
  runDir,
} from '../paths.mjs';
import { networkIsUp, publish } from '../rootless/network.ts';
import { ensureStates, forgetStates, restoreClean } from '../states.ts';
import { labName, readLab, withLab, writeLab } from '../store.ts';
import { registryAnswers, substituteImages } from '../substitutes.ts';
import { ensureTools, isRoot } from '../tools.ts';
import type { Accel, Base, Lab, PublishedPort, Values } from '../types.ts';
import { publishedLines, readPorts, refusePrivileged } from './publish.ts';

export const ASLEEP = 'drover-asleep';
const BOOT_LIMIT_MS = 900_000;

/** What the user asked for; undefined where the default or an existing lab decides. */
interface Wanted {
  readonly nodes: number | undefined;
  readonly memory: number | undefined;
  readonly rootless: boolean | undefined;
  readonly accel: Accel | undefined;
}

interface CountRule {
  readonly name: string;
  readonly least: number;
  readonly most: number;
}

/** Throws UsageError. */
function count(text: string | undefined, { name, least, most }: CountRule): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < least || number > most) {
    throw new UsageError(`${name} must be a whole number from ${least} to ${most}, not "${text}".`);
  }
  return number;
}

/** What QEMU needs in addition to the node's memory, and what this machine should keep. */
const OVERHEAD_MB = 100;
const KEEP_FREE_MB = 256;

interface Memory {
  /** MB of each node. */
  readonly memory: number;
  readonly count: number;
  readonly freeMb: number;
}

/** One sentence where the nodes do not fit into the free memory, with options that do; else undefined. */
export function memoryComplaint({ memory, count, freeMb }: Memory): string | undefined {
  const needed = count * (memory + OVERHEAD_MB) + KEEP_FREE_MB;
  if (needed <= freeMb) return undefined;
  const each = Math.floor(((freeMb - KEEP_FREE_MB) / count - OVERHEAD_MB) / 64) * 64;
  const fewer = Math.floor((freeMb - KEEP_FREE_MB) / (memory + OVERHEAD_MB));
  const ways = [
    ...(each >= MIN_MEMORY_MB ? [`\`--memory ${each}\``] : []),
    ...(fewer >= 1 ? [`\`--nodes ${fewer}\``] : []),
  ];
  const remedy = ways.length > 0 ? `use ${ways.join(' or ')}` : 'free some and run this again';
  return `${count} nodes of ${memory} MB need ${needed} MB of memory and ${freeMb} MB are free; ${remedy}.`;
}

async function checkMemory(lab: Lab): Promise<void> {
  const meminfo = await readFile('/proc/meminfo', 'utf8');
  const freeMb = Math.floor(Number(/MemAvailable:\s+(\d+)/.exec(meminfo)?.[1]) / 1024);
  const count = indexesOf(lab).filter((index) => !pidOf(lab, index)).length;
  const complaint = memoryComplaint({ memory: lab.memory, count, freeMb });
  if (complaint) throw new LabError(complaint);
}

const wireIsUp = (lab: Lab): boolean => !lab.rootless || networkIsUp(lab);
const isUp = (lab: Lab): boolean =>
  lab.phase === 'ready' && wireIsUp(lab) && indexesOf(lab).every((index) => pidOf(lab, index));

/** Throws LabError where an existing lab differs from what the user asked for. */
function refuseChange(lab: Lab, wanted: Wanted, rebuild: boolean | undefined): void {
  for (const key of ['nodes', 'memory', 'rootless', 'accel'] as const) {
    const value = wanted[key];
    if (value !== undefined && value !== lab[key]) {
      throw new LabError(
        `The lab "${lab.name}" has ${key}=${lab[key]}; run \`npm run lab -- destroy\` first to change that to ${value}.`,
      );
    }
  }
  if (rebuild) throw new LabError('An existing lab keeps its kernel; run `npm run lab -- destroy` first.');
}

/** Starts the machines that are off: from their saved memory, else by booting their disks. */
async function wake(lab: Lab, base: Base): Promise<void> {
  const off = indexesOf(lab).filter((index) => !pidOf(lab, index));
  await withStage(`starting ${off.map((index) => `node${index}`).join(', ')}`, 6000, async () => {
    await Promise.all(
      off.map(async (index) => {
        await repairWire(lab, index);
        const asleep = lab.asleep?.includes(index);
        await startMachine(lab, index, base, { snapshot: asleep ? ASLEEP : undefined });
      }),
    );
    lab.asleep = [];
    await writeLab(lab);
    await Promise.all(off.map((index) => awaitNode(lab, index, BOOT_LIMIT_MS)));
    await Promise.all(off.map((index) => fixStarted(lab, index)));
    await writeLab(lab);
  });
}

/** A machine that was started has power and a whole wire. A saved one still has its own end of a slow link. */
async function fixStarted(lab: Lab, index: number): Promise<void> {
  for (const { kind } of brokenOn(lab, index)) {
    if (kind === 'slow') await FAULTS.slow.undo(lab, index);
    if (['power', 'cable', 'slow', 'loss'].includes(kind)) noteFault(lab, index, kind, undefined);
  }
}

/**
 * For machines that run without a switch, because its process ended: QEMU cannot join a wire again, so their memory is
 * saved, and `wake` starts them on new wires.
 */
async function sleepWithoutWire(lab: Lab): Promise<void> {
  const running = indexesOf(lab).filter((index) => pidOf(lab, index));
  if (wireIsUp(lab) || running.length === 0 || !canSleep(lab)) return;
  await saveMachines(lab, running, ASLEEP, { resume: false });
  lab.asleep = [...new Set([...(lab.asleep ?? []), ...running])];
  await writeLab(lab);
  await Promise.all(running.map((index) => quitMachine(lab, index)));
}

async function startFresh(lab: Lab, base: Base): Promise<void> {
  // An interrupted `up` may have started more nodes than this lab has.
  await Promise.all(ALL_NODES.map((index) => killMachine(lab, index)));
  const dir = await ensureStates(lab, base);
  try {
    await restoreClean(lab, base, dir);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    progress.note(`  the saved state does not work here (${why}); making it again`);
    await forgetStates(dir);
    await restoreClean(lab, base, await ensureStates(lab, base));
  }
  lab.phase = 'ready';
  lab.broken = {};
  lab.asleep = [];
  await writeLab(lab);
}

interface NewLab {
  readonly name: string;
  readonly wanted: Wanted;
  readonly rootless: boolean;
  readonly images: boolean;
  readonly rebuild: boolean | undefined;
}

/** The record of a lab that is not made yet. It keeps what the record of an interrupted `up` says about the network. */
async function newLab(found: Lab | undefined, { name, wanted, rootless, images, rebuild }: NewLab): Promise<Lab> {
  // Image and container images are built next to the kernel. A failure shows where each of them is needed.
  let early: Promise<unknown> = Promise.resolve();
  const whileBuilding = (): void => {
    early = Promise.allSettled([ensureBase('um'), ...(images ? [buildImages()] : [])]);
  };
  const { why, ...chosen } = await chooseAccel(wanted.accel, { rebuild, rootless, whileBuilding }).finally(() => early);
  const base = await ensureBase(chosen.accel);
  // Without root there is no namespace: labs have different loopback addresses.
  const netns = name === 'default' || rootless ? undefined : name;
  return {
    ...found,
    phase: 'making',
    name,
    netns,
    ...(rootless ? { rootless } : {}),
    nodes: wanted.nodes ?? DEFAULT_NODES,
    memory: wanted.memory ?? DEFAULT_MEMORY_MB,
    images,
    base: base.hash,
    ...chosen,
    accelWhy: why,
  };
}

function print(lab: Lab, state: string): void {
  const rows = indexesOf(lab).map((index) => {
    const { host, port } = reachOf(lab, index);
    return `  node${index}  ${addressOf(index)}${lab.rootless ? `  from here ${host}, ssh at port ${port}` : ''}`;
  });
  const enter = lab.netns ? `nsenter --net=/run/netns/${lab.netns} ` : '';
  process.stdout.write(
    `The lab "${lab.name}" ${state}.\n${rows.join('\n')}\n  ${enter}ssh -F ${sshConfig(lab)} node1\n  nodes file: ${runDir(lab.name)}/drover.yml\n`,
  );
  for (const line of publishedLines(lab)) process.stdout.write(`${line}\n`);
}

const joinPorts = (known: readonly PublishedPort[] = [], ports: readonly PublishedPort[] = []): PublishedPort[] => [
  ...known,
  ...ports.filter(({ here }) => !known.some((each) => each.here === here)),
];

/** `up --publish` on a lab that runs. */
async function publishNew(name: string, lab: Lab, ports: readonly PublishedPort[]): Promise<void> {
  const all = joinPorts(lab.published, ports);
  const added = all.slice(lab.published?.length ?? 0);
  if (added.length === 0) return;
  await withLab(name, async () => {
    for (const port of added) await publish(lab, port);
    lab.published = all;
    await writeLab(lab);
  });
}

/** Raises the network and starts the machines of a lab that is not up, then prints it. */
async function bringUp(lab: Lab, ports: readonly PublishedPort[]): Promise<void> {
  const base = baseOf(lab);
  await sleepWithoutWire(lab);
  await checkMemory(lab);
  lab.published = joinPorts(lab.published, ports);
  await claimNetwork(lab);
  await writeLab(lab);
  await raiseNetwork(lab);
  await writeLab(lab);
  if (lab.phase === 'ready') {
    await writeAccess(lab, base);
    await wake(lab, base);
  } else {
    await startFresh(lab, base);
  }
  const substitutes = lab.images && !(await registryAnswers(lab)) ? await substituteImages(lab) : [];
  print(lab, 'is up');
  for (const line of substitutes) process.stdout.write(`  ${line}\n`);
}

export async function up(values: Values): Promise<void> {
  const name = labName(values);
  const wanted: Wanted = {
    nodes: count(values.nodes, { name: '--nodes', least: 1, most: MAX_NODES }),
    memory: count(values.memory, { name: '--memory', least: MIN_MEMORY_MB, most: 65_536 }),
    rootless: values.rootless,
    accel: values.accel === undefined ? undefined : readAccel(values.accel, '--accel'),
  };
  const ports = readPorts(values.publish ?? []);
  const known = await readLab(name);
  const rootless = known?.rootless ?? (Boolean(values.rootless) || !isRoot());
  if (!rootless && ports.length > 0)
    throw new UsageError('--publish is for a lab without root; this lab does not need it.');
  await refusePrivileged(ports);
  await ensureTools({ rootless });
  if (known && isUp(known)) {
    refuseChange(known, wanted, values.rebuild);
    await publishNew(name, known, ports);
    return print(known, 'is already running');
  }
  await withLab(name, async () => {
    const found = await readLab(name);
    if (found?.phase === 'ready') refuseChange(found, wanted, values.rebuild);
    const { rebuild } = values;
    const lab =
      found?.phase === 'ready'
        ? found
        : await newLab(found, { name, wanted, rootless, images: !values['no-images'], rebuild });
    // Another `up` may have started it while this one waited for the lock.
    if (isUp(lab)) print(lab, 'is already running');
    else await bringUp(lab, ports);
  });
}

/** up: image, network, machines; whatever is there already is kept. */
import { readFile } from 'node:fs/promises';
import { ACCELS, chooseAccel } from '../accel.mjs';
import { LabError, UsageError } from '../errors.mjs';
import { brokenOn, FAULTS, noteFault } from '../faults.mjs';
import { baseOf, ensureBase } from '../image.mjs';
import { buildImages } from '../images.mjs';
import { canSleep, killMachine, pidOf, quitMachine, saveMachines, startMachine } from '../machine.mjs';
import { claimNetwork, mendWire, raiseNetwork } from '../network.mjs';
import { awaitNode, indexesOf, sshConfig, writeAccess } from '../nodes.mjs';
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
import { progress } from '../progress.mjs';
import { networkIsUp, publish } from '../rootless/network.mjs';
import { ensureStates, forgetStates, restoreClean } from '../states.mjs';
import { labName, readLab, withLab, writeLab } from '../store.mjs';
import { registryAnswers, substituteImages } from '../substitutes.mjs';
import { ensureTools } from '../tools.mjs';
import { readPorts, refusePrivileged, tellPublished } from './publish.mjs';

export const ASLEEP = 'drover-asleep';
const BOOT_LIMIT_MS = 900_000;

function count(text, fallback, { name, least, most }) {
  if (text === undefined) return fallback;
  const number = Number(text);
  if (!Number.isInteger(number) || number < least || number > most) {
    throw new UsageError(`${name} must be a whole number from ${least} to ${most}, not "${text}".`);
  }
  return number;
}

/** What QEMU itself needs beside the node's memory, and what this machine should keep. */
const OVERHEAD_MB = 100;
const KEEP_FREE_MB = 256;

/** One sentence where `count` nodes of `memory` MB do not fit into `freeMb`, with what would; pure, for the test. */
export function memoryComplaint({ memory, count, freeMb }) {
  const needed = count * (memory + OVERHEAD_MB) + KEEP_FREE_MB;
  if (needed <= freeMb) return undefined;
  const each = Math.floor(((freeMb - KEEP_FREE_MB) / count - OVERHEAD_MB) / 64) * 64;
  const fewer = Math.floor((freeMb - KEEP_FREE_MB) / (memory + OVERHEAD_MB));
  const ways = [
    ...(each >= MIN_MEMORY_MB ? [`\`--memory ${each}\``] : []),
    ...(fewer >= 1 ? [`\`--nodes ${fewer}\``] : []),
  ];
  const remedy = ways.length > 0 ? `what fits is ${ways.join(' or ')}` : 'free some and run this again';
  return `${count} nodes of ${memory} MB need ${needed} MB of memory and ${freeMb} MB are free; ${remedy}.`;
}

async function checkMemory(lab) {
  const meminfo = await readFile('/proc/meminfo', 'utf8');
  const freeMb = Math.floor(Number(/MemAvailable:\s+(\d+)/.exec(meminfo)[1]) / 1024);
  const count = indexesOf(lab).filter((index) => !pidOf(lab, index)).length;
  const complaint = memoryComplaint({ memory: lab.memory, count, freeMb });
  if (complaint) throw new LabError(complaint);
}

const wireIsUp = (lab) => !lab.rootless || networkIsUp(lab);
const isUp = (lab) => lab.phase === 'ready' && wireIsUp(lab) && indexesOf(lab).every((index) => pidOf(lab, index));

function refuseOtherShape(lab, wanted) {
  for (const [key, value] of Object.entries(wanted)) {
    if (value !== undefined && value !== lab[key]) {
      throw new LabError(
        `The lab "${lab.name}" has ${key}=${lab[key]}; run \`npm run lab -- destroy\` first to change that to ${value}.`,
      );
    }
  }
}

/** Machines that are off are started again: from where they slept, else by booting their disks. */
async function wake(lab, base) {
  const off = indexesOf(lab).filter((index) => !pidOf(lab, index));
  const stage = progress.stage(`starting ${off.map((index) => `node${index}`).join(', ')}`, { expectedMs: 6000 });
  try {
    await Promise.all(
      off.map(async (index) => {
        await mendWire(lab, index);
        const asleep = lab.asleep?.includes(index);
        await startMachine(lab, index, base, { snapshot: asleep ? ASLEEP : undefined });
      }),
    );
    lab.asleep = [];
    await writeLab(lab);
    await Promise.all(off.map((index) => awaitNode(lab, index, BOOT_LIMIT_MS)));
    await Promise.all(off.map((index) => mendStarted(lab, index)));
    await writeLab(lab);
    stage.done();
  } catch (error) {
    stage.fail();
    throw error;
  }
}

/** A machine that was started has power and a whole wire; the node's own end of a slow one woke with it. */
async function mendStarted(lab, index) {
  for (const { kind } of brokenOn(lab, index)) {
    if (kind === 'slow') await FAULTS.slow.undo(lab, index);
    if (['power', 'cable', 'slow', 'loss'].includes(kind)) noteFault(lab, index, kind, undefined);
  }
}

/** The switch went away under running machines, whose wires cannot be joined again: they sleep and wake on new ones. */
async function sleepWithoutWire(lab) {
  const running = indexesOf(lab).filter((index) => pidOf(lab, index));
  if (wireIsUp(lab) || running.length === 0 || !canSleep(lab)) return;
  await saveMachines(lab, running, ASLEEP, { resume: false });
  lab.asleep = [...new Set([...(lab.asleep ?? []), ...running])];
  await writeLab(lab);
  await Promise.all(running.map((index) => quitMachine(lab, index)));
}

async function startFresh(lab, base) {
  // An attempt that was cut short may have been for more of them.
  await Promise.all(ALL_NODES.map((index) => killMachine(lab, index)));
  const dir = await ensureStates(lab, base);
  try {
    await restoreClean(lab, base, dir);
  } catch (error) {
    progress.note(`  the saved state does not work here (${error.message}); making it again`);
    await forgetStates(dir);
    await restoreClean(lab, base, await ensureStates(lab, base));
  }
  lab.phase = 'ready';
  lab.broken = {};
  lab.asleep = [];
  await writeLab(lab);
}

/** The record of a lab that is yet to be made; what an interrupted attempt raised is remembered. */
async function newLab(
  found,
  { name, nodes = DEFAULT_NODES, memory = DEFAULT_MEMORY_MB, images, rootless, accel, rebuild },
) {
  // What the nodes are made of does not wait for the kernel; whether it failed is seen where it is needed.
  let early = Promise.resolve();
  const whileBuilding = () => {
    early = Promise.allSettled([ensureBase('um'), ...(images ? [buildImages()] : [])]);
  };
  const { why, ...chosen } = await chooseAccel({ wanted: accel, rebuild, rootless, whileBuilding }).finally(
    () => early,
  );
  const base = await ensureBase(chosen.accel);
  // Without root there is no namespace: the labs are told apart by their loopback addresses.
  const netns = name === 'default' || rootless ? undefined : name;
  return {
    ...found,
    phase: 'making',
    name,
    netns,
    ...(rootless ? { rootless } : {}),
    nodes,
    memory,
    images,
    base: base.hash,
    ...chosen,
    accelWhy: why,
  };
}

function tell(lab, verb) {
  const rows = indexesOf(lab).map((index) => {
    const { host, port } = reachOf(lab, index);
    return `  node${index}  ${addressOf(index)}${lab.rootless ? `  from here ${host}, ssh at port ${port}` : ''}`;
  });
  const enter = lab.netns ? `nsenter --net=/run/netns/${lab.netns} ` : '';
  process.stdout.write(
    `The lab "${lab.name}" ${verb}.\n${rows.join('\n')}\n  ${enter}ssh -F ${sshConfig(lab)} node1\n  nodes file: ${runDir(lab.name)}/drover.yml\n`,
  );
  for (const line of tellPublished(lab)) process.stdout.write(`${line}\n`);
}

const joinPorts = (known = [], ports = []) => [
  ...known,
  ...ports.filter(({ here }) => !known.some((each) => each.here === here)),
];

/** `up --publish` on a lab that runs. */
async function publishFresh(name, lab, ports) {
  const all = joinPorts(lab.published, ports);
  const fresh = all.slice(lab.published?.length ?? 0);
  if (fresh.length === 0) return;
  await withLab(name, async () => {
    for (const port of fresh) await publish(lab, port);
    lab.published = all;
    await writeLab(lab);
  });
}

function refuseAccel(accel) {
  if (accel !== undefined && !Object.hasOwn(ACCELS, accel))
    throw new UsageError(`--accel must be one of ${Object.keys(ACCELS).join(', ')}, not "${accel}".`);
}

/** A lab that is there keeps the kernel it was made with. */
function refuseRebuild({ rebuild }) {
  if (rebuild) throw new LabError('A lab that is there keeps its kernel; run `npm run lab -- destroy` first.');
}

export async function up(values) {
  const name = labName(values);
  const nodes = count(values.nodes, undefined, { name: '--nodes', least: 1, most: MAX_NODES });
  const memory = count(values.memory, undefined, { name: '--memory', least: MIN_MEMORY_MB, most: 65_536 });
  const ports = readPorts(values.publish ?? []);
  refuseAccel(values.accel);
  const known = await readLab(name);
  const rootless = known?.rootless ?? (Boolean(values.rootless) || process.getuid() !== 0);
  if (!rootless && ports.length > 0) throw new UsageError('--publish is for a lab without root; this one needs none.');
  await refusePrivileged(ports);
  await ensureTools({ rootless });
  if (known && isUp(known)) {
    refuseOtherShape(known, { nodes, memory, rootless: values.rootless, accel: values.accel });
    refuseRebuild(values);
    await publishFresh(name, known, ports);
    tell(known, 'is running already');
    return;
  }
  await withLab(name, async () => {
    const found = await readLab(name);
    const lab =
      found?.phase === 'ready'
        ? found
        : await newLab(found, {
            name,
            nodes,
            memory,
            images: !values['no-images'],
            rootless,
            accel: values.accel,
            rebuild: values.rebuild,
          });
    if (lab === found) {
      refuseOtherShape(found, { nodes, memory, rootless: values.rootless, accel: values.accel });
      refuseRebuild(values);
    }
    if (isUp(lab)) {
      // another `up` was quicker
      tell(lab, 'is running already');
      return;
    }
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
    const images = lab.images && !(await registryAnswers(lab)) ? await substituteImages(lab) : [];
    tell(lab, 'is up');
    for (const line of images) process.stdout.write(`  ${line}\n`);
  });
}

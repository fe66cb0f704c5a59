/** up: image, network, machines; whatever is there already is kept. */
import { readFile } from 'node:fs/promises';
import { detectAccel } from '../accel.mjs';
import { LabError, UsageError } from '../errors.mjs';
import { baseOf, ensureBase } from '../image.mjs';
import { claimNetwork, raiseNetwork } from '../network.mjs';
import { awaitNode, indexesOf, sshConfig, writeAccess } from '../nodes.mjs';
import { addressOf, DEFAULT_MEMORY_MB, DEFAULT_NODES, MAX_NODES, MIN_MEMORY_MB, runDir } from '../paths.mjs';
import { progress } from '../progress.mjs';
import { killMachine, pidOf, startMachine } from '../qemu.mjs';
import { ensureStates, forgetStates, restoreClean } from '../states.mjs';
import { labName, readLab, withLab, writeLab } from '../store.mjs';
import { substituteImages } from '../substitutes.mjs';
import { ensureTools } from '../tools.mjs';

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

async function checkMemory(lab) {
  const meminfo = await readFile('/proc/meminfo', 'utf8');
  const freeMb = Math.floor(Number(/MemAvailable:\s+(\d+)/.exec(meminfo)[1]) / 1024);
  const wanted = lab.memory * indexesOf(lab).filter((index) => !pidOf(lab, index)).length;
  if (wanted > freeMb) {
    throw new LabError(
      `The nodes need ${wanted} MB of memory and ${freeMb} MB are free; give them less with \`--memory MB\` or fewer with \`--nodes N\`.`,
    );
  }
}

const isUp = (lab) => lab.phase === 'ready' && indexesOf(lab).every((index) => pidOf(lab, index));

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
        const asleep = lab.asleep?.includes(index);
        await startMachine(lab, index, base, { snapshot: asleep ? ASLEEP : undefined });
      }),
    );
    lab.asleep = [];
    await writeLab(lab);
    await Promise.all(off.map((index) => awaitNode(lab, index, BOOT_LIMIT_MS)));
    stage.done();
  } catch (error) {
    stage.fail();
    throw error;
  }
}

async function startFresh(lab, base) {
  await Promise.all(indexesOf(lab).map((index) => killMachine(lab, index)));
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
async function newLab(found, { name, nodes = DEFAULT_NODES, memory = DEFAULT_MEMORY_MB, images }) {
  const base = await ensureBase();
  const netns = name === 'default' ? undefined : name;
  return {
    ...found,
    phase: 'making',
    name,
    netns,
    nodes,
    memory,
    images,
    base: base.hash,
    ...(await detectAccel(base)),
  };
}

function tell(lab, verb) {
  const rows = indexesOf(lab).map((index) => `  node${index}  ${addressOf(index)}`);
  const enter = lab.netns ? `nsenter --net=/run/netns/${lab.netns} ` : '';
  process.stdout.write(
    `The lab "${lab.name}" ${verb}.\n${rows.join('\n')}\n  ${enter}ssh -F ${sshConfig(lab)} node1\n  nodes file: ${runDir(lab.name)}/drover.yml\n`,
  );
}

export async function up(values) {
  const name = labName(values);
  const nodes = count(values.nodes, undefined, { name: '--nodes', least: 1, most: MAX_NODES });
  const memory = count(values.memory, undefined, { name: '--memory', least: MIN_MEMORY_MB, most: 65_536 });
  await ensureTools();
  const known = await readLab(name);
  if (known && isUp(known)) {
    refuseOtherShape(known, { nodes, memory });
    tell(known, 'is running already');
    return;
  }
  await withLab(name, async () => {
    const found = await readLab(name);
    const lab =
      found?.phase === 'ready' ? found : await newLab(found, { name, nodes, memory, images: !values['no-images'] });
    if (lab === found) refuseOtherShape(found, { nodes, memory });
    if (isUp(lab)) {
      // another `up` was quicker
      tell(lab, 'is running already');
      return;
    }
    const base = baseOf(lab);
    await checkMemory(lab);
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
    const images = await substituteImages(lab);
    tell(lab, 'is up');
    for (const line of images) process.stdout.write(`  ${line}\n`);
  });
}

/**
 * Plain Debian machines in a network namespace of their own, with a mirror that serves their packages: hosts that are not
 * nodes yet, for the test of `drover node add`.
 *
 *   node scripts/ts.mjs lab/plain/machines.ts COMMAND
 *     up NAME [NODES] [MEMORY_MB]    starts new machines; prints their addresses and the files for ssh, as JSON
 *     mongodb NAME                   imports the tutorial's image into those with Docker; prints its name
 *     down NAME                      removes all of it
 */
import { spawn } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withStage } from '../../scripts/progress.mjs';
import { tsCommand } from '../../scripts/ts.mjs';
import { chooseQemuAccel } from '../accel.ts';
import { installInterruptHandler, LabError } from '../errors.mjs';
import { buildImages, importImages } from '../images.ts';
import { createDisks, killMachine, startMachine } from '../machine.ts';
import { claimNetwork, dropNetwork, netPrefix, raiseNetwork } from '../network.ts';
import { awaitNode, indexesOf, sshConfig, writeAccess } from '../nodes.ts';
import { addressOf, checkLabName, LAB_DIR, nodeDir, runDir, SUBNET } from '../paths.mjs';
import { readLab, requireLab, writeLab } from '../store.ts';
import { ensureTools } from '../tools.ts';
import type { Lab } from '../types.ts';
import { ensurePlain } from './image.ts';

const BOOT_LIMIT_MS = 1_200_000;

async function up(name: string, nodes: number, memory: number): Promise<void> {
  await ensureTools();
  const base = await ensurePlain();
  await down(name);
  const { why, ...chosen } = await chooseQemuAccel();
  const lab: Lab = {
    name,
    netns: name,
    nodes,
    memory,
    images: false,
    base: 'plain',
    phase: 'plain',
    ...chosen,
    accelWhy: why,
  };
  await claimNetwork(lab);
  await writeLab(lab);
  await raiseNetwork(lab);
  for (const index of indexesOf(lab)) {
    await mkdir(nodeDir(name, index), { recursive: true, mode: 0o700 });
    await createDisks(lab, index, base);
    await writeFile(join(nodeDir(name, index), 'hostname'), `plain${index}\n`);
  }
  await writeAccess(lab, base);
  await serve(lab, base.mirror);
  await withStage(`booting ${nodes} plain machines (${lab.accel})`, 90_000, async () => {
    await Promise.all(indexesOf(lab).map((index) => startMachine(lab, index, base)));
    await Promise.all(indexesOf(lab).map((index) => awaitNode(lab, index, BOOT_LIMIT_MS)));
  });
  const folder = runDir(name);
  const facts = {
    netns: name,
    key: join(folder, 'id_ed25519'),
    sshConfig: sshConfig(lab),
    knownHosts: join(folder, 'known_hosts'),
  };
  process.stdout.write(`${JSON.stringify({ ...facts, addresses: indexesOf(lab).map(addressOf) })}\n`);
}

/** Starts the mirror on the bridge's own address, at the port in every machine's apt sources. Throws LabError. */
async function serve(lab: Lab, folder: string): Promise<void> {
  const log = join(runDir(lab.name), 'mirror.log');
  const out = openSync(log, 'w');
  const serve = join(LAB_DIR, 'plain', 'serve.ts');
  const [program = '', ...args] = [...netPrefix(lab), ...tsCommand(serve, folder, `${SUBNET}.1`, '80')];
  const child = spawn(program, args, { detached: true, stdio: ['ignore', out, out] });
  child.unref();
  await writeFile(join(runDir(lab.name), 'mirror.pid'), String(child.pid));
  for (let tries = 0; tries < 200; tries += 1) {
    if ((await readFile(log, 'utf8')).startsWith('serving')) return;
    await sleep(100);
  }
  throw new LabError(`The mirror did not start; see ${log}.`);
}

async function down(name: string): Promise<void> {
  const lab = await readLab(name);
  if (!lab) return;
  if (lab.phase !== 'plain') throw new LabError(`"${name}" is a lab of nodes; choose another name for plain machines.`);
  await Promise.all(indexesOf(lab).map((index) => killMachine(lab, index)));
  const pid = Number(await readFile(join(runDir(name), 'mirror.pid'), 'utf8').catch(() => ''));
  const isMirror =
    pid > 0 && existsSync(`/proc/${pid}`) && (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('serve.ts');
  if (isMirror) process.kill(pid);
  await dropNetwork(lab);
  await rm(runDir(name), { recursive: true, force: true });
}

/** The machines reach no registry, so the image comes from this machine. */
async function mongodb(name: string): Promise<void> {
  const lab = await requireLab(name);
  const images = (await buildImages()).filter(({ ref }) => ref.includes('mongodb'));
  for (const index of indexesOf(lab)) await importImages(lab, index, images);
  process.stdout.write(`${images.map(({ ref }) => ref).join('\n')}\n`);
}

const [command, name = '', nodes = '2', memory = '1024'] = process.argv.slice(2);
installInterruptHandler();
try {
  checkLabName(name);
  if (command === 'up') await up(name, Number(nodes), Number(memory));
  else if (command === 'mongodb') await mongodb(name);
  else if (command === 'down') await down(name);
  else throw new LabError('usage: up NAME [NODES] [MEMORY_MB] | mongodb NAME | down NAME');
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.code;
}

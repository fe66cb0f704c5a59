#!/usr/bin/env node
/**
 * Plain Debian machines in a network namespace of their own, with a mirror that serves their packages: hosts that are
 * no nodes yet, for the test of `drover node add`.
 *
 *   node lab/plain/machines.mjs up NAME [NODES] [MEMORY_MB]     starts them anew; prints where things are, as JSON
 *   node lab/plain/machines.mjs mongodb NAME                    gives those with Docker the tutorial's image; prints its name
 *   node lab/plain/machines.mjs down NAME                       takes all of it away
 */
import { spawn } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chooseQemuAccel } from '../accel.mjs';
import { installInterruptHandler, LabError } from '../errors.mjs';
import { buildImages, importImages } from '../images.mjs';
import { createDisks, killMachine, startMachine } from '../machine.mjs';
import { claimNetwork, dropNetwork, netPrefix, raiseNetwork } from '../network.mjs';
import { awaitNode, indexesOf, sshConfig, writeAccess } from '../nodes.mjs';
import { addressOf, checkLabName, LAB_DIR, nodeDir, runDir, SUBNET } from '../paths.mjs';
import { progress } from '../progress.mjs';
import { readLab, requireLab, writeLab } from '../store.mjs';
import { ensureTools } from '../tools.mjs';
import { ensurePlain } from './image.mjs';

const BOOT_LIMIT_MS = 1_200_000;

async function up(name, nodes, memory) {
  await ensureTools();
  const base = await ensurePlain();
  await down(name);
  const lab = {
    name,
    netns: name,
    nodes,
    memory,
    images: false,
    base: 'plain',
    phase: 'plain',
    ...(await chooseQemuAccel()),
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
  const stage = progress.stage(`booting ${nodes} plain machines (${lab.accel})`, { expectedMs: 90_000 });
  try {
    await Promise.all(indexesOf(lab).map((index) => startMachine(lab, index, base)));
    await Promise.all(indexesOf(lab).map((index) => awaitNode(lab, index, BOOT_LIMIT_MS)));
    stage.done();
  } catch (error) {
    stage.fail();
    throw error;
  }
  const folder = runDir(name);
  const facts = {
    netns: name,
    key: join(folder, 'id_ed25519'),
    sshConfig: sshConfig(lab),
    knownHosts: join(folder, 'known_hosts'),
  };
  process.stdout.write(`${JSON.stringify({ ...facts, addresses: indexesOf(lab).map(addressOf) })}\n`);
}

/** The mirror, on the bridge's own address, at the port that is in every machine's sources. */
async function serve(lab, folder) {
  const log = join(runDir(lab.name), 'mirror.log');
  const out = openSync(log, 'w');
  const [program, ...args] = [
    ...netPrefix(lab),
    process.execPath,
    join(LAB_DIR, 'plain', 'serve.mjs'),
    folder,
    `${SUBNET}.1`,
    '80',
  ];
  const child = spawn(program, args, { detached: true, stdio: ['ignore', out, out] });
  child.unref();
  await writeFile(join(runDir(lab.name), 'mirror.pid'), String(child.pid));
  for (let tries = 0; tries < 200; tries += 1) {
    if ((await readFile(log, 'utf8')).startsWith('serving')) return;
    await sleep(100);
  }
  throw new LabError(`The mirror did not start; see ${log}.`);
}

async function down(name) {
  const lab = await readLab(name);
  if (!lab) return;
  if (lab.phase !== 'plain') throw new LabError(`"${name}" is a lab of nodes; choose another name for plain machines.`);
  await Promise.all(indexesOf(lab).map((index) => killMachine(lab, index)));
  const pid = Number(await readFile(join(runDir(name), 'mirror.pid'), 'utf8').catch(() => ''));
  const isMirror =
    pid > 0 && existsSync(`/proc/${pid}`) && (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('serve.mjs');
  if (isMirror) process.kill(pid);
  await dropNetwork(lab);
  await rm(runDir(name), { recursive: true, force: true });
}

/** No registry answers there: the image comes from here, as to the nodes of the lab. */
async function mongodb(name) {
  const lab = await requireLab(name);
  const images = (await buildImages()).filter(({ ref }) => ref.includes('mongodb'));
  for (const index of indexesOf(lab)) await importImages(lab, index, images);
  process.stdout.write(`${images.map(({ ref }) => ref).join('\n')}\n`);
}

const [verb, name = '', nodes = '2', memory = '1024'] = process.argv.slice(2);
installInterruptHandler();
try {
  checkLabName(name);
  if (verb === 'up') await up(name, Number(nodes), Number(memory));
  else if (verb === 'mongodb') await mongodb(name);
  else if (verb === 'down') await down(name);
  else throw new LabError('Say `up NAME [NODES] [MEMORY_MB]` or `down NAME`.');
} catch (error) {
  if (!(error instanceof LabError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.code;
}

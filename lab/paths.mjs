// @ts-check
/** Where things are kept, and the numbers every part of the lab agrees on. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from './errors.mjs';

export const LAB_DIR = dirname(fileURLToPath(import.meta.url));
export const SUBNET = '172.16.255';
export const BRIDGE = 'drover0';
export const SUITE = 'trixie';
/** 172.16.255.250 to .254: the last addresses of the tutorials' network. */
export const MAX_NODES = 5;
/** The numbers of all nodes that a lab could have, also of those that this one does not. */
export const ALL_NODES = Array.from({ length: MAX_NODES }, (_, at) => at + 1);
export const DEFAULT_NODES = 2;
export const DEFAULT_MEMORY_MB = 1024;
export const POOL_SIZE = '4G';
export const DISK_SIZE = '8G';
export const MIN_MEMORY_MB = 512;

export const cacheRoot = (env = process.env) => join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'drover', 'lab');
export const stateRoot = (env = process.env) =>
  join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'drover', 'lab');

/**
 * Throws UsageError where the name does not fit.
 * @param {string} name
 */
export function checkLabName(name) {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name)) {
    throw new UsageError(`"${name}" cannot name a lab: use small letters, digits and hyphens, at most 31.`);
  }
  return name;
}

/**
 * The parts of a lab's record that say where its nodes are.
 * @typedef {{ rootless?: boolean, loopback?: string }} Reach
 */

/** @param {string} name */
export const runDir = (name) => join(stateRoot(), name);
/** @param {string} name @param {number} index */
export const nodeDir = (name, index) => join(runDir(name), `node${index}`);
/**
 * A word that only the process of this node's machine has on its command line.
 * @param {{ name: string }} lab @param {number} index
 */
export const machineName = (lab, index) => `drover-${lab.name}-node${index}`;
/**
 * The file with that process's id.
 * @param {{ name: string }} lab @param {number} index
 */
export const machinePidFile = (lab, index) => join(nodeDir(lab.name, index), 'pid');

/**
 * node1 -> 172.16.255.250, as in the tutorials.
 * @param {number} index
 */
export const addressOf = (index) => `${SUBNET}.${249 + index}`;
/** The port of the nodes' ssh in a lab without root: one that needs no privilege. */
export const SSH_PORT = 2222;
/**
 * Where this machine reaches a node's ssh; without root through a loopback address of the node's own.
 * @param {Reach} lab @param {number} index
 */
export const reachOf = (lab, index) =>
  lab.rootless ? { host: `${lab.loopback}.${249 + index}`, port: SSH_PORT } : { host: addressOf(index), port: 22 };
/**
 * The same for the node with this address in the lab that DROVER_LAB names; undefined where that lab does not have it.
 * @param {string} address
 */
export function reachOfAddress(address, env = process.env) {
  const index = Number(address.split('.')[3]) - 249;
  try {
    const lab = JSON.parse(readFileSync(join(stateRoot(env), env.DROVER_LAB || 'default', 'lab.json'), 'utf8'));
    return address === addressOf(index) && index <= lab.nodes ? reachOf(lab, index) : undefined;
  } catch {
    return undefined; // this machine has no such lab
  }
}
/**
 * The address at which a program on this machine finds the ports of the node with this address. For the tutorials' clients.
 * @param {string} address
 */
export const reachAt = (address, env = process.env) => reachOfAddress(address, env)?.host ?? address;
/** @param {number} index */
export const macOf = (index) => `52:54:00:d0:00:0${index}`;
/** @param {number} index */
export const tapOf = (index) => `drv-node${index}`;

/** @param {string} path @returns {string[]} */
function filesUnder(path) {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => !['node_modules', '.cache', 'out'].includes(entry.name))
    .flatMap((entry) => filesUnder(join(path, entry.name)))
    .sort();
}

/**
 * sha256 over the names and contents of files and over plain values, shortened to 16 digits.
 * @param {{ paths?: string[], values?: unknown[] }} parts
 */
export function hashOf({ paths = [], values = [] }) {
  const hash = createHash('sha256');
  for (const path of paths.flatMap(filesUnder)) {
    hash
      .update(`${relative(LAB_DIR, path)}\0`)
      .update(readFileSync(path))
      .update('\0');
  }
  hash.update(JSON.stringify(values));
  return hash.digest('hex').slice(0, 16);
}

/**
 * The base image that nodes need: in User-Mode Linux they have no kernel of their own.
 * @param {import('./types.ts').Accel} accel
 */
export const imageKindOf = (accel) => (accel === 'um' ? 'um' : 'qemu');
/**
 * Hash of the base image's recipe: the package lists and the scripts that change the tree afterwards.
 * @param {'um' | 'qemu'} kind
 */
export const baseHash = (kind) =>
  hashOf({ paths: [join(LAB_DIR, 'base')], values: [SUITE, SUBNET, DISK_SIZE, kind, 1] });

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { readTextBounded } from '../../files/read-bounded.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { keyFileBytes, stateFileBytes } from '../../model/limits.ts';
import type { Environment } from '../command.ts';
import {
  type CreatedMachine,
  describeMachines,
  factsScript,
  foldersOf,
  isOurAddress,
  machinesOf,
  parseFacts,
  parseVagrantHosts,
  type VagrantHost,
  type VagrantMachine,
} from './output.ts';

/** Vagrant takes seconds on a fast machine, and minutes on a slow one. */
const limitMs = 180_000;

/** A folder with a Vagrantfile and the machines made from it. */
export interface VagrantEnvironment {
  readonly folder: string;
  readonly machines: readonly CreatedMachine[];
}

/** What asking Vagrant needs, and where the answers are kept. */
export interface VagrantContext {
  readonly env: Environment;
  /** drover's folder for state; the answers are kept in its subfolder `vagrant`. */
  readonly stateFolder: string;
  readonly onNote: (text: string) => void;
}

/** The nearest Vagrantfile at or above the folder, with or without machines. */
export async function findVagrant(start: string, env: Environment): Promise<VagrantEnvironment | undefined> {
  const at = await realpath(start).catch(() => undefined);
  for (let folder = at; folder !== undefined; folder = folder === dirname(folder) ? undefined : dirname(folder)) {
    if (await isFile(join(folder, 'Vagrantfile'))) return { folder, machines: await machinesIn(folder, env) };
  }
  return undefined;
}

/** Compares folders behind all links: a package is often reached through one. */
async function machinesIn(folder: string, env: Environment): Promise<readonly CreatedMachine[]> {
  const index = await readIndex(env);
  const same = async (path: string): Promise<string[]> =>
    (await realpath(path).catch(() => undefined)) === folder ? [path] : [];
  return machinesOf(index, (await Promise.all(foldersOf(index).map(same))).flat());
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

const readIndex = (env: Environment): Promise<string> =>
  readTextBounded(
    join(env.VAGRANT_HOME || join(env.HOME || homedir(), '.vagrant.d'), 'data', 'machine-index', 'index'),
    stateFileBytes,
  ).catch(() => '');

interface Kept {
  /** Identifies the machine that was asked: after `destroy` and `up` it is another one. */
  readonly stamp: string;
  readonly machine: VagrantMachine;
}

/**
 * The path of a drover.yml that describes the machines. Vagrant is asked only about machines that it has created since
 * the last time; machines that are off keep their last description. The host keys come over Vagrant's own connection,
 * and drover's own connections check them strictly. Throws `usage`, with the command that helps, where there is nothing
 * to describe.
 */
export async function vagrantInventory(environment: VagrantEnvironment, context: VagrantContext): Promise<string> {
  const { folder, machines } = environment;
  const where = join(context.stateFolder, 'vagrant', createHash('sha256').update(folder).digest('hex').slice(0, 16));
  const file = join(where, 'machines.json');
  const before = await readKept(file);
  const stamps = new Map(
    await Promise.all(machines.map(async (machine) => [machine.name, await stampOf(machine)] as const)),
  );
  const fresh = before.filter(({ stamp, machine }) => stamps.get(machine.name) === stamp);
  const isKnown = ({ name }: CreatedMachine): boolean => fresh.some(({ machine }) => machine.name === name);
  const missing = machines.filter((machine) => !isKnown(machine) && machine.state === 'running');
  if (missing.length === 0 && fresh.length === 0) throw nothingRuns(environment);
  const asked = missing.length === 0 ? [] : await ask(environment, missing, context);
  const kept = [...fresh, ...asked.map((machine) => ({ stamp: stamps.get(machine.name) ?? '', machine }))];
  const inventory = join(where, 'drover.yml');
  if (asked.length === 0 && fresh.length === before.length && (await isFile(inventory))) return inventory;
  const knownHostsFile = join(where, 'known_hosts');
  const texts = describeMachines(
    kept.map(({ machine }) => machine),
    knownHostsFile,
  );
  await mkdir(where, { recursive: true, mode: 0o700 });
  await replace(knownHostsFile, texts.knownHosts);
  await replace(inventory, texts.inventory);
  await replace(file, JSON.stringify(kept));
  return inventory;
}

/** Vagrant writes the id file once, when it creates the machine. */
async function stampOf({ name, provider, dataPath }: CreatedMachine): Promise<string> {
  const path = join(dataPath, 'machines', name, provider, 'id');
  const [id, { mtimeMs }] = await Promise.all([
    readTextBounded(path, keyFileBytes).catch(() => ''),
    stat(path).catch(() => ({ mtimeMs: 0 })),
  ]);
  return `${provider} ${id.trim()} ${mtimeMs}`;
}

async function readKept(file: string): Promise<readonly Kept[]> {
  try {
    // Written by drover itself, in a folder of this user alone.
    const kept: readonly Kept[] = JSON.parse(await readTextBounded(file, stateFileBytes));
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}

function nothingRuns({ folder, machines }: VagrantEnvironment): AppError {
  const why =
    machines.length === 0
      ? 'Vagrant has created none'
      : machines.map(({ name, state }) => `"${name}" is ${state}`).join(', ');
  return new AppError('usage', `cannot use the Vagrant machines of "${folder}": ${why}`, {
    hint: `run \`vagrant up\` in ${folder}`,
  });
}

async function ask(
  { folder }: VagrantEnvironment,
  machines: readonly CreatedMachine[],
  { env, onNote }: VagrantContext,
): Promise<readonly VagrantMachine[]> {
  const names = machines.map(({ name }) => name);
  onNote(`asking Vagrant how to reach ${names.join(' and ')}; this happens once for each new machine`);
  const hosts = parseVagrantHosts(await runVagrant(folder, ['ssh-config', ...names], env));
  return Promise.all(names.map((name) => askMachine(folder, name, hosts, env)));
}

async function askMachine(
  folder: string,
  name: string,
  hosts: readonly VagrantHost[],
  env: Environment,
): Promise<VagrantMachine> {
  const host = hosts.find((each) => each.name === name);
  const { addresses, hostKeys } = parseFacts(await runVagrant(folder, ['ssh', name, '-c', factsScript], env));
  const address = addresses.find(isOurAddress);
  const cannot = `cannot use the Vagrant machine "${name}" of "${folder}"`;
  if (host === undefined || hostKeys.length === 0) {
    throw new AppError('connection-failed', `${cannot}: Vagrant does not print how to reach it`, {
      hint: `see whether \`vagrant ssh ${name}\` in ${folder} works`,
    });
  }
  if (address === undefined) {
    throw new AppError(
      'usage',
      `${cannot}: it has no address in 172.16.255.0/24, but ${addresses.join(', ') || 'none'}`,
      {
        hint: `if the Vagrantfile gives it one, run \`vagrant reload ${name}\`; otherwise describe the node in drover.yml`,
      },
    );
  }
  const { user, identityFile } = host;
  return { name, address, user, ...defined({ identityFile }), hostKeys };
}

/** The one place that starts Vagrant. */
function runVagrant(folder: string, args: readonly string[], env: Environment): Promise<string> {
  const settings = { cwd: folder, env: { ...env, VAGRANT_CWD: folder }, timeout: limitMs, maxBuffer: 1 << 20 };
  return new Promise((resolve, reject) => {
    const child = execFile('vagrant', [...args], settings, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (error.code === 'ENOENT') {
        reject(
          new AppError('usage', `cannot ask about the machines of "${folder}": there is no program "vagrant"`, {
            hint: 'install Vagrant, or describe the nodes in drover.yml',
          }),
        );
      } else {
        const why = stderr.trim().replace(/\s*\n\s*/g, ' ') || error.message;
        reject(
          new AppError('connection-failed', `\`vagrant ${args.slice(0, 2).join(' ')}\` failed in "${folder}": ${why}`, {
            hint: `run \`vagrant status\` in ${folder}`,
            cause: error,
          }),
        );
      }
    });
    // Vagrant gives its own standard input to ssh, which would otherwise wait for it.
    child.stdin?.end();
  });
}

/** Commands on the nodes over ssh, with the lab's own key and strict host keys. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { $, type Options, type ProcessOutput } from 'zx';
import { progress } from '../scripts/progress.mjs';
import { LabError } from './errors.mjs';
import { netPrefix } from './network.ts';
import { addressOf, nodeDir, reachOf, runDir, SUBNET } from './paths.mjs';
import type { Base, Lab } from './types.ts';

const TRY_EVERY_MS = 400;
const LOGIN_LIMIT_MS = 60_000;
/** The gateway of a lab without root accepts a connection before the node does, so ssh has to stop waiting itself. */
const ANSWER_LIMIT_S = 3;
/** The name server of a lab without root: QEMU's gateway, which asks this machine's name servers. */
const GATEWAY_NAMES = `nameserver ${SUBNET}.3\n`;

/** A word in quotes for a node's shell. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** The numbers of the lab's nodes. */
export const indexesOf = (lab: Lab): readonly number[] => Array.from({ length: lab.nodes }, (_, at) => at + 1);
export const sshConfig = (lab: Lab): string => join(runDir(lab.name), 'ssh_config');

/** The words that run ssh to a node. */
export const sshWords = (lab: Lab, index: number, ...options: readonly string[]): readonly string[] => [
  ...netPrefix(lab),
  'ssh',
  '-F',
  sshConfig(lab),
  ...options,
  `node${index}`,
];

/** Writes key, known_hosts, ssh_config and drover.yml from the lab's record. */
export async function writeAccess(lab: Lab, base: Pick<Base, 'key'>): Promise<void> {
  const dir = runDir(lab.name);
  const key = join(dir, 'id_ed25519');
  const knownHosts = join(dir, 'known_hosts');
  await writeFile(key, await readFile(base.key), { mode: 0o600 });
  await writeFile(`${key}.pub`, await readFile(`${base.key}.pub`));
  // A node that is not made yet has no key.
  const there = indexesOf(lab).filter((index) => existsSync(hostKeyFile(lab, index)));
  const hosts = await Promise.all(
    there.map(async (index) => ({
      index,
      address: addressOf(index),
      ...reachOf(lab, index),
      hostKey: (await readFile(hostKeyFile(lab, index), 'utf8')).split(' ').slice(0, 2).join(' '),
    })),
  );
  await writeFile(
    knownHosts,
    hosts
      .map(({ index, address, host, port, hostKey }) => {
        const names = [`node${index}`, address, ...(port === 22 ? [] : [`[${host}]:${port}`])];
        return `${names.join(',')} ${hostKey}\n`;
      })
      .join(''),
  );
  await writeFile(sshConfig(lab), hosts.map((host) => sshEntry(host, { key, knownHosts })).join('\n'));
  await writeFile(
    join(dir, 'drover.yml'),
    `version: 1\nnodes:\n${hosts.map((host) => droverEntry(host, { key, knownHosts })).join('')}`,
  );
}

const hostKeyFile = (lab: Lab, index: number) => join(nodeDir(lab.name, index), 'hostkey.pub');

interface Host {
  readonly index: number;
  readonly address: string;
  readonly host: string;
  readonly port: number;
}
interface AccessFiles {
  readonly key: string;
  readonly knownHosts: string;
}

const sshEntry = (
  { index, address, host, port }: Host,
  { key, knownHosts }: AccessFiles,
): string => `Host node${index} ${address}
  HostName ${host}
  Port ${port}
  User root
  IdentityFile "${key}"
  IdentitiesOnly yes
  UserKnownHostsFile "${knownHosts}"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  HostKeyAlgorithms ssh-ed25519
  ConnectTimeout 30
`;

/** In a lab without root ssh uses a loopback address; then `mesh` is the node's address among the nodes. */
function droverEntry({ index, address, host, port }: Host, { key, knownHosts }: AccessFiles): string {
  const mesh = host === address ? '' : `, mesh: ${address}`;
  return `  ${address}: {name: node${index}, host: ${host}, user: root, port: ${port}${mesh}, identityFile: ${JSON.stringify(key)}, knownHostsFile: ${JSON.stringify(knownHosts)}}\n`;
}

interface OnNode {
  readonly input?: string | Buffer | Readable;
  /** Resolve also where the command fails. */
  readonly nothrow?: boolean;
  /** Milliseconds. */
  readonly limitMs?: number;
  /** Options of ssh. */
  readonly options?: readonly string[];
}

/** Runs a command on a node. Throws LabError where it fails. */
export async function onNode(
  lab: Lab,
  index: number,
  command: string,
  { input, nothrow = false, limitMs, options = [] }: OnNode = {},
): Promise<ProcessOutput> {
  const stdin: Partial<Options> = input === undefined ? { stdio: ['ignore', 'pipe', 'pipe'] } : { input };
  const shell = $({ quiet: true, nothrow: true, ...stdin, ...(limitMs ? { timeout: limitMs } : {}) });
  const out = await shell`${sshWords(lab, index, ...options)} ${command}`;
  if (out.exitCode !== 0 && !nothrow) {
    throw new LabError(
      `"${command.slice(0, 80)}" failed on node${index}: ${out.stderr.trim().split('\n').at(-1) || `status ${out.exitCode}`}`,
    );
  }
  return out;
}

/** Waits until a node accepts a login, and sets its clock: after a restore it shows the moment of the save. Throws LabError. */
export async function awaitNode(lab: Lab, index: number, limitMs: number): Promise<void> {
  const until = Date.now() + limitMs;
  const stage = progress.detail(`node${index} (${addressOf(index)})`);
  stage.update('waiting for its ssh');
  while (Date.now() < until) {
    if (await greet(lab, index)) return stage.done('answers');
    await sleep(TRY_EVERY_MS);
  }
  stage.fail('does not answer');
  throw new LabError(
    `node${index} did not answer ssh within ${Math.round(limitMs / 1000)} s; its console is in ${join(nodeDir(lab.name, index), 'console.log')}.`,
  );
}

/**
 * One login: sets the clock, and where the nodes have a way out also the name servers, to those of this machine.
 * The limit is long, because an emulated node on a busy machine takes many seconds for a login, and a login that is given
 * up and repeated makes it busier.
 */
async function greet(lab: Lab, index: number): Promise<boolean> {
  const servers = lab.wayOut ? (await nameServers()) || (lab.rootless ? GATEWAY_NAMES : '') : '';
  const resolver = servers ? '; cat >/etc/resolv.conf' : '';
  const done = await onNode(lab, index, `date -s @${(Date.now() / 1000).toFixed(3)} >/dev/null${resolver}`, {
    nothrow: true,
    limitMs: LOGIN_LIMIT_MS,
    ...(lab.accel === 'tcg' ? {} : { options: ['-o', `ConnectTimeout=${ANSWER_LIMIT_S}`] }),
    ...(servers ? { input: servers } : {}),
  });
  return done.exitCode === 0;
}

/** This machine's `nameserver` lines, without those of its own loopback. */
async function nameServers(): Promise<string> {
  for (const file of ['/run/systemd/resolve/resolv.conf', '/etc/resolv.conf']) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const lines = text.split('\n').filter((line) => /^nameserver\s+(?!127\.|::1)/.test(line));
    if (lines.length > 0) return `${lines.join('\n')}\n`;
  }
  return '';
}

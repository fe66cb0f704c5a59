/** Speaking to the nodes over ssh, with the lab's own key and strict host keys. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { $ } from 'zx';
import { LabError } from './errors.mjs';
import { netPrefix } from './network.mjs';
import { addressOf, nodeDir, reachOf, runDir, SUBNET } from './paths.mjs';
import { progress } from './progress.mjs';

const TRY_EVERY_MS = 400;
const LOGIN_LIMIT_MS = 60_000;
/** The gateway of a lab without root accepts a connection before the node does, and waits longer and longer for it. */
const ANSWER_LIMIT_S = 3;
/** The gateway of a lab without root asks whomever this machine asks. */
const GATEWAY_NAMES = `nameserver ${SUBNET}.3\n`;

/** A word as a node's shell takes it, whatever is in it. */
export const quote = (word) => `'${word.replaceAll("'", `'\\''`)}'`;

export const indexesOf = (lab) => Array.from({ length: lab.nodes }, (_, at) => at + 1);
export const sshConfig = (lab) => join(runDir(lab.name), 'ssh_config');

/** The argv that reaches a node; `words` as for ssh. */
export const sshWords = (lab, index, ...options) => [
  ...netPrefix(lab),
  'ssh',
  '-F',
  sshConfig(lab),
  ...options,
  `node${index}`,
];

/** Key, known_hosts, ssh_config and drover.yml, written anew each time: they follow from the lab. */
export async function writeAccess(lab, base) {
  const dir = runDir(lab.name);
  const key = join(dir, 'id_ed25519');
  const knownHosts = join(dir, 'known_hosts');
  await writeFile(key, await readFile(base.key), { mode: 0o600 });
  await writeFile(`${key}.pub`, await readFile(`${base.key}.pub`));
  // Nodes that have yet to be made have no key.
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

const hostKeyFile = (lab, index) => join(nodeDir(lab.name, index), 'hostkey.pub');

const sshEntry = ({ index, address, host, port }, { key, knownHosts }) => `Host node${index} ${address}
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

/** Where ssh takes another way than the other nodes do, the address among them is the mesh's. */
function droverEntry({ index, address, host, port }, { key, knownHosts }) {
  const mesh = host === address ? '' : `, mesh: ${address}`;
  return `  ${address}: {name: node${index}, host: ${host}, user: root, port: ${port}${mesh}, identityFile: ${JSON.stringify(key)}, knownHostsFile: ${JSON.stringify(knownHosts)}}\n`;
}

/** Runs a command on a node; a failure becomes one sentence. `input` may be a string, buffer or stream; `options` are ssh's. */
export async function onNode(lab, index, command, { input, nothrow = false, limit, options = [] } = {}) {
  const stdin = input === undefined ? { stdio: ['ignore', 'pipe', 'pipe'] } : { input };
  const shell = $({ quiet: true, nothrow: true, ...stdin, ...(limit ? { timeout: limit } : {}) });
  const out = await shell`${sshWords(lab, index, ...options)} ${command}`;
  if (out.exitCode !== 0 && !nothrow) {
    throw new LabError(
      `"${command.slice(0, 80)}" failed on node${index}: ${out.stderr.trim().split('\n').at(-1) || `status ${out.exitCode}`}`,
    );
  }
  return out;
}

/** Waits until a node lets us in and has its clock set: after a restore it shows the moment of the save. */
export async function awaitNode(lab, index, limitMs) {
  const until = Date.now() + limitMs;
  const stage = progress.detail(`node${index} (${addressOf(index)})`);
  stage.update('waits for its ssh');
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
 * One login: sets the clock, and where there is a way out tells which name servers this machine asks.
 * The limit is generous, because an emulated node on a busy machine takes many seconds for a login and
 * giving up in the middle of one only makes it busier.
 */
async function greet(lab, index) {
  const servers = lab.wayOut ? (await nameServers()) || (lab.rootless ? GATEWAY_NAMES : '') : '';
  const resolver = servers ? '; cat >/etc/resolv.conf' : '';
  const done = await onNode(lab, index, `date -s @${(Date.now() / 1000).toFixed(3)} >/dev/null${resolver}`, {
    nothrow: true,
    limit: LOGIN_LIMIT_MS,
    ...(lab.accel === 'tcg' ? {} : { options: ['-o', `ConnectTimeout=${ANSWER_LIMIT_S}`] }),
    ...(servers ? { input: servers } : {}),
  });
  return done.exitCode === 0;
}

/** `nameserver` lines that mean something elsewhere too: none of this machine's own loopback. */
async function nameServers() {
  for (const file of ['/run/systemd/resolve/resolv.conf', '/etc/resolv.conf']) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const lines = text.split('\n').filter((line) => /^nameserver\s+(?!127\.|::1)/.test(line));
    if (lines.length > 0) return `${lines.join('\n')}\n`;
  }
  return '';
}

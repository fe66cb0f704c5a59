/**
 * With root: the bridge, the taps, the namespace and the way out. Every function may be called again.
 * The same names without root are in rootless/network.mjs; network.mjs chooses.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { $ } from 'zx';
import { LabError } from './errors.mjs';
import { ALL_NODES, BRIDGE, macOf, SUBNET, tapOf } from './paths.mjs';

export const NFT_TABLE = 'drover_lab';
const lossTable = (index) => `drover_lab_loss${index}`;
const FORWARD_SWITCH = '/proc/sys/net/ipv4/ip_forward';
const SLOW = ['rate', '2mbit', 'burst', '16kb', 'latency', '400ms'];

/** Words to put before a command so that it runs where the nodes can be reached. */
export const netPrefix = (lab) => (lab.netns ? ['nsenter', `--net=/run/netns/${lab.netns}`] : []);

/** QEMU's words for the node's end of the wire. */
export const netdevWords = (_lab, index) => ['-netdev', `tap,id=lan,ifname=${tapOf(index)},script=no,downscript=no`];

/** The same for User-Mode Linux: `{word, before}`, its word and the words that come before the program. */
export const umWire = (_lab, index) => ({
  word: `vec0:transport=tap,ifname=${tapOf(index)},mac=${macOf(index)},depth=64,gro=1`,
  before: [],
});

const quietly = (lab, ...words) => $({ quiet: true, nothrow: true })`${netPrefix(lab)} ${words}`;

async function inside(lab, ...words) {
  const out = await quietly(lab, ...words);
  if (out.exitCode !== 0)
    throw new LabError(`"${words.join(' ')}" failed: ${out.stderr.trim() || `status ${out.exitCode}`}`);
  return out.stdout;
}

const linkExists = async (lab, name) => (await quietly(lab, 'ip', 'link', 'show', name)).exitCode === 0;

/** A subnet someone else uses must not be taken over. */
async function refuseForeignSubnet(lab) {
  const routes = await inside(lab, 'ip', '-4', 'route', 'show', `${SUBNET}.0/24`);
  const foreign = routes.split('\n').find((line) => line.trim() && !line.includes(`dev ${BRIDGE} `));
  if (foreign) {
    throw new LabError(
      `${SUBNET}.0/24 is already in use here (${foreign.trim()}); take the lab into a namespace with \`--netns NAME\`.`,
    );
  }
}

async function openWayOut(lab) {
  const route = await inside(lab, 'ip', '-4', 'route', 'show', 'default');
  if (!route.trim()) return false;
  const rules = `table ip ${NFT_TABLE}
delete table ip ${NFT_TABLE}
table ip ${NFT_TABLE} {
	chain post {
		type nat hook postrouting priority 100; policy accept;
		ip saddr ${SUBNET}.0/24 oifname != "${BRIDGE}" masquerade
	}
}
`;
  await $({ quiet: true, input: rules })`nft -f -`;
  await writeFile(FORWARD_SWITCH, '1');
  return true;
}

/** What raiseNetwork is about to make; to be on record first, so that destroy finds it after an interruption. */
export async function claimNetwork(lab) {
  if (lab.netns) lab.madeNetns ||= !existsSync(`/run/netns/${lab.netns}`);
  else lab.forwardWasOff ||= (await readFile(FORWARD_SWITCH, 'utf8')).trim() === '0';
}

/** Namespace (when the lab has one), bridge, one tap a node, and masquerading when there is a way out. */
export async function raiseNetwork(lab) {
  if (lab.netns && !existsSync(`/run/netns/${lab.netns}`)) {
    await $({ quiet: true })`ip netns add ${lab.netns}`;
  }
  if (lab.netns) await inside(lab, 'ip', 'link', 'set', 'lo', 'up');
  if (!(await linkExists(lab, BRIDGE))) {
    await refuseForeignSubnet(lab);
    await inside(lab, 'ip', 'link', 'add', BRIDGE, 'type', 'bridge', 'forward_delay', '0');
    await inside(lab, 'ip', 'address', 'add', `${SUBNET}.1/24`, 'dev', BRIDGE);
  }
  await inside(lab, 'ip', 'link', 'set', BRIDGE, 'up');
  for (let index = 1; index <= lab.nodes; index += 1) await raiseTap(lab, index);
  lab.wayOut = lab.netns ? false : await openWayOut(lab);
}

async function raiseTap(lab, index) {
  const tap = tapOf(index);
  if (!(await linkExists(lab, tap))) await inside(lab, 'ip', 'tuntap', 'add', 'dev', tap, 'mode', 'tap');
  await inside(lab, 'ip', 'link', 'set', tap, 'master', BRIDGE, 'up');
}

/** Cable out, cable in. */
export const cutCable = (lab, index) => inside(lab, 'ip', 'link', 'set', tapOf(index), 'nomaster');
export const plugCable = (lab, index) => inside(lab, 'ip', 'link', 'set', tapOf(index), 'master', BRIDGE, 'up');

/** 2 Mbit/s towards the node; the other direction is slowed inside the node. */
export const slowDown = (lab, index) =>
  inside(lab, 'tc', 'qdisc', 'replace', 'dev', tapOf(index), 'root', 'tbf', ...SLOW);
export const speedUp = (lab, index) => quietly(lab, 'tc', 'qdisc', 'del', 'dev', tapOf(index), 'root');
export const SLOW_INSIDE = ['tc', 'qdisc', 'replace', 'dev', 'eth0', 'root', 'tbf', ...SLOW].join(' ');
export const FAST_INSIDE = 'tc qdisc del dev eth0 root';

/** Each packet of the node's, coming or going, is dropped with this probability; the node itself is not asked. */
export async function losePackets(lab, index, percent) {
  await stopLosing(lab, index);
  const chain = (hook) => `	chain ${hook} {
		type filter hook ${hook} device "${tapOf(index)}" priority 0; policy accept;
		numgen random mod 1000 < ${Math.round(percent * 10)} drop
	}
`;
  const rules = `table netdev ${lossTable(index)} {\n${chain('ingress')}${chain('egress')}}\n`;
  const out = await $({ quiet: true, nothrow: true, input: rules })`${netPrefix(lab)} nft -f -`;
  if (out.exitCode !== 0)
    throw new LabError(`This kernel cannot drop packets of ${tapOf(index)} (${out.stderr.trim().split('\n')[0]}).`);
}

export const stopLosing = (lab, index) => quietly(lab, 'nft', 'delete', 'table', 'netdev', lossTable(index));

/** Takes down what this lab raised; returns what went, for the person to read. */
export async function dropNetwork(lab) {
  const went = [];
  if (lab.netns) {
    if (lab.madeNetns && (await $({ quiet: true, nothrow: true })`ip netns delete ${lab.netns}`).exitCode === 0) {
      return [`namespace ${lab.netns} with bridge ${BRIDGE} and its taps`];
    }
    if (!existsSync(`/run/netns/${lab.netns}`)) return went;
  }
  for (const index of ALL_NODES) {
    await stopLosing(lab, index);
    if ((await quietly(lab, 'ip', 'link', 'delete', tapOf(index))).exitCode === 0) went.push(`tap ${tapOf(index)}`);
  }
  if ((await quietly(lab, 'ip', 'link', 'delete', BRIDGE)).exitCode === 0) went.push(`bridge ${BRIDGE}`);
  if (lab.netns) return went;
  if ((await quietly(lab, 'nft', 'delete', 'table', 'ip', NFT_TABLE)).exitCode === 0)
    went.push(`nft table ${NFT_TABLE}`);
  if (lab.forwardWasOff) {
    await writeFile(FORWARD_SWITCH, '0');
    went.push('IPv4 forwarding (was off before)');
  }
  return went;
}

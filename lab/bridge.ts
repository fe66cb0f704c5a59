/** The network of a lab with root: bridge, taps, namespace, way out (see NetworkKind). Every function may be called twice. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { $ } from 'zx';
import { LabError } from './errors.mjs';
import { ALL_NODES, BRIDGE, macOf, SUBNET, tapOf } from './paths.mjs';
import type { Lab, UmWire } from './types.ts';

export const NFT_TABLE = 'drover_lab';
const lossTable = (index: number) => `drover_lab_loss${index}`;
const FORWARD_SWITCH = '/proc/sys/net/ipv4/ip_forward';
const SLOW = ['rate', '2mbit', 'burst', '16kb', 'latency', '400ms'];

export const netPrefix = (lab: Lab) => (lab.netns ? ['nsenter', `--net=/run/netns/${lab.netns}`] : []);

export const netdevWords = (_lab: Lab, index: number) => [
  '-netdev',
  `tap,id=lan,ifname=${tapOf(index)},script=no,downscript=no`,
];

export const umWire = (_lab: Lab, index: number): UmWire => ({
  word: `vec0:transport=tap,ifname=${tapOf(index)},mac=${macOf(index)},depth=64,gro=1`,
  before: [],
});

const quietly = (lab: Lab, ...words: readonly string[]) =>
  $({ quiet: true, nothrow: true })`${netPrefix(lab)} ${words}`;

/** Throws LabError where the command fails. */
async function inside(lab: Lab, ...words: readonly string[]): Promise<string> {
  const out = await quietly(lab, ...words);
  if (out.exitCode !== 0)
    throw new LabError(`"${words.join(' ')}" failed: ${out.stderr.trim() || `status ${out.exitCode}`}`);
  return out.stdout;
}

const linkExists = async (lab: Lab, name: string) => (await quietly(lab, 'ip', 'link', 'show', name)).exitCode === 0;

/** Throws LabError where another program uses the subnet. */
async function refuseForeignSubnet(lab: Lab) {
  const routes = await inside(lab, 'ip', '-4', 'route', 'show', `${SUBNET}.0/24`);
  const foreign = routes.split('\n').find((line) => line.trim() && !line.includes(`dev ${BRIDGE} `));
  if (foreign) {
    throw new LabError(
      `This machine uses ${SUBNET}.0/24 already (${foreign.trim()}); put the lab into a namespace with \`--netns NAME\`.`,
    );
  }
}

async function openWayOut(lab: Lab) {
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

export async function claimNetwork(lab: Lab) {
  if (lab.netns) lab.madeNetns ||= !existsSync(`/run/netns/${lab.netns}`);
  else lab.forwardWasOff ||= (await readFile(FORWARD_SWITCH, 'utf8')).trim() === '0';
}

/** Makes the namespace (where the lab has one), the bridge, a tap for each node, and the way out. */
export async function raiseNetwork(lab: Lab) {
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

async function raiseTap(lab: Lab, index: number) {
  const tap = tapOf(index);
  if (!(await linkExists(lab, tap))) await inside(lab, 'ip', 'tuntap', 'add', 'dev', tap, 'mode', 'tap');
  await inside(lab, 'ip', 'link', 'set', tap, 'master', BRIDGE, 'up');
}

export const cutCable = (lab: Lab, index: number) => inside(lab, 'ip', 'link', 'set', tapOf(index), 'nomaster');
export const plugCable = (lab: Lab, index: number) =>
  inside(lab, 'ip', 'link', 'set', tapOf(index), 'master', BRIDGE, 'up');

export const slowDown = (lab: Lab, index: number) =>
  inside(lab, 'tc', 'qdisc', 'replace', 'dev', tapOf(index), 'root', 'tbf', ...SLOW);
export const speedUp = (lab: Lab, index: number) => quietly(lab, 'tc', 'qdisc', 'del', 'dev', tapOf(index), 'root');
export const SLOW_INSIDE = ['tc', 'qdisc', 'replace', 'dev', 'eth0', 'root', 'tbf', ...SLOW].join(' ');
export const FAST_INSIDE = 'tc qdisc del dev eth0 root';

/** nftables drops the packets on the tap; the node is not asked. Throws LabError where the kernel cannot. */
export async function losePackets(lab: Lab, index: number, percent: number) {
  await stopLosing(lab, index);
  const chain = (hook: string) => `	chain ${hook} {
		type filter hook ${hook} device "${tapOf(index)}" priority 0; policy accept;
		numgen random mod 1000 < ${Math.round(percent * 10)} drop
	}
`;
  const rules = `table netdev ${lossTable(index)} {\n${chain('ingress')}${chain('egress')}}\n`;
  const out = await $({ quiet: true, nothrow: true, input: rules })`${netPrefix(lab)} nft -f -`;
  if (out.exitCode !== 0)
    throw new LabError(`This kernel cannot drop packets of ${tapOf(index)} (${out.stderr.trim().split('\n')[0]}).`);
}

export const stopLosing = (lab: Lab, index: number) =>
  quietly(lab, 'nft', 'delete', 'table', 'netdev', lossTable(index));

export async function dropNetwork(lab: Lab): Promise<string[]> {
  const removed: string[] = [];
  if (lab.netns) {
    if (lab.madeNetns && (await $({ quiet: true, nothrow: true })`ip netns delete ${lab.netns}`).exitCode === 0) {
      return [`namespace ${lab.netns} with bridge ${BRIDGE} and its taps`];
    }
    if (!existsSync(`/run/netns/${lab.netns}`)) return removed;
  }
  for (const index of ALL_NODES) {
    await stopLosing(lab, index);
    if ((await quietly(lab, 'ip', 'link', 'delete', tapOf(index))).exitCode === 0) removed.push(`tap ${tapOf(index)}`);
  }
  if ((await quietly(lab, 'ip', 'link', 'delete', BRIDGE)).exitCode === 0) removed.push(`bridge ${BRIDGE}`);
  if (lab.netns) return removed;
  if ((await quietly(lab, 'nft', 'delete', 'table', 'ip', NFT_TABLE)).exitCode === 0)
    removed.push(`nft table ${NFT_TABLE}`);
  if (lab.forwardWasOff) {
    await writeFile(FORWARD_SWITCH, '0');
    removed.push('IPv4 forwarding (was off before)');
  }
  return removed;
}

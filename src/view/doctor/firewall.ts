import { isIPv6, plainAddress } from '../../model/addresses.ts';
import { freshFacts, type NodeFacts } from '../../model/cluster.ts';
import type { FirewallDrop, SystemReading } from '../../model/examination.ts';
import type { ServedPort } from '../served-ports.ts';
import type { Examined, Finding, Patient } from './finding.ts';
import { some } from './finding.ts';

export interface Cause {
  readonly cause: string;
  readonly command: string;
}

/** Loads the port map again and lets the peers through Docker's chain; provision.sh made the unit. */
const reload = ['systemctl', 'restart', 'drover-net'] as const;

/** Findings about forwarding that do not depend on the present forwards. */
export function forwardingFindings(patient: Patient, system: SystemReading, facts?: NodeFacts): readonly Finding[] {
  const { fault, finding, ok, shell } = patient;
  const check = 'forwarding';
  if (!isOn(system, facts)) {
    const { cause, command } = forwardingOff(patient, facts);
    return [fault(check, cause, command)];
  }
  const open = openFinding(patient, system, facts);
  if (open !== undefined) return [open];
  const lacking = lackingPeers(system, facts);
  if (lacking.length > 0) {
    const text = `the chain FORWARD does not let ${some(lacking)} through`;
    const drops = forwardDrops(system).some(({ handle }) => handle === undefined);
    return [finding(drops ? 'fault' : 'warning', check, text, shell.run(...reload))];
  }
  const policy = forwardDrops(system).find(({ handle }) => handle === undefined);
  const text = policy === undefined ? 'packets are let through' : 'packets of the other nodes are let through';
  return [ok(check, text)];
}

/** A machine that routes through such a node reaches every port of its containers, published or not. */
function openFinding(
  { fault, shell }: Patient,
  { firewall }: SystemReading,
  facts: NodeFacts | undefined,
): Finding | undefined {
  const { open = [] } = firewall;
  if (open.length === 0) return undefined;
  const text = `its neighbours reach every port of its containers: the policy of the chain FORWARD is ACCEPT (${open.join(', ')})`;
  const close = open.map((family) => `${family === 'IPv4' ? 'iptables' : 'ip6tables'} -P FORWARD DROP`);
  const command = facts?.network.isOutdated === true ? 'drover apply' : shell.script(close.join(' && '));
  return fault('forwarding', text, command);
}

const isSix = (facts: NodeFacts | undefined): boolean => facts?.meshAddress.includes(':') ?? false;
const isOn = ({ forwards }: SystemReading, facts: NodeFacts | undefined): boolean =>
  isSix(facts) ? forwards.ipv6 : forwards.ipv4;
const forwardDrops = ({ firewall }: SystemReading): readonly FirewallDrop[] =>
  firewall.drops.filter(({ hook }) => hook === 'forward');

function lackingPeers({ firewall }: SystemReading, facts: NodeFacts | undefined): readonly string[] {
  const { accepted } = firewall;
  return accepted === undefined ? [] : (facts?.network.peers ?? []).filter((peer) => !accepted.includes(peer));
}

function forwardingOff({ shell }: Patient, facts: NodeFacts | undefined): Cause {
  const key = isSix(facts) ? 'net.ipv6.conf.all.forwarding' : 'net.ipv4.ip_forward';
  return { cause: `${key} is 0: the kernel forwards nothing`, command: shell.run('sysctl', '-w', `${key}=1`) };
}

/** The probable cause of a failed connection, and the command that fixes it. */
export function causeOf(
  patient: Patient,
  examined: Examined,
  facts: NodeFacts,
  served: ServedPort,
  onlyLocal: boolean,
): Cause {
  const { node, shell } = patient;
  const isOwner = served.node === node;
  const forwards = facts.network.proxies.some(({ port, protocol }) => port === served.port && protocol === 'tcp');
  if (!isOwner && !forwards) return { cause: 'its table has no such forward', command: 'drover apply' };
  const system = examined.examinations[node]?.system;
  const look = shell.run('nft', 'list', 'ruleset');
  if (system === undefined) return { cause: 'its firewall could not be read', command: look };
  if (!isOn(system, facts)) return forwardingOff(patient, facts);
  if (onlyLocal) return { cause: 'something stops its own packets on their way out', command: look };
  const drop = suspect(system.firewall.drops, served.port);
  const lacking = lackingPeers(system, facts);
  if (lacking.length > 0 && (drop === undefined || drop.handle === undefined)) {
    return { cause: `FORWARD does not let ${some(lacking)} through`, command: shell.run(...reload) };
  }
  return drop === undefined
    ? { cause: 'no rule of its own firewall explains it; check a firewall between the machines', command: look }
    : causedBy(patient, examined, facts, served, drop, system.firewall.services);
}

/** A rule that names the port, else one that names none, else a policy: rules are met before it. */
function suspect(drops: readonly FirewallDrop[], port: number): FirewallDrop | undefined {
  const rules = drops.filter(({ hook, handle }) => hook !== 'input' && handle !== undefined);
  const names = (rule: string): readonly number[] =>
    [...rule.matchAll(/\b(?:dport|proto-dst)\s+(?:\{([^}]*)\}|(\d+))/g)].flatMap(([, many, one]) =>
      (many ?? one ?? '').split(',').map(Number),
    );
  return (
    rules.find(({ rule }) => names(rule).includes(port)) ??
    rules.find(({ rule }) => names(rule).length === 0) ??
    drops.find(({ hook, handle }) => hook === 'forward' && handle === undefined)
  );
}

/** Every remedy lets one port through and nothing else: no chain and no policy changes. */
function causedBy(
  { node, shell }: Patient,
  { state }: Examined,
  facts: NodeFacts,
  served: ServedPort,
  drop: FirewallDrop,
  services: readonly string[],
): Cause {
  const { table, chain, handle, rule } = drop;
  const owner = state.nodes[served.node];
  const to = freshFacts(owner)?.meshAddress ?? '';
  const { port } = served;
  const cause = `probably "${rule}" in nft's chain ${table} ${chain}`;
  if (services.includes('ufw') && (chain.startsWith('ufw') || handle === undefined) && plainAddress(to) !== undefined) {
    const rules = ['route', 'allow', 'proto', 'tcp', 'to', to, 'port', `${port}`];
    return { cause: `${cause} (ufw)`, command: shell.run('ufw', ...rules) };
  }
  const by = services.includes('firewalld') && table.endsWith('firewalld') ? ' (firewalld)' : '';
  const isOwner = served.node === node;
  const remedy = acceptRule(drop, isOwner ? facts.meshAddress : to, port, isOwner);
  const command = shell.run(...(remedy ?? ['nft', 'list', 'ruleset']));
  return { cause: `${cause}${by}`, command };
}

/** A name that neither a shell nor nft can misread, because a node's report is not trusted. */
const isPlain = (name: string): boolean => /^[A-Za-z0-9_-]+$/.test(name);

/**
 * The one rule that lets the connections of this port through, before the one that drops them: those to the address
 * itself on the node where the application runs, else those that are forwarded to the address. Undefined where a name
 * is not plain.
 */
function acceptRule(
  { table, chain, handle, hook }: FirewallDrop,
  address: string,
  port: number,
  isOwner: boolean,
): readonly string[] | undefined {
  if (!table.split(' ').every(isPlain) || !isPlain(chain) || plainAddress(address) === undefined) return undefined;
  const family = isIPv6(address) ? 'ip6' : 'ip';
  const tool = { 'ip filter': 'iptables', 'ip6 filter': 'ip6tables' }[table];
  if (tool !== undefined && hook === 'forward') {
    const end = isOwner ? `--ctorigdst ${address}` : `--ctreplsrc ${address}`;
    const at = handle === undefined ? 'DOCKER-USER' : chain;
    return words(`${tool} -I ${at} -p tcp -m conntrack --ctstate DNAT ${end} --ctorigdstport ${port} -j ACCEPT`);
  }
  const rule = `nft insert rule ${table} ${chain}`;
  // Nothing has been translated yet: the packets still go to the node's own address.
  if (hook === 'prerouting') return words(`${rule} tcp dport ${port} accept`);
  const end = isOwner ? `ct original ${family} daddr ${address}` : `ct reply ${family} saddr ${address}`;
  return words(`${rule} ct status dnat ${end} ct original proto-dst ${port} meta l4proto tcp accept`);
}

const words = (text: string): readonly string[] => text.split(' ');

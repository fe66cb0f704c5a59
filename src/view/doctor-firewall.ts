import type { NodeFacts } from '../model/cluster.ts';
import type { FirewallDrop, SystemReading } from '../model/examination.ts';
import type { Examined, Finding, Patient } from './doctor-finding.ts';
import { some } from './doctor-finding.ts';
import type { ServedPort } from './served-ports.ts';

export interface Cause {
  readonly cause: string;
  readonly command: string;
}

/** Loads the port map again and lets the peers through Docker's chain; provision.sh made the unit. */
const reload = ['systemctl', 'restart', 'drover-net'] as const;

/** What holds of a node's forwarding whether or not something is forwarded now. */
export function forwardingFindings(patient: Patient, system: SystemReading, facts?: NodeFacts): readonly Finding[] {
  const { node, shell } = patient;
  const check = 'forwarding';
  if (!isOn(system, facts)) return [{ node, check, result: 'fault', ...forwardingOff(patient, facts) }];
  const lacking = lackingPeers(system, facts);
  if (lacking.length > 0) {
    const text = `Docker's chain DOCKER-USER does not let ${some(lacking)} through`;
    const drops = forwardDrops(system).some(({ handle }) => handle === undefined);
    return [{ node, check, result: drops ? 'fault' : 'warning', text, command: shell.run(...reload) }];
  }
  const policy = forwardDrops(system).find(({ handle }) => handle === undefined);
  const text = policy === undefined ? 'packets are let through' : 'packets of the other nodes are let through';
  return [{ node, check, result: 'ok', text }];
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

function forwardingOff({ shell }: Patient, facts: NodeFacts | undefined): { readonly text: string; command: string } {
  const key = isSix(facts) ? 'net.ipv6.conf.all.forwarding' : 'net.ipv4.ip_forward';
  return { text: `${key} is 0: the kernel forwards nothing`, command: shell.run('sysctl', '-w', `${key}=1`) };
}

/** Why a connection did not come through, as far as it can be told, and what mends that. */
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
  if (!isOn(system, facts)) {
    const { text, command } = forwardingOff(patient, facts);
    return { cause: text, command };
  }
  if (onlyLocal) return { cause: 'something stops its own packets on their way out', command: look };
  const drop = suspect(system.firewall.drops, served.port);
  const lacking = lackingPeers(system, facts);
  if (lacking.length > 0 && (drop === undefined || drop.handle === undefined)) {
    return { cause: `DOCKER-USER does not let ${some(lacking)} through`, command: shell.run(...reload) };
  }
  return drop === undefined
    ? { cause: 'no rule of its firewall tells why; perhaps one between the machines', command: look }
    : causedBy(patient, examined, served, drop, system.firewall.services);
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

/** Every remedy lets one port through, and nothing else: a chain or a policy stays as its owner made it. */
function causedBy(
  { shell }: Patient,
  { state }: Examined,
  served: ServedPort,
  { hook, table, chain, handle, rule }: FirewallDrop,
  services: readonly string[],
): Cause {
  const owner = state.nodes[served.node];
  const to = owner?.status === 'reachable' ? owner.facts.meshAddress : '';
  const { port } = served;
  const cause = `probably "${rule}" in nft's chain ${table} ${chain}`;
  if (services.includes('ufw') && (chain.startsWith('ufw') || handle === undefined) && isAddress(to)) {
    const rules = ['route', 'allow', 'proto', 'tcp', 'to', to, 'port', `${port}`];
    return { cause: `${cause} (ufw)`, command: shell.run('ufw', ...rules) };
  }
  if (services.includes('firewalld') && table.endsWith('firewalld')) {
    return { cause: `${cause} (firewalld)`, command: shell.script(policyFor(port)) };
  }
  return { cause, command: shell.run(...(acceptIn(hook, table, chain, port) ?? ['nft', 'list', 'ruleset'])) };
}

const isAddress = (text: string): boolean => /^[0-9A-Fa-f][0-9A-Fa-f.:]*$|^::[0-9A-Fa-f.:]*$/.test(text);

/** firewalld judges forwarded packets by policies; this one is about the port alone. */
function policyFor(port: number): string {
  const policy = `firewall-cmd --permanent --policy drover-${port}`;
  const zones = `${policy} --add-ingress-zone ANY && ${policy} --add-egress-zone ANY`;
  const make = `firewall-cmd --permanent --new-policy drover-${port}`;
  return `${make} && ${zones} && ${policy} --add-port ${port}/tcp && firewall-cmd --reload`;
}

/**
 * One rule at the beginning of the chain, for connections that were made to this port: Docker has changed their target
 * by the time they are forwarded. Tables of iptables are changed with iptables, which cannot read rules of nft's own.
 * Undefined where the names are none that nft gives.
 */
function acceptIn(
  hook: FirewallDrop['hook'],
  table: string,
  chain: string,
  port: number,
): readonly string[] | undefined {
  const [, family = '', name = ''] = /^(ip6?|inet|bridge|netdev) ([A-Za-z_][\w.-]*)$/.exec(table) ?? [];
  if (name === '' || !/^[A-Za-z_][\w.-]*$/.test(chain)) return undefined;
  const isIptables = family.startsWith('ip') && ['filter', 'raw', 'mangle', 'nat', 'security'].includes(name);
  if (isIptables && family !== 'inet') {
    const program = family === 'ip6' ? 'ip6tables' : 'iptables';
    const original = ['-m', 'conntrack', '--ctorigdstport', `${port}`];
    const match = hook === 'forward' ? original : ['--dport', `${port}`];
    return [program, '-t', name, '-I', chain, '-p', 'tcp', ...match, '-j', 'ACCEPT'];
  }
  const match = hook === 'forward' ? ['ct', 'original', 'proto-dst'] : ['tcp', 'dport'];
  const protocol = hook === 'forward' ? ['meta', 'l4proto', 'tcp'] : [];
  return ['nft', 'insert', 'rule', family, name, chain, ...protocol, ...match, `${port}`, 'accept'];
}

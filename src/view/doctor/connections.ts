import type { NodeFacts } from '../../model/cluster.ts';
import { isName, printCommand } from '../../model/command-line.ts';
import { type NodeName, nodeOf } from '../../model/config.ts';
import type { ConnectAnswer, ConnectResult } from '../../model/examination.ts';
import { isReachedThrough, type ServedPort, servedPorts } from '../served-ports.ts';
import { count } from '../wording.ts';
import { type Examined, type Finding, type Patient, some } from './finding.ts';
import { causeOf } from './firewall.ts';

/** One port of one node, and the result of each node that tried it; `local` is the node itself. */
interface Door {
  readonly served: ServedPort;
  readonly local?: ConnectResult;
  readonly others: readonly { readonly from: string; readonly result: ConnectResult }[];
}

const here = 'this machine';

/** Results of real connections to and through a node: ports of its applications, ports it forwards, and its sshd. */
export function connectionFindings(patient: Patient, examined: Examined, facts: NodeFacts): readonly Finding[] {
  return [...portFindings(patient, examined, facts), ...sshFindings(patient, examined, facts)];
}

function portFindings(patient: Patient, examined: Examined, facts: NodeFacts): readonly Finding[] {
  const { ok, node } = patient;
  const held = new Set(facts.network.holds.map(({ port }) => port));
  const doors = servedPorts(examined.state)
    .filter((served) => !held.has(served.port) && isReachedThrough(examined.state, served, node))
    .map((served) => doorOf(examined, node, facts, served));
  const tried = doors.flatMap(({ others, local }) => [...others, ...(local === undefined ? [] : [local])]);
  if (tried.length === 0) return [];
  const found = [
    ...new Map(doors.flatMap((door) => judge(patient, examined, facts, door)).map((it) => [it.text, it])).values(),
  ];
  if (found.length > 0) return found;
  const ports = some(doors.map(({ served }) => String(served.port)));
  const text = `${count(tried.length, 'connection')} to ${ports} accepted`;
  return [ok('connections', text)];
}

function doorOf(examined: Examined, node: NodeName, { meshAddress }: NodeFacts, served: ServedPort): Door {
  const { port } = served;
  const mine = (answers: readonly ConnectAnswer[] | undefined): ConnectResult | undefined =>
    answers?.find((one) => one.address === meshAddress && one.port === port && one.banner !== true)?.result;
  const local = mine(examined.examinations[node]?.connects);
  const others = Object.entries(examined.examinations).flatMap(([from, { connects }]) => {
    const result = from === node ? undefined : mine(connects);
    return result === undefined ? [] : [{ from: titleOf(examined, from), result }];
  });
  const own = examined.here.find((one) => one.node === node && one.port === port);
  return {
    served,
    ...(local === undefined ? {} : { local }),
    others: own === undefined ? others : [...others, { from: here, result: own.result }],
  };
}

const titleOf = ({ config }: Examined, node: NodeName): string => config.nodes[node]?.name ?? node;

function judge(patient: Patient, examined: Examined, facts: NodeFacts, door: Door): readonly Finding[] {
  const { fault, node } = patient;
  const { served, local, others } = door;
  const failed = others.filter(({ result }) => result !== 'accepted');
  const isOwner = served.node === node;
  if (isOwner && local !== undefined && local !== 'accepted') {
    const text = `"${served.app}" does not accept on its port ${served.port}, not even on its own node`;
    return [
      fault(
        'answers',
        text,
        isName(served.app) ? printCommand(['drover', 'logs', served.app, '--tail', '50']) : 'drover status',
      ),
    ];
  }
  if (failed.length === 0 && (local === undefined || local === 'accepted')) return [];
  // If the application's own node cannot be reached either, that node has its own finding.
  const ownersDoor = isOwner ? undefined : ownersView(examined, served, node);
  if (ownersDoor !== undefined && ownersDoor !== 'accepted') return [];
  const whom = failed.length === 0 ? 'the node itself' : some(failed.map(({ from }) => from));
  const what = `port ${served.port} of "${served.app}" does not answer through this node to ${whom}`;
  const text = isOwner ? `port ${served.port} of "${served.app}" does not answer to ${whom}` : what;
  const { cause, command } = causeOf(patient, examined, facts, served, failed.length === 0);
  return [fault('connections', `${text}: ${cause}`, command)];
}

/** The result of a connection from the forwarding node to the owner. */
function ownersView(examined: Examined, { node: owner, port }: ServedPort, from: NodeName): ConnectResult | undefined {
  const state = examined.state.nodes[owner];
  if (state?.status !== 'reachable') return undefined;
  return examined.examinations[from]?.connects?.find(
    (one) => one.address === state.facts.meshAddress && one.port === port && one.banner !== true,
  )?.result;
}

function sshFindings(patient: Patient, examined: Examined, facts: NodeFacts): readonly Finding[] {
  const { finding, warning, ok, node, shell } = patient;
  const { transfer } = examined.config.settings;
  const check = 'direct transfer';
  if (transfer === 'relay') return [];
  const tried = Object.entries(examined.examinations).flatMap(([from, { connects = [] }]) => {
    const to = connects.filter((one) => one.banner === true && isOf(examined, node, one));
    return from === node || to.length === 0 ? [] : [{ from: titleOf(examined, from), ...bannersOf(to) }];
  });
  if (tried.length === 0) return [];
  const cut = tried.filter(({ banners }) => banners === 0).map(({ from }) => from);
  const found: Finding[] = [];
  if (cut.length > 0) {
    const text = `${some(cut)} cannot reach its sshd at ${facts.meshAddress}: data goes through this machine, slower`;
    const command = shell.run('ss', '-Hltnp', 'sport', '=', ':ssh');
    found.push(finding(transfer === 'direct' ? 'fault' : 'warning', check, text, command));
  }
  const few = tried.filter(({ banners, asked }) => banners > 0 && banners < asked);
  if (few.length > 0) {
    const text = `sshd turns connections away that come at the same time (MaxStartups)`;
    const edit = "sed -i 's/^[[:space:]]*MaxStartups.*/MaxStartups 10:30:100/I' /etc/ssh/sshd_config";
    const command = shell.script(`${edit} $(ls /etc/ssh/sshd_config.d/*.conf 2>/dev/null) && systemctl reload ssh`);
    found.push(warning('sshd', text, command));
  }
  if (found.length > 0) return found;
  return [ok(check, `its sshd answers ${some(tried.map(({ from }) => from))}`)];
}

/** The best result of several places: one that answers is enough. */
function bannersOf(answers: readonly ConnectAnswer[]): { readonly banners: number; readonly asked: number } {
  const places = new Map<string, { banners: number; asked: number }>();
  for (const { address, port, said } of answers) {
    const place = places.get(`${address} ${port}`) ?? { banners: 0, asked: 0 };
    places.set(`${address} ${port}`, place);
    place.asked += 1;
    if (said?.startsWith('SSH-') === true) place.banners += 1;
  }
  return [...places.values()].toSorted((a, b) => b.banners - a.banners)[0] ?? { banners: 0, asked: 0 };
}

/** An address of this node: its mesh address, or one that no other node has. */
function isOf({ state }: Examined, node: NodeName, { address }: ConnectAnswer): boolean {
  const owner = Object.entries(state.nodes).find(
    ([, seen]) => seen.status === 'reachable' && seen.facts.meshAddress === address,
  );
  return owner?.[0] === node;
}

/** Images that no node has: drover has to pull them, and has not asked the registry yet. */
export function imageFindings({ warning, node, shell }: Patient, { config, state }: Examined): readonly Finding[] {
  const there = new Set(
    Object.values(state.nodes).flatMap((seen) => (seen.status === 'reachable' ? Object.keys(seen.facts.images) : [])),
  );
  return Object.values(config.applications)
    .filter(({ name }) => nodeOf(config, name) === node)
    .flatMap(({ name, image }): readonly Finding[] => {
      const reference =
        image.digest === undefined ? `${image.repository}:${image.tag}` : `${image.repository}@${image.digest}`;
      if (there.has(reference)) return [];
      const text = `image ${reference} of "${name}" is on no node: it must come from its registry`;
      return [warning('images', text, shell.run('docker', 'pull', reference))];
    });
}

import { isPublishedAt } from '../../model/addresses.ts';
import { type ContainerSpec, isActive } from '../../model/cluster.ts';
import { addTo } from '../../model/collect.ts';
import type { Application, AppName, NodeName } from '../../model/config.ts';
import { isInRange, parseNameRange } from '../../model/name-range.ts';
import type { NameEntry, NamesOnNetwork, NameTable, Resolver } from '../../model/name-table.ts';
import type { ActionOf } from '../../model/plan.ts';
import { keptApps } from '../conflicts.ts';
import type { GroupDecision } from '../group-decision.ts';
import { compareText, sorted } from '../lists.ts';
import { containersOf, knownFacts, managedContainers, meshAddress, type PlanInput, perInput } from '../plan-input.ts';
import { addressOf, nameRange } from './assigned.ts';
import { isOnHost, networksOf, resolverFor } from './desired.ts';
import { portsNow } from './learned.ts';

/** Where an application answers. `observed`: the plan cannot decide it now, and every node keeps its entry. */
type Named =
  | 'observed'
  | {
      readonly by: NodeName;
      /** The entry of its node, and that of the others; absent if the address of its node is not known. */
      readonly own: NameEntry;
      readonly others?: NameEntry;
    };

/** By application, sorted. */
export type NameServing = ReadonlyMap<AppName, Named>;

const none: NameServing = new Map();

/** Where each application answers after the plan. */
export function namesAfter(input: PlanInput, decisions: readonly GroupDecision[]): NameServing {
  if (nameRange(input) === undefined) return none;
  const found = new Map<AppName, Named>();
  const kept = keptApps(decisions);
  for (const { app, container } of managedContainers(input))
    if (kept.has(app) && isActive(container)) found.set(app, 'observed');
  for (const decision of decisions) {
    const { app, node, blockers, start } = decision;
    if (app === undefined) continue;
    const seen = containersOf(input, app.name);
    const here = seen.find((one) => one.node === node)?.container.spec;
    const spec = blockers.length === 0 ? (start?.spec ?? here) : undefined;
    const runs = seen.find(({ container }) => isActive(container));
    if (spec !== undefined) found.set(app.name, namedAt(input, app.name, node, spec));
    else if (runs !== undefined) found.set(app.name, namedAt(input, app.name, runs.node, runs.container.spec));
    else found.set(app.name, 'observed');
  }
  return new Map([...found].sort(([a], [b]) => compareText(a, b)));
}

/** Where each application answers until the switches. */
export function namesBefore(input: PlanInput, after: NameServing, switches: readonly GroupDecision[]): NameServing {
  if (after.size === 0) return after;
  const serving = new Map(after);
  for (const { app, checks } of switches) {
    if (app === undefined) continue;
    const runs = checks ? undefined : containersOf(input, app.name).find(({ container }) => isActive(container));
    const named: Named = runs === undefined ? 'observed' : namedAt(input, app.name, runs.node, runs.container.spec);
    serving.set(app.name, named);
  }
  return serving;
}

export function namesSwitched(before: NameServing, after: NameServing, app: AppName | undefined): NameServing {
  const named = app === undefined ? undefined : after.get(app);
  return app === undefined || named === undefined ? before : new Map(before).set(app, named);
}

/**
 * The entries for an application that runs on this node with this spec. A container without names is reached at its
 * external ports, also on its own node: Docker does not publish them at its virtual address.
 */
function namedAt(input: PlanInput, name: AppName, by: NodeName, spec: ContainerSpec): Named {
  const { names, ports } = spec;
  const address = addressOf(input, name);
  const app = input.config.applications[name];
  const mesh = meshAddress(input, by);
  if (address === undefined || app === undefined) return 'observed';
  const hasOwn = names !== undefined && names.address === address;
  const external = ports
    .filter((port) => mesh !== undefined && isPublishedAt(port, mesh))
    .map(({ internal: port, protocol, external: meshPort }) => ({ port, protocol, meshPort }));
  const byPort = new Map(external.toReversed().map((port) => [`${port.port}/${port.protocol}`, port]));
  const unnamed = [...byPort.values()].sort((a, b) => a.port - b.port || compareText(a.protocol, b.protocol));
  const entry: NameEntry = {
    deployment: input.config.name,
    application: name,
    address,
    networks: namesOnNetworks(app),
    ports: hasOwn ? portsNow(input, spec) : unnamed,
  };
  const others = mesh === undefined ? undefined : { ...entry, at: mesh };
  const isPublished = hasOwn && !isOnHost(spec);
  return { by, own: isPublished ? entry : (others ?? entry), ...(others === undefined ? {} : { others }) };
}

const namesOnNetworks = (app: Application): readonly NamesOnNetwork[] =>
  networksOf(app).map(({ network, aliases }) => ({ network, names: sorted([app.name, ...aliases]) }));

/** The whole part for names of a node's table; undefined if the node is not set up for names. */
export function nameTableFor(input: PlanInput, node: NodeName, serving: NameServing): NameTable | undefined {
  const now = input.reachable.get(node)?.network.names;
  if (now === undefined) return undefined;
  const others = othersOf(input, node);
  const entries = ownEntries(input, now, node, serving);
  const resolvers = nameRange(input) === undefined ? [] : resolversFor(input, node);
  const { nameRange: range } = input.config.settings;
  const hasOwn = entries.length + resolvers.length > 0 && range !== undefined;
  return {
    ranges: sorted([...(hasOwn ? [range] : []), ...others.ranges]),
    entries:
      others.entries.length === 0
        ? entries
        : [...entries, ...others.entries].sort(
            (a, b) => compareText(a.deployment, b.deployment) || compareText(a.application, b.application),
          ),
    resolvers: [...resolvers, ...others.resolvers].sort((a, b) => compareText(a.address, b.address)),
  };
}

function ownEntries(input: PlanInput, now: NameTable, node: NodeName, serving: NameServing): NameEntry[] {
  let observed: ReadonlyMap<AppName, NameEntry> | undefined;
  const entries: NameEntry[] = [];
  for (const [app, named] of serving) {
    if (named === 'observed') observed ??= ownByApp(input, now);
    const entry = named === 'observed' ? observed?.get(app) : named.by === node ? named.own : named.others;
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

const ownByApp = ({ config }: PlanInput, { entries }: NameTable): ReadonlyMap<AppName, NameEntry> =>
  new Map(entries.flatMap((one) => (one.deployment === config.name ? [[one.application, one] as const] : [])));

/** The entry of one application in a node's table; undefined if it has none. */
export function entryFor(input: PlanInput, node: NodeName, serving: NameServing, app: AppName): NameEntry | undefined {
  const now = input.reachable.get(node)?.network.names;
  const named = serving.get(app);
  return now === undefined || named === undefined
    ? undefined
    : ownEntries(input, now, node, new Map([[app, named]]))[0];
}

/** The name servers that containers on a node ask: those that run there, and those that the files place there. */
function resolversFor(input: PlanInput, node: NodeName): readonly Resolver[] {
  const needed = new Map<string, Resolver>();
  const add = (app: Application | undefined): void => {
    const resolver = app === undefined ? undefined : resolverFor(input, app);
    if (resolver !== undefined) needed.set(resolver.address, resolver);
  };
  for (const app of placedOn(input).get(node) ?? []) add(input.config.applications[app]);
  const used = new Set(
    knownFacts(input, node)?.containers.flatMap(({ managed, spec }) => (managed ? (spec.names?.resolver ?? []) : [])),
  );
  for (const resolver of input.reachable.get(node)?.network.names?.resolvers ?? [])
    if (resolver.deployment === input.config.name && used.has(resolver.address)) needed.set(resolver.address, resolver);
  return [...needed.values()];
}

const placedOn = perInput((input) => {
  const byNode = new Map<NodeName, AppName[]>();
  for (const [app, node] of input.placement) addTo(byNode, node, app);
  return byNode;
});

/** What other deployments have in a node's table. */
function othersOf({ config, reachable }: PlanInput, node: NodeName): NameTable {
  const now = reachable.get(node)?.network.names;
  const isOther = ({ deployment }: { readonly deployment: string }): boolean =>
    deployment !== config.name && deployment !== config.takesOver;
  const entries = (now?.entries ?? []).filter(isOther);
  const resolvers = (now?.resolvers ?? []).filter(isOther);
  if (entries.length + resolvers.length === 0) return { ranges: [], entries, resolvers };
  const ranges = (now?.ranges ?? []).filter((text) => {
    const range = parseNameRange(text);
    return range !== undefined && [...entries, ...resolvers].some(({ address }) => isInRange(address, range));
  });
  return { ranges, entries, resolvers };
}

/** The names that a replace-network step loads: its own, or with `only` the node's present ones with the step's entries. */
export function mergeNames(
  now: NameTable | undefined,
  { names, only }: ActionOf<'replace-network'>,
): NameTable | undefined {
  if (names === undefined || only === undefined || now === undefined) return names;
  const keyOf = ({ deployment, application }: NameEntry): string => `${deployment} ${application}`;
  const changed = new Set(names.entries.map(keyOf));
  const entries = [...now.entries.filter((entry) => !changed.has(keyOf(entry))), ...names.entries];
  return {
    ...now,
    entries: entries.sort(
      (a, b) => compareText(a.deployment, b.deployment) || compareText(a.application, b.application),
    ),
  };
}

/** True if both have the same content in the same order. */
export function sameNames(a: NameTable | undefined, b: NameTable | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  return (
    a.ranges.join() === b.ranges.join() &&
    sameList(a.entries, b.entries, sameEntry) &&
    sameList(a.resolvers, b.resolvers, sameResolver)
  );
}

function sameList<T>(a: readonly T[], b: readonly T[], isSame: (a: T, b: T | undefined) => boolean): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (!isSame(a[at] as T, b[at])) return false;
  return true;
}

export function sameEntry(a: NameEntry | undefined, b: NameEntry | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  return (
    a.application === b.application &&
    a.address === b.address &&
    a.at === b.at &&
    a.deployment === b.deployment &&
    sameList(
      a.ports,
      b.ports,
      (one, other) =>
        one.port === other?.port &&
        one.meshPort === other.meshPort &&
        one.protocol === other.protocol &&
        one.isLearned === other.isLearned,
    ) &&
    sameList(
      a.networks,
      b.networks,
      (one, other) => one.network === other?.network && one.names.join() === other.names.join(),
    )
  );
}

const sameResolver = (a: Resolver, b: Resolver | undefined): boolean =>
  a.address === b?.address &&
  a.deployment === b.deployment &&
  a.networks.join() === b.networks.join() &&
  a.upstream?.join() === b.upstream?.join();

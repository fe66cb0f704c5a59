import { isLoopback, isWildcard } from '../model/addresses.ts';
import { type Container, isActive, type NetworkTable, type NodeFacts, type PortKey } from '../model/cluster.ts';
import { addTo } from '../model/collect.ts';
import type { Application, DeploymentName, NodeName } from '../model/config.ts';
import { containerName, printImage } from '../model/names.ts';
import type { Blocker } from '../model/plan.ts';
import { sharedElsewhere } from '../model/shared-volumes.ts';
import { entriesOfOthers, hintFor } from './deployments.ts';
import { sorted } from './lists.ts';
import { bringNodeBack } from './node-reasons.ts';
import { listenOf, type PlanInput, perInput } from './plan-input.ts';
import { externalPorts, portText } from './ports.ts';
import { copiesOf } from './volumes/ownership.ts';
import { quote } from './wording.ts';

/** Why an application cannot be placed. Problems of its volumes are reported separately. */
export interface Obstacles {
  readonly blockers: readonly Blocker[];
  /** These blockers explain everything: other problems of the application are not reported. */
  readonly decisive: boolean;
  readonly portsTaken: boolean;
}

/** Applies the rules in order: the node, containers on nodes that cannot be reached, names, addresses, ports. */
export function findObstacles(input: PlanInput, app: Application, node: NodeName, starts: boolean): Obstacles {
  const away = !input.reachable.has(node);
  const ports = app.ports.length === 0 ? [] : takenPorts(input, app, node);
  const found = [
    ...(away ? [{ node, why: 'the node cannot be reached', hint: hintWhileAway(input, app) }] : []),
    ...(starts && !away ? [...runsUnseen(input, app), ...neverPulled(input, app, node)] : []),
    ...splitVolume(input, app),
    ...foreignNames(input, app),
    ...missingAddresses(input, app, node),
    ...ports,
  ];
  const blockers = found.map(({ why, ...rest }) => ({
    app: app.name,
    ...rest,
    reason: `cannot place application ${quote(app.name)} on ${quote(node)}: ${why}`,
  }));
  return { blockers, decisive: away, portsTaken: ports.length > 0 };
}

/** A copy on another node can be used, if a person knows that the lost one is off. */
function hintWhileAway(input: PlanInput, { name, volumes }: Application): string {
  const hasAll = (node: NodeName): boolean =>
    volumes.every(({ id }) =>
      copiesOf(input, id).some((copy) => copy.node === node && copy.volume.snapshots.length > 0),
    );
  const other = volumes.length === 0 ? undefined : [...input.reachable.keys()].find(hasAll);
  return other === undefined ? bringNodeBack : `${bringNodeBack}; if it is off: drover failover ${name} --to ${other}`;
}

/** A blocker without its application. `why` completes "cannot place application …: ". */
type Found = Omit<Blocker, 'app' | 'reason'> & { readonly why: string };

/**
 * The application may still run on a node that cannot be reached or is missing from the files. Ownership of its volumes
 * prevents a second copy; an application without volumes has only the last observation of those nodes.
 */
function runsUnseen(input: PlanInput, app: Application): Found[] {
  if (app.volumes.length > 0) return [];
  const runsIn = (facts: NodeFacts | undefined): boolean =>
    facts?.containers.some((container) => container.application === app.name && isActive(container)) === true;
  const away = [...input.unreachable].flatMap(([node, facts]) => {
    const why = `it ran on ${quote(node)} when last seen, and that node cannot be reached`;
    return runsIn(facts) ? [{ node, why, hint: bringNodeBack }] : [];
  });
  const departed = [...input.departed].flatMap(([node, facts]) => {
    const why = `it ran on ${quote(node)} when last seen, and that node is missing from the files`;
    return runsIn(facts) ? [{ why, hint: `put "${node}: []" back into deployment.yml` }] : [];
  });
  return [...away, ...departed];
}

/** One node owns a volume, so all applications that share it are there. */
function splitVolume({ config }: PlanInput, app: Application): Found[] {
  const other = sharedElsewhere(config, app.name);
  if (other === undefined) return [];
  const at = app.volumes.find(({ id }) => id === other.volume)?.mountpoint ?? '';
  return [
    {
      why: `it shares its volume at ${at} with ${quote(other.app)}, which is placed on ${quote(other.node)}`,
      hint: 'place both on one node',
    },
  ];
}

/** An image that no registry is asked for has to be on a node. */
function neverPulled(input: PlanInput, { image, pullPolicy }: Application, node: NodeName): Found[] {
  const name = printImage(image);
  if (pullPolicy !== 'never' || [...input.reachable.values()].some(({ images }) => images[name] !== undefined))
    return [];
  const why = `its pull policy is never, and no node has the image ${quote(name)}`;
  return [{ node, why, hint: `put the image on ${quote(node)}, or remove "pull_policy"` }];
}

function foreignNames(input: PlanInput, app: Application): Found[] {
  const name = containerName(app.name);
  return foreignContainers(input, app).map(({ node, container }) => {
    const { deployment, otherApplication } = container;
    if (deployment !== undefined && otherApplication !== undefined) {
      const of = `${quote(otherApplication)} there belongs to the deployment ${quote(deployment)}`;
      return { node, why: of, hint: hintFor(input.config, deployment) };
    }
    return {
      node,
      why: `a container named ${quote(name)} on ${quote(node)} is not drover's`,
      hint: `rename or remove ${quote(name)} on ${quote(node)}`,
    };
  });
}

/** Foreign containers that have the name which the application's container needs. */
const foreignContainers = (input: PlanInput, app: Application): readonly ForeignContainer[] => {
  const places = foreignPlaces(input);
  return (places.size === 0 ? undefined : places.get(containerName(app.name))) ?? [];
};

interface ForeignContainer {
  readonly node: NodeName;
  readonly container: Container;
}

/** Foreign containers of each name, each with its node. */
const foreignPlaces = perInput((input) => {
  const places = new Map<string, ForeignContainer[]>();
  for (const [node, { containers }] of input.reachable) {
    for (const container of containers) if (!container.managed) addTo(places, container.name, { node, container });
  }
  return places;
});

/** A port is published only at the addresses that the files give, and Docker refuses an address that the node lacks. */
function missingAddresses(input: PlanInput, app: Application, node: NodeName): Found[] {
  const facts = input.reachable.get(node);
  if (facts === undefined || app.ports.length === 0) return [];
  const listen = listenOf(input, node);
  const nowhere = listen?.length === 0 && app.ports.some(({ addresses }) => addresses === undefined);
  const own = new Set(facts.addresses?.map(({ address }) => address));
  const unknown = (facts.addresses === undefined ? [] : app.ports).flatMap(({ addresses = [] }) =>
    addresses.filter((address) => !own.has(address) && !isWildcard(address) && !isLoopback(address)),
  );
  return [
    ...(nowhere
      ? [
          {
            node,
            why: `"listen" selects none of its addresses`,
            hint: 'correct "listen" in drover.yml',
          },
        ]
      : []),
    ...sorted(unknown).map((address) => ({
      node,
      why: `the node does not have the address ${address}`,
      hint: 'correct the address of the port, or remove it',
    })),
  ];
}

/**
 * The application's ports that something else has. A port of the deployment that runs the same application is not among
 * them: the take-over of the application takes the port over too.
 */
function takenPorts(input: PlanInput, app: Application, at: NodeName): Found[] {
  const local = new Set(
    app.ports.flatMap((port) => (port.isLocal === true ? externalPorts({ ports: [port] }) : [])).map(portText),
  );
  const owners = new Set(foreignContainers(input, app).map(({ container }) => container.deployment));
  return externalPorts(app).flatMap((key) => {
    const what = `port ${key.port} (${key.protocol})`;
    const kept = keptFor(input, key);
    if (kept !== undefined) {
      return [{ why: `${what} is kept for ${kept}`, hint: 'choose another external port' }];
    }
    const others = (holders(input).get(portText(key)) ?? []).filter(
      ({ node, deployment }) =>
        (deployment === undefined || !owners.has(deployment)) && (node === at || !local.has(portText(key))),
    );
    return others.map(({ node, holder, hint }) => ({
      node,
      why: `${what} on ${quote(node)} is held by ${holder}`,
      hint: hint ?? `free the port on ${quote(node)}, or choose another external port`,
    }));
  });
}

/** Ports that must never be forwarded, because the nodes are reached through them. */
function keptFor(input: PlanInput, key: PortKey): string | undefined {
  if (key.protocol !== 'tcp') return undefined;
  if (key.port === 2375 || key.port === 2376) return "Docker's own API";
  return sshPorts(input).has(key.port) ? 'ssh' : undefined;
}

const sshPorts = perInput(
  ({ config }) => new Set([22, ...Object.values(config.nodes).flatMap(({ port = 22 }) => port)]),
);

interface Holder {
  readonly holder: string;
  readonly deployment?: DeploymentName;
  readonly hint?: string;
}

/** What has each port that this deployment does not have, by node. */
const holders = perInput((input) => {
  const byPort = new Map<string, ({ readonly node: NodeName } & Holder)[]>();
  for (const [node, facts] of input.reachable)
    for (const [key, holder] of holdersOn(facts, entriesOfOthers(input).get(node)))
      addTo(byPort, key, { node, ...holder });
  return byPort;
});

/**
 * A container explains a port better than an entry of the network table, and an entry better than Docker's listening
 * process. A port of another deployment stays taken while its container is stopped.
 */
function holdersOn(
  { listeners, containers }: NodeFacts,
  others: Pick<NetworkTable, 'proxies' | 'open'> | undefined,
): ReadonlyMap<string, Holder> {
  const found = new Map<string, Holder>();
  const note = (key: PortKey, holder: Holder): void => {
    if (!found.has(portText(key))) found.set(portText(key), holder);
  };
  for (const container of containers) {
    const { managed, spec, otherApplication } = container;
    if (managed || (otherApplication === undefined && !isActive(container))) continue;
    for (const key of externalPorts(spec)) note(key, holderOf(container));
  }
  for (const entry of others === undefined ? [] : [...others.open, ...others.proxies]) {
    const { deployment = '' } = entry;
    note(entry, { holder: `the deployment ${quote(deployment)}`, deployment, hint: 'choose another external port' });
  }
  for (const listener of listeners) {
    const { process } = listener;
    note(listener, { holder: process === undefined ? 'an unknown process' : quote(process) });
  }
  return found;
}

function holderOf({ name, otherApplication, deployment }: Container): Holder {
  if (otherApplication === undefined) return { holder: `container ${quote(name)}, which is not drover's` };
  const app = quote(otherApplication);
  const hint = 'choose another external port';
  if (deployment !== undefined) return { holder: `${app} of the deployment ${quote(deployment)}`, deployment, hint };
  return {
    holder: `${app}, which belongs to no deployment`,
    hint: `${hint}; to remove ${app}: drover apply --allow-removal`,
  };
}

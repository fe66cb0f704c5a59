import type { NetworkTable, ServedPort } from '../model/cluster.ts';
import type { AppName, Config, DeploymentName, NodeName, VolumeId } from '../model/config.ts';
import { nodesOf } from '../model/plan.ts';
import { isDescribedApp } from './deployment-view.ts';
import { compareText, sorted } from './lists.ts';
import { managedContainers, type PlanInput, perInput } from './plan-input.ts';
import type { StepBuilder } from './steps/step-builder.ts';
import { quote, quoteAll } from './wording.ts';

/** True if this entry of a network table belongs to another deployment, which keeps it. */
export function isOfOther(
  { config }: Pick<PlanInput, 'config'>,
  { deployment }: Pick<ServedPort, 'deployment'>,
): boolean {
  return deployment !== undefined && deployment !== config.name && deployment !== config.takesOver;
}

/** The entries of other deployments in each node's network table. Nodes without any are left out. */
export const entriesOfOthers = perInput((input): ReadonlyMap<NodeName, Pick<NetworkTable, 'proxies' | 'open'>> => {
  const found = new Map<NodeName, Pick<NetworkTable, 'proxies' | 'open'>>();
  const isOther = (entry: ServedPort): boolean => isOfOther(input, entry);
  for (const [node, { network }] of input.reachable) {
    if (!network.proxies.some(isOther) && !network.open.some(isOther)) continue;
    found.set(node, { proxies: network.proxies.filter(isOther), open: network.open.filter(isOther) });
  }
  return found;
});

/**
 * One step for each node with containers or volumes of this deployment that do not carry its name, or volumes that do
 * not carry their own. It runs before all other steps on the node, because a step that changes a volume names the
 * deployment that it saw.
 */
export function planMarks(builder: StepBuilder, input: PlanInput): void {
  const { config, others, described } = input;
  const named = namesOfVolumes(config);
  for (const [node, facts] of input.reachable) {
    const apps = facts.containers.flatMap(({ managed, application, deployment }) =>
      managed && application !== undefined && isDescribedApp(config, application) && deployment !== config.name
        ? [application]
        : [],
    );
    // A copy that is being received gets the names from the receive, or when it is acquired.
    const copies = facts.volumes.filter(({ id, role }) => described.has(id) && role !== 'incoming' && !others.has(id));
    const foreign = copies.filter(({ deployment }) => deployment !== config.name);
    const unnamed = copies.filter(({ id, name }) => named.has(id) && name !== named.get(id));
    const volumes = [...foreign, ...unnamed].map(({ id }) => id);
    if (apps.length === 0 && volumes.length === 0) continue;
    const names = Object.fromEntries(unnamed.flatMap(({ id }) => [[id, named.get(id) ?? '']] as const));
    const from = config.takesOver === undefined ? '' : `, and is taken over from ${quote(config.takesOver)}`;
    const isNameOnly = apps.length === 0 && foreign.length === 0;
    const id = builder.add({
      action: {
        kind: 'set-deployment',
        ...{ node, deployment: config.name, apps: sorted(apps), volumes: sorted(volumes) },
        ...(unnamed.length === 0 ? {} : { names }),
      },
      reason: isNameOnly
        ? `the files call it ${quoteAll(sorted(Object.values(names)))}`
        : `${quote(config.name)} describes it${from}`,
      group: 'deployment',
    });
    builder.precede(id, (action) => action.kind !== 'set-deployment' && nodesOf(action).includes(node));
  }
}

/** What the Compose file calls each volume. */
function namesOfVolumes({ applications }: Config): ReadonlyMap<VolumeId, string> {
  const volumes = Object.values(applications).flatMap((app) => app.volumes);
  return new Map(volumes.flatMap(({ id, name }) => (name === undefined ? [] : [[id, name] as const])));
}

/** Why drover does not touch a volume of another deployment. */
export function notOurs(config: Config, other: DeploymentName): { readonly problem: string; readonly hint: string } {
  return {
    problem: `it belongs to the deployment ${quote(other)}, and these files describe ${quote(config.name)}`,
    hint: hintFor(config, other),
  };
}

/** What a person can do if something belongs to another deployment. */
export function hintFor(config: Config, other: DeploymentName): string {
  const isGuess = config.isNamedByFolder === true;
  const rename = isGuess ? `if these files describe ${quote(other)}, write "name: ${other}" in drover.yml; ` : '';
  return `${rename}to take it over from ${quote(other)}: drover apply --take-over ${other}`;
}

/**
 * Why these may be the wrong files. Two folders can have the same name: if the files describe nothing that runs under
 * it, the other folder may have started it.
 */
export function doubtFiles(input: PlanInput): string | undefined {
  const { config, placement } = input;
  if (config.isNamedByFolder !== true || placement.size === 0) return undefined;
  const apps = managedContainers(input).map(({ app }) => app);
  if (apps.length === 0 || apps.some((app) => isDescribedApp(config, app))) return undefined;
  return `the files describe none of it, and their deployment is ${quote(config.name)} only because their folder is`;
}

/** A line for each other deployment, and for each container without a deployment. All of them are left alone. */
export function describeOthers(input: PlanInput): string[] {
  const seen = new Map<DeploymentName, Parts>();
  const unmarked: string[] = [];
  for (const [node, { containers, volumes }] of input.reachable) {
    for (const { deployment, otherApplication: app } of containers) {
      if (app === undefined) continue;
      if (deployment === undefined) unmarked.push(`${quote(app)} on ${quote(node)}`);
      else partsOf(seen, deployment, node).apps.add(app);
    }
    for (const { id } of volumes) {
      const deployment = input.others.get(id);
      if (deployment !== undefined) partsOf(seen, deployment, node);
    }
  }
  const others = [...seen].sort(([a], [b]) => compareText(a, b));
  return [
    ...others.map(([deployment, { apps, nodes }]) => {
      const what = apps.size === 0 ? 'volumes' : quoteAll(sorted(apps));
      return `the deployment ${quote(deployment)} has ${what} on ${quoteAll(sorted(nodes))}: left alone`;
    }),
    ...unmarked
      .sort(compareText)
      .map(
        (what) => `${what} belongs to no deployment, and no file describes it: left alone; --allow-removal removes it`,
      ),
  ];
}

interface Parts {
  readonly apps: Set<AppName>;
  readonly nodes: Set<NodeName>;
}

function partsOf(seen: Map<DeploymentName, Parts>, deployment: DeploymentName, node: NodeName): Parts {
  const parts = seen.get(deployment) ?? { apps: new Set(), nodes: new Set() };
  seen.set(deployment, parts);
  parts.nodes.add(node);
  return parts;
}

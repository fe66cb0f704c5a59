import type { ContainerSpec, PortKey } from '../../model/cluster.ts';
import type { AppName, ExposedPort } from '../../model/config.ts';
import { mostLearnedPorts, type NamedPort } from '../../model/name-table.ts';
import { type PlanInput, perInput } from '../plan-input.ts';
import { comparePorts, portText } from '../ports.ts';
import { assignedMeshPort } from './assigned.ts';

/**
 * Where the containers of this deployment were seen to listen, by application. What a container or the table of its node
 * has already comes first, and stays: a program that opens and closes ports changes nothing for long.
 */
const seenPorts = perInput((input): ReadonlyMap<AppName, ReadonlyMap<string, ExposedPort>> => {
  const byApp = new Map<AppName, Map<string, ExposedPort>>();
  const add = (app: AppName, ports: readonly PortKey[]): void => {
    if (ports.length === 0) return;
    const own = byApp.get(app) ?? new Map<string, ExposedPort>();
    byApp.set(app, own);
    for (const { port, protocol } of ports) own.set(portText({ port, protocol }), { port, protocol });
  };
  const learned = (ports: readonly NamedPort[]): readonly NamedPort[] => ports.filter((port) => port.isLearned);
  // Without another node, no mesh port leads anywhere.
  if (input.nodes.length < 2) return byApp;
  const own = [...input.reachable.values()].flatMap(({ containers, network }) => {
    for (const { deployment, application, at, ports } of network.names?.entries ?? [])
      if (at === undefined && deployment === input.config.name) add(application, learned(ports));
    return containers.flatMap((one) => (one.managed && one.application !== undefined ? [one] : []));
  });
  for (const { application = '', spec } of own) add(application, learned(spec.names?.ports ?? []));
  for (const { application = '', state, listens = [] } of own) if (state === 'running') add(application, listens);
  return byApp;
});

/**
 * The ports at which the program of an application listens, or listened, besides these: other nodes reach them by name as
 * well, as in Compose. At most `mostLearnedPorts`, sorted.
 */
export function learnedPorts(input: PlanInput, app: AppName, known: readonly ExposedPort[]): readonly NamedPort[] {
  const seen = seenPorts(input).get(app);
  if (seen === undefined) return [];
  const texts = new Set(known.map(portText));
  const others = [...seen.values()].filter((port) => !texts.has(portText(port))).slice(0, mostLearnedPorts);
  return others.sort(comparePorts).flatMap((port) => {
    const meshPort = assignedMeshPort(input, app, port);
    return meshPort === undefined ? [] : [{ ...port, meshPort, isLearned: true as const }];
  });
}

/**
 * The ports of a container at its virtual address: those that Docker publishes, and, with `isLearned`, those that the
 * table of its node has to lead to it.
 */
export function portsNow(input: PlanInput, { application, names, options }: ContainerSpec): readonly NamedPort[] {
  if (names === undefined) return [];
  const published = names.ports.map(({ isLearned: _learned, ...port }) => port);
  // Only a container on a network of drover's has an address that the node knows.
  if (names.resolver === undefined || options?.network_mode !== undefined) return published;
  const learned = learnedPorts(input, application, names.ports);
  return learned.length === 0 ? published : [...published, ...learned].sort(comparePorts);
}

import type { ClusterState, NodeFacts } from '../../model/cluster.ts';
import type { Config, NodeName, NodeSettings } from '../../model/config.ts';
import type { ConnectAnswer, ConnectTarget, HereAnswer } from '../../model/examination.ts';
import { servedPorts } from '../../view/served-ports.ts';
import type { Cluster } from '../node-client.ts';
import type { EngineDeps } from '../types.ts';
import { withTimeout } from '../with-timeout.ts';

export interface ConnectionsInput {
  readonly deps: EngineDeps;
  readonly config: Config;
  readonly cluster: Cluster;
  readonly limitMs: number;
  readonly only?: NodeName;
}

export interface Connections {
  /** By the node that tried them; the error where it could not. */
  readonly answers: Readonly<Record<NodeName, readonly ConnectAnswer[] | Error>>;
  readonly here: readonly HereAnswer[];
}

/** Connections at one time, as two moves would open. Fewer banners than connections mean that sshd refuses some. */
const sshAtOnce = 3;
const hereMs = 4_000;

/** Connects from here and from each node to each node's served ports, and from each node to the sshd of the others. */
export async function examineConnections(
  input: ConnectionsInput,
  state: ClusterState,
  signal: AbortSignal,
): Promise<Connections> {
  const nodes = reachable(state);
  const ports = [...new Set(servedPorts(state).map(({ port }) => port))];
  const [answers, here] = await Promise.all([
    Promise.all(nodes.map(async ([from]) => [from, await connectFrom(input, from, nodes, ports, signal)] as const)),
    connectFromHere(input, nodes, ports, signal),
  ]);
  return { answers: Object.fromEntries(answers), here };
}

type Reachable = readonly (readonly [NodeName, NodeFacts])[];

const reachable = (state: ClusterState): Reachable =>
  Object.entries(state.nodes).flatMap(([node, seen]) =>
    seen.status === 'reachable' ? [[node, seen.facts] as const] : [],
  );

async function connectFrom(
  { deps, cluster, limitMs, only }: ConnectionsInput,
  from: NodeName,
  nodes: Reachable,
  ports: readonly number[],
  signal: AbortSignal,
): Promise<readonly ConnectAnswer[] | Error> {
  try {
    const work = async (within: AbortSignal): Promise<readonly ConnectAnswer[]> => {
      const client = await cluster.node(from, within);
      const targets: ConnectTarget[] = [];
      for (const [to, facts] of nodes) {
        if (only !== undefined && from !== only && to !== only) continue;
        targets.push(...ports.map((port) => ({ address: facts.meshAddress, port })));
        if (to === from) continue;
        const { sshPlaces } = (await cluster.node(to, within)).doctor;
        const often = sshPlaces.flatMap((place) => Array.from({ length: sshAtOnce }, () => place));
        targets.push(...often.map((place) => ({ ...place, banner: true }) as const));
      }
      return await client.doctor.connect(targets, within);
    };
    return await withTimeout(deps, `connect from "${from}"`, limitMs, signal, work);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Behind a jump host or a forwarded port, the SSH address is not the address of the ports. */
const isElsewhere = (node: NodeName, { host = node, jump }: NodeSettings): boolean =>
  jump !== undefined || host === 'localhost' || host === '::1' || host.startsWith('127.');

async function connectFromHere(
  { deps, config, only }: ConnectionsInput,
  nodes: Reachable,
  ports: readonly number[],
  signal: AbortSignal,
): Promise<readonly HereAnswer[]> {
  const { probe } = deps;
  if (probe === undefined) return [];
  const tried = nodes.filter(
    ([node]) => (only === undefined || node === only) && !isElsewhere(node, config.nodes[node] ?? {}),
  );
  const pairs = tried.flatMap(([node]) => ports.map((port) => ({ node, port })));
  return await Promise.all(
    pairs.map(async ({ node, port }): Promise<HereAnswer> => {
      const connect = (within: AbortSignal) => probe(node, port, within);
      const result = await withTimeout(deps, `connect to "${node}"`, hereMs, signal, connect).catch(
        () => 'held' as const,
      );
      return { node, port, result: result === 'held' ? 'silent' : result };
    }),
  );
}

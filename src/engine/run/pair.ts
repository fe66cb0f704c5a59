import { lastFacts, type Volume } from '../../model/cluster.ts';
import type { NodeName, VolumeId } from '../../model/config.ts';
import type { NodeClient } from '../node-client.ts';
import { conflict, findVolume, getVolume, type StepContext } from './step-context.ts';

/** The two nodes of a move, connected. */
export interface Pair {
  readonly volume: VolumeId;
  readonly from: NodeName;
  readonly to: NodeName;
  readonly source: NodeClient;
  readonly target: NodeClient;
}

/** Both copies of the volume as they are now. */
export interface Copies {
  readonly source: Volume;
  readonly target: Volume | undefined;
}

/** Connects to both nodes. */
export async function openPair(
  action: { readonly from: NodeName; readonly to: NodeName; readonly volume: VolumeId },
  context: StepContext,
  signal: AbortSignal,
): Promise<Pair> {
  const [source, target] = await Promise.all([
    context.cluster.node(action.from, signal),
    context.cluster.node(action.to, signal),
  ]);
  return { volume: action.volume, from: action.from, to: action.to, source, target };
}

/**
 * Ends the node's own rounds for the volume, which would send to the same copy, and take snapshots that this run does not
 * know. A round may have brought a third copy up to date since the nodes were observed, so these are read again.
 */
export async function pauseStandbys(
  { volume, from, to, source, target }: Pair,
  { cluster, known, state }: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const send = lastFacts(state.nodes[from])?.standby?.rules?.sends.find((one) => one.volume === volume);
  const accept = lastFacts(state.nodes[to])?.standby?.rules?.accepts.find((one) => one.volume === volume);
  const rule = send ?? accept;
  if (rule === undefined || known.paused.has(volume)) return;
  await Promise.all([source, target].map(({ standbys }) => standbys.pause(rule, signal)));
  known.paused.add(volume);
  const others = Object.entries(state.nodes).filter(
    ([node, seen]) =>
      node !== from && node !== to && seen.status === 'reachable' && send?.targets.includes(seen.facts.nodeId) === true,
  );
  await Promise.all(
    others.map(async ([node]) => {
      const copy = await findVolume(await cluster.node(node, signal), volume, signal);
      if (copy !== undefined) known.saw(node, copy);
    }),
  );
}

/** Reads both copies. Throws `volume-conflict` where the target's copy must not receive. */
export async function readCopies(pair: Pair, signal: AbortSignal): Promise<Copies> {
  const [source, target] = await Promise.all([
    getVolume(pair.source, pair.volume, 'send', signal),
    findVolume(pair.target, pair.volume, signal),
  ]);
  if (target !== undefined) checkReceivable(pair, source, target);
  return { source, target };
}

function checkReceivable(pair: Pair, source: Volume, target: Volume): void {
  const isCopy = target.role === 'incoming' || target.role === 'replica' || target.role === 'released';
  if (!isCopy) throw conflict('receive', pair.volume, pair.to, `its copy there is in role ${target.role}`);
  if (target.epoch > source.epoch) {
    throw conflict(
      'send',
      pair.volume,
      pair.from,
      `the copy on "${pair.to}" has epoch ${target.epoch}, this one ${source.epoch}`,
    );
  }
}

/** The volume's copies on other nodes. `areAllSeen`: all these nodes answer, so that the list is complete. */
export function thirdCopies({ config, state, known }: StepContext, { volume, from, to }: Pair) {
  const others = Object.keys(config.nodes).filter((node) => node !== from && node !== to);
  const areAllSeen = others.every((node) => state.nodes[node]?.status === 'reachable');
  const copies = others.flatMap((node) => {
    const seen = known.copy(node, volume);
    return seen === undefined
      ? (lastFacts(state.nodes[node])?.volumes.filter(({ id }) => id === volume) ?? [])
      : [seen];
  });
  return { copies, areAllSeen };
}

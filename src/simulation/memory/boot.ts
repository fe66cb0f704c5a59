import { holdersIn, isListed } from '../../model/copy-record.ts';
import { start } from './containers.ts';
import type { MemoryContainer, MemoryDataset, MemoryMachine } from './types.ts';
import { checkInvariants, type MemoryWorld, newGuid, recordIn } from './world.ts';

/** What the peers' answers mean for a volume of a node that has booted (boot-gate in host/provision.sh). */
type Answer = 'taken over' | 'wait' | 'free';

/**
 * True for a container that starts when the node boots: Docker starts those that ran, and stopped ones with the policy
 * `always`; the boot gate starts those that were created and never started.
 */
export function startsAtBoot({ state, spec }: MemoryContainer): boolean {
  if (state === 'created' && spec.isDone === true) return false;
  const { name } = spec.restartPolicy;
  const wasWanted = (state === 'running' || state === 'created') && name !== 'never';
  return wasWanted || (state === 'exited' && name === 'always');
}

/**
 * One round of a node's boot gate: asks the peers, mounts each volume that the node owns or marks it diverged, and starts
 * the containers that Docker could not start. False while something waits. A node without boot rules does nothing.
 */
export function runBootGate(world: MemoryWorld, machine: MemoryMachine): boolean {
  if (machine.boot === undefined) {
    machine.isOff = false;
    return true;
  }
  // A run of drover holds the lock.
  if (machine.lock !== undefined) return false;
  const owned = [...machine.datasets.values()].filter(
    ({ properties, mounted }) => properties.role === 'owner' && properties.owner === machine.nodeId && !mounted,
  );
  let isDone = true;
  for (const dataset of owned) {
    const answer = wasNeverCopied(dataset) ? 'free' : askPeers(world, machine, dataset);
    if (answer === 'wait') isDone = false;
    else if (answer === 'free') dataset.mounted = true;
    else markDiverged(world, machine, dataset);
  }
  if (isDone) machine.isOff = false;
  for (const name of machine.wanted) {
    const container = machine.containers.get(name);
    if (container === undefined || container.state === 'running' || startIfPossible(world, machine, container)) {
      machine.wanted.delete(name);
    }
  }
  checkInvariants(world);
  return isDone;
}

/** The most take-overs that are plausible while a node was off (boot-gate in host/provision.sh). */
const plausibleEpochs = 100_000;

/** The peers' answer about a dataset's volume. A peer that does not answer may have taken it over. */
export function askPeers(world: MemoryWorld, machine: MemoryMachine, dataset: MemoryDataset): Answer {
  const { properties } = dataset;
  if (machine.boot === undefined) return 'free';
  const { alone, peers } = machine.boot;
  const { volume, epoch = 0 } = properties;
  const addresses = new Set([...machine.table.peers, ...peers.map(({ address }) => address)]);
  const mayHave = isHolder(machine, dataset);
  const asked = [...world.machines.values()].filter(
    (one) => one !== machine && addresses.has(one.meshAddress) && mayHave(one.meshAddress),
  );
  const copies = asked
    .filter(({ connected }) => connected)
    .flatMap((one) => [...one.datasets.values()].filter((copy) => answersAbout(one, copy, machine)))
    .filter((copy) => copy.properties.volume === volume);
  const ahead = copies.map((copy) => (copy.properties.epoch ?? 0) - epoch);
  if (ahead.some((by) => by > 0 && by <= plausibleEpochs)) return 'taken over';
  if (ahead.some((by) => by > plausibleEpochs)) return 'wait';
  const isRival = ({ properties: { role, epoch: other } }: MemoryDataset) =>
    other === epoch && (role === 'owner' || role === 'frozen');
  if (copies.some(isRival)) return 'wait';
  return alone === 'wait' && asked.some(({ connected }) => !connected) ? 'wait' : 'free';
}

/** Whether the peer at an address may have a copy of this dataset's volume. In doubt it may. */
function isHolder({ boot }: MemoryMachine, dataset: MemoryDataset): (address: string) => boolean {
  const nodes = recordIn(dataset);
  const { peers = [], gone = [] } = boot ?? {};
  const known = new Set([...gone, ...peers.map(({ id }) => id)]);
  if (nodes === undefined || holdersIn(nodes).some((id) => !known.has(id))) return () => true;
  return (address) => {
    const id = peers.find((peer) => peer.address === address)?.id;
    return id === undefined || nodes.includes(id);
  };
}

/** What drover-peer on `machine` says to another node: nothing about a volume that one has no copy of. */
function answersAbout({ boot }: MemoryMachine, dataset: MemoryDataset, asker: MemoryMachine): boolean {
  const id = boot?.peers.find(({ address }) => address === asker.meshAddress)?.id;
  const nodes = recordIn(dataset);
  return id === undefined || nodes === undefined || isListed(nodes, id);
}

function wasNeverCopied({ properties, snapshots, bookmarks }: MemoryDataset): boolean {
  return properties.epoch === 1 && ![...snapshots, ...bookmarks].some(({ name }) => name.startsWith('drover-'));
}

function markDiverged(world: MemoryWorld, machine: MemoryMachine, dataset: MemoryDataset): void {
  machine.txg += 1;
  dataset.snapshots.push({
    name: `diverged-e${dataset.properties.epoch ?? 0}`,
    guid: newGuid(world),
    createTxg: machine.txg,
    content: dataset.content,
    createdAtMs: world.clock.now(),
    holds: new Set(),
  });
  dataset.properties = { ...dataset.properties, role: 'diverged' };
  dataset.readonly = true;
}

/** Docker's own attempt to start a container; true where it succeeds. */
export function startIfPossible(world: MemoryWorld, machine: MemoryMachine, container: MemoryContainer): boolean {
  try {
    start(world, machine, container);
    return true;
  } catch {
    return false;
  }
}

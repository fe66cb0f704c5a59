import type { NodeName } from '../../src/model/config.ts';
import { AppError } from '../../src/model/errors.ts';
import type { MemoryDataset, MemoryMachine } from '../../src/simulation/memory/types.ts';
import { afterFirst, away, maybeWait, runBoth, type Walk } from './event-kit.ts';
import { atWrite, beforeCall, type Gate, killed } from './harness.ts';
import { nodes } from './scenarios.ts';

/** The node of the k-th write, or another one, becomes unreachable; it returns with its data. */
export async function nodeAway(walk: Walk): Promise<void> {
  const { world, random } = walk;
  const other = random.oneIn(3) ? random.pick(nodes) : undefined;
  const isBackBetween = random.oneIn(3);
  const isSeen = random.oneIn(3);
  let gone: NodeName | undefined;
  const strike: Gate = async (call, go) => {
    const result = random.oneIn(2) ? await go() : undefined;
    gone = other ?? call.node;
    world.cluster.disconnect(gone);
    const back = gone;
    walk.breakDown();
    walk.healLater(() => world.cluster.reconnect(back));
    if (result === undefined || gone === call.node) throw away(gone);
    return result;
  };
  walk.first.gate = atWrite(walk.k, strike);
  await walk.run(walk.first);
  await maybeWait(walk);
  if (isBackBetween && gone !== undefined) world.cluster.reconnect(gone);
  // The same process remembers the node; a new one knows nothing about it.
  const next = isSeen ? walk.first : walk.second;
  next.config = walk.second.config;
  next.gate = undefined;
  await walk.run(next);
  await walk.first.close();
  await walk.second.close();
}

/** The node of the k-th write restarts; what it does when it boots happens before the m-th call of the second run. */
export function restarts(walk: Walk, isKilled: boolean): Promise<void> {
  const { world, first, random } = walk;
  let node: NodeName | undefined;
  const boot = async (): Promise<void> => {
    if (node === undefined) return;
    walk.disturb();
    world.cluster.bootGate(node);
  };
  walk.healLater(boot);
  const strike: Gate = async (call, go) => {
    const isLost = random.oneIn(2);
    if (!isLost) await go();
    node = random.oneIn(4) ? random.pick(nodes) : call.node;
    world.cluster.reboot(node);
    walk.disturb();
    if (isKilled) first.kill();
    throw isKilled ? killed() : away(node);
  };
  return runBoth(walk, strike, beforeCall(walk.m, boot));
}

/** The pool of the node of the k-th write has no room left. */
export function full(walk: Walk): Promise<void> {
  return runBoth(walk, async (call, go) => {
    for (const node of walk.random.oneIn(3) ? nodes : [call.node]) {
      const machine = walk.world.cluster.machine(node);
      const { poolBytes } = machine;
      walk.breakDown();
      machine.poolBytes = usedBytes(machine) + walk.random.pick([0, 2048, 1024 * 1024]);
      walk.healLater(() => {
        machine.poolBytes = poolBytes;
      });
    }
    return await go();
  });
}

const usedBytes = (machine: MemoryMachine): number =>
  [...machine.datasets.values()].reduce(
    (sum, { content, partial }) => sum + content.bytes + (partial?.doneBytes ?? 0),
    0,
  );

/** Another program takes a snapshot of every volume of one node. */
export function foreignSnapshot(walk: Walk): Promise<void> {
  return runBoth(walk, async (call, go) => {
    const isBefore = walk.random.oneIn(2);
    const strike = (): void => {
      const machine = walk.world.cluster.machine(walk.random.oneIn(3) ? walk.random.pick(nodes) : call.node);
      for (const dataset of machine.datasets.values()) takeForeign(walk, machine, dataset);
    };
    if (isBefore) strike();
    const result = await go();
    if (!isBefore) strike();
    return result;
  });
}

function takeForeign(walk: Walk, machine: MemoryMachine, dataset: MemoryDataset): void {
  if (dataset.partial !== undefined || dataset.properties.volume === undefined) return;
  machine.txg += 1;
  const guid = `${machine.name}-${machine.txg}-foreign`;
  const { content } = dataset;
  dataset.snapshots.push({
    name: `autosnap-${machine.txg}`,
    guid,
    createTxg: machine.txg,
    content,
    createdAtMs: walk.world.clock.now(),
    holds: new Set(),
  });
  // In the end its own program removes it, wherever it is then.
  walk.healLater(() => {
    walk.world.watcher.forget(guid);
    for (const one of machine.datasets.values()) {
      one.snapshots = one.snapshots.filter((snapshot) => snapshot.guid !== guid);
    }
  });
}

/** Another program holds every snapshot of one node. */
export function foreignHold(walk: Walk): Promise<void> {
  return runBoth(walk, async (call, go) => {
    const machine = walk.world.cluster.machine(walk.random.oneIn(3) ? walk.random.pick(nodes) : call.node);
    const held = [...machine.datasets.values()].flatMap(({ snapshots }) => snapshots);
    for (const { holds } of held) holds.add('zrepl');
    walk.healLater(() => {
      for (const { holds } of held) holds.delete('zrepl');
    });
    return await go();
  });
}

/** Another program keeps the volumes of one node mounted elsewhere. */
export function busy(walk: Walk): Promise<void> {
  return runBoth(walk, async (call, go) => {
    const { datasets, foreignMounts } = walk.world.cluster.machine(
      walk.random.oneIn(3) ? walk.random.pick(nodes) : call.node,
    );
    for (const { name, mounted } of datasets.values()) if (mounted) foreignMounts.set(name, 'cadvisor');
    walk.healLater(() => foreignMounts.clear());
    return await go();
  });
}

/**
 * The run is killed at its k-th write. A user stops the application of one volume and renames the volume's datasets, so
 * that drover finds none of them, as with another pool.
 */
export async function renamed(walk: Walk): Promise<void> {
  walk.first.gate = atWrite(walk.k, async () => {
    walk.first.kill();
    throw killed();
  });
  await walk.run(walk.first);
  await walk.first.close();
  const machines = nodes.map((node) => walk.world.cluster.machine(node));
  const used = machines.flatMap(({ containers }) =>
    [...containers.values()].flatMap(({ spec }) => spec.mounts.map(({ volume }) => volume)),
  );
  const id = used.length === 0 ? undefined : walk.random.pick(used);
  walk.disturb();
  walk.breakDown();
  for (const machine of machines) {
    for (const { name, properties } of [...machine.datasets.values()]) {
      if (properties.volume === id) putAside(walk, machine, name);
    }
  }
  await maybeWait(walk);
  await walk.run(walk.second);
  await walk.second.close();
}

function putAside(walk: Walk, machine: MemoryMachine, name: string): void {
  const dataset = machine.datasets.get(name);
  const { volume } = dataset?.properties ?? {};
  if (dataset === undefined || volume === undefined) return;
  for (const container of machine.containers.values()) {
    const isUser = container.spec.mounts.some((mount) => mount.volume === volume);
    if (!isUser || container.state !== 'running') continue;
    container.state = 'exited';
    container.exit = { code: 0, oomKilled: false };
  }
  const rename = (from: string, to: string, properties: MemoryDataset['properties']): void => {
    machine.datasets.delete(from);
    machine.datasets.set(to, Object.assign(dataset, { name: to, properties }));
  };
  const { properties } = dataset;
  walk.world.watcher.forget(`${machine.name} ${name}`);
  rename(name, `${name}-aside`, {});
  walk.healLater(() => rename(`${name}-aside`, name, properties));
}

/** Containers that start from the k-th write on never answer. */
export function unhealthy(walk: Walk): Promise<void> {
  const { world, random } = walk;
  const kind = random.pick(['ports', 'health'] as const);
  const where = random.oneIn(2) ? nodes : [random.pick(nodes)];
  return runBoth(walk, async (_call, go) => {
    walk.breakDown();
    walk.healLater(world.breakImages(where, kind));
    return await go();
  });
}

/** A user kills a container with Docker. */
export function dockerKill(walk: Walk): Promise<void> {
  return runBoth(walk, async (_call, go) => {
    const isBefore = walk.random.oneIn(2);
    const strike = (): void => {
      walk.disturb();
      for (const { containers } of nodes.map((node) => walk.world.cluster.machine(node))) {
        for (const container of containers.values()) {
          if (container.state !== 'running' || walk.random.oneIn(2)) continue;
          container.state = 'exited';
          container.exit = { code: 137, oomKilled: false };
        }
      }
    };
    if (isBefore) strike();
    const result = await go();
    if (!isBefore) strike();
    return result;
  });
}

/** The command of the k-th write fails, `times` times or until all is well again. */
export function fails(walk: Walk, times: number): Promise<void> {
  let left = times;
  let broken: string | undefined;
  if (times > 1) walk.breakDown();
  walk.healLater(() => {
    left = 0;
  });
  const failing: Gate = async (call, go) => {
    if (`${call.node} ${call.operation}` !== broken || left <= 0) return await go();
    left -= 1;
    throw new AppError('command-failed', `cannot do ${call.operation} on "${call.node}": it broke`);
  };
  const count = atWrite(walk.k, async (call, go) => {
    broken = `${call.node} ${call.operation}`;
    return await failing(call, go);
  });
  walk.first.gate = (call, go) => (broken === undefined ? count(call, go) : failing(call, go));
  return afterFirst(walk, failing);
}

/** The k-th write takes effect, and its answer is lost. */
export const replyLost = (walk: Walk): Promise<void> =>
  runBoth(walk, async (call, go) => {
    await go();
    throw away(call.node);
  });

/** The next transfers break in the middle. */
export const cut = (walk: Walk): Promise<void> =>
  runBoth(walk, async (_call, go) => {
    for (let times = 1 + walk.random.whole(6); times > 0; times -= 1) {
      walk.world.cluster.cutTransfer(1 + walk.random.whole(4_000));
    }
    return await go();
  });

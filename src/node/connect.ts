import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster, NodeClient } from '../engine/node-client.ts';
import type { Container } from '../model/cluster.ts';
import type { Config, NodeName, NodeSettings, Settings } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import { observeExtraMs, observeTimes } from '../model/limits.ts';
import { withCommandLog } from './command-log.ts';
import { createDeadMan } from './dead-man.ts';
import { createDockerImports } from './docker/imports.ts';
import { createDockerRuntime } from './docker/runtime.ts';
import { createNodeDoctor } from './doctor/examine-node.ts';
import { createFailoverReceipts } from './failover-receipts.ts';
import type { Fence } from './fence.ts';
import { createFigures } from './figures.ts';
import { drainContainer } from './network/drain.ts';
import { canonicalAddress } from './network/proxy-rules.ts';
import { replaceScript } from './network/proxy-scripts.ts';
import { createNetworkControl } from './network/proxy-table.ts';
import { createNodeMutex } from './node-mutex.ts';
import { createObserver } from './observe-node.ts';
import { type ConnectionSource, createConnectionSource } from './reconnect.ts';
import { type ConnectOptions, connect, type NodeConnection } from './ssh/connection.ts';
import { createStandbyControl } from './standby.ts';
import { setScript } from './zfs/scripts.ts';
import { createZfsStore } from './zfs/store.ts';
import { acquireScript, freezeScript } from './zfs/switch-scripts.ts';
import { createTransfer, type TransferEnd } from './zfs/transfer.ts';
import { receiveScript, sendScript } from './zfs/transfer-scripts.ts';

/**
 * The nodes of a configuration over SSH. Each node gets one connection and one client when it is first asked for, and
 * new ones after the connection is lost. Throws what `connect` throws, and `usage` for a node that the configuration
 * does not have.
 */
export function createCluster(config: Config, options: ConnectOptions): Cluster {
  const sources = new Map<NodeName, ConnectionSource>();
  const clients = new WeakMap<NodeConnection, NodeClient>();
  // One for each node, not for each connection: a command that is sent over a new connection can be late as well.
  const fences = new Map<NodeName, Fence>();
  const { settings } = config;

  const connectionTo = (name: NodeName, signal: AbortSignal): Promise<NodeConnection> => {
    const found = sources.get(name);
    if (found !== undefined) return found.get(signal);
    const source = createConnectionSource(name, {
      connect: (attempt) => connect(name, settingsOf(config, name), withLimits(options, settings), attempt),
      now: Date.now,
      random: Math.random,
      sleep: (ms, waiting) => sleep(ms, undefined, { signal: waiting }),
    });
    sources.set(name, source);
    return source.get(signal);
  };
  const end = async (name: NodeName, signal: AbortSignal): Promise<TransferEnd> => {
    const connection = await connectionTo(name, signal);
    const fence = fences.get(name) ?? { token: '' };
    fences.set(name, fence);
    return { connection, fence, meshAddress: meshAddressOf(name, settingsOf(config, name), connection) };
  };

  const cluster: Cluster = {
    async node(name, signal) {
      const { connection, fence, meshAddress } = await end(name, signal);
      const client = clients.get(connection) ?? createNodeClient(connection, settings, meshAddress, fence);
      clients.set(connection, client);
      return client;
    },
    transfer: createTransfer({ end, mode: settings.transfer, root: `${settings.pool}/${settings.datasetRoot}` }),
    async close() {
      await Promise.allSettled([...sources.values()].map((source) => source.close()));
    },
  };
  return options.onCommand === undefined ? cluster : withCommandLog(cluster, options.onCommand);
}

/** The engine's interface to one node, over an open connection. */
export function createNodeClient(
  connection: NodeConnection,
  settings: Settings,
  meshAddress: string,
  fence: Fence = { token: '' },
): NodeClient {
  const volumes = createZfsStore(connection, settings, fence);
  const containers = createDockerRuntime(connection, settings.timeouts.commandMs, fence);
  const ids = new Map<string, string>();
  const list = async (signal: AbortSignal): Promise<readonly Container[]> => {
    const listed = await containers.list(signal);
    ids.clear();
    for (const { name, id } of listed) ids.set(name, id);
    return listed;
  };
  return {
    node: connection.node,
    figures: createFigures({ connection, pool: settings.pool, idOf: (name) => ids.get(name), now: Date.now }),
    observe: createObserver({
      connection,
      store: volumes,
      pool: settings.pool,
      meshAddress,
      docker: { ...containers, list },
      limitMs: observeTimes * settings.timeouts.commandMs + observeExtraMs,
    }),
    containers,
    imports: createDockerImports(connection, volumes.root, settings.timeouts.commandMs),
    volumes,
    network: createNetworkControl(connection, [meshAddress], containers.targets),
    mutex: createNodeMutex(connection, fence),
    deadMan: createDeadMan(connection),
    failovers: createFailoverReceipts(connection),
    standbys: createStandbyControl(connection, fence),
    doctor: createNodeDoctor({ connection, pool: settings.pool, root: volumes.root, meshAddress }),
    prepareSwitch: (side, signal) => connection.prepare(switchScripts[side], signal),
    drain: (app, waitMs, signal) => drainContainer(connection, app, waitMs, signal),
    close: () => connection.close(),
  };
}

/** What a switch runs on each of its nodes, in this order. */
const switchScripts = {
  old: [freezeScript, sendScript, setScript, replaceScript],
  new: [receiveScript, acquireScript, setScript, replaceScript],
} as const;

/**
 * The address at which other nodes reach this one: `mesh` of its settings, else its key or `host` where that is an
 * address, else the address of the SSH connection. Throws `network-failed` where that is a name.
 */
export function meshAddressOf(name: NodeName, settings: NodeSettings, connection: NodeConnection): string {
  const literal = [name, settings.host].find((text) => text !== undefined && isIP(text) !== 0);
  return canonicalAddress(settings.mesh ?? literal ?? connection.remote.address);
}

function settingsOf(config: Config, name: NodeName): NodeSettings {
  const settings = config.nodes[name];
  if (settings !== undefined) return settings;
  throw new AppError('usage', `cannot connect to "${name}": the configuration has no such node`);
}

function withLimits(options: ConnectOptions, { timeouts }: Settings): ConnectOptions {
  return { connectMs: timeouts.connectMs, commandMs: timeouts.commandMs, ...options };
}

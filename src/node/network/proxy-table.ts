import type { NetworkControl } from '../../engine/node-client.ts';
import type { NetworkTable } from '../../model/cluster.ts';
import { AppError } from '../../model/errors.ts';
import { readBootRules, setBootRules } from '../boot-rules.ts';
import type { CommandResult } from '../command.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import {
  canonicalAddress,
  noTable,
  parseRules,
  parseServing,
  renderHolds,
  renderHoldsEnd,
  renderRules,
} from './proxy-rules.ts';
import * as scripts from './proxy-scripts.ts';

/**
 * The node's port map; each operation takes one round trip. `mesh` are the addresses at which the node serves the ports
 * of other nodes unless the table has its own. Throws `network-failed`.
 */
export function createNetworkControl(connection: NodeConnection, mesh: readonly string[]): NetworkControl {
  const { node } = connection;
  /** Sends the table through stdin: an argument may have 128 KiB at most. */
  const feed = (text: string, args: readonly string[], input: string, signal: AbortSignal) =>
    failAs(`change the port map of "${node}"`, () =>
      connection.run(['bash', '-c', text, 'drover', ...args], { signal, input }),
    );
  const empty = (): string => renderRules({ mesh, proxies: [], open: [], peers: [] });

  const closedPorts = async (
    ports: readonly number[],
    waitMs: number,
    signal: AbortSignal,
  ): Promise<readonly number[]> => {
    if (ports.length === 0) return [];
    const args = [String(Math.round(waitMs)), ports.join(','), ...mesh.map(canonicalAddress)];
    const { stdout } = await connection.script(scripts.closedPortsScript, args, { signal });
    const closed = new Set(stdout.trim().split('\n').map(Number));
    return ports.filter((port) => closed.has(port));
  };

  return {
    async read(signal) {
      const { stdout } = await failAs(`read the port map of "${node}"`, () =>
        connection.script(scripts.readScript, [], { signal }),
      );
      return readTable(stdout, mesh);
    },
    async replace(table, dropHolds, signal) {
      const rules = renderRules({ mesh: table.listen ?? mesh, ...table });
      const dropped = dropHolds.map((key) => `${key.protocol}.${key.port},`).join('');
      const peers = table.peers.map(canonicalAddress);
      const { stdout } = await feed(scripts.replaceScript, [dropped, ...peers], rules, signal);
      return /^\d{1,7}\n$/.test(stdout) ? Number(stdout) : 0;
    },
    async hold(ports, timeoutMs, signal) {
      if (ports.length > 0) await feed(scripts.holdScript, [renderHolds(ports, timeoutMs)], empty(), signal);
    },
    async dropHolds(ports, signal) {
      if (ports.length > 0) await feed(scripts.dropHoldsScript, [renderHoldsEnd(ports)], '', signal);
    },
    readBootRules: (signal) => readBootRules(connection, signal),
    setBootRules: (rules, signal) => setBootRules(connection, rules, signal),
    accepts: async (port, signal) => (await closedPorts([port], 0, signal)).length === 0,
    closedPorts,
  };
}

/** The table in the output of `readTableCommand` on a node with these mesh addresses; no output means no table. */
export function readTable(stdout: string, mesh: readonly string[]): NetworkTable {
  if (stdout.trim() === '') return noTable;
  const [table, listen] = [parseRules(stdout), parseServing(stdout)];
  return listen.join() === mesh.map(canonicalAddress).toSorted().join() ? table : { ...table, listen };
}

async function failAs(what: string, effect: () => Promise<CommandResult>): Promise<CommandResult> {
  try {
    return await effect();
  } catch (cause) {
    if (!(cause instanceof AppError) || cause.code !== 'command-failed') throw cause;
    const why = cause.details?.stderr ?? cause.message;
    throw new AppError('network-failed', `cannot ${what}: ${why}`, { cause });
  }
}

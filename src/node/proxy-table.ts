import type { NetworkControl } from '../engine/node-client.ts';
import type { NetworkTable } from '../model/cluster.ts';
import { AppError } from '../model/errors.ts';
import { readBootRules, setBootRules } from './boot-rules.ts';
import type { CommandResult } from './command.ts';
import { netUp } from './net-up.ts';
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
import type { NodeConnection } from './ssh-connection.ts';
import { exits } from './zfs-scripts.ts';

/**
 * The node's port map, one round trip for each operation. `mesh` are the node's own addresses at which the ports of
 * other nodes are served where the table says nothing else. Throws `network-failed`.
 */
export function createNetworkControl(connection: NodeConnection, mesh: readonly string[]): NetworkControl {
  const { node } = connection;
  /** The table goes through stdin: one argument is limited to 128 KiB. */
  const feed = (text: string, args: readonly string[], input: string, signal: AbortSignal) =>
    failAs(`change the port map of "${node}"`, () =>
      connection.run(['bash', '-c', text, 'drover', ...args], { signal, input }),
    );
  const empty = (): string => renderRules({ mesh, proxies: [], open: [], peers: [] });

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
      await feed(scripts.replaceScript, [netUp.trimEnd(), dropped, ...peers], rules, signal);
    },
    async hold(ports, timeoutMs, signal) {
      if (ports.length > 0) await feed(scripts.holdScript, [renderHolds(ports, timeoutMs)], empty(), signal);
    },
    async dropHolds(ports, signal) {
      if (ports.length > 0) await feed(scripts.dropHoldsScript, [renderHoldsEnd(ports)], '', signal);
    },
    readBootRules: (signal) => readBootRules(connection, signal),
    setBootRules: (rules, signal) => setBootRules(connection, rules, signal),
    async accepts(port, signal) {
      const args = [String(port), ...mesh.map(canonicalAddress)];
      const options = { signal, okCodes: [0, exits.conflict] };
      return (await connection.script(scripts.acceptsScript, args, options)).code === 0;
    },
  };
}

/** Output of `readTableCommand` on a node with these mesh addresses: nothing means that there is no table. */
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

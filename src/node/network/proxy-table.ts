import { setTimeout as sleep } from 'node:timers/promises';
import type { NetworkControl } from '../../engine/node-client.ts';
import type { NetworkTable } from '../../model/cluster.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import type { HeldPort, NameTable } from '../../model/name-table.ts';
import { readBootRules, setBootRules } from '../boot-rules.ts';
import type { CommandResult } from '../command.ts';
import type { Target } from '../docker/targets.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { parseNames, printNames, printResolverFiles } from './name-files.ts';
import { markOf, renderNameHolds, renderNameHoldsEnd, renderNames } from './name-rules.ts';
import {
  canonicalAddress,
  hasMark,
  noTable,
  parseNameHolds,
  parseRules,
  parseServing,
  renderHolds,
  renderHoldsEnd,
  renderRules,
} from './proxy-rules.ts';
import * as scripts from './proxy-scripts.ts';

/** A container's own address and port for each of these published TCP ports; fewer where Docker knows none. */
export type FindTargets = (ports: readonly number[], signal: AbortSignal) => Promise<readonly Target[]>;

/** Limit of a connection between a node and its own container. */
const acceptMs = 500;
const pauseMs = 25;

/**
 * The node's port map; each operation takes one round trip. `mesh` are the addresses at which the node serves the ports
 * of other nodes unless the table has its own; `targetsOf` finds the containers behind ports. Throws `network-failed`.
 */
export function createNetworkControl(
  connection: NodeConnection,
  mesh: readonly string[],
  targetsOf: FindTargets = async () => [],
): NetworkControl {
  const { node } = connection;
  /** Sends the table through stdin: an argument may have 128 KiB at most. */
  const feed = (text: string, args: readonly string[], input: string, signal: AbortSignal) =>
    failAs(`change the port map of "${node}"`, () =>
      connection.run(['bash', '-c', text, 'drover', ...args], { signal, input }),
    );
  const empty = (): string => renderRules({ mesh, proxies: [], open: [], peers: [] });
  const inputOf = (table: Parameters<NetworkControl['replace']>[0], dropHolds: readonly HeldPort[]): string => {
    const { names, listen, ...rest } = table;
    const rules = { ...rest, mesh: listen ?? mesh };
    if (names === undefined) return `${renderRules(rules)}${scripts.partEnd}${renderNameHoldsEnd(dropHolds)}`;
    const json = printNames(names);
    return [
      renderRules(rules),
      // Docker publishes for names at the mesh address, wherever the node forwards.
      renderNames({ ...rules, mesh, names, mark: markOf(json) }),
      json,
      printResolverFiles(names),
    ].join(scripts.partEnd);
  };

  const closedPorts = async (
    ports: readonly number[],
    waitMs: number,
    signal: AbortSignal,
  ): Promise<readonly number[]> => {
    if (ports.length === 0) return [];
    const found = await closedTargets(connection, targetsOf, ports, waitMs, signal);
    if (found !== undefined) return found;
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
      const rules = inputOf(table, dropHolds);
      const dropped = dropHolds.map((key) => `${addressPart(key)}${key.protocol}.${key.port},`).join('');
      const peers = table.peers.map(canonicalAddress);
      const { stdout } = await feed(scripts.replaceScript, [dropped, ...peers], rules, signal);
      return /^\d{1,7}\n$/.test(stdout) ? Number(stdout) : 0;
    },
    async hold(ports, timeoutMs, signal) {
      const holds = `${renderHolds(atNode(ports), timeoutMs)}${renderNameHolds(ports, timeoutMs)}`;
      if (ports.length > 0) await feed(scripts.holdScript, [holds], empty(), signal);
    },
    async dropHolds(ports, signal) {
      const ends = `${renderHoldsEnd(atNode(ports))}${renderNameHoldsEnd(ports)}`;
      if (ports.length > 0) await feed(scripts.dropHoldsScript, [ends], '', signal);
    },
    readBootRules: (signal) => readBootRules(connection, signal),
    setBootRules: (rules, signal) => setBootRules(connection, rules, signal),
    accepts: async (port, signal) => (await closedPorts([port], 0, signal)).length === 0,
    closedPorts,
  };
}

const addressPart = ({ address }: HeldPort): string => (address === undefined ? '' : `${address}.`);
const atNode = (ports: readonly HeldPort[]): readonly HeldPort[] =>
  ports.filter(({ address }) => address === undefined);

/** Tries each container without a process on the node; undefined where one has no address, or sshd forwards nothing. */
async function closedTargets(
  connection: NodeConnection,
  targetsOf: FindTargets,
  ports: readonly number[],
  waitMs: number,
  signal: AbortSignal,
): Promise<readonly number[] | undefined> {
  const targets = await targetsOf(ports, signal).catch(() => []);
  if (targets.length < ports.length) return undefined;
  const until = performance.now() + waitMs;
  for (;;) {
    const tried = targets.map(({ address, port }) => connection.knock(canonicalAddress(address), port, acceptMs));
    const answers = await Promise.all(tried);
    signal.throwIfAborted();
    if (answers.includes('unknown')) return undefined;
    const closed = ports.filter((_, index) => answers[index] === 'refused');
    if (closed.length === 0 || performance.now() >= until) return closed;
    await sleep(pauseMs, undefined, { signal });
  }
}

/** The table in the output of `readTableCommand` on a node with these mesh addresses; no output means no table. */
export function readTable(stdout: string, mesh: readonly string[]): NetworkTable {
  const [rules = '', ...ofNames] = stdout.split(scripts.partEnd);
  const names = ofNames.length === 0 ? undefined : readNames(ofNames);
  const held = parseNameHolds(ofNames[0] ?? '');
  const plain = rules.trim() === '' ? noTable : parseRules(rules);
  const table = { ...plain, holds: [...plain.holds, ...held], ...defined({ names }) };
  const listen = plain.present ? parseServing(rules) : [];
  const isMesh = !plain.present || listen.join() === mesh.map(canonicalAddress).toSorted().join();
  return isMesh ? table : { ...table, listen };
}

/** The names that a node keeps; none if its table, routes or name servers are not what they were made from. */
function readNames([rules = '', state = '', json = '']: readonly string[]): NameTable {
  const names = state.trim() === 'ok' && hasMark(rules, markOf(json.trim())) ? parseNames(json) : undefined;
  return names ?? { ranges: [], entries: [], resolvers: [] };
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

import { lastFacts, type NodeFacts, type NodeFigures, type PortKey } from '../../../model/cluster.ts';
import type { NodeName } from '../../../model/config.ts';
import { poolOf } from '../../../view/capacity.ts';
import type { ClusterView } from '../../../view/cluster-view.ts';
import { poolTone } from '../../../view/status-lines.ts';
import { describeError, formatBytes, formatDuration, namesOf, nodeTitle } from '../../../view/wording.ts';
import type { Row } from '../../frame/rows.ts';
import type { ScreenInput } from '../../screen.ts';
import { tokenOf } from '../drawing.ts';
import { blockedRows, fact, facts, listed } from './facts.ts';

/** What a node is and can do, how it is, and what listens there. */
export function nodeSummary(input: ScreenInput, node: NodeName, width: number): readonly Row[] {
  const { view, now } = input;
  const state = view.nodes[node];
  const known = lastFacts(state);
  return [
    ...fact('node', nodeTitle(view.config, node), width, 'strong'),
    ...sshRows(view, node, width),
    ...reachRows(input, node, width),
    ...blockedRows(view, (each) => each.node === node && each.app === undefined, width),
    ...(view.figures[node] === undefined ? [] : figureRows(view.figures[node].latest, now, width)),
    ...poolRows(view, node, width),
    ...(known === undefined ? [] : factRows(view, known, width)),
  ];
}

function sshRows({ config }: ClusterView, node: NodeName, width: number): readonly Row[] {
  const settings = config?.nodes[node];
  if (settings === undefined) return [];
  const { host = node, user, port, jump, mesh } = settings;
  const target = `${user === undefined ? '' : `${user}@`}${host}${port === undefined ? '' : `:${port}`}`;
  const through = jump === undefined ? '' : `, through ${jump}`;
  return [...fact('ssh', `${target}${through}`, width), ...(mesh === undefined ? [] : fact('mesh', mesh, width))];
}

function reachRows({ view, now, glyphs }: ScreenInput, node: NodeName, width: number): readonly Row[] {
  const state = view.nodes[node];
  if (state === undefined) return fact('state', `${glyphs.unknown} not looked at yet`, width, 'dim');
  if (state.status === 'reachable') {
    const age = formatDuration(Math.max(0, now - state.observedAt));
    const trip = formatDuration(view.figures[node]?.latest.roundTripMs ?? state.facts.roundTripMs);
    return fact('state', `${glyphs.up} answers in ${trip}, seen ${age} ago`, width, 'ok');
  }
  const since = formatDuration(now - state.since);
  return [
    ...fact('state', `${glyphs.failed} not reachable since ${since}`, width, 'bad'),
    ...facts('', describeError(state.error), width, 'warn'),
    ...(state.lastFacts === undefined ? [] : fact('', 'what follows is what was seen last', width, 'dim')),
  ];
}

function figureRows(figures: NodeFigures, now: number, width: number): readonly Row[] {
  const { cores, cpuPercent, load1, memoryTotalBytes, memoryUsedBytes, at } = figures;
  const age = now - at > 10_000 ? `, ${formatDuration(now - at)} ago` : '';
  const cpu = cpuPercent === undefined ? '' : `${Math.round(cpuPercent)}% of `;
  return [
    ...fact('cpu', `${cpu}${cores === 1 ? '1 core' : `${cores} cores`}, load ${load1.toFixed(2)}${age}`, width),
    ...fact('memory', `${formatBytes(memoryUsedBytes)} of ${formatBytes(memoryTotalBytes)}${age}`, width),
  ];
}

function poolRows(view: ClusterView, node: NodeName, width: number): readonly Row[] {
  const pool = poolOf(view, node);
  if (pool === undefined) return [];
  const { name, health, sizeBytes, freeBytes } = pool;
  const usedPercent = sizeBytes === 0 ? 0 : Math.round(100 * (1 - freeBytes / sizeBytes));
  const text = `${name} ${health}, ${usedPercent}% of ${formatBytes(sizeBytes)}, ${formatBytes(freeBytes)} free`;
  return fact('pool', text, width, tokenOf(poolTone({ health, usedPercent })));
}

function factRows(view: ClusterView, known: NodeFacts, width: number): readonly Row[] {
  const { versions, capabilities, containers, listeners } = known;
  const managed = containers.flatMap(({ managed: ours, application }) => (ours ? (application ?? []) : []));
  const foreign = containers.filter(({ managed: ours }) => !ours).map(({ name }) => name);
  const can = [
    ...(capabilities.resume ? ['resume'] : []),
    ...(capabilities.bookmarks ? ['bookmarks'] : []),
    ...(capabilities.compressed ? ['compressed'] : []),
    ...(capabilities.largeBlocks ? ['large blocks'] : []),
  ];
  const { docker, dockerApi, zfs, kernel, arch } = versions;
  return [
    ...fact('versions', `docker ${docker} (api ${dockerApi}), zfs ${zfs}, kernel ${kernel}, ${arch}`, width),
    ...fact('zfs can', listed(can, 'send whole streams only'), width),
    ...fact('runs', listed(managed), width),
    ...(foreign.length === 0 ? [] : fact('not ours', listed(foreign), width, 'dim')),
    ...networkRows(view, known, width),
    ...fact(
      'listeners',
      listed(listeners.map((each) => `${keyText(each)}${each.process === undefined ? '' : ` ${each.process}`}`)),
      width,
    ),
  ];
}

const keyText = ({ port, protocol }: PortKey): string => (protocol === 'tcp' ? `${port}` : `${port}/${protocol}`);

function networkRows(view: ClusterView, { network }: NodeFacts, width: number): readonly Row[] {
  const { present, proxies, open, holds } = network;
  const names = namesOf(view.config);
  const byAddress = new Map(
    Object.entries(view.nodes).flatMap(([node, state]) =>
      state.status === 'reachable' ? [[state.facts.meshAddress, names.node(node)] as const] : [],
    ),
  );
  const forwards = proxies.map((each) => `${keyText(each)} to ${byAddress.get(each.address) ?? each.address}`);
  return [
    ...(present ? [] : fact('table', 'missing: the next apply sets it', width, 'warn')),
    ...fact('serves', listed(open.map(keyText)), width),
    ...fact('forwards', listed(forwards), width),
    ...(holds.length === 0 ? [] : fact('holds', listed(holds.map(keyText)), width, 'warn')),
  ];
}

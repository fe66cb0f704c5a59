import type { Config } from '../model/config.ts';
import { plainText } from '../model/plain-text.ts';
import type { StandbyState } from '../model/standby/states.ts';
import { alignRows, cell, type Line, line, numberCell, type TableRow, type Tone } from './lines.ts';
import { blockedLines } from './run/plan-lines.ts';
import type { ApplicationStatus, NodeStatus, Status, Verdict, VolumeStatus } from './status.ts';
import { count, formatBytes, formatDuration, type Names, namesOf, nodeTitle } from './wording.ts';

/** A line of a table or of prose: cells side by side. */
export type StatusLine = Line | TableRow;

/** The whole cluster on one page; `nowMs` (milliseconds since 1970) is for ages. */
export function statusLines(status: Status, config: Config, nowMs: number): readonly StatusLine[] {
  const names = namesOf(config);
  return [
    ...section(
      'NODE  STATE  ROUND TRIP  POOL  DOCKER  ZFS',
      status.nodes.map((each) => nodeRow(each, config, nowMs)),
    ),
    ...status.nodes.flatMap(nodeErrors),
    line(''),
    ...section(
      'APPLICATION  STATE  NODE  SINCE  PORTS  IMAGE',
      status.applications.map((each) => applicationRow(each, names, nowMs)),
    ),
    ...otherLines(status, names),
    ...(status.volumes.length === 0 ? [] : [line('')]),
    ...section(
      'VOLUME  NODE  ROLE  DATA  LIMIT  EPOCH  NEWEST SNAPSHOT',
      status.volumes.map((each) => volumeRow(each, names)),
    ),
    ...status.volumes.flatMap((each) => waitingLines(each, names)),
    ...(status.standbys.length === 0 ? [] : [line('')]),
    ...section(
      'STANDBY OF  ON  AGE  MAY LOSE  LAST SENT  STATE',
      status.standbys.map((each) => standbyRow(each, names)),
    ),
    ...blockedLines(status, names),
    line(''),
    driftLine(status),
  ];
}

function section(heads: string, rows: readonly TableRow[]): readonly TableRow[] {
  if (rows.length === 0) return [];
  return alignRows([heads.split('  ').map((head) => cell(head, 'faint')), ...rows]);
}

function nodeRow(node: NodeStatus, config: Config, nowMs: number): TableRow {
  const title = cell(nodeTitle(config, node.node), 'strong');
  const { pool, versions } = node;
  if (!node.reachable || pool === undefined || versions === undefined) {
    return [title, cell(`✘ unreachable for ${formatDuration(nowMs - (node.since ?? nowMs))}`, 'fault')];
  }
  const fill = `${pool.name} ${pool.health}, ${pool.usedPercent}% of ${formatBytes(pool.sizeBytes)}`;
  return [
    title,
    cell('● reachable', 'ok'),
    cell(formatDuration(node.roundTripMs ?? 0)),
    cell(fill, poolTone(pool)),
    cell(plainText(versions.docker)),
    cell(plainText(versions.zfs)),
  ];
}

/** ZFS becomes slow when little space is free: a warning above 80 %, a fault above 90 %. */
export function poolTone(pool: { readonly health: string; readonly usedPercent: number }): Tone {
  if (pool.health !== 'ONLINE' || pool.usedPercent >= 90) return 'fault';
  return pool.usedPercent >= 80 ? 'warning' : 'ok';
}

function nodeErrors({ error }: NodeStatus): readonly Line[] {
  if (error === undefined) return [];
  return [
    line(`  ${plainText(error.message)}`, 'fault'),
    ...(error.hint === undefined ? [] : [line(`  hint: ${plainText(error.hint)}`)]),
  ];
}

function otherLines({ others }: Status, names: Names): readonly StatusLine[] {
  if (others.length === 0) return [];
  const rows = others.map(({ application, deployment, node, state }) => [
    cell(application),
    cell(deployment ?? '– (none)', deployment === undefined ? 'warning' : undefined),
    cell(names.node(node)),
    cell(state),
  ]);
  return [line(''), ...section('OF OTHERS  DEPLOYMENT  NODE  STATE', rows)];
}

const signs: Readonly<Record<Verdict, readonly [sign: string, tone: Tone]>> = {
  running: ['●', 'ok'],
  starting: ['◐', 'working'],
  restarting: ['◐', 'fault'],
  unhealthy: ['✘', 'fault'],
  paused: ['◐', 'warning'],
  removing: ['◐', 'working'],
  done: ['✔', 'ok'],
  failed: ['✘', 'fault'],
  stopped: ['✘', 'fault'],
  missing: ['+', 'warning'],
  elsewhere: ['⇢', 'warning'],
  unknown: ['◌', 'warning'],
  idle: ['○', 'faint'],
  unwanted: ['-', 'warning'],
};

function applicationRow(app: ApplicationStatus, names: Names, nowMs: number): TableRow {
  const [sign, tone] = signs[app.verdict];
  const place = app.found.find(({ node }) => node === app.wanted) ?? app.found[0];
  return [
    cell(app.application, 'strong'),
    cell(`${sign} ${stateText(app)}`, tone),
    cell(placeText(app, names)),
    cell(place?.state === 'running' ? age(place.startedAt, nowMs) : '–'),
    cell(app.ports.length === 0 ? '–' : app.ports.join(', ')),
    cell(plainText(place?.image ?? app.image ?? '–')),
  ];
}

function stateText({ verdict, found, wanted }: ApplicationStatus): string {
  if (verdict === 'elsewhere') return 'must move';
  const here = found.find(({ node }) => node === wanted);
  if ((verdict !== 'stopped' && verdict !== 'failed') || here === undefined) return verdict;
  const exit = here.exit === undefined ? '' : ` ${here.exit.code}${here.exit.oomKilled ? ', out of memory' : ''}`;
  return `${here.state}${here.state === 'exited' ? exit : ''}`;
}

function placeText({ found, wanted }: ApplicationStatus, names: Names): string {
  const actual = found.map(({ node }) => names.node(node)).join(', ');
  if (wanted === undefined) return actual || '–';
  const target = names.node(wanted);
  return found.length === 0 || actual === target ? target : `${actual} → ${target}`;
}

function age(startedAt: string | undefined, nowMs: number): string {
  const started = startedAt === undefined ? Number.NaN : Date.parse(startedAt);
  return Number.isNaN(started) ? '–' : formatDuration(Math.max(1000, nowMs - started));
}

function volumeRow(volume: VolumeStatus, names: Names): TableRow {
  const tone = volume.role === 'owner' ? 'ok' : volume.role === 'diverged' ? 'fault' : undefined;
  const isMounted = volume.role !== 'owner' || volume.mounted;
  const state = isMounted ? volume.role : volume.waiting === undefined ? 'owner, not mounted' : 'owner, waiting';
  return [
    cell(names.volume(volume.volume, volume.application)),
    cell(names.node(volume.node)),
    cell(state, isMounted ? tone : 'warning'),
    numberCell(formatBytes(volume.referencedBytes)),
    numberCell(volume.limitBytes === undefined ? '–' : formatBytes(volume.limitBytes)),
    numberCell(String(volume.epoch)),
    cell(volume.newestSnapshot === undefined ? '–' : `@${plainText(volume.newestSnapshot)}`),
  ];
}

function standbyRow(standby: StandbyState, names: Names): TableRow {
  const { volume, application, node, ageMs, loseMs, bytes, error, isLate } = standby;
  const state = ageMs === undefined ? 'no copy yet' : isLate ? 'too old' : 'ok';
  return [
    cell(names.volume(volume, application)),
    cell(node === undefined ? 'an unknown node' : names.node(node)),
    cell(ageMs === undefined ? '–' : formatDuration(ageMs), isLate ? 'warning' : 'ok'),
    cell(formatDuration(loseMs)),
    numberCell(bytes === undefined ? '–' : formatBytes(bytes)),
    cell(
      error === undefined ? state : `${state}: ${plainText(error)}`,
      isLate || error !== undefined ? 'warning' : 'ok',
    ),
  ];
}

function waitingLines({ volume, application, node, waiting }: VolumeStatus, names: Names): readonly Line[] {
  if (waiting === undefined) return [];
  const what = `${names.volume(volume, application)} on ${names.node(node)} has been waiting since the node booted`;
  return [
    line(`  ${what}: ${waitingReason(waiting.why, waiting.nodes.map(names.node))}`, 'warning'),
    line('  hint: bring that node back, or decide with `drover apply`'),
  ];
}

/** `node2 does not answer and may have taken it over`. */
export function waitingReason(why: 'silent' | 'rival', nodes: readonly string[]): string {
  const who = nodes.map(plainText).join(', ');
  const one = nodes.length === 1;
  if (why === 'rival') return `${who} ${one ? 'claims' : 'claim'} it with the same epoch`;
  return `${who} ${one ? 'does' : 'do'} not answer and may have taken it over`;
}

function driftLine({ changes, blocked, nodes }: Status): Line {
  const down = nodes.filter(({ reachable }) => !reachable).length;
  if (changes > 0)
    return line(`${count(changes, 'step')} to do: see \`drover plan\`, then \`drover apply\``, 'working');
  if (blocked.length > 0) return line(`${count(blocked.length, 'change')} blocked`, 'fault');
  if (down > 0) return line(`${count(down, 'node')} unreachable; the others match the files`, 'warning');
  return line('the nodes match the files', 'ok');
}

import type { Container, NodeFacts, Volume } from '../../../model/cluster.ts';
import type { AppName, NodeName } from '../../../model/config.ts';
import { plainText } from '../../../model/plain-text.ts';
import type { Blocker } from '../../../model/plan.ts';
import type { ClusterView } from '../../../view/cluster-view.ts';
import { formatBytes, formatDuration } from '../../../view/wording.ts';
import type { Glyphs } from '../../frame/glyphs.ts';
import { type Row, span, type Token } from '../../frame/rows.ts';
import { wrapRows } from '../drawing.ts';

/** Facts of one node, and whether they are of now. */
export interface NodeSight {
  readonly node: NodeName;
  readonly facts: NodeFacts;
  readonly isFresh: boolean;
  /** Since when it cannot be reached. */
  readonly since?: number;
}

/** Every node that was ever seen; of a lost one its last facts. */
export function sights(view: ClusterView): readonly NodeSight[] {
  return Object.entries(view.nodes).flatMap(([node, state]): readonly NodeSight[] => {
    if (state.status === 'reachable') return [{ node, facts: state.facts, isFresh: true }];
    return state.lastFacts === undefined ? [] : [{ node, facts: state.lastFacts, isFresh: false, since: state.since }];
  });
}

/** Containers of an application with the nodes they are on. */
export const containersOf = (view: ClusterView, app: AppName) =>
  sights(view).flatMap((sight) =>
    sight.facts.containers
      .filter((one) => one.managed && one.application === app)
      .map((container) => ({ ...sight, container })),
  );

const labelWidth = 10;

/** `label   value`, the value wrapped under itself. */
export function fact(label: string, value: string, width: number, token: Token = 'plain'): readonly Row[] {
  return wrapRows(value, width - labelWidth, token).map((row, i) => [
    span((i === 0 ? label : '').padEnd(labelWidth - 1), 'dim'),
    span(' '),
    ...row,
  ]);
}

/** Several values under one label. */
export const facts = (label: string, values: readonly string[], width: number, token?: Token): readonly Row[] =>
  values.flatMap((value, i) => fact(i === 0 ? label : '', value, width, token));

/** Words separated by commas. */
export const listed = (values: readonly string[], none = 'none'): string =>
  values.length === 0 ? none : values.join(', ');

/** Sign, token and words for a container's state: `exited 137, out of memory`. */
export function containerState(container: Container, now: number, glyphs: Glyphs): readonly [string, Token, string] {
  const { state, health, exit, startedAt } = container;
  if (state === 'running') {
    const up = startedAt === undefined ? Number.NaN : Date.parse(startedAt);
    const since = Number.isNaN(up) ? '' : ` for ${formatDuration(Math.max(1000, now - up))}`;
    const well = health === undefined ? '' : `, ${health}`;
    const token = health === 'unhealthy' ? 'bad' : health === 'starting' ? 'warn' : 'ok';
    return [health === 'unhealthy' ? glyphs.failed : glyphs.up, token, `running${since}${well}`];
  }
  if (state === 'restarting' || state === 'created' || state === 'removing') return [glyphs.changing, 'warn', state];
  const code =
    exit === undefined || state !== 'exited' ? '' : ` ${exit.code}${exit.oomKilled ? ', out of memory' : ''}`;
  return [glyphs.failed, 'bad', `${state}${code}`];
}

/** `owner, 14.2 MiB of 1.00 GiB, 3 snapshots, newest @drover-e1-3`. */
export function volumeText(volume: Volume): string {
  const { role, mounted, referencedBytes, limitBytes, snapshots, resumeToken } = volume;
  const newest = snapshots.at(-1);
  return [
    role === 'owner' && !mounted ? 'owner, not mounted' : role,
    `${formatBytes(referencedBytes)}${limitBytes === undefined ? '' : ` of ${formatBytes(limitBytes)}`}`,
    newest === undefined
      ? 'no snapshots'
      : `${snapshots.length === 1 ? '1 snapshot' : `${snapshots.length} snapshots, newest`} @${newest.name}`,
    ...(resumeToken === undefined ? [] : ['an interrupted copy can go on']),
  ].join(', ');
}

export const roleToken = ({ role, mounted }: Volume): Token =>
  role === 'owner' ? (mounted ? 'ok' : 'warn') : role === 'diverged' ? 'bad' : 'plain';

/** What the plan cannot do for it now, why, and what helps. */
export const blockedRows = ({ plan }: ClusterView, isMine: (each: Blocker) => boolean, width: number): readonly Row[] =>
  (plan?.blocked ?? [])
    .filter(isMine)
    .flatMap(({ reason, hint }) => [
      ...fact('blocked', plainText(reason), width, 'bad'),
      ...(hint === undefined ? [] : fact('', plainText(hint), width)),
    ]);

import type { Container, NodeFacts, Volume } from '../../model/cluster.ts';
import type { Application, AppName, NodeName, VolumeId } from '../../model/config.ts';
import { type ContainerVerdict, judgeContainer } from '../../model/container/verdict.ts';
import { defined } from '../../model/defined.ts';
import { plainCell, plainText } from '../../model/plain-text.ts';
import { stepKinds } from '../../model/step-kinds.ts';
import type { FiguresView } from '../cluster-view.ts';
import { waitingOf } from '../status.ts';
import { waitingReason } from '../status-lines.ts';
import { type Activity, afterColon, compareNames, type GroupPlan, type indexConfig, type indexPlan } from './plan.ts';
import type { BoardNote, BoardRow, BoardVolume, RowState } from './types.ts';

/** The inputs of the rows of one node. */
export interface NodeScene {
  readonly node: NodeName;
  readonly status: 'reachable' | 'unreachable' | 'unseen';
  readonly facts: NodeFacts | undefined;
  readonly figures: FiguresView | undefined;
  readonly config: ReturnType<typeof indexConfig>;
  readonly plan: ReturnType<typeof indexPlan>;
  readonly wantedApps: readonly AppName[];
  readonly wantedVolumes: readonly VolumeId[];
  /** Those of this node. */
  readonly activities: readonly Activity[];
  readonly finished: ReadonlySet<string>;
  readonly whereabouts: ReadonlyMap<AppName, readonly NodeName[]>;
  readonly titleOf: (node: NodeName) => string;
}

/** Everything that is on one node or should be there. */
export function rowsOf(scene: NodeScene): readonly BoardRow[] {
  const containers = scene.facts?.containers ?? [];
  const apps = containers.flatMap((each) => (isOurs(each) ? [appRow(scene, each, each.application)] : []));
  const here = new Set(apps.map(({ app }) => app));
  const ghosts = scene.wantedApps.filter((app) => !here.has(app)).map((app) => ghostRow(scene, app));
  const owned = [...apps, ...ghosts].toSorted(byName);
  const used = new Set(owned.flatMap(({ volumes }) => volumes.map(({ volume }) => volume)));
  const copies = (scene.facts?.volumes ?? []).filter(({ id }) => !used.has(id));
  const known = new Set(copies.map(({ id }) => id));
  const foreign = containers.flatMap((each) => (isOurs(each) ? [] : [foreignRow(scene, each)]));
  return [
    ...owned,
    ...foreign.toSorted(byName),
    ...copies.map((volume) => volumeRow(scene, volume)).toSorted(byName),
    ...scene.wantedVolumes.filter((id) => !known.has(id) && !used.has(id)).map((id) => ghostVolumeRow(scene, id)),
  ];
}

const isOurs = (each: Container): each is Container & { readonly application: AppName } =>
  each.managed && each.application !== undefined;

const byName = (a: BoardRow, b: BoardRow): number => compareNames(a.name, b.name);

const isStaleIn = ({ status }: NodeScene): boolean => status !== 'reachable';

function appRow(scene: NodeScene, container: Container, app: AppName): BoardRow {
  const { node, figures } = scene;
  const now = figures?.latest.containers[container.name]; // what does not run uses nothing, whatever it used
  const use = now ?? (container.state === 'running' ? figures?.earlier?.[container.name] : undefined);
  const wanted = scene.config.placement.get(app);
  const note = appNote(scene, app, container);
  return {
    kind: 'app',
    node,
    app,
    name: plainCell(app),
    ...containerState(scene, container, app),
    isStale: isStaleIn(scene),
    ...defined({ note, wanted }),
    image: plainCell(container.spec.image),
    ...(use === undefined ? {} : { cpuPercent: use.cpuPercent, memoryBytes: use.memoryBytes }),
    ...(use === undefined || now !== undefined ? {} : { isUseOld: true }),
    ...dataOf(scene, app),
  };
}

type StateParts = Pick<BoardRow, 'state' | 'text' | 'startedAt'>;

function containerState(scene: NodeScene, container: Container, app: AppName | undefined): StateParts {
  const isWanted = app !== undefined && scene.config.placement.get(app) === scene.node;
  const seen = ownState(container, isWanted ? scene.config.applications[app] : undefined);
  if (isStaleIn(scene)) return { state: 'unknown', text: `last seen ${seen.text}` };
  const turns = scene.activities.some(
    ({ group, kind, note }) => group === app && note.kind === 'working' && stepKinds[kind].interruptsContainer,
  );
  return turns ? { ...seen, state: 'changing' } : seen;
}

const states: Readonly<Record<ContainerVerdict, RowState>> = {
  running: 'up',
  starting: 'changing',
  unhealthy: 'failed',
  restarting: 'failed',
  paused: 'stopped',
  removing: 'changing',
  done: 'stopped',
  failed: 'failed',
  stopped: 'stopped',
};

/** `app` is the declared application if the files place it on this node. */
function ownState(container: Container, app: Application | undefined): StateParts {
  const { state, exit, startedAt } = container;
  const verdict = judgeContainer({ ...container, isDone: container.spec.isDone }, app);
  const started = state !== 'running' || startedAt === undefined ? Number.NaN : Date.parse(startedAt);
  const since = Number.isNaN(started) ? {} : { startedAt: started };
  if (verdict === 'running') return { state: 'up', text: 'up', ...since };
  const isEnd = verdict === 'failed' || verdict === 'stopped';
  const code = exit === undefined || state === 'created' ? '' : ` ${exit.code}`;
  const isFault = app !== undefined && state === 'exited' && verdict === 'stopped';
  return { state: isFault ? 'failed' : states[verdict], text: isEnd ? `${state}${code}` : verdict, ...since };
}

/** A running step comes before an earlier failure, and both come before the plan. */
function appNote(scene: NodeScene, app: AppName, container: Container): BoardNote | undefined {
  const now = groupNote(scene, app) ?? waitingNote(app, isStaleIn(scene) ? undefined : scene.facts, scene.titleOf);
  if (now !== undefined) return now;
  const wanted = scene.config.placement.get(app);
  if (wanted === undefined) return { kind: 'remove', text: 'not in the deployment' };
  if (wanted !== scene.node) {
    const isThere = scene.whereabouts.get(app)?.includes(wanted) ?? false;
    const where = scene.titleOf(wanted);
    return isThere ? { kind: 'remove', text: `belongs on ${where}` } : { kind: 'goes', text: `to ${where}` };
  }
  const change = changeNote(scene, scene.plan.groups.get(app), container);
  if (container.state !== 'exited' || container.exit?.oomKilled !== true) return change;
  return { ...(change ?? { kind: 'failed' }), text: `out of memory${change === undefined ? '' : `; ${change.text}`}` };
}

function groupNote(scene: NodeScene, group: string): BoardNote | undefined {
  const activity = scene.activities.find((each) => each.group === group);
  if (activity !== undefined) return activity.note;
  const blocker = scene.plan.blockedApps.get(group);
  if (blocker === undefined) return undefined;
  const full = plainCell(blocker.hint === undefined ? blocker.reason : `${blocker.reason} (${blocker.hint})`);
  return { kind: 'blocked', text: plainCell(afterColon(blocker.reason)), full };
}

function changeNote(scene: NodeScene, group: GroupPlan | undefined, container: Container): BoardNote | undefined {
  const steps = group?.steps.filter(({ id }) => !scene.finished.has(id)) ?? [];
  const start = steps.find(({ action }) => action.kind === 'start-container' && action.node === scene.node);
  if (start?.action.kind !== 'start-container') {
    const other = steps.find(({ action }) => 'node' in action && action.node === scene.node);
    return other === undefined ? undefined : { kind: 'change', text: plainCell(other.reason) };
  }
  const full = plainCell(start.reason);
  // Its settings are right: it only has to run.
  if (!steps.some(({ action }) => action.kind === 'stop-container'))
    return { kind: 'add', text: 'to be started', full };
  const [from, to] = shortImages(container.spec.image, start.action.spec.image);
  if (from === to) return { kind: 'change', text: full };
  return { kind: 'change', text: 'image', from: plainCell(from), to: plainCell(to), full };
}

/** The tags alone, if only those differ. */
function shortImages(from: string, to: string): readonly [string, string] {
  const tag = /^(.*):([^/:@]+)$/;
  const [a, b] = [tag.exec(from), tag.exec(to)];
  return a !== null && b !== null && a[1] === b[1] ? [a[2] ?? from, b[2] ?? to] : [from, to];
}

/** What the files place on this node and is not there yet. */
function ghostRow(scene: NodeScene, app: AppName): BoardRow {
  const note = groupNote(scene, app) ?? arrivalNote(scene, app, scene.whereabouts.get(app) ?? []);
  return {
    kind: 'ghost',
    node: scene.node,
    app,
    name: plainCell(app),
    ...absence(scene, note),
    note,
    wanted: scene.node,
    ...dataOf(scene, app),
  };
}

function absence(scene: NodeScene, note: BoardNote): Pick<BoardRow, 'state' | 'text' | 'isStale'> {
  if (isStaleIn(scene)) {
    return { state: 'unknown', text: scene.facts === undefined ? 'not seen yet' : 'not seen', isStale: true };
  }
  return { state: note.kind === 'working' ? 'changing' : 'absent', text: 'not here', isStale: false };
}

function arrivalNote(scene: NodeScene, group: string, at: readonly NodeName[]): BoardNote {
  const plan = scene.plan.groups.get(group);
  const from = at.find((each) => each !== scene.node) ?? plan?.moves[0]?.from;
  if (from !== undefined) return { kind: 'comes', text: `from ${scene.titleOf(from)}` };
  return { kind: 'add', text: plan === undefined ? 'wanted here' : 'to be started' };
}

function foreignRow(scene: NodeScene, container: Container): BoardRow {
  const text = foreignText(container);
  return {
    kind: 'foreign',
    node: scene.node,
    foreign: container.name,
    name: plainCell(container.name),
    ...containerState(scene, container, undefined),
    isStale: isStaleIn(scene),
    note: { kind: 'foreign', text },
    image: plainCell(container.spec.image),
    volumes: [],
  };
}

function foreignText({ managed, otherApplication, deployment }: Container): string {
  if (deployment !== undefined && otherApplication !== undefined) return `of the deployment ${plainCell(deployment)}`;
  if (otherApplication !== undefined) return 'of no deployment';
  return managed ? 'has no application label' : 'not in the files';
}

function dataOf(scene: NodeScene, app: AppName): Pick<BoardRow, 'volumes' | 'dataBytes'> {
  const copies = (scene.facts?.volumes ?? []).filter(
    ({ id, application }) => (scene.config.volumes.get(id)?.app ?? application) === app,
  );
  const volumes = copies.map(boardVolume);
  if (volumes.length === 0) return { volumes };
  return { volumes, dataBytes: volumes.reduce((sum, { referencedBytes }) => sum + referencedBytes, 0) };
}

function boardVolume({ id, role, mounted, referencedBytes, limitBytes, snapshots }: Volume): BoardVolume {
  const newest = snapshots.at(-1)?.name;
  const at = newest === undefined ? undefined : snapshotTime(newest);
  return {
    volume: id,
    role,
    mounted,
    referencedBytes,
    ...(limitBytes === undefined ? {} : { limitBytes }),
    snapshots: snapshots.length,
    ...(newest === undefined ? {} : { newestSnapshot: plainCell(newest) }),
    ...(at === undefined ? {} : { newestSnapshotAt: at }),
  };
}

/** Milliseconds since 1970, if the name has a date and time in UTC: `user-20251122T140000Z`, `daily-2025-11-22_14-00`. */
export function snapshotTime(name: string): number | undefined {
  const match = /(20\d\d)-?(\d\d)-?(\d\d)[T_-]?(\d\d)[:-]?(\d\d)(?:[:-]?(\d\d))?/.exec(name);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map((text) => Number(text ?? 0));
  const isTime = month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 && minute < 60 && second < 60;
  return isTime ? Date.UTC(year, month - 1, day, hour, minute, second) : undefined;
}

function volumeRow(scene: NodeScene, volume: Volume): BoardRow {
  const declared = scene.config.volumes.get(volume.id);
  const app = declared?.app ?? volume.application;
  const note = volumeNote(scene, volume, declared?.wanted);
  const { wanted } = declared ?? {};
  return {
    kind: 'volume',
    node: scene.node,
    ...(app === undefined ? {} : { app }),
    volume: volume.id,
    name: plainCell(app ?? volume.id),
    state: isStaleIn(scene) ? 'unknown' : volumeState(volume, note),
    text: isStaleIn(scene) ? `last seen as ${volume.role}` : volume.role,
    isStale: isStaleIn(scene),
    ...defined({ note, wanted }),
    dataBytes: volume.referencedBytes,
    volumes: [boardVolume(volume)],
  };
}

function volumeState({ role }: Volume, note: BoardNote | undefined): RowState {
  if (note?.kind === 'working' || role === 'incoming') return 'changing';
  if (role === 'diverged') return 'failed';
  return role === 'owner' ? 'up' : 'stopped';
}

function volumeNote(scene: NodeScene, { id, role, application }: Volume, wanted?: NodeName): BoardNote | undefined {
  const declared = scene.config.volumes.get(id);
  const now = groupNote(scene, declared?.app ?? id);
  if (now !== undefined && role !== 'replica' && role !== 'retired') return now;
  if (role === 'diverged') return { kind: 'failed', text: 'another node took over; kept' };
  if (role === 'retired') return { kind: 'kept', text: 'kept until removed by hand' };
  if (declared === undefined && role !== 'replica') {
    return { kind: 'kept', text: application === undefined ? 'nothing uses it' : 'kept, nothing uses it' };
  }
  if (role === 'owner' && wanted !== undefined && wanted !== scene.node) {
    return { kind: 'goes', text: `to ${scene.titleOf(wanted)}` };
  }
  return undefined;
}

function ghostVolumeRow(scene: NodeScene, volume: VolumeId): BoardRow {
  const note = groupNote(scene, volume) ?? arrivalNote(scene, volume, []);
  const said: BoardNote = note.kind === 'add' ? { ...note, text: 'to be created' } : note;
  const { node } = scene;
  return {
    kind: 'ghost',
    node,
    volume,
    name: plainCell(volume),
    ...absence(scene, note),
    note: said,
    wanted: node,
    volumes: [],
  };
}

/** Why an application did not start with its node: one of its volumes waits for an answer of other nodes. */
function waitingNote(
  app: AppName,
  facts: NodeFacts | undefined,
  titleOf: (node: NodeName) => string,
): BoardNote | undefined {
  for (const volume of facts?.volumes ?? []) {
    const waits = facts && volume.application === app ? waitingOf(facts, volume) : undefined;
    if (waits === undefined) continue;
    const names = waits.peers.map(titleOf);
    const full = `its volume has been waiting since the node booted: ${waitingReason(waits.why, names)} (apply decides)`;
    return { kind: 'blocked', text: plainText(`waits for ${names.join(', ')}`), full: plainText(full) };
  }
  return undefined;
}

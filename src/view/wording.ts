import { cached } from '../model/collect.ts';
import { type AppName, type Config, type NodeName, nodeOf, type VolumeId } from '../model/config.ts';
import type { ErrorReport } from '../model/errors.ts';
import type { RunOutcome } from '../model/events.ts';
import { printImage } from '../model/names.ts';
import { type Action, assertNever, type Blocker } from '../model/plan.ts';
import { appsOnVolume } from '../model/shared-volumes.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A larger figure, or one that is not a number, does not come from a working node. */
const largest = 2 ** 60;

/** Binary units with three significant digits: `14.2 MiB`, `512 B`. */
export function formatBytes(bytes: number): string {
  if (!(bytes < largest)) return '?';
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** `85 ms`, `4.2 s`, `1 min 12 s`, `2 h 05 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  if (!(ms < largest)) return '?';
  if (ms < 99.5) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** As `formatBytes` in at most five cells, for columns: `14.2M`, `512B`. */
export const shortBytes = (bytes: number): string => formatBytes(bytes).replace(/ (.)(?:iB)?$/, '$1');

/** The largest unit of `formatDuration`, for columns: `3d`, `14m`, `8s`; less than a second is `0s`. */
export function shortDuration(ms: number): string {
  if (!(ms < largest)) return '?';
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** Time of day here, `14:02` or `14:02:11`; `at` in milliseconds since 1970. */
export function formatClock(at: number, precision: 'minutes' | 'seconds' = 'seconds'): string {
  const date = new Date(at);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return precision === 'minutes' ? clock : `${clock}:${two(date.getSeconds())}`;
}

/** `1 step`, `2 steps`; the plural is given where it is not the singular with an s. */
export function count(n: number, singular: string, plural = `${singular}s`): string {
  return `${n} ${n === 1 ? singular : plural}`;
}

/** `"a", "b" and "c"`. */
export function listNames(names: readonly string[]): string {
  const quoted = names.map((name) => `"${name}"`);
  const last = quoted.at(-1) ?? '';
  return quoted.length < 2 ? last : `${quoted.slice(0, -1).join(', ')} and ${last}`;
}

/** The names of nodes and volumes on the screen: a node's name, a volume's application. */
export interface Names {
  readonly node: (node: NodeName) => string;
  readonly volume: (volume: VolumeId, app?: AppName) => string;
}

/** Every row of a screen asks for them, so they are cached for each configuration. */
const namesIn = cached((config: Config) => readNames(config));

/** The names in this configuration; addresses and ids if it has none. */
export const namesOf = (config: Config | undefined): Names =>
  config === undefined ? readNames(undefined) : namesIn(config);

function readNames(config: Config | undefined): Names {
  const volumes = new Map<VolumeId, string>();
  for (const app of Object.values(config?.applications ?? {})) {
    for (const { id, mountpoint } of app.volumes) {
      const users = config === undefined ? [] : appsOnVolume(config, id);
      const name = app.volumes.length === 1 ? `volume of "${app.name}"` : `volume "${mountpoint}" of "${app.name}"`;
      volumes.set(id, users.length > 1 ? `volume of ${listNames(users)}` : name);
    }
  }
  return {
    node: (node) => config?.nodes[node]?.name ?? node,
    volume: (id, app) => volumes.get(id) ?? (app === undefined ? `volume "${id}"` : `volume of "${app}"`),
  };
}

/** Name and address of a node: `node1 (172.16.255.250)`. */
export function nodeTitle(config: Config | undefined, node: NodeName): string {
  const name = config?.nodes[node]?.name;
  const other = name === undefined || name === node ? config?.nodes[node]?.host : node;
  const title = name ?? node;
  return other === undefined || other === title ? title : `${title} (${other})`;
}

const ports = (keys: readonly { readonly port: number; readonly protocol: string }[]): string => {
  const list = keys.map(({ port, protocol }) => (protocol === 'tcp' ? `${port}` : `${port}/${protocol}`));
  return `${list.length === 1 ? 'port' : 'ports'} ${list.join(', ')}`;
};

/** What a step does, as an imperative: `copy volume of "db" from node1 to node2 while "db" runs`. */
export function describeAction(action: Action, names: Names): string {
  const { node, volume } = names;
  switch (action.kind) {
    case 'pull-image': {
      const from = action.from === undefined ? '' : `, copied from ${node(action.from)} if need be`;
      return `fetch image "${printImage(action.image)}" on ${node(action.node)}${from}`;
    }
    case 'create-volume':
      return `create ${volume(action.volume, action.app)} on ${node(action.node)}${limitOf(action.limitBytes)}`;
    case 'resize-volume': {
      const what = `the limit of ${volume(action.volume)} on ${node(action.node)}`;
      return action.limitBytes === undefined ? `lift ${what}` : `set ${what} to ${formatBytes(action.limitBytes)}`;
    }
    case 'sync-volume':
      return `copy ${volume(action.volume)} from ${node(action.from)} to ${node(action.to)} while it is in use`;
    case 'hold-ports':
      return `hold new connections to ${ports(action.ports)} on ${node(action.node)}`;
    case 'stop-container':
      return `stop "${action.app}" on ${node(action.node)}`;
    case 'freeze-volume':
      return `freeze ${volume(action.volume)} on ${node(action.node)}`;
    case 'send-final':
      return `send the last changes of ${volume(action.volume)} from ${node(action.from)} to ${node(action.to)}`;
    case 'release-volume':
      return `release ${volume(action.volume)} on ${node(action.from)} to ${node(action.to)}`;
    case 'acquire-volume':
      return `acquire ${volume(action.volume)} on ${node(action.to)} from ${node(action.from)}`;
    case 'reclaim-volume':
      return `take ${volume(action.volume)} back on ${node(action.node)}`;
    case 'mount-volume':
      return `mount ${volume(action.volume)} on ${node(action.node)}`;
    case 'settle-volume':
      return `keep the old copy of ${volume(action.volume)} on ${node(action.from)} as a replica`;
    case 'retire-volume':
      return `retire ${volume(action.volume)} on ${node(action.node)}, keeping its data`;
    case 'start-container':
      return `start "${action.spec.application}" on ${node(action.node)}`;
    case 'check-container':
      if (action.until === 'done') return `wait until "${action.app}" is done on ${node(action.node)}`;
      return `wait until "${action.app}" answers on ${node(action.node)}`;
    case 'replace-network':
      return `set the forwards of ${node(action.node)}${forwards(action.proxies, node)}`;
    case 'set-deployment': {
      const apps = action.apps.map((app) => `"${app}"`);
      const whats = [...apps, ...action.volumes.map((id) => volume(id))];
      return `record ${whats.join(', ')} on ${node(action.node)} as part of the deployment "${action.deployment}"`;
    }
    case 'set-standbys':
      return `set the standbys and scheduled snapshots of ${node(action.node)}`;
    case 'set-boot-rules':
      return `tell ${node(action.node)} whom to ask when it boots`;
    default:
      return assertNever(action);
  }
}

const limitOf = (bytes: number | undefined): string => (bytes === undefined ? '' : `, at most ${formatBytes(bytes)}`);

function forwards(
  proxies: readonly { port: number; protocol: string; address: string }[],
  node: Names['node'],
): string {
  if (proxies.length === 0) return ' (none)';
  const each = proxies.map((p) => `${p.port}${p.protocol === 'tcp' ? '' : `/${p.protocol}`} to ${node(p.address)}`);
  return ` (${each.join(', ')})`;
}

/** `cannot …` with its hint on a second line, as every failure is shown. */
export function describeError(error: ErrorReport): readonly string[] {
  return error.hint === undefined ? [error.message] : [error.message, `hint: ${error.hint}`];
}

/** How a run ended, in one sentence. */
export function describeOutcome(outcome: RunOutcome, elapsedMs: number): string {
  const took = formatDuration(elapsedMs);
  switch (outcome.result) {
    case 'converged':
      return outcome.steps === 0
        ? `converged: nothing to do (${took})`
        : [`converged: ${count(outcome.steps, 'step')} in ${took}`, ...(outcome.warnings ?? [])].join('; ');
    case 'blocked': {
      const did = outcome.steps === 0 ? '' : `${count(outcome.steps, 'step')} done in ${took}, but `;
      return `${did}${count(outcome.blockers.length, 'change')} cannot be made now`;
    }
    case 'failed':
      return `failed after ${took}: ${outcome.error.message}`;
    case 'locked':
      return outcome.error.message;
    case 'rejected':
      return `the files have ${count(outcome.problems.length, 'problem')}; nothing was changed`;
    case 'superseded':
      return 'stopped: the files changed, and a newer run takes over';
    case 'cancelled':
      return `cancelled after ${took}; \`drover apply\` goes on from here`;
    default:
      return assertNever(outcome);
  }
}

/** The outcome of a run in one line, with the first blocker and the number of others. */
export function tellOutcome(outcome: RunOutcome, elapsedMs: number): string {
  const text = describeOutcome(outcome, elapsedMs);
  return outcome.result === 'blocked' ? `${text}: ${listBlockers(outcome.blockers)}` : text;
}

/** The first of these blockers, and the number of others. */
export function listBlockers([first, ...others]: readonly Blocker[]): string {
  const more = others.length === 0 ? '' : ` (and ${count(others.length, 'other')})`;
  return `${first?.reason ?? ''}${more}`;
}

/** A warning about the files, with its place. */
export const noteSentences = ({ notes = [] }: Config): readonly string[] =>
  notes.map(
    ({ file, line, column, message }) => `${[file, line, column].filter((part) => part).join(':')}: ${message}`,
  );

/** One sentence for each application whose image `images` replaces; shown at every load. */
export function substituteSentences(config: Config): readonly string[] {
  return Object.values(config.applications).flatMap(({ name, image, insteadOf }) =>
    insteadOf === undefined || nodeOf(config, name) === undefined
      ? []
      : [`"${name}" runs ${printImage(image)} in place of ${printImage(insteadOf)}, as the nodes file says`],
  );
}

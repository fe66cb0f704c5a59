import type { AppName, NodeName, NodeSettings } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import { type Standby, standbyLimits } from '../model/standby/declared.ts';
import type { KnownApplications } from './deployment-file.ts';
import { suggest } from './did-you-mean.ts';
import type { Draft } from './draft.ts';
import {
  complain,
  complainAtKey,
  noteAtKey,
  type Place,
  readFields,
  readItems,
  readName,
  readText,
  refuseOthers,
  required,
  scalarAt,
} from './fields.ts';
import { readRetention } from './forms/kept-snapshots.ts';
import { accept } from './forms/read-parts.ts';
import { parseDuration } from './values.ts';
import { isNothing, quote } from './yaml/yaml-node.ts';

/** What can be named in `standby`. */
export interface StandbyNames {
  readonly applications: KnownApplications | undefined;
  readonly drafts: readonly Draft[];
  readonly nodes: readonly (readonly [NodeName, NodeSettings])[];
}

const shape = 'write each as APPLICATION: {on: [NODE], every: 1m, lose: 5m}; on: auto chooses a node';

/** `standby` of deployment.yml. `"*"` is for every application with volumes that has no entry of its own. */
export function readStandbys(place: Place | undefined, names: StandbyNames): Readonly<Record<AppName, Standby>> {
  if (place === undefined || isNothing(place.node)) return {};
  const entries = readFields(place, '"standby"', shape)?.entries;
  const standbys = new Map<AppName, Standby>();
  const withVolumes = names.drafts.flatMap(({ name, volumes }) => (volumes.length === 0 ? [] : [name]));
  const known = names.applications?.names;
  const taken = new Set(entries?.keys() ?? []);
  for (const [name, entry] of entries ?? []) {
    const standby = readStandby(entry, names.nodes);
    if (name === '*') {
      for (const app of withVolumes) if (standby !== undefined && !taken.has(app)) standbys.set(app, standby);
    } else if (names.applications?.disabled?.has(name) === true) {
      noteAtKey(entry, `the service ${quote(name)} is disabled, and has no standbys`);
    } else if (known !== undefined && !known.has(name)) {
      complainAtKey(entry, `unknown application ${quote(name)}`, () => suggest(entry.key, known, taken));
    } else if (names.drafts.some((draft) => draft.name === name && draft.volumes.length === 0)) {
      noteAtKey(entry, `the application ${quote(name)} has no volumes, and so no standbys`);
    } else if (standby !== undefined) standbys.set(name, standby);
  }
  return Object.fromEntries([...standbys].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function readStandby(place: Place, nodes: StandbyNames['nodes']): Standby | undefined {
  const fields = readFields(place, 'a standby', shape);
  if (fields === undefined) return undefined;
  refuseOthers(fields, ['on', 'every', 'lose', 'keep']);
  const onAt = required(fields, 'on', 'write "on: [NODE]" or "on: auto"');
  const on = onAt === undefined ? undefined : readOn(onAt, nodes);
  const time = (key: string): number | undefined => {
    const entry = fields.entries.get(key);
    const text = entry && readText(entry, quote(key), 'write a number and a unit, such as "1m"');
    return entry === undefined || text === undefined
      ? undefined
      : accept(entry, parseDuration(text), `${quote(key)}: `);
  };
  const everyMs = time('every') ?? standbyLimits.everyMs;
  const loseMs = time('lose') ?? everyMs * standbyLimits.roundsToLose;
  const keepAt = fields.entries.get('keep');
  const keep = keepAt && readRetention(keepAt, '"keep"');
  const every = fields.entries.get('every');
  if (every !== undefined && everyMs < standbyLimits.shortestEveryMs) {
    return complain(every, '"every" must be at least 10s', 'write "every: 10s", or more');
  }
  const lose = fields.entries.get('lose');
  if (lose !== undefined && loseMs < everyMs) {
    return complain(
      lose,
      '"lose" must not be shorter than "every"',
      'a standby is as old as the time between two copies',
    );
  }
  return on === undefined ? undefined : { on, everyMs, loseMs, ...defined({ keep }) };
}

/** The nodes under their keys in the configuration, sorted. */
function readOn(place: Place, nodes: StandbyNames['nodes']): Standby['on'] | undefined {
  if (place.node.kind === 'scalar') {
    const word = readName(place, '"on"');
    if (word === undefined || word === 'auto') return word;
    return complain(place, `"on" must be auto or a list of nodes, not ${quote(word)}`, `write [${word}]`);
  }
  const items = readItems(place, '"on"', 'auto or a list of nodes', 'write [NODE], or auto');
  if (items === undefined) return undefined;
  const found = items.flatMap((item) => {
    const word = readName(item, 'a node of "on"');
    if (word === undefined) return [];
    const matches = nodes.filter(([key, { name, host }]) => key === word || name === word || host === word);
    const node = nodes.find(([key]) => key === word)?.[0] ?? (matches.length === 1 ? matches[0]?.[0] : undefined);
    if (node !== undefined) return [node];
    const known = new Set(nodes.flatMap(([key, { name }]) => [key, ...(name === undefined ? [] : [name])]));
    return complain(item, `unknown node ${quote(word)}`, () => suggest(scalarAt(item), known)) ?? [];
  });
  return [...new Set(found)].sort();
}

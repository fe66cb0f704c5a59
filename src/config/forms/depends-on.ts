import type { Dependency, Milestone } from '../../model/config.ts';
import { suggest } from '../did-you-mean.ts';
import type { Draft } from '../draft.ts';
import {
  complain,
  noteAtKey,
  type Place,
  type Placed,
  readAt,
  readFields,
  readItems,
  readText,
  refuseOthers,
  scalarAt,
  withoutExtensions,
} from '../fields.ts';
import { isNothing, quote } from '../yaml/yaml-node.ts';
import { readFlag } from './healthcheck.ts';

const milestones: ReadonlyMap<string, Milestone> = new Map([
  ['service_started', 'started'],
  ['service_healthy', 'healthy'],
  ['service_completed_successfully', 'done'],
]);

/** `depends_on`, the same in every form: a list of names, or a mapping with conditions. */
export function readDependsOn(place: Place): Placed<Dependency>[] {
  const { node } = place;
  if (isNothing(node)) return [];
  if (node.kind !== 'map') {
    const items = readItems(place, '"depends_on"', 'a list of services, or a mapping') ?? [];
    return items.flatMap((item) => {
      const app = readText(item, 'a service to depend on');
      return app === undefined ? [] : [{ value: { app, until: 'started' }, place: item }];
    });
  }
  return [...(readFields(place, '"depends_on"')?.entries ?? [])].flatMap(([app, entry]) => {
    const value = readLong(app, entry);
    // Problems with the name point at the key.
    const at = { ...entry, node: { ...(entry.key ?? entry.node), offset: entry.keyOffset } };
    return value === undefined ? [] : [{ value, place: at }];
  });
}

function readLong(app: string, place: Place): Dependency | undefined {
  if (isNothing(place.node)) return { app, until: 'started' };
  const hint = 'write {condition: service_healthy}';
  const fields = readFields(place, `the dependency on ${quote(app)}`, hint);
  if (fields === undefined) return undefined;
  const entries = withoutExtensions(fields);
  refuseOthers({ ...fields, entries }, ['condition', 'required', 'restart']);
  return {
    app,
    until: readAt(entries, 'condition', readCondition) ?? 'started',
    ...(readAt(entries, 'required', readFlag) === false ? { isOptional: true } : {}),
    ...(readAt(entries, 'restart', readFlag) === true ? { restarts: true } : {}),
  };
}

function readCondition(place: Place): Milestone | undefined {
  const text = readText(place, '"condition"');
  const found = text === undefined ? undefined : milestones.get(text);
  if (text === undefined || found !== undefined) return found;
  const words = [...milestones.keys()];
  return complain(
    place,
    `the condition ${quote(text)} is not known`,
    () => suggest(scalarAt(place), words) ?? `use ${words.join(', ')}`,
  );
}

/** Reports names that the file does not have, and circles. A dependency that may be missing is left out then. */
export function checkDependencies(drafts: readonly Draft[], names: ReadonlySet<string>): readonly Draft[] {
  const known = drafts.map((draft) => {
    const { dependsOn } = draft;
    if (dependsOn === undefined || dependsOn.every(({ value }) => names.has(value.app))) return draft;
    for (const { value, place } of dependsOn) {
      if (names.has(value.app) || value.isOptional === true) continue;
      complain(place, `"depends_on" names the unknown service ${quote(value.app)}`, () =>
        suggest(scalarAt(place), names),
      );
    }
    return { ...draft, dependsOn: dependsOn.filter(({ value }) => names.has(value.app)) };
  });
  const byName = new Map(known.map((draft) => [draft.name, draft]));
  const walked = new Set<string>();
  for (const draft of known) reportCircle(draft, byName, walked);
  return known;
}

/** Depth first without recursion, so that no chain is too long; every service is walked once. */
function reportCircle(start: Draft, byName: ReadonlyMap<string, Draft>, walked: Set<string>): void {
  const path: { readonly draft: Draft; next: number }[] = [{ draft: start, next: 0 }];
  const open = new Set([start.name]);
  while (path.length > 0) {
    const top = path[path.length - 1];
    if (top === undefined) return;
    const edge = walked.has(top.draft.name) ? undefined : top.draft.dependsOn?.[top.next];
    top.next += 1;
    if (edge === undefined) {
      walked.add(top.draft.name);
      open.delete(top.draft.name);
      path.pop();
      continue;
    }
    const target = byName.get(edge.value.app);
    if (target !== undefined && open.has(target.name)) {
      const from = path.findIndex(({ draft }) => draft.name === target.name);
      const circle = [...path.slice(from).map(({ draft }) => draft.name), target.name];
      complain(edge.place, `"depends_on" goes in a circle: ${circleText(circle)}`, 'remove one of these dependencies');
    } else if (target !== undefined && !walked.has(target.name)) {
      open.add(target.name);
      path.push({ draft: target, next: 0 });
    }
  }
}

const shownNames = 8;

/** `"a" needs "b", "b" needs "a"`; the middle of a long one is left out. */
function circleText(names: readonly string[]): string {
  const steps = names.slice(1).map((name, at) => `${quote(names[at] ?? '')} needs ${quote(name)}`);
  if (steps.length <= shownNames) return steps.join(', ');
  return [...steps.slice(0, shownNames - 1), '…', steps.at(-1)].join(', ');
}

/**
 * Marks the applications whose work may end: others wait until they are done; or the file says that they are never
 * started again; or nothing could use them while they run, and their restart policy does not start them again after a
 * success. In Compose that is also the default policy. Docker would restart a job with another policy without end.
 */
export function markJobs(drafts: readonly Draft[], form: 'compose' | 'other'): readonly Draft[] {
  const awaited = new Set(
    drafts.flatMap(({ dependsOn = [] }) =>
      dependsOn.flatMap(({ value }) => (value.until === 'done' ? [value.app] : [])),
    ),
  );
  return drafts.map((draft) => {
    const { name, staysDown, restartPolicy, ports, exposes = [], healthcheck } = draft;
    if (awaited.has(name)) return asJob(draft);
    const isServer =
      ports.length + exposes.length > 0 || (healthcheck !== undefined && healthcheck.test?.[0] !== 'NONE');
    const mayEnd = restartPolicy.name === 'on-failure' || (form === 'compose' && restartPolicy.name === 'never');
    return staysDown === true || (!isServer && mayEnd) ? { ...draft, mayEnd: 'alone' } : draft;
  });
}

function asJob(draft: Draft): Draft {
  const { restartPolicy, place, name } = draft;
  if (restartPolicy.name !== 'always' && restartPolicy.name !== 'unless-stopped') return { ...draft, mayEnd: 'job' };
  const message = `the restart policy of ${quote(name)} has no effect after it has ended: other services wait until it is done`;
  noteAtKey(place, message);
  return { ...draft, mayEnd: 'job', restartPolicy: { name: 'on-failure' } };
}

import type { Dependency } from '../../../model/config.ts';
import { suggest } from '../../did-you-mean.ts';
import type { Draft } from '../../draft.ts';
import { complain, type Place, type Placed, readItems, readText, scalarAt } from '../../fields.ts';
import { isNothing, quote } from '../../yaml/yaml-node.ts';
import type { ComposeArea, ReadService } from './service.ts';

/**
 * `volumes_from`: a service has the volumes, folders and files of another one, where that one has them, unless it has
 * something else there. It starts after that one.
 */
export const volumesFromArea: ComposeArea = {
  finish: (services) => {
    if (!services.some(({ service }) => service.entries.has('volumes_from'))) return services;
    const byName = new Map(services.map((one) => [one.service.name, one]));
    const whole = new Map<string, Draft>();
    return services.map((one) => ({ ...one, draft: withOthers(one, { byName, whole, open: [] }) }));
  },
};

interface Reading {
  readonly byName: ReadonlyMap<string, ReadService>;
  /** Those that have everything already. */
  readonly whole: Map<string, Draft>;
  /** The services from the first one to the one that is read now. */
  readonly open: readonly string[];
}

function withOthers({ service, draft }: ReadService, reading: Reading): Draft {
  const { name, entries } = service;
  const known = reading.whole.get(name);
  if (known !== undefined) return known;
  const place = entries.get('volumes_from');
  const sources = place === undefined || isNothing(place.node) ? [] : readSources(place, reading.byName);
  let found = draft;
  for (const source of sources) {
    const other = reading.byName.get(source.name);
    if (other === undefined) continue;
    const open = [...reading.open, name];
    if (open.includes(source.name)) {
      complain(source.place, `"volumes_from" goes in a circle: ${open.map(quote).join(' needs ')}`);
      continue;
    }
    found = withMountsOf(found, withOthers(other, { ...reading, open }), source);
  }
  reading.whole.set(name, found);
  return found;
}

interface Source {
  readonly name: string;
  readonly readOnly: boolean;
  readonly place: Place;
}

/** `SERVICE` or `SERVICE:MODE`; `container:NAME` is a container that no file describes. */
function readSources(place: Place, names: ReadonlyMap<string, unknown>): readonly Source[] {
  return (readItems(place, '"volumes_from"', 'a list of services') ?? []).flatMap((item): Source[] => {
    const text = readText(item, 'a service with volumes');
    if (text === undefined) return [];
    const [name = '', mode = 'rw', ...rest] = text.split(':');
    if (name === 'container') {
      complain(item, `${quote(text)} is not a service of this file`, 'name a volume in "volumes" of both services');
    } else if (rest.length > 0 || (mode !== 'rw' && mode !== 'ro')) {
      complain(item, `${quote(text)} is not a service with volumes`, 'write "SERVICE" or "SERVICE:ro"');
    } else if (!names.has(name)) {
      complain(item, `"volumes_from" names the unknown service ${quote(name)}`, () =>
        suggest(scalarAt(item), new Set(names.keys())),
      );
    } else return [{ name, readOnly: mode === 'ro', place: item }];
    return [];
  });
}

/** What the service has itself at a path stays. */
function withMountsOf(own: Draft, other: Draft, { name, readOnly, place }: Source): Draft {
  const taken = new Set([
    ...[...own.volumes, ...(own.binds ?? []), ...(own.tmpfs ?? [])].map(({ value }) => value.mountpoint),
    ...(own.files ?? []).map(({ value }) => value.target),
  ]);
  const mounts = <T extends { readonly mountpoint: string }>(list: readonly Placed<T>[] = []): Placed<T>[] =>
    list.flatMap(({ value }) =>
      taken.has(value.mountpoint) ? [] : [{ place, value: readOnly ? { ...value, readOnly: true as const } : value }],
    );
  const files = (other.files ?? []).filter(({ value }) => value.kind === 'file' && !taken.has(value.target));
  const [binds, waits] = [mounts(other.binds), own.dependsOn?.some(({ value }) => value.app === name) === true];
  const first: Placed<Dependency> = { place, value: { app: name, until: 'started' } };
  return {
    ...own,
    volumes: [...own.volumes, ...mounts(other.volumes)],
    ...(binds.length === 0 ? {} : { binds: [...(own.binds ?? []), ...binds] }),
    ...(files.length === 0 ? {} : { files: [...(own.files ?? []), ...files.map(({ value }) => ({ place, value }))] }),
    ...(waits ? {} : { dependsOn: [...(own.dependsOn ?? []), first] }),
  };
}

import { defined } from '../../model/defined.ts';
import type { FoundContainer, FoundDocker, FoundMount, FoundVolume } from '../../model/found-docker.ts';
import { isApplicationName } from '../../model/untrusted.ts';
import { composeText } from './compose-text.ts';

/** Containers as services of a Compose file. */
export interface FoundCompose {
  readonly text: string;
  readonly services: readonly FoundService[];
  /** What a person should know: what does not move, what was changed. */
  readonly remarks: readonly string[];
}

export interface FoundService {
  readonly name: string;
  readonly container: FoundContainer;
  readonly volumes: readonly ServiceVolume[];
}

/** A Docker volume of a service. */
export interface ServiceVolume {
  readonly volume: FoundVolume;
  readonly target: string;
  readonly isReadOnly: boolean;
}

/** Containers of one Compose project, or chosen ones, that can become services; one of several replicas. */
export function servicesOf(found: FoundDocker, containers: readonly FoundContainer[]): readonly FoundService[] {
  const services = new Map<string, FoundService>();
  for (const container of containers) {
    const name = serviceName(container);
    if (services.has(name)) continue;
    const volumes = container.mounts.flatMap((mount) => volumeOf(found, mount));
    services.set(name, { name, container, volumes });
  }
  return [...services.values()];
}

/** The name of the service, or of the container in a form that an application may have. */
function serviceName({ service, name }: FoundContainer): string {
  if (service !== undefined && isApplicationName(service)) return service;
  const clean = name.replace(/[^A-Za-z0-9_.-]/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return isApplicationName(clean) ? clean : 'imported';
}

function volumeOf(found: FoundDocker, mount: FoundMount): ServiceVolume[] {
  if (mount.kind !== 'volume') return [];
  const volume = found.volumes.find(({ name }) => name === mount.volume);
  return volume === undefined ? [] : [{ volume, target: mount.target, isReadOnly: mount.isReadOnly }];
}

/** The Compose file for these services. `origin` completes "Written by `drover import` from …". */
export function foundCompose(
  services: readonly FoundService[],
  origin: string,
  project: string | undefined,
): FoundCompose {
  const keys = volumeKeys(services);
  const remarks = services.flatMap((service) => remarksOf(service, keys));
  const networks = [...new Set(services.flatMap(({ container }) => Object.keys(networksOf(container))))];
  const file = {
    name: project,
    services: Object.fromEntries(services.map((service) => [service.name, serviceEntry(service, keys)])),
    networks: networks.length === 0 ? undefined : Object.fromEntries(networks.map((name) => [name, null])),
    volumes: keys.size === 0 ? undefined : Object.fromEntries([...keys.values()].map((key) => [key, null])),
  };
  const comments = [
    `Written by \`drover import\` from ${origin}.`,
    'It has the environment of the containers, with their passwords: only you can read this file.',
  ];
  return { text: composeText(comments, file), services, remarks };
}

const networksOf = ({ settings }: FoundContainer): object =>
  typeof settings.networks === 'object' && settings.networks !== null ? settings.networks : {};

/** A key for each Docker volume: its name in the old Compose file, else its name; unique. */
function volumeKeys(services: readonly FoundService[]): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  for (const { name, volumes } of services) {
    for (const { volume, target } of volumes) {
      if (keys.has(volume.name)) continue;
      const own = volume.isAnonymous ? `${name}-${target.split('/').at(-1) ?? 'data'}` : (volume.key ?? volume.name);
      const base = own.replace(/[^A-Za-z0-9_.-]/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'data';
      const taken = new Set(keys.values());
      let key = base;
      for (let n = 2; taken.has(key); n += 1) key = `${base}-${n}`;
      keys.set(volume.name, key);
    }
  }
  return keys;
}

function serviceEntry({ container, volumes }: FoundService, keys: ReadonlyMap<string, string>): object {
  const { settings, image, mounts } = container;
  const suffix = (isReadOnly: boolean): string => (isReadOnly ? ':ro' : '');
  const named = volumes.map(
    ({ volume, target, isReadOnly }) => `${keys.get(volume.name) ?? volume.name}:${target}${suffix(isReadOnly)}`,
  );
  const binds = mounts
    .filter(({ kind }) => kind === 'bind')
    .map(({ source, target, isReadOnly }) => `${source}:${target}${suffix(isReadOnly)}`);
  const all = [...named, ...binds];
  return { image, ...settings, ...defined({ volumes: all.length === 0 ? undefined : all }) };
}

function remarksOf({ name, container, volumes }: FoundService, keys: ReadonlyMap<string, string>): string[] {
  const binds = container.mounts.filter(({ kind }) => kind === 'bind');
  return [
    ...binds.map(
      ({ source, target }) =>
        `${name}: ${source} (at ${target}) is a directory or file of the node: it stays there, and a move does not take it along`,
    ),
    ...volumes
      .filter(({ volume }) => volume.isAnonymous)
      .map(
        ({ volume, target }) =>
          `${name}: the volume at ${target} has no name; it is called ${keys.get(volume.name) ?? ''} from now on`,
      ),
  ];
}

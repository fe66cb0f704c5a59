import type { Link, PortMapping, VolumeMount } from '../../model/config.ts';
import { settingKeys } from '../../model/container/fields.ts';
import { defined } from '../../model/defined.ts';
import { didYouMean, suggest } from '../did-you-mean.ts';
import type { Draft, Drafts } from '../draft.ts';
import { plainEnvironment } from '../env/env-files.ts';
import type { FileContext } from '../env/file-context.ts';
import {
  complain,
  complainAtKey,
  entriesOf,
  type Fields,
  mustBe,
  type Place,
  type Placed,
  readAt,
  readFields,
  readItems,
  readText,
  scalarAt,
} from '../fields.ts';
import { quote } from '../yaml/yaml-node.ts';
import { fileKeys, readAppFiles, readTopFiles, type TopFiles } from './app-files.ts';
import { commonReaders, readSettings, type SettingReaders } from './container-settings.ts';
import { checkDependencies, markJobs, readDependsOn } from './depends-on.ts';
import { readExpose } from './exposed-ports.ts';
import { hookKeys, readHooks } from './hooks.ts';
import { checkAlias } from './native-form.ts';
import {
  checkApplicationName,
  checkVariable,
  idOfVolume,
  placed,
  readAssignments,
  readBytes,
  readImage,
  readMountpoint,
} from './read-parts.ts';

/** A link as Fig and Compose write it; which ports it stands for is known when all services are read. */
export interface ServiceLink {
  readonly target: string;
  readonly alias: string;
}

/** A service read so far, with its links still by name. */
export interface Service {
  readonly draft: Draft;
  readonly links: readonly Placed<ServiceLink>[];
}

const keys = [
  'image',
  'environment',
  'ports',
  'expose',
  'links',
  'volumes',
  ...settingKeys('fig'),
  ...fileKeys,
  'depends_on',
  ...hookKeys,
];

/** Fig's other keys, which Flocker named as not supported. */
const knownKeys = [
  'working_dir',
  'entrypoint',
  'user',
  'hostname',
  'domainname',
  'privileged',
  'dns',
  'net',
  'volumes_from',
  'command',
];

/** Fig's form: every top-level entry is a service, except `secrets` and `configs` where they are none. */
export function readFigForm(root: Fields, context: FileContext): Drafts {
  const files = new Map<string, Place>();
  for (const name of ['secrets', 'configs']) {
    const place = root.entries.get(name);
    const isService = place !== undefined && ['image', 'build'].some((key) => entriesOf(place).has(key));
    if (place !== undefined && !isService) files.set(name, place);
  }
  const top = readTopFiles(files, context);
  const entries = files.size === 0 ? root.entries : new Map([...root.entries].filter(([name]) => !files.has(name)));
  const services: Service[] = [];
  for (const [name, place] of entries) {
    const named = checkApplicationName(name, place);
    const service = readService(name, place, top);
    if (named && service !== undefined) services.push(service);
  }
  const names = new Set(entries.keys());
  const drafts = checkDependencies(resolveLinks(services, names), names);
  return { format: 'fig', names, drafts: markJobs(drafts, 'other') };
}

function readService(name: string, place: Place, top: TopFiles): Service | undefined {
  const fields = readFields(place, `the service ${quote(name)}`);
  if (fields === undefined) return undefined;
  const image = requireImage(fields);
  const taken = new Set(fields.entries.keys());
  for (const [key, entry] of fields.entries) {
    if (key === 'build' || keys.includes(key)) continue;
    if (knownKeys.includes(key)) {
      complainAtKey(entry, `the key ${quote(key)} is not supported in Fig form`, formHint(key));
    } else complainAtKey(entry, `unknown key ${quote(key)}`, () => suggest(entry.key, keys, taken) ?? formHint(key));
  }
  const read = <T>(key: string, reader: (entry: Place) => T | undefined) => readAt(fields.entries, key, reader);
  const mounts = read('volumes', (entry) => readVolumes(entry, name)) ?? [];
  const own = plainEnvironment(read('environment', readEnvironment) ?? []);
  const mountpoints = mounts.map(({ value }) => value.mountpoint);
  const draft: Draft = {
    name,
    place,
    ...defined({ image }),
    ports: read('ports', readPorts) ?? [],
    links: [],
    ...defined({ exposes: read('expose', readExpose) }),
    ...readAppFiles(fields.entries, top, own, mountpoints),
    volumes: mounts,
    ...readSettings('fig', fields.entries, readers),
    ...defined({ dependsOn: read('depends_on', readDependsOn), hooks: readHooks(fields.entries, top.context) }),
  };
  return { draft, links: read('links', readLinks) ?? [] };
}

const noReader = (): undefined => undefined;
/** Fig has no keys for the other kinds. */
const readers: SettingReaders = {
  ...commonReaders,
  bytes: (place, what) => readBytes(place, what, 'Fig form takes bytes without quotes; the native form takes "512M"'),
  restart: noReader,
  words: noReader,
};

const elsewhere = settingKeys('native');

const formHint = (key: string): string =>
  elsewhere.includes(key) ? 'use the native form ("version: 1", "applications"), which has it' : 'remove it';

/** `image`, with `build` refused in its own words. */
function requireImage(fields: Fields): ReturnType<typeof readImage> {
  const image = fields.entries.get('image');
  const build = fields.entries.get('build');
  const hint = 'build the image elsewhere, push it, and give its name as "image"';
  if (image !== undefined && build !== undefined) complainAtKey(build, '"image" and "build" exclude each other', hint);
  else if (build !== undefined) complainAtKey(build, '"build" is not supported', hint);
  else if (image === undefined) complainAtKey(fields.place, '"image" is missing');
  return readImage(image);
}

function readPorts(place: Place): Placed<PortMapping>[] {
  const hint = 'write each as "8080:80", host port first';
  const items = readItems(place, '"ports"', 'a list of strings', hint) ?? [];
  return items.flatMap((item) => {
    const text = readText(item, 'a port', hint);
    if (text === undefined) return [];
    const match = /^([0-9]+):([0-9]+)$/.exec(text);
    if (match === null) {
      complain(item, `the port ${quote(text)} is not of the form host:container with two numbers`, hint);
      return [];
    }
    const external = portNumber(item, match[1]);
    const internal = portNumber(item, match[2]);
    if (external === undefined || internal === undefined) return [];
    return placed<PortMapping>({ internal, external, protocol: 'tcp' }, item);
  });
}

/** A port within a longer text. */
export function portNumber(place: Place, digits: string | undefined): number | undefined {
  const port = Number(digits);
  if (port >= 1 && port <= 65_535) return port;
  return complain(place, `the port ${(digits ?? '').slice(0, 40)} is not from 1 to 65535`);
}

function readEnvironment(place: Place): (readonly [string, string])[] {
  const { node } = place;
  if (node.kind === 'list') return readAssignments(readItems(place, '"environment"') ?? []);
  if (node.kind !== 'map') {
    mustBe(place, '"environment"', 'a mapping or a list', 'write each variable as NAME: "value"');
    return [];
  }
  return [...entriesOf(place)].flatMap(([name, entry]) => {
    const value = readText(entry, `the value of the environment variable ${quote(name)}`);
    return value !== undefined && checkVariable(entry, name, value) ? [[name, value] as const] : [];
  });
}

function readVolumes(place: Place, app: string): Placed<VolumeMount>[] {
  const items = readItems(place, '"volumes"', 'a list with one path', 'write ["/data"]');
  if (items === undefined) return [];
  const first = items[0];
  if (first === undefined) {
    complain(place, '"volumes" must not be empty', 'remove it, or write ["/data"]');
    return [];
  }
  for (const extra of items.slice(1)) {
    complain(extra, 'only one volume is supported in Fig form', 'use the native form, which takes several "volumes"');
  }
  return items.flatMap((item) => {
    const mountpoint = readMountpoint(item, 'a volume');
    return mountpoint === undefined ? [] : placed({ id: idOfVolume(app, mountpoint, true), mountpoint }, item);
  });
}

/** `service` or `service:alias`. */
export function readLinks(place: Place): Placed<ServiceLink>[] {
  const hint = 'write each as "service" or "service:alias"';
  const items = readItems(place, '"links"', 'a list of strings', hint) ?? [];
  return items.flatMap((item) => {
    const text = readText(item, 'a link', hint);
    if (text === undefined) return [];
    const [target = '', alias, ...rest] = text.split(':');
    if (rest.length > 0 || target === '' || alias === '') {
      complain(item, `the link ${quote(text)} ${rest.length > 0 ? 'has too many parts' : 'has an empty part'}`, hint);
      return [];
    }
    return placed({ target, alias: alias ?? target }, item);
  });
}

/** One link for each TCP port of the target: variables speak of TCP only, and a target without ports gives none. */
export function resolveLinks(services: readonly Service[], names: ReadonlySet<string>): Draft[] {
  const byName = new Map(services.map((service) => [service.draft.name, service.draft]));
  return services.map(({ draft, links }) => {
    if (links.length === 0) return draft;
    const resolved = links.flatMap(({ value, place }) => resolveLink(value, place, byName.get(value.target), names));
    const renamed = links.flatMap(({ value: { alias, target } }) =>
      alias !== target && names.has(target) ? [[alias, target] as const] : [],
    );
    const nicknames = renamed.length === 0 ? {} : { nicknames: Object.fromEntries(renamed) };
    return { ...draft, links: resolved, ...nicknames };
  });
}

function resolveLink(
  { target, alias }: ServiceLink,
  place: Place,
  found: Draft | undefined,
  names: ReadonlySet<string>,
): Placed<Link>[] {
  if (!names.has(target)) {
    complain(place, `the link goes to the unknown service ${quote(target)}`, () =>
      // With an alias, the name is only a part of the value.
      scalarAt(place)?.source === target ? suggest(scalarAt(place), names) : didYouMean(target, names),
    );
    return [];
  }
  const ports = (found?.ports ?? []).map((port) => port.value).filter((port) => port.protocol === 'tcp');
  // The alias is only part of a name where there is a port to name.
  if (ports.length === 0 || checkAlias(place, alias) === undefined) return [];
  const byInternal = new Map<number, Placed<Link>>();
  for (const port of [...ports].sort((a, b) => a.external - b.external)) {
    // Two external ports for one internal port would give the same variables; both lead to the same place.
    if (byInternal.has(port.internal)) continue;
    byInternal.set(port.internal, { value: { alias, localPort: port.internal, remotePort: port.external }, place });
  }
  return [...byInternal.values()];
}

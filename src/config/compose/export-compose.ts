import type { Application, AppName, Config, VolumeId } from '../../model/config.ts';
import { containerOptions } from '../../model/container/options.ts';
import { isExtension } from '../fields.ts';
import type { YamlNode } from '../yaml/yaml-node.ts';
import { composeText } from './compose-text.ts';

/** Where a volume's data is. */
export interface VolumePlace {
  readonly node: string;
  /** The directory that the container has. */
  readonly directory: string;
}

/** How the exported file reaches the data: where it is, or in volumes of Docker that get a copy of it. */
export type VolumeManner = 'bind' | 'copy';

export interface ExportRequest {
  readonly config: Config;
  /** The application file: merged, with its variables replaced. */
  readonly tree: unknown;
  /** The applications to export. */
  readonly applications: readonly AppName[];
  readonly places: ReadonlyMap<VolumeId, VolumePlace>;
  readonly manner: VolumeManner;
}

/** A plain Compose file. */
export interface ExportedCompose {
  readonly text: string;
  /** The volumes of Docker that the file expects, and what each gets a copy of; empty for binds. */
  readonly copies: readonly { readonly volume: string; readonly key: string; readonly from: VolumePlace }[];
  readonly remarks: readonly string[];
}

type Values = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value);
const mapAt = (value: unknown, key: string): Values => {
  const found = isMap(value) ? value[key] : undefined;
  return isMap(found) ? found : {};
};
const listAt = (value: Values, key: string): readonly unknown[] => {
  const found = value[key];
  return Array.isArray(found) ? found : [];
};

/** A node without its places. Numbers that are written in another way than usual, such as `0640`, stay as they are written. */
export function plainValue(node: YamlNode): unknown {
  if (node.kind === 'list') return node.items.map(plainValue);
  if (node.kind === 'map')
    return Object.fromEntries(node.entries.map(({ key, value }) => [key.source, plainValue(value)]));
  if (node.type === 'integer' || node.type === 'decimal')
    return String(node.value) === node.source ? node.value : node.source;
  return node.value;
}

/** The applications as services that `docker compose` runs, without anything that only drover knows. */
export function exportCompose(request: ExportRequest): ExportedCompose {
  const { config, tree, applications, manner } = request;
  const services = config.format === 'compose' ? mapAt(tree, 'services') : mapAt(tree, 'applications');
  const given = config.format === 'fig' ? (isMap(tree) ? tree : {}) : services;
  const volumes = createVolumes(request);
  const remarks: string[] = [];
  const entries = applications.flatMap((name): [string, unknown][] => {
    const app = config.applications[name];
    const entry = given[name];
    if (app === undefined || !isMap(entry)) return [];
    if (app.insteadOf !== undefined) {
      remarks.push(`${name}: \`images\` in drover.yml runs another image in its place; the file names the original`);
    }
    const service = config.format === 'flocker' ? nativeService(config, app, entry, remarks) : plainService(entry);
    return [[name, { ...known(service, name, applications, remarks), ...withVolumes(app, entry, volumes) }]];
  });
  const top = config.format === 'compose' ? topLevel(tree, volumes.keys()) : {};
  const own = manner === 'copy' ? Object.fromEntries([...volumes.keys()].map((key) => [key, volumes.given(key)])) : {};
  const kept = { ...mapAt(top, 'volumes'), ...own };
  const file = {
    name: config.name,
    services: Object.fromEntries(entries),
    ...top,
    volumes: Object.keys(kept).length === 0 ? undefined : kept,
  };
  const comments = [
    'Written by `drover export`: a plain Compose file.',
    ...(manner === 'bind' ? ['The data stays in the datasets of drover, on the node that owns them.'] : []),
  ];
  return { text: composeText(comments, file), copies: volumes.copies(), remarks: [...remarks, ...volumes.remarks()] };
}

/** Without references to services that are not in the file, which Compose refuses. */
function known(service: Values, name: AppName, applications: readonly AppName[], remarks: string[]): Values {
  const isKnown = (one: string): boolean => applications.includes(one);
  const lost = new Set<string>();
  const keep = (one: string): boolean => isKnown(one) || lost.add(one) === undefined;
  const pruned = (key: string): unknown => {
    const value = service[key];
    if (isMap(value)) return Object.fromEntries(Object.entries(value).filter(([one]) => keep(one)));
    return Array.isArray(value) ? value.filter((one) => keep(String(one).split(':')[0] ?? '')) : value;
  };
  const result = { ...service, depends_on: pruned('depends_on'), links: pruned('links') };
  if (lost.size > 0) remarks.push(`${name}: it depends on ${[...lost].join(', ')}, which this file does not have`);
  return result;
}

/** Keys of drover's own and extensions are left out; profiles as well, since what is exported is enabled. */
const plainService = (entry: Values): Values =>
  Object.fromEntries(
    Object.entries(entry).filter(([key]) => !isExtension(key) && key !== 'profiles' && key !== 'volumes'),
  );

/** Networks, configs and secrets as they are, and the volumes that are not drover's. */
function topLevel(tree: unknown, keys: Iterable<string>): Values {
  const own = new Set(keys);
  const plain = (value: unknown): unknown =>
    isMap(value) ? Object.fromEntries(Object.entries(value).filter(([key]) => !isExtension(key))) : value;
  const section = (name: string) =>
    Object.fromEntries(Object.entries(mapAt(tree, name)).map(([key, value]) => [key, plain(value)]));
  const sections = ['networks', 'configs', 'secrets'].map((name) => [name, section(name)] as const);
  const volumes = Object.entries(section('volumes')).filter(
    ([key, value]) => !own.has(key) && isMap(value) && value.external,
  );
  return Object.fromEntries([
    ...sections.filter(([, entries]) => Object.keys(entries).length > 0),
    ['volumes', Object.fromEntries(volumes)],
  ]);
}

interface Volumes {
  /** The key of the volume at this path, which an entry of the file may call already. */
  keyOf(app: Application, id: VolumeId, mountpoint: string, called: string | undefined): string;
  directoryOf(key: string): string | undefined;
  readonly isBound: boolean;
  keys(): Iterable<string>;
  given(key: string): unknown;
  copies(): ExportedCompose['copies'];
  remarks(): readonly string[];
}

function createVolumes({ config, tree, places, manner }: ExportRequest): Volumes {
  const keys = new Map<VolumeId, string>();
  const byKey = new Map<string, VolumeId>();
  const top = config.format === 'compose' ? mapAt(tree, 'volumes') : {};
  const placeOf = (key: string): VolumePlace | undefined => places.get(byKey.get(key) ?? '');
  const nameOf = (key: string): string => {
    const name = mapAt(top, key).name;
    return typeof name === 'string' ? name : `${config.name}_${key}`;
  };
  return {
    keyOf(app, id, mountpoint, called) {
      const known = keys.get(id);
      if (known !== undefined) return known;
      const base =
        called ??
        (app.volumes[0]?.id === id ? `${app.name}-data` : `${app.name}-${mountpoint.split('/').at(-1) ?? ''}`);
      let key = base;
      for (let n = 2; byKey.has(key); n += 1) key = `${base}-${n}`;
      keys.set(id, key);
      byKey.set(key, id);
      return key;
    },
    directoryOf: (key) => placeOf(key)?.directory,
    isBound: manner === 'bind',
    keys: () => byKey.keys(),
    given: (key) => {
      const name = mapAt(top, key).name;
      return typeof name === 'string' ? { name } : null;
    },
    copies: () =>
      manner === 'bind'
        ? []
        : [...byKey.keys()].flatMap((key) => {
            const from = placeOf(key);
            return from === undefined ? [] : [{ volume: nameOf(key), key, from }];
          }),
    remarks: () =>
      [...byKey.keys()]
        .filter((key) => placeOf(key) === undefined)
        .map((key) => `volume ${key}: no node that answers owns it, so the file has a volume without its data`),
  };
}

/** The list of volumes of a service: drover's own by path, everything else as it is. */
function withVolumes(app: Application, entry: Values, volumes: Volumes): Values {
  const given = listAt(entry, 'volumes');
  const mounts = app.volumes.map(({ id, mountpoint }) => {
    const own = given.find((one) => targetOf(one) === mountpoint);
    const key = volumes.keyOf(app, id, mountpoint, calledIn(own));
    const directory = volumes.directoryOf(key);
    const isReadOnly = isMap(own) ? own.read_only === true : optionsOf(own).includes('ro');
    const readOnly = isReadOnly ? { read_only: true } : {};
    const subpath = mapAt(own, 'volume').subpath;
    if (!volumes.isBound || directory === undefined) {
      const inside = typeof subpath === 'string' ? { volume: { subpath } } : {};
      return { type: 'volume', source: key, target: mountpoint, ...readOnly, ...inside };
    }
    const source = typeof subpath === 'string' ? `${directory}/${subpath}` : directory;
    // Docker must not create it: an empty directory would look like lost data.
    return { type: 'bind', source, target: mountpoint, ...readOnly, bind: { create_host_path: false } };
  });
  const others = given.filter((one) => !app.volumes.some(({ mountpoint }) => targetOf(one) === mountpoint));
  const all = [...mounts, ...others];
  return all.length === 0 ? {} : { volumes: all };
}

const wordsOf = (volume: unknown): readonly string[] => (typeof volume === 'string' ? volume.split(':') : []);

function targetOf(volume: unknown): string | undefined {
  const target = isMap(volume) ? volume.target : wordsOf(volume).length === 1 ? wordsOf(volume)[0] : wordsOf(volume)[1];
  if (typeof target !== 'string') return undefined;
  return target.length > 1 ? target.replace(/\/+$/, '') : target;
}

const optionsOf = (volume: unknown): readonly string[] => (wordsOf(volume)[2] ?? '').split(',');

/** The name of a named volume; a path or nothing is none. */
function calledIn(volume: unknown): string | undefined {
  const source = isMap(volume) ? volume.source : wordsOf(volume).length > 1 ? wordsOf(volume)[0] : undefined;
  return typeof source === 'string' && /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(source) ? source : undefined;
}

/** Keys that the native form shares with Compose. */
const shared = new Set([
  'image',
  'environment',
  'command',
  'entrypoint',
  'mem_limit',
  'cpu_shares',
  'stop_grace_period',
  'healthcheck',
  'depends_on',
  'env_file',
  'networks',
  'expose',
  'post_start',
  'pre_stop',
  ...containerOptions.map(({ key }) => key),
]);
const translated = new Set(['ports', 'links', 'volume', 'volumes', 'restart_policy']);

/** An application of the native form as a service. Links become names and the variables that Flocker sets. */
function nativeService(config: Config, app: Application, entry: Values, remarks: string[]): Values {
  const copied = Object.fromEntries(Object.entries(entry).filter(([key]) => shared.has(key)));
  const lost = Object.keys(entry).filter((key) => !shared.has(key) && !translated.has(key) && !isExtension(key));
  if (lost.length > 0)
    remarks.push(`${app.name}: ${lost.join(', ')} has no meaning in a Compose file, and is left out`);
  const links = app.links.flatMap(({ alias, localPort, remotePort }) => {
    const target = Object.values(config.applications).find(({ ports }) =>
      ports.some(({ external }) => external === remotePort),
    );
    const internal = target?.ports.find(({ external }) => external === remotePort)?.internal;
    return target === undefined || internal === undefined ? [] : [{ alias, localPort, target: target.name, internal }];
  });
  const variables = links.flatMap(({ alias, localPort, target, internal }): [string, string][] => {
    const name = `${alias.toUpperCase().replaceAll('-', '_')}_PORT_${localPort}_TCP`;
    return [
      [name, `tcp://${target}:${internal}`],
      [`${name}_ADDR`, target],
      [`${name}_PORT`, String(internal)],
      [`${name}_PROTO`, 'tcp'],
    ];
  });
  const environment = { ...app.environment, ...Object.fromEntries(variables) };
  const { restartPolicy: restart } = app;
  const retries =
    restart.name === 'on-failure' && restart.maximumRetryCount !== undefined ? `:${restart.maximumRetryCount}` : '';
  return {
    ...copied,
    environment: Object.keys(environment).length === 0 ? undefined : environment,
    ports:
      app.ports.length === 0
        ? undefined
        : app.ports.map(({ internal, external, protocol }) => `${external}:${internal}/${protocol}`),
    links: links.length === 0 ? undefined : [...new Set(links.map(({ alias, target }) => `${target}:${alias}`))],
    restart: restart.name === 'never' ? undefined : `${restart.name}${retries}`,
  };
}

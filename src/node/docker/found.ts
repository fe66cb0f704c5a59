import type { DockerVolume } from '../../model/cluster.ts';
import type { RestartPolicy } from '../../model/container/fields.ts';
import { defined } from '../../model/defined.ts';
import type { FoundContainer, FoundDocker, FoundMount, FoundVolume } from '../../model/found-docker.ts';
import { dockerListBytes, dockerListingBytes } from '../../model/limits.ts';
import { at, entriesAt, isRecord, listAt, numberAt, textAt, textsAt } from '../json.ts';
import { createBudget } from './answer.ts';
import { type DockerApi, statusOf } from './api.ts';
import { fillLabel, isManaged } from './spec.ts';

const composeLabel = (name: string): string => `com.docker.compose.${name}`;

/** Everything of the node's Docker that is not drover's. A container that is removed during the reading is left out. */
export async function findDocker(api: DockerApi, signal: AbortSignal): Promise<FoundDocker> {
  const what = 'list the containers';
  const budget = createBudget(dockerListingBytes);
  const get = (path: string, query = {}) =>
    api.json({ what, method: 'GET', path, query, budget, limitBytes: dockerListBytes }, signal);
  const [listed, volumes] = await Promise.all([get('/containers/json', { all: true }), get('/volumes')]);
  const containers: FoundContainer[] = [];
  const images = new Map<string, unknown>();
  for (const entry of Array.isArray(listed) ? listed : []) {
    if (isManaged(at(entry, 'Labels')) || textAt(entry, 'Labels', fillLabel) !== undefined) continue;
    try {
      const inspected = await get(`/containers/${encodeURIComponent(textAt(entry, 'Id') ?? '')}/json`);
      const image = textAt(inspected, 'Image') ?? '';
      if (!images.has(image))
        images.set(image, await get(`/images/${encodeURIComponent(image)}/json`).catch(() => ({})));
      containers.push(readFoundContainer(inspected, images.get(image)));
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
    }
  }
  return {
    containers: containers.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    volumes: listAt(volumes, 'Volumes').flatMap(readFoundVolume),
  };
}

/** The volumes with a name that someone knows. Throws where the list is too long: it is not known then. */
export async function listDockerVolumes(api: DockerApi, signal: AbortSignal): Promise<readonly DockerVolume[]> {
  const request = { what: 'list the volumes', method: 'GET', path: '/volumes', limitBytes: dockerListBytes } as const;
  const volumes = listAt(await api.json(request, signal), 'Volumes').flatMap(readFoundVolume);
  return volumes
    .filter(({ name, isAnonymous }) => !isAnonymous && name.length <= 255)
    .map(({ name, project, key }) => ({ name, ...defined({ project, key }) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Volumes whose place cannot be used as a directory are left out, and so are drover's own. */
function readFoundVolume(entry: unknown): FoundVolume[] {
  const name = textAt(entry, 'Name') ?? '';
  const directory = textAt(entry, 'Mountpoint') ?? '';
  if (name === '' || isManaged(at(entry, 'Labels')) || textAt(entry, 'Labels', fillLabel) !== undefined) return [];
  const labels = at(entry, 'Labels');
  return [
    {
      name,
      driver: textAt(entry, 'Driver') ?? '',
      directory: /^\/[^\u0000-\u001f]+$/.test(directory) ? directory : '',
      hasOptions: entriesAt(entry, 'Options').length > 0,
      ...defined({ project: textAt(labels, composeLabel('project')), key: textAt(labels, composeLabel('volume')) }),
      isAnonymous: /^[0-9a-f]{64}$/.test(name),
    },
  ];
}

/** From `GET /containers/ID/json` and the image's answer. */
function readFoundContainer(inspected: unknown, image: unknown): FoundContainer {
  const label = (name: string) => textAt(inspected, 'Config', 'Labels', composeLabel(name));
  const project = label('project');
  const service = label('service');
  return {
    id: textAt(inspected, 'Id') ?? '',
    name: (textAt(inspected, 'Name') ?? '').replace(/^\//, ''),
    isRunning: ['running', 'restarting', 'paused'].includes(textAt(inspected, 'State', 'Status') ?? ''),
    removesItself: at(inspected, 'HostConfig', 'AutoRemove') === true,
    image: textAt(inspected, 'Config', 'Image') ?? '',
    ...defined({ project, service, composeFile: label('project.config_files')?.split(',')[0] }),
    restart: restartOf(inspected),
    mounts: listAt(inspected, 'Mounts').map(readMount),
    settings: settingsOf(inspected, image, project, service),
  };
}

function restartOf(inspected: unknown): RestartPolicy {
  const name = textAt(inspected, 'HostConfig', 'RestartPolicy', 'Name');
  if (name === 'always' || name === 'unless-stopped') return { name };
  if (name !== 'on-failure') return { name: 'never' };
  const count = numberAt(inspected, 'HostConfig', 'RestartPolicy', 'MaximumRetryCount') ?? 0;
  return count === 0 ? { name } : { name, maximumRetryCount: count };
}

function readMount(mount: unknown): FoundMount {
  const type = textAt(mount, 'Type');
  return {
    kind: type === 'volume' || type === 'bind' || type === 'tmpfs' ? type : 'other',
    ...(type === 'volume' ? defined({ volume: textAt(mount, 'Name') }) : {}),
    source: textAt(mount, 'Source') ?? '',
    target: textAt(mount, 'Destination') ?? '',
    isReadOnly: at(mount, 'RW') === false,
  };
}

const nonEmpty = <T>(values: readonly T[]): readonly T[] | undefined => (values.length === 0 ? undefined : values);
const positive = (value: number | undefined): number | undefined =>
  value !== undefined && value > 0 ? value : undefined;
const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Keys of a Compose service. Only what was asked of the container: what its image sets is left out. */
function settingsOf(
  inspected: unknown,
  image: unknown,
  project: string | undefined,
  service: string | undefined,
): Readonly<Record<string, unknown>> {
  const ofContainer = (key: string) => at(inspected, 'Config', key);
  const ofImage = (key: string) => at(image, 'Config', key);
  const own = (key: string) => (isSame(ofContainer(key), ofImage(key)) ? undefined : ofContainer(key));
  const host = (key: string) => at(inspected, 'HostConfig', key);
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  const words = (value: unknown) => nonEmpty(listAt({ value }, 'value').filter((each) => typeof each === 'string'));
  const yes = (value: unknown) => (value === true ? true : undefined);
  const hostname = text(ofContainer('Hostname'));
  const cpus = positive(numberAt(inspected, 'HostConfig', 'NanoCpus'));
  const shm = positive(numberAt(inspected, 'HostConfig', 'ShmSize'));
  const grace = numberAt(inspected, 'Config', 'StopTimeout');
  const name = (textAt(inspected, 'Name') ?? '').replace(/^\//, '');
  const usual =
    project === undefined ? undefined : new RegExp(`^${escape(project)}[-_]${escape(service ?? '')}[-_]\\d+$`);
  return defined({
    container_name: usual?.test(name) === true || project === undefined ? undefined : name,
    hostname: hostname === undefined || (textAt(inspected, 'Id') ?? '').startsWith(hostname) ? undefined : hostname,
    command: words(own('Cmd')),
    entrypoint: words(own('Entrypoint')),
    environment: environmentOf(inspected, image),
    user: text(own('User')),
    working_dir: text(own('WorkingDir')),
    stop_signal: text(own('StopSignal')),
    stop_grace_period: grace === undefined ? undefined : `${grace}s`,
    tty: yes(ofContainer('Tty')),
    stdin_open: yes(ofContainer('OpenStdin')),
    labels: labelsOf(inspected, image),
    healthcheck: own('Healthcheck') === undefined ? undefined : healthcheckOf(ofContainer('Healthcheck')),
    ports: nonEmpty(portsOf(inspected)),
    restart: restartText(restartOf(inspected)),
    networks: networksOf(inspected, project),
    depends_on: dependsOn(textAt(inspected, 'Config', 'Labels', composeLabel('depends_on'))),
    network_mode: text(host('NetworkMode'))?.match(/^(?:host|none)$/)?.[0],
    privileged: yes(host('Privileged')),
    read_only: yes(host('ReadonlyRootfs')),
    init: yes(host('Init')),
    cap_add: words(host('CapAdd')),
    cap_drop: words(host('CapDrop')),
    security_opt: words(host('SecurityOpt')),
    group_add: words(host('GroupAdd')),
    dns: words(host('Dns')),
    extra_hosts: words(host('ExtraHosts')),
    devices: nonEmpty(
      listAt(inspected, 'HostConfig', 'Devices').map(
        (each) => `${textAt(each, 'PathOnHost') ?? ''}:${textAt(each, 'PathInContainer') ?? ''}`,
      ),
    ),
    sysctls: mapOf(host('Sysctls')),
    ulimits: ulimitsOf(inspected),
    tmpfs: nonEmpty(entriesAt(inspected, 'HostConfig', 'Tmpfs').map(([path, o]) => (o === '' ? path : `${path}:${o}`))),
    mem_limit: positive(numberAt(inspected, 'HostConfig', 'Memory')),
    cpus: cpus === undefined ? undefined : cpus / 1e9,
    cpu_shares: positive(numberAt(inspected, 'HostConfig', 'CpuShares')),
    pids_limit: positive(numberAt(inspected, 'HostConfig', 'PidsLimit')),
    shm_size: shm === 67_108_864 ? undefined : shm,
  });
}

const escape = (word: string): string => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const mapOf = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  isRecord(value) && Object.keys(value).length > 0 ? value : undefined;

function environmentOf(inspected: unknown, image: unknown): Readonly<Record<string, string>> | undefined {
  const set = new Set(textsAt(image, 'Config', 'Env'));
  const own = textsAt(inspected, 'Config', 'Env').filter((pair) => !set.has(pair));
  const pairs = own.map((pair): [string, string] => {
    const equals = pair.indexOf('=');
    return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
  });
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

function labelsOf(inspected: unknown, image: unknown): Readonly<Record<string, unknown>> | undefined {
  const own = entriesAt(inspected, 'Config', 'Labels').filter(
    ([name, value]) =>
      !/^(?:com\.docker\.compose\.|desktop\.docker\.io\/|drover\.)/.test(name) &&
      at(image, 'Config', 'Labels', name) !== value,
  );
  return own.length === 0 ? undefined : Object.fromEntries(own);
}

/** Docker has nanoseconds. */
function healthcheckOf(check: unknown): Readonly<Record<string, unknown>> | undefined {
  const test = textsAt(check, 'Test');
  if (test.length === 0) return undefined;
  if (test[0] === 'NONE') return { disable: true };
  const duration = (key: string) => {
    const ns = positive(numberAt(check, key));
    return ns === undefined ? undefined : `${Math.ceil(ns / 1e6)}ms`;
  };
  return defined({
    test,
    interval: duration('Interval'),
    timeout: duration('Timeout'),
    start_period: duration('StartPeriod'),
    retries: positive(numberAt(check, 'Retries')),
  });
}

function portsOf(inspected: unknown): string[] {
  return entriesAt(inspected, 'HostConfig', 'PortBindings').flatMap(([key, bindings]) =>
    (Array.isArray(bindings) ? bindings : []).map((binding) => {
      const address = textAt(binding, 'HostIp') ?? '';
      const [internal = '', protocol = 'tcp'] = key.split('/');
      const place =
        address === '' || address === '0.0.0.0' ? '' : `${address.includes(':') ? `[${address}]` : address}:`;
      return `${place}${textAt(binding, 'HostPort') ?? ''}:${internal}${protocol === 'udp' ? '/udp' : ''}`;
    }),
  );
}

function restartText(policy: RestartPolicy): string | undefined {
  if (policy.name === 'never') return undefined;
  if (policy.name !== 'on-failure' || policy.maximumRetryCount === undefined) return policy.name;
  return `on-failure:${policy.maximumRetryCount}`;
}

/** Names as in the Compose file, with the aliases that Compose did not add. The default network alone is not mentioned. */
function networksOf(inspected: unknown, project: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (project === undefined) return undefined;
  const names = entriesAt(inspected, 'NetworkSettings', 'Networks')
    .map(([name]) => name)
    .filter((name) => !['host', 'none', 'bridge'].includes(name))
    .map((name) => (name.startsWith(`${project}_`) ? name.slice(project.length + 1) : name));
  if (names.length === 0 || (names.length === 1 && names[0] === 'default')) return undefined;
  return Object.fromEntries(names.map((name) => [name, null]));
}

/** `db:service_healthy:false,cache:service_started:true`, as Compose writes the label. */
function dependsOn(label: string | undefined): Readonly<Record<string, unknown>> | undefined {
  const entries = (label ?? '').split(',').flatMap((text): [string, unknown][] => {
    const [service = '', condition = 'service_started', restart] = text.split(':');
    if (service === '') return [];
    return [[service, { condition, ...(restart === 'true' ? { restart: true } : {}) }]];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function ulimitsOf(inspected: unknown): Readonly<Record<string, unknown>> | undefined {
  const all = listAt(inspected, 'HostConfig', 'Ulimits').map((each): [string, unknown] => [
    textAt(each, 'Name') ?? '',
    { soft: numberAt(each, 'Soft') ?? 0, hard: numberAt(each, 'Hard') ?? 0 },
  ]);
  return all.length === 0 ? undefined : Object.fromEntries(all);
}

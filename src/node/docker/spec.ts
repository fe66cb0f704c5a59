import { plainAddress } from '../../model/addresses.ts';
import type { Container, ContainerSpec, ImageDefaults, PortKey } from '../../model/cluster.ts';
import type { PortMapping, VolumeId } from '../../model/config.ts';
import {
  type ByKind,
  type ContainerField,
  containerFields,
  type FieldKind,
  mapSettings,
  type RestartPolicy,
  toSettings,
  type ValueOfKind,
} from '../../model/container/fields.ts';
import { defined } from '../../model/defined.ts';
import { labels } from '../../model/names.ts';
import { isApplicationName, isPort } from '../../model/untrusted.ts';
import { parseDeployment } from '../deployment-record.ts';
import { entriesAt, isRecord, listAt, numberAt, textAt, textsAt } from '../json.ts';
import { conditionOf, stateOf } from './condition.ts';
import { addNameBindings, type Bindings, hostBody, namesToLabel, networkBody, readNames } from './container-names.ts';
import { filesLabel, filesToLabel, hidesLabel, labelToFiles } from './files.ts';
import { healthcheckBody, readHealthcheck } from './healthcheck.ts';
import { isGate, mountsBody, readDirectories, readMounts, readNodeMounts, volumesLabel } from './mounts.ts';

import type { NetworkPlace } from './name-network.ts';
import { labelToOptions, optionsBody, optionsLabel, optionsToLabel } from './options.ts';

/** Marks the helper containers that fill new volumes; they are never listed. */
export const fillLabel = 'drover.fill';

type Json = Readonly<Record<string, unknown>>;

/**
 * The body of `POST /containers/create`. `directories`: each volume's directory on this node. `imageVolumes`: paths of the
 * image's own volumes. Docker would create an anonymous volume for each container; with a name that follows from the
 * application and the path, a new container of the application gets the same data. `salt`: random, for the hashes of the
 * files' contents.
 */
export function createBody(
  spec: ContainerSpec,
  directories: Readonly<Record<VolumeId, string>>,
  imageVolumes: readonly string[] = [],
  salt = '',
  place?: NetworkPlace,
): Json {
  const bindings: Bindings = {};
  for (const port of spec.ports) {
    const key = `${port.internal}/${port.protocol}`;
    const HostPort = String(port.external);
    const places = port.addresses?.map((HostIp) => ({ HostIp, HostPort })) ?? [{ HostPort }];
    bindings[key] = [...(bindings[key] ?? []), ...places];
  }
  addNameBindings(bindings, spec);
  const volumes = Object.fromEntries(spec.mounts.map((mount) => [mount.mountpoint, mount.volume]));
  const { Labels: ownLabels, ...config } = optionsBody(spec.options, 'Config');
  return {
    Image: spec.image,
    Env: Object.entries(spec.environment).map(([name, value]) => `${name}=${value}`),
    ...settingsBody(spec, 'Config'),
    ...config,
    ExposedPorts: Object.fromEntries(Object.keys(bindings).map((key) => [key, {}])),
    Labels: {
      ...(isRecord(ownLabels) ? ownLabels : {}),
      [labels.managed]: 'true',
      [labels.application]: spec.application,
      ...(spec.deployment === undefined ? {} : { [labels.deployment]: spec.deployment }),
      [volumesLabel]: JSON.stringify(volumes),
      ...(spec.after === undefined ? {} : { [labels.after]: spec.after.join(' ') }),
      ...(spec.files === undefined ? {} : { [filesLabel]: filesToLabel(spec.files, salt) }),
      ...(spec.hidesCommand === true ? { [hidesLabel]: 'command' } : {}),
      ...defined({ [optionsLabel]: optionsToLabel(spec.options, salt) }),
      ...namesToLabel(spec),
      ...(spec.isDone === true ? { [labels.done]: 'true' } : {}),
    },
    HostConfig: {
      Init: false,
      Mounts: mountsBody(spec, directories, imageVolumes),
      ...(spec.tmpfs === undefined ? {} : { Tmpfs: spec.tmpfs }),
      PortBindings: bindings,
      ...settingsBody(spec, 'HostConfig'),
      ...optionsBody(spec.options, 'HostConfig', hostBody(spec.names, place)),
    },
    ...(place === undefined ? {} : { NetworkingConfig: networkBody(spec, place) }),
  };
}

const asIs = (value: unknown): unknown => value;
/** The values in Docker's own units. */
const toDocker: ByKind<unknown> = {
  bytes: asIs,
  integer: asIs,
  duration: (ms) => Math.ceil(ms / 1000),
  restart: restartBody,
  words: asIs,
  healthcheck: healthcheckBody,
};

const settingsBody = (spec: ContainerSpec, section: ContainerField['docker'][0]): Json =>
  Object.fromEntries(
    mapSettings(spec, toDocker).flatMap(({ field, result }) =>
      field.docker[0] === section ? [[field.docker[1], result]] : [],
    ),
  );

function restartBody(policy: RestartPolicy): Json {
  if (policy.name === 'never') return { Name: 'no' };
  if (policy.name !== 'on-failure') return { Name: policy.name };
  return { Name: 'on-failure', MaximumRetryCount: policy.maximumRetryCount ?? 0 };
}

/** True for labels of drover's containers. Its containers never have an invalid application name. */
export function isManaged(labelsOf: unknown): boolean {
  const application = textAt(labelsOf, labels.application);
  return textAt(labelsOf, labels.managed) === 'true' && (application === undefined || isApplicationName(application));
}

/** A container of drover's, from `GET /containers/ID/json` and the settings of its image. */
export function readContainer(inspected: unknown, imageDefaults: ImageDefaults): Container {
  const application = textAt(inspected, 'Config', 'Labels', labels.application) ?? '';
  const startedAt = textAt(inspected, 'State', 'StartedAt');
  const restarts = numberAt(inspected, 'RestartCount') ?? 0;
  return {
    id: textAt(inspected, 'Id') ?? '',
    name: (textAt(inspected, 'Name') ?? '').replace(/^\//, ''),
    application,
    managed: true,
    ...deploymentOf(inspected),
    ...conditionOf(inspected),
    ...(restarts === 0 ? {} : { restarts }),
    // Docker writes year 1 for "never".
    ...(startedAt === undefined || startedAt.startsWith('0001-') ? {} : { startedAt }),
    spec: readSpec(inspected, application, imageDefaults),
    directories: readDirectories(inspected),
    imageId: textAt(inspected, 'Image') ?? '',
    imageDefaults,
  };
}

function deploymentOf(inspected: unknown): Pick<ContainerSpec, 'deployment'> {
  const deployment = parseDeployment(textAt(inspected, 'Config', 'Labels', labels.deployment));
  return defined({ deployment });
}

function readSpec(inspected: unknown, application: string, image: ImageDefaults): ContainerSpec {
  const { names, bindings } = readNames(inspected);
  return {
    application,
    ...deploymentOf(inspected),
    image: textAt(inspected, 'Config', 'Image') ?? '',
    ports: readPorts(inspected, bindings),
    ...defined({ names }),
    environment: readEnvironment(inspected),
    mounts: readMounts(inspected),
    ...readNodeMounts(inspected),
    restartPolicy: { name: 'never' },
    // Empty although the image has one: the files have set it to nothing.
    ...(image.entrypoint.length === 0 ? {} : { entrypoint: [] }),
    ...toSettings(containerFields.map((field) => [field.name, readSetting(inspected, field)])),
    ...readAfter(inspected),
    ...readFiles(inspected),
    ...labelToOptions(textAt(inspected, 'Config', 'Labels', optionsLabel)),
    ...(textAt(inspected, 'Config', 'Labels', hidesLabel) === 'command' ? { hidesCommand: true as const } : {}),
    ...(textAt(inspected, 'Config', 'Labels', labels.done) === 'true' ? { isDone: true as const } : {}),
  };
}

const readSetting = (inspected: unknown, { kind, docker }: ContainerField): unknown =>
  fromDocker[kind](inspected, docker);

type At = ContainerField['docker'];
const numberOrNone = (inspected: unknown, place: At) => numberAt(inspected, ...place) || undefined;

/** Undefined where Docker says that it is not set. */
const fromDocker: { readonly [K in FieldKind]: (inspected: unknown, place: At) => ValueOfKind[K] | undefined } = {
  bytes: numberOrNone,
  integer: numberOrNone,
  duration: (inspected, place) => {
    const seconds = numberAt(inspected, ...place);
    return seconds === undefined ? undefined : seconds * 1000;
  },
  restart: readRestartPolicy,
  words: (inspected, place) => {
    const words = textsAt(inspected, ...place);
    return words.length === 0 ? undefined : words;
  },
  healthcheck: readHealthcheck,
};

/** A container that never started counts as having no files: drover may have been interrupted before it copied them. */
function readFiles(inspected: unknown): Pick<ContainerSpec, 'files'> {
  if (textAt(inspected, 'State', 'Status') === 'created') return {};
  const files = labelToFiles(textAt(inspected, 'Config', 'Labels', filesLabel));
  return files.length === 0 ? {} : { files };
}

/** Only with both label and gate, since either alone would not keep the order. */
function readAfter(inspected: unknown): Pick<ContainerSpec, 'after'> {
  const words = textAt(inspected, 'Config', 'Labels', labels.after);
  const isGated = listAt(inspected, 'Mounts').some(isGate);
  return words === undefined || !isGated ? {} : { after: words.split(' ').filter((word) => word !== '') };
}

/** 0 where it is not a port; Docker writes 0 for a port that it has not chosen yet. */
const portIn = (text: string | undefined): number => (text !== undefined && isPort(Number(text)) ? Number(text) : 0);

/** Without those that are published `forNames` alone. */
function readPorts(inspected: unknown, forNames: ReadonlySet<string>): PortMapping[] {
  const ports = new Map<string, { readonly port: PortMapping; readonly addresses: string[] }>();
  for (const [key, bindings] of entriesAt(inspected, 'HostConfig', 'PortBindings')) {
    const [internal, word] = key.split('/');
    const protocol = word === 'udp' ? 'udp' : 'tcp';
    for (const binding of Array.isArray(bindings) ? bindings : []) {
      const external = portIn(textAt(binding, 'HostPort'));
      const address = textAt(binding, 'HostIp') ?? '';
      if (forNames.has(`${address} ${external}/${protocol}`)) continue;
      const name = `${key} ${external}`;
      const found = ports.get(name) ?? { port: { internal: portIn(internal), external, protocol }, addresses: [] };
      ports.set(name, found);
      if (address !== '') found.addresses.push(plainAddress(address) ?? address);
    }
  }
  const all = [...ports.values()].map(({ port, addresses }) =>
    addresses.length === 0 ? port : { ...port, addresses: addresses.toSorted() },
  );
  return all.toSorted((a, b) => a.external - b.external || (a.protocol < b.protocol ? -1 : 1));
}

function readEnvironment(config: unknown): Readonly<Record<string, string>> {
  const pairs = textsAt(config, 'Config', 'Env').map((text): [string, string] => {
    const equals = text.indexOf('=');
    return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
  });
  return Object.fromEntries(pairs);
}

function readRestartPolicy(inspected: unknown, place: At): RestartPolicy {
  const name = textAt(inspected, ...place, 'Name');
  if (name === 'always' || name === 'unless-stopped') return { name };
  if (name !== 'on-failure') return { name: 'never' };
  const count = numberAt(inspected, ...place, 'MaximumRetryCount') ?? 0;
  return count === 0 ? { name } : { name, maximumRetryCount: count };
}

/** The settings of an image, from `GET /images/ID/json`. */
export function readImageDefaults(image: unknown): ImageDefaults {
  return {
    environment: readEnvironment(image),
    command: textsAt(image, 'Config', 'Cmd'),
    entrypoint: textsAt(image, 'Config', 'Entrypoint'),
    ...readExposed(image),
    ...defined({ healthcheck: readHealthcheck(image, ['Config', 'Healthcheck']) }),
  };
}

/** Sorted by port, then protocol. Docker prints `53/udp`; a protocol that drover does not know is left out. */
function readExposed(image: unknown): Pick<ImageDefaults, 'exposes'> {
  const exposes = entriesAt(image, 'Config', 'ExposedPorts').flatMap(([key]): PortKey[] => {
    const [, port, protocol] = /^(\d+)\/(tcp|udp)$/.exec(key) ?? [];
    return isPort(Number(port)) ? [{ port: Number(port), protocol: protocol === 'udp' ? 'udp' : 'tcp' }] : [];
  });
  if (exposes.length === 0) return {};
  return { exposes: exposes.toSorted((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1)) };
}

/** With an empty command, Docker takes the image's, unless the container has an entrypoint of its own. */
export function withOwnEntrypoint(spec: ContainerSpec, image: unknown): ContainerSpec {
  const isCleared = spec.command?.length === 0 && spec.entrypoint === undefined;
  return isCleared ? { ...spec, entrypoint: readImageDefaults(image).entrypoint } : spec;
}

/** A foreign container, from the list: its name and published ports matter. */
export function readForeign(listed: unknown): Container {
  const ports = new Map<string, PortMapping>();
  for (const port of listAt(listed, 'Ports')) {
    const external = numberAt(port, 'PublicPort');
    if (external === undefined) continue;
    const protocol = textAt(port, 'Type') === 'udp' ? 'udp' : 'tcp';
    // Docker lists IPv4 and IPv6 separately.
    ports.set(`${external}/${protocol}`, { internal: numberAt(port, 'PrivatePort') ?? 0, external, protocol });
  }
  const none: ImageDefaults = { environment: {}, command: [], entrypoint: [] };
  return {
    id: textAt(listed, 'Id') ?? '',
    name: (textsAt(listed, 'Names')[0] ?? '').replace(/^\//, ''),
    managed: false,
    state: stateOf(textAt(listed, 'State')),
    spec: {
      application: '',
      image: textAt(listed, 'Image') ?? '',
      ports: [...ports.values()].toSorted((a, b) => a.external - b.external || (a.protocol < b.protocol ? -1 : 1)),
      environment: {},
      mounts: [],
      restartPolicy: { name: 'never' },
    },
    imageId: textAt(listed, 'ImageID') ?? '',
    imageDefaults: none,
  };
}

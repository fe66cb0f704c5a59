import type { Link, PortMapping, VolumeMount } from '../../model/config.ts';
import { type RestartPolicy, settingKeys } from '../../model/container/fields.ts';
import { defined } from '../../model/defined.ts';
import { readDeploymentName } from '../deployment-name.ts';
import type { Draft, Drafts } from '../draft.ts';
import { plainEnvironment } from '../env/env-files.ts';
import type { FileContext } from '../env/file-context.ts';
import {
  complain,
  complainAtKey,
  entriesOf,
  type Fields,
  inQuotes,
  mustBe,
  type Place,
  type Placed,
  readAt,
  readFields,
  readInteger,
  readItems,
  readName,
  readPort,
  readRequired,
  readText,
  readWord,
  refuseOthers,
  required,
} from '../fields.ts';
import { parseSize } from '../values.ts';
import { isNothing, quote } from '../yaml/yaml-node.ts';
import { fileKeys, readAppFiles, readTopFiles, type TopFiles } from './app-files.ts';
import { checkLimits, optionKeys, readOptions } from './container-options.ts';
import { commonReaders, readSettings, type SettingReaders } from './container-settings.ts';
import { checkDependencies, markJobs, readDependsOn } from './depends-on.ts';
import { readExpose } from './exposed-ports.ts';
import { hookKeys, readHooks } from './hooks.ts';
import { keptKeys, readKept } from './kept-snapshots.ts';
import {
  accept,
  checkApplicationName,
  checkPublishAddress,
  checkVariable,
  checkVolumeId,
  idOfVolume,
  placed,
  readBytes,
  readImage,
  readMountpoint,
  readWords,
} from './read-parts.ts';

/** Flocker's own form: `version: 1` and `applications`. Unknown keys at the top level are ignored, as there. */
export function readNativeForm(root: Fields, context: FileContext): Drafts {
  checkVersion(required(root, 'version', 'write "version: 1" at the top of the file'));
  const fields = readRequired(root, 'applications', readFields);
  const top = readTopFiles(root.entries, context);
  const drafts: Draft[] = [];
  for (const [name, application] of fields?.entries ?? []) {
    const named = checkApplicationName(name, application);
    const draft = readApplication(name, application, top);
    if (named && draft !== undefined) drafts.push(draft);
  }
  const name = readDeploymentName(root.entries.get('name'));
  const names = new Set(fields?.entries.keys());
  return {
    format: 'flocker',
    names,
    drafts: markJobs(checkDependencies(drafts, names), 'other'),
    ...defined({ deploymentName: name }),
  };
}

/** Only 1 is known. */
export function checkVersion(place: Place | undefined): void {
  if (place === undefined) return;
  const { node } = place;
  const known = node.kind === 'scalar' && (node.type === 'integer' || node.type === 'decimal') && node.value === 1;
  if (!known) mustBe(place, '"version"', '1', 'write "version: 1"');
}

const keys = [
  'image',
  'ports',
  'expose',
  'links',
  'environment',
  'volume',
  'volumes',
  ...settingKeys('native'),
  ...optionKeys,
  ...fileKeys,
  'depends_on',
  ...hookKeys,
];

const nearKeys: ReadonlyMap<string, string> = new Map([
  ['restart', 'write "restart_policy: {name: …}"'],
  ['env', 'write "environment"'],
  ['stop_timeout', 'write "stop_grace_period: 30s"'],
  ['build', 'build the image elsewhere, push it, and give its name as "image"'],
]);

function readApplication(name: string, place: Place, top: TopFiles): Draft | undefined {
  const fields = readFields(place, `the application ${quote(name)}`);
  if (fields === undefined) return undefined;
  refuseOthers(fields, keys, 'unknown key', nearKeys);
  const read = <T>(key: string, reader: (entry: Place, what: string) => T | undefined) =>
    readAt(fields.entries, key, reader);
  const volume = read('volume', (entry, what) => readVolumeFields(entry, name, what, true));
  const volumes = [
    ...(volume ?? []),
    ...(read('volumes', (entry) => readVolumes(entry, name, volume === undefined)) ?? []),
  ];
  const environment = plainEnvironment(read('environment', readEnvironment) ?? []);
  const mountpoints = volumes.map(({ value }) => value.mountpoint);
  const draft: Draft = {
    name,
    place,
    ...defined({ image: readImage(required(fields, 'image')) }),
    ports: read('ports', readPorts) ?? [],
    ...defined({ exposes: read('expose', readExpose) }),
    links: read('links', readLinks) ?? [],
    ...readAppFiles(fields.entries, top, environment, mountpoints),
    volumes,
    ...readSettings('native', fields.entries, readers),
    ...readOptions(fields.entries, top.context),
    ...defined({ dependsOn: read('depends_on', readDependsOn), hooks: readHooks(fields.entries, top.context) }),
  };
  checkLimits(draft, fields.entries);
  return draft;
}

const readers: SettingReaders = {
  ...commonReaders,
  bytes: readMemoryLimit,
  restart: readRestartPolicy,
  words: (place, what) => readWords(place, what, 'write a list of strings, such as ["sh", "-c", "exec run.sh"]'),
};

function readPorts(place: Place): Placed<PortMapping>[] {
  const hint = 'write each as {internal: 80, external: 8080}';
  const items = readItems(place, '"ports"', 'a list of mappings', hint) ?? [];
  return items.flatMap((item) => {
    const fields = readFields(item, 'a port', hint);
    if (fields === undefined) return [];
    refuseOthers(fields, ['internal', 'external', 'protocol', 'address']);
    const internal = readRequired(fields, 'internal', readPort);
    const external = readRequired(fields, 'external', readPort);
    const entry = fields.entries.get('protocol');
    const protocol = entry === undefined ? 'tcp' : readWord(entry, '"protocol"', ['tcp', 'udp']);
    const address = readAt(fields.entries, 'address', readPortAddress);
    if (fields.entries.has('address') && address === undefined) return [];
    if (internal === undefined || external === undefined || protocol === undefined) return [];
    return placed(
      { internal, external, protocol, ...defined({ addresses: address === undefined ? undefined : [address] }) },
      fields.entries.get('external') ?? item,
    );
  });
}

function readPortAddress(place: Place, what: string): string | undefined {
  const text = readName(place, what);
  return text === undefined ? undefined : checkPublishAddress(place, text);
}

function readLinks(place: Place): Placed<Link>[] {
  const hint = 'write each as {local_port: 5432, remote_port: 5432, alias: db}';
  const items = readItems(place, '"links"', 'a list of mappings', hint) ?? [];
  return items.flatMap((item) => {
    const fields = readFields(item, 'a link', hint);
    if (fields === undefined) return [];
    refuseOthers(fields, ['local_port', 'remote_port', 'alias']);
    const localPort = readRequired(fields, 'local_port', readPort);
    const remotePort = readRequired(fields, 'remote_port', readPort);
    const alias = readRequired(fields, 'alias', readAlias);
    if (localPort === undefined || remotePort === undefined || alias === undefined) return [];
    return placed({ alias, localPort, remotePort }, item);
  });
}

function readAlias(place: Place): string | undefined {
  const alias = readText(place, 'the link alias');
  return alias === undefined ? undefined : checkAlias(place, alias);
}

/** An alias becomes part of a variable's name. */
export function checkAlias(place: Place, alias: string): string | undefined {
  if (/^[A-Za-z0-9_-]+$/.test(alias)) return alias;
  return complain(place, `the link alias ${quote(alias)} must hold only letters, digits, "_" and "-"`);
}

function readEnvironment(place: Place): (readonly [string, string])[] {
  const { node } = place;
  if (isNothing(node)) return [];
  if (node.kind !== 'map') {
    mustBe(place, '"environment"', 'a mapping', 'write each variable as NAME: "value"');
    return [];
  }
  return [...entriesOf(place)].flatMap(([name, entry]) => {
    if (entry.key?.type !== 'text') {
      complainAtKey(
        entry,
        `the name of an environment variable must be a string, not ${name}`,
        entry.key === undefined ? undefined : inQuotes(entry.key),
      );
      return [];
    }
    const value = readText(entry, `the value of the environment variable ${quote(name)}`);
    return value !== undefined && checkVariable(entry, name, value) ? [[name, value] as const] : [];
  });
}

/** `hasFirst`: the first of them is the application's first volume, as `volume` would be. */
function readVolumes(place: Place, app: string, hasFirst: boolean): Placed<VolumeMount>[] {
  const hint = 'write each as {mountpoint: /data}';
  const items = readItems(place, '"volumes"', 'a list of mappings', hint) ?? [];
  return items.flatMap((item, index) => readVolumeFields(item, app, 'a volume', hasFirst && index === 0));
}

function readVolumeFields(place: Place, app: string, what: string, isFirst: boolean): Placed<VolumeMount>[] {
  const fields = readFields(place, what, 'write {mountpoint: /data}');
  if (fields === undefined) return [];
  refuseOthers(fields, ['mountpoint', 'maximum_size', 'dataset_id', ...keptKeys]);
  const mountpoint = readRequired(fields, 'mountpoint', readMountpoint);
  const maximumSizeBytes = readAt(fields.entries, 'maximum_size', readMaximumSize);
  const id = readAt(fields.entries, 'dataset_id', readDatasetId);
  if (mountpoint === undefined) return [];
  const volume = { id: id ?? idOfVolume(app, mountpoint, isFirst), mountpoint, ...readKept(fields.entries) };
  return placed(maximumSizeBytes === undefined ? volume : { ...volume, maximumSizeBytes }, place);
}

function readMaximumSize(place: Place, what: string): number | undefined {
  const text = readText(place, what, 'put the size in quotes, with a unit: "500M"');
  return text === undefined ? undefined : accept(place, parseSize(text), `${what}: `);
}

function readDatasetId(place: Place, what: string): string | undefined {
  const id = readName(place, what);
  return id === undefined ? undefined : checkVolumeId(place, id, what);
}

function readMemoryLimit(place: Place, what: string): number | undefined {
  const { node } = place;
  if (node.kind === 'scalar' && node.type === 'text' && /^[0-9]+[KMGT]$/.test(node.value)) {
    return accept(place, parseSize(node.value), `${what}: `);
  }
  return readBytes(place, what, 'write the bytes without quotes, or digits and a capital unit: "512M"');
}

const policies = ['never', 'always', 'unless-stopped', 'on-failure'] as const;

function readRestartPolicy(place: Place): RestartPolicy | undefined {
  const fields = readFields(place, '"restart_policy"', 'write {name: always}');
  if (fields === undefined) return undefined;
  const readPolicy = (entry: Place) => readWord(entry, 'the name of "restart_policy"', policies);
  const name = readRequired(fields, 'name', readPolicy, `write one of ${policies.join(', ')}`);
  const count = fields.entries.get('maximum_retry_count');
  if (name !== undefined && name !== 'on-failure' && count !== undefined) {
    complainAtKey(count, `"maximum_retry_count" is not allowed with ${quote(name)}`, 'remove it, or use "on-failure"');
  }
  refuseOthers(fields, ['name', 'maximum_retry_count']);
  if (name === undefined || name !== 'on-failure') return name === undefined ? undefined : { name };
  return { name, ...defined({ maximumRetryCount: readAt(fields.entries, 'maximum_retry_count', readRetryCount) }) };
}

function readRetryCount(place: Place, what: string): number | undefined {
  if (isNothing(place.node)) return undefined;
  return readInteger(place, what, 1, Number.MAX_SAFE_INTEGER);
}

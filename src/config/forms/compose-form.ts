import { type ContainerField, containerFields, type RestartPolicy, settingKeys } from '../../model/container-fields.ts';
import { defined } from '../../model/defined.ts';
import { readDeploymentName } from '../deployment-name.ts';
import { suggest } from '../did-you-mean.ts';
import type { Draft, Drafts } from '../draft.ts';
import { type ComposeEnvironment, takeFromEnvironment } from '../env/env-files.ts';
import type { FileContext } from '../env/file-context.ts';
import {
  complain,
  complainAtKey,
  entriesOf,
  mustBe,
  type Place,
  type Placed,
  readFields,
  readItems,
  readText,
  scalarAt,
} from '../fields.ts';
import { splitShellWords } from '../shell-words.ts';
import { parseSize } from '../values.ts';
import { quote } from '../yaml/yaml-node.ts';
import { fileKeys, readAppFiles, readTopFiles, type TopFiles } from './app-files.ts';
import { readPorts } from './compose-ports.ts';
import { substituteVariables } from './compose-variables.ts';
import { checkNamedVolumes, readTopVolumes, readVolumes, type VolumeNames } from './compose-volumes.ts';
import { commonReaders, readSettings, type SettingReaders } from './container-settings.ts';
import { readLinks, requireImage, resolveLinks, type Service } from './fig-form.ts';
import {
  accept,
  checkApplicationName,
  checkVariable,
  placed,
  readAssignments,
  readBytes,
  readWords,
} from './read-parts.ts';

const keys = [
  'image',
  'environment',
  'ports',
  'volumes',
  'links',
  'depends_on',
  ...settingKeys('compose'),
  ...fileKeys,
];

const hints: ReadonlyMap<string, string> = new Map(
  Object.entries({
    restart_policy: 'write "restart: always"',
    networks: 'every published port is reachable on every node: use "links"',
    expose: 'publish the port with "ports" and use "links"',
    deploy: 'use "mem_limit", "cpu_shares" and "restart"; deployment.yml says where an application runs',
    container_name: 'the container is named after the service',
  }),
);

/** The part of Compose that has a meaning here; every other key is refused at its line. */
export function readComposeForm(written: Place, context: FileContext): Drafts {
  const root = { entries: entriesOf(substituteVariables(written, context)) };
  for (const [key, place] of root.entries) {
    if (!['version', 'name', 'services', 'volumes', 'secrets', 'configs'].includes(key) && !key.startsWith('x-'))
      refuseKey(key, place, ['services']);
  }
  const found = root.entries.get('services');
  const fields = found === undefined ? undefined : readFields(found, '"services"');
  const files = readTopFiles(root.entries, context);
  const top = root.entries.get('volumes');
  const volumeNames = top === undefined ? new Map() : readTopVolumes(top, (key, entry) => refuseKey(key, entry, []));
  const services: Service[] = [];
  for (const [name, place] of fields?.entries ?? []) {
    const named = checkApplicationName(name, place);
    const service = readService(name, place, volumeNames, files);
    if (named && service !== undefined) services.push(service);
  }
  const names = new Set(fields?.entries.keys());
  const drafts = resolveLinks(services, names);
  checkNamedVolumes(fields);
  checkDependencies(drafts, names);
  const name = readDeploymentName(root.entries.get('name'));
  return { format: 'compose', names, drafts, ...defined({ deploymentName: name }) };
}

function refuseKey(key: string, place: Place, allowed: readonly string[], taken?: Set<string>): void {
  complainAtKey(
    place,
    `the key ${quote(key)} is not supported`,
    () => hints.get(key) ?? suggest(place.key, allowed, taken),
  );
}

function readService(name: string, place: Place, volumeNames: VolumeNames, files: TopFiles): Service | undefined {
  const fields = readFields(place, `the service ${quote(name)}`);
  if (fields === undefined) return undefined;
  const image = requireImage(fields);
  const taken = new Set(fields.entries.keys());
  for (const [key, entry] of fields.entries) {
    if (!keys.includes(key) && key !== 'build' && !key.startsWith('x-')) refuseKey(key, entry, keys, taken);
  }
  const read = <T>(key: string, reader: (entry: Place) => T | undefined): T | undefined => {
    const entry = fields.entries.get(key);
    return entry === undefined ? undefined : reader(entry);
  };
  const volumes = read('volumes', (entry) => readVolumes(entry, name, volumeNames)) ?? [];
  const environment = read('environment', (entry) => readEnvironment(entry, files.context));
  const mountpoints = volumes.map(({ value }) => value.mountpoint);
  const draft: Draft = {
    name,
    place,
    ...defined({ image }),
    ports: read('ports', readPorts) ?? [],
    links: [],
    ...readAppFiles(fields.entries, files, environment ?? noEnvironment, mountpoints),
    volumes,
    ...readSettings('compose', fields.entries, readers),
    ...defined({ dependsOn: read('depends_on', readDependsOn) }),
    ...(secretKeys.some((key) => hasVariables(fields.entries.get(key))) ? { hidesCommand: true } : {}),
  };
  return { draft, links: read('links', readLinks) ?? [] };
}

const readers: SettingReaders = {
  ...commonReaders,
  bytes: readMemoryLimit,
  restart: readRestart,
  words: readCommand,
};

const secretKeys = containerFields.flatMap(({ keys, mayBeSecret }: ContainerField) =>
  mayBeSecret === true ? (keys.compose ?? []) : [],
);

const noEnvironment: ComposeEnvironment = { set: [], unset: new Set() };

/** Words or one text with the value of a variable in it. */
function hasVariables(place: Place | undefined): boolean {
  const node = place?.node;
  if (node?.kind === 'list') return node.items.some((item) => item.kind === 'scalar' && item.from !== undefined);
  return node?.kind === 'scalar' && node.from !== undefined;
}

function readEnvironment(place: Place, context: FileContext): ComposeEnvironment {
  const { node } = place;
  if (node.kind === 'scalar' && node.type === 'null') return noEnvironment;
  if (node.kind !== 'map' && node.kind !== 'list') {
    mustBe(place, '"environment"', 'a mapping or a list', 'write each variable as NAME: "value"');
    return noEnvironment;
  }
  const set: (readonly [string, string])[] = [];
  const unset = new Set<string>();
  const take = (name: string, entry: Place): void => {
    const taken = takeFromEnvironment(name, entry, context);
    if (taken === undefined) return;
    if (taken.value === undefined) unset.add(name);
    else set.push([name, taken.value]);
  };
  if (node.kind === 'list') {
    for (const item of readItems(place, '"environment"') ?? []) {
      const { node: text } = item;
      if (text.kind === 'scalar' && text.type === 'text' && !text.value.includes('=')) take(text.value, item);
      else set.push(...readAssignments([item]));
    }
  } else {
    for (const [name, entry] of entriesOf(place)) {
      if (entry.node.kind === 'scalar' && entry.node.type === 'null') {
        take(name, entry);
        continue;
      }
      const value = readValue(entry, name);
      if (value !== undefined && checkVariable(entry, name, value)) set.push([name, value]);
    }
  }
  return { set, unset };
}

/** Compose turns numbers into text as written and refuses truth values. */
function readValue(place: Place, name: string): string | undefined {
  const { node } = place;
  if (node.kind === 'scalar' && node.type !== 'boolean') return node.source;
  return readText(place, `the value of the environment variable ${quote(name)}`);
}

function readMemoryLimit(place: Place, what: string): number | undefined {
  const { node } = place;
  if (node.kind !== 'scalar' || node.type !== 'text') return readBytes(place, what, '');
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([bkmgt]?)b?$/i.exec(node.value);
  if (match === null) return complain(place, `${what}: ${quote(node.value)} is not a size`, 'write "512m" or bytes');
  const unit = match[2]?.toLowerCase() === 'b' ? '' : (match[2] ?? '');
  return accept(place, parseSize(`${match[1]}${unit}`), `${what}: `);
}

function readRestart(place: Place): RestartPolicy | undefined {
  const hint = 'use no, always, unless-stopped or on-failure[:N]';
  const { node } = place;
  // YAML 1.1 writers leave `no` unquoted; here it is text, and only `false` written out is a truth value.
  const text =
    node.kind === 'scalar' && node.type === 'boolean' && !node.value ? 'no' : readText(place, '"restart"', hint);
  if (text === undefined) return undefined;
  if (text === 'no') return { name: 'never' };
  if (text === 'always' || text === 'unless-stopped') return { name: text };
  const match = /^on-failure(?::([1-9][0-9]{0,8}))?$/.exec(text);
  if (match === null) {
    const words = ['always', 'unless-stopped', 'on-failure'];
    return complain(
      place,
      `"restart": ${quote(text)} is not a restart policy`,
      () => suggest(scalarAt(place), words) ?? hint,
    );
  }
  return {
    name: 'on-failure',
    ...defined({ maximumRetryCount: match[1] === undefined ? undefined : Number(match[1]) }),
  };
}

function readCommand(place: Place, what: string): readonly string[] | undefined {
  const { node } = place;
  if (node.kind === 'scalar' && node.type === 'null') return undefined;
  if (node.kind !== 'scalar' || node.type !== 'text') {
    return readWords(place, what, 'write one string or a list of strings');
  }
  const words = splitShellWords(node.value);
  if (words === undefined) return complain(place, `${what} has a quote that is not closed`);
  if (node.value.includes('\0')) return complain(place, `${what} holds a NUL character`);
  return words.length > 0 ? words : complain(place, `${what} must not be empty`, "leave it out to use the image's own");
}

function readDependsOn(place: Place): Placed<string>[] {
  if (place.node.kind !== 'map') {
    const items = readItems(place, '"depends_on"', 'a list of services') ?? [];
    return items.flatMap((item) => placed(readText(item, 'a service to depend on'), item));
  }
  return [...entriesOf(place)].map(([name, entry]) => {
    for (const [key, option] of readFields(entry, `the dependency on ${quote(name)}`)?.entries ?? []) {
      const started = key === 'condition' && option.node.kind === 'scalar' && option.node.value === 'service_started';
      if (!started)
        complainAtKey(option, `the key ${quote(key)} is not supported here`, 'only the order of starting is kept');
    }
    return { value: name, place: { ...entry, node: { ...entry.node, offset: entry.keyOffset } } };
  });
}

function checkDependencies(drafts: readonly Draft[], names: ReadonlySet<string>): void {
  const byName = new Map(drafts.map((draft) => [draft.name, draft]));
  const done = new Set<string>();
  for (const draft of drafts) {
    for (const { value, place } of draft.dependsOn ?? []) {
      if (names.has(value)) continue;
      complain(place, `"depends_on" names the unknown service ${quote(value)}`, () => suggest(scalarAt(place), names));
    }
    reportCircle(draft, byName, done);
  }
}

/** Depth first without recursion, so that no chain is too long; every service is walked once. */
function reportCircle(start: Draft, byName: ReadonlyMap<string, Draft>, done: Set<string>): void {
  const path: { readonly draft: Draft; next: number }[] = [{ draft: start, next: 0 }];
  const open = new Set([start.name]);
  while (path.length > 0) {
    const top = path[path.length - 1];
    if (top === undefined) return;
    const edge = done.has(top.draft.name) ? undefined : top.draft.dependsOn?.[top.next];
    top.next += 1;
    if (edge === undefined) {
      done.add(top.draft.name);
      open.delete(top.draft.name);
      path.pop();
      continue;
    }
    const target = byName.get(edge.value);
    if (target !== undefined && open.has(target.name)) {
      complain(
        edge.place,
        `"depends_on" goes in a circle: ${quote(target.name)} waits for ${quote(top.draft.name)} too`,
      );
    } else if (target !== undefined && !done.has(target.name)) {
      open.add(target.name);
      path.push({ draft: target, next: 0 });
    }
  }
}

import { listenAddresses, portsAt } from '../model/addresses.ts';
import { type Container, type ContainerMount, type ContainerSpec, freshFacts, type Volume } from '../model/cluster.ts';
import { addTo } from '../model/collect.ts';
import { type Application, type AppName, type NodeName, nodeOf, type PortMapping } from '../model/config.ts';

import {
  type ByKind,
  type ContainerField,
  type ContainerSettings,
  containerFields,
  mapSettings,
  type RestartPolicy,
  settingsOf,
  toSettings,
} from '../model/container/fields.ts';
import { healthcheckText, mergeHealthcheck } from '../model/container/healthcheck.ts';
import { type NodeMounts, nodeMountTexts } from '../model/container/mounts.ts';
import { changedOptions, containerOptions, type OptionKind } from '../model/container/options.ts';
import { hiddenText, SealedContent } from '../model/container/sealed-content.ts';
import { defined } from '../model/defined.ts';
import { containerEnvironment } from '../model/links.ts';
import { printImage } from '../model/names.ts';
import { plainText } from '../model/plain-text.ts';
import type { ClusterView } from './cluster-view.ts';
import { type Line, line } from './lines.ts';
import { formatBytes, namesOf } from './wording.ts';

/** How one application differs from the files: a minus marks what is removed, a plus what is added. */
export interface AppDiff {
  readonly app: AppName;
  readonly lines: readonly Line[];
}

/** One fact of an application; facts with the same key are compared. */
interface Fact {
  readonly key: string;
  readonly text: string;
  /** Compared instead of the text, if the text hides the value. */
  readonly value?: string;
}

/** Applications that differ from the files, by name. No text contains a value of an environment variable. */
export function wantedDiffs(view: ClusterView): readonly AppDiff[] {
  const { config } = view;
  if (config === undefined) return [];
  const placed = containersByApp(view);
  const apps = [...new Set([...Object.keys(config.applications), ...placed.keys()])].toSorted();
  return apps.flatMap((app) => {
    const lines = diffOf(view, app, placed.get(app) ?? []);
    return lines.length === 0 ? [] : [{ app, lines }];
  });
}

function diffOf(view: ClusterView, app: AppName, containers: readonly Placed[]): readonly Line[] {
  const { config } = view;
  if (config === undefined) return [];
  const declared = config.applications[app];
  const node = nodeOf(config, app);
  if (node !== undefined && view.nodes[node]?.status !== 'reachable') return [];
  const here = containers.find((one) => one.node === node) ?? containers[0];
  const wanted = declared === undefined || node === undefined ? [] : wantedFacts(view, declared, node, here?.container);
  const found = here === undefined ? [] : foundFacts(view, here);
  const others = containers.filter((one) => one !== here);
  return [
    ...compare(found, wanted),
    ...others.map((one) => line(`- also on ${namesOf(config).node(one.node)}`, 'fault')),
  ];
}

interface Placed {
  readonly node: NodeName;
  readonly container: Container;
}

function containersByApp(view: ClusterView): ReadonlyMap<AppName, readonly Placed[]> {
  const byApp = new Map<AppName, Placed[]>();
  for (const [node, state] of Object.entries(view.nodes)) {
    for (const container of freshFacts(state)?.containers ?? []) {
      const { managed, application } = container;
      if (!managed || application === undefined) continue;
      addTo(byApp, application, { node, container });
    }
  }
  return byApp;
}

function wantedFacts(view: ClusterView, app: Application, node: NodeName, now: Container | undefined): readonly Fact[] {
  const state = view.nodes[node];
  const address = freshFacts(state)?.meshAddress ?? '';
  const environment = { ...now?.imageDefaults.environment, ...containerEnvironment(app, address) };
  const wanted: Omit<ContainerSpec, 'application' | 'mounts'> = {
    image: printImage(app.image),
    ports:
      state?.status === 'reachable' && view.config
        ? portsAt(app.ports, listenAddresses(view.config, node, state.facts))
        : app.ports,
    environment,
    ...settingsOf(app),
    ...(app.healthcheck === undefined ? {} : healthcheckOf(app, now)),
    restartPolicy: app.restartPolicy,
    ...(app.hidesCommand === undefined ? {} : { hidesCommand: app.hidesCommand }),
  };
  return [
    ...placeFacts(view, node, 'running'),
    ...specFacts(wanted),
    ...optionFacts(app.options, changedOptions(app.options, now?.spec ?? {})),
    ...(app.files ?? []).map((file) => fileFact(file, now?.spec.files)),
    ...app.volumes.map((mount) => volumeFact(mount, mount.maximumSizeBytes)),
    ...nodeMountFacts(app),
  ];
}

/** As Docker will report it. */
const healthcheckOf = (app: Application, now: Container | undefined): Pick<ContainerSpec, 'healthcheck'> =>
  defined({ healthcheck: mergeHealthcheck(app.healthcheck, now?.imageDefaults.healthcheck) });

function foundFacts(view: ClusterView, { node, container }: Placed): readonly Fact[] {
  const { spec, imageDefaults } = container;
  const environment = { ...imageDefaults.environment, ...spec.environment };
  const settings = containerFields.map((field: ContainerField & Pick<(typeof containerFields)[number], 'name'>) => {
    const { name, fromImage } = field;
    const isImages = fromImage !== undefined && isSameText(spec[name], imageDefaults[fromImage]);
    return [name, isImages ? undefined : spec[name]] as const;
  });
  const { image, ports, restartPolicy, hidesCommand } = spec;
  const own = {
    ...toSettings(settings),
    image,
    ports,
    environment,
    restartPolicy,
    ...(hidesCommand === undefined ? {} : { hidesCommand }),
  };
  const volumes = volumesOf(view, node);
  const limits = new Map(volumes.map(({ id, limitBytes }) => [id, limitBytes]));
  return [
    ...placeFacts(view, node, container.state),
    ...specFacts(own),
    ...optionFacts({ ...spec.options, ...spec.optionHashes }, [], Object.keys(spec.optionHashes ?? {})),
    ...(spec.files ?? []).map((file) => fileFact(file, spec.files)),
    ...spec.mounts.map((mount) => volumeFact(mount, limits.get(mount.volume))),
    ...nodeMountFacts(spec),
  ];
}

/** Docker reports the image's command as the container's own, even if the file has none. */
const isSameText = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

function volumesOf(view: ClusterView, node: NodeName): readonly Volume[] {
  const state = view.nodes[node];
  return freshFacts(state)?.volumes ?? [];
}

const placeFacts = (view: ClusterView, node: NodeName, state: string): readonly Fact[] => [
  { key: 'node', text: `node ${namesOf(view.config).node(node)}` },
  { key: 'state', text: state },
];

function specFacts(spec: Omit<ContainerSpec, 'application' | 'mounts'>): readonly Fact[] {
  return [
    { key: 'image', text: `image ${spec.image}` },
    ...spec.ports.map((port) => ({
      key: `port ${port.external}/${port.protocol}`,
      text: `port ${port.external} to ${port.internal}${port.protocol === 'tcp' ? '' : `/${port.protocol}`}${addressesText(port)}`,
    })),
    ...Object.entries(spec.environment)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => ({ key: `environment ${name}`, text: `environment ${name} (hidden)`, value })),
    ...settingFacts(spec),
  ];
}

/** The settings in words: `memory limit 512 MiB`. What may contain secrets is hidden where the file asks for it. */
export const settingFacts = (settings: ContainerSettings & { readonly hidesCommand?: true }): readonly Fact[] =>
  mapSettings(settings, valueText).map(({ field: { name, label, mayBeSecret }, result }) => {
    const isHidden = mayBeSecret === true && settings.hidesCommand === true;
    return { key: name, text: `${label} ${isHidden ? hiddenText : result}`, value: JSON.stringify(settings[name]) };
  });

const valueText: ByKind<string> = {
  bytes: formatBytes,
  integer: String,
  duration: (ms) => `${Math.ceil(ms / 1000)} s`,
  restart: restartText,
  words: (words) => words.join(' '),
  healthcheck: healthcheckText,
};

/**
 * The options in words: `user 1000`. Sealed ones are hidden, so equality is not of the texts: `changed` are the keys
 * that differ.
 */
export const optionFacts = (
  options: Readonly<Record<string, unknown>> = {},
  changed: readonly string[] = [],
  hidden: readonly string[] = [],
): readonly Fact[] =>
  containerOptions.flatMap(({ key, kind }) => {
    const value = options[key];
    if (value === undefined) return [];
    const isHidden = value instanceof SealedContent || hidden.includes(key);
    const text = `${key} ${isHidden ? hiddenText : optionText(kind, value)}`;
    return [{ key: `option ${key}`, text, value: changed.includes(key) ? 'changed' : 'same' }];
  });

function optionText(kind: OptionKind, value: unknown): string {
  if (typeof value === 'number' && kind === 'bytes' && value >= 0) return formatBytes(value);
  if (typeof value === 'number' && kind === 'cpus') return String(value / 1e9);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(', ');
  return JSON.stringify(value);
}

type File = NonNullable<ContainerSpec['files']>[number];

/** `found`: the files that the container has. A content is never in a text; whether it is the same is the value. */
function fileFact(file: File, found: readonly File[] | undefined): Fact {
  const { kind, name, target, uid, gid, mode, content } = file;
  const there = found?.find((one) => one.target === target)?.content;
  const isSame =
    there === content || (content instanceof SealedContent && there !== undefined && content.equals(there));
  const text = `${kind} ${name} at ${target}, ${uid}:${gid} ${mode.toString(8).padStart(4, '0')} ${hiddenText}`;
  return { key: `file ${target}`, text, value: `${text} ${isSame}` };
}

const addressesText = ({ addresses }: PortMapping): string =>
  addresses === undefined ? '' : ` at ${addresses.join(', ')}`;

/** As in the files: `on-failure, at most 3 times`. */
function restartText(policy: RestartPolicy): string {
  if (policy.name !== 'on-failure' || policy.maximumRetryCount === undefined) return policy.name;
  return `${policy.name}, at most ${policy.maximumRetryCount} times`;
}

function volumeFact(
  { mountpoint, readOnly }: Pick<ContainerMount, 'mountpoint' | 'readOnly'>,
  limitBytes: number | undefined,
): Fact {
  const limit = limitBytes === undefined ? '' : `, at most ${formatBytes(limitBytes)}`;
  const text = `volume ${mountpoint}${limit}${readOnly === true ? ', read-only' : ''}`;
  return { key: `volume ${mountpoint}`, text, value: `${limitBytes ?? ''} ${readOnly ?? ''}` };
}

const nodeMountFacts = (mounts: NodeMounts): readonly Fact[] =>
  [...nodeMountTexts(mounts)].map(([place, text]) => ({ key: `mount ${place}`, text: `${text} at ${place}` }));

const valueOf = ({ text, value }: Fact): string => value ?? text;

function compare(found: readonly Fact[], wanted: readonly Fact[]): readonly Line[] {
  const before = new Map(found.map((fact) => [fact.key, fact]));
  const after = new Map(wanted.map((fact) => [fact.key, fact]));
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
    const [old, fresh] = [before.get(key), after.get(key)];
    if (old !== undefined && fresh !== undefined && valueOf(old) === valueOf(fresh)) return [];
    return [
      ...(old === undefined ? [] : [line(`- ${plainText(old.text)}`, 'fault')]),
      ...(fresh === undefined ? [] : [line(`+ ${plainText(fresh.text)}`, 'ok')]),
    ];
  });
}

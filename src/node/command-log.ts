import type { DockerImports } from '../engine/docker-imports.ts';
import type {
  Cluster,
  ContainerRuntime,
  NetworkControl,
  NodeClient,
  SendSource,
  TransferRequest,
} from '../engine/node-client.ts';
import type { Leftovers, Mark } from '../engine/run/leftovers.ts';
import type { VolumeProperties, VolumeStore } from '../engine/volume-store.ts';
import { publishedTexts } from '../model/addresses.ts';
import type { ContainerSpec } from '../model/cluster.ts';
import type { NodeName } from '../model/config.ts';
import { type ByKind, mapSettings } from '../model/container/fields.ts';
import type { NodeBind } from '../model/container/mounts.ts';
import { containerOptions } from '../model/container/options.ts';
import { SealedContent } from '../model/container/sealed-content.ts';
import type { HeldPort } from '../model/name-table.ts';
import { containerName, printImage, snapshotName } from '../model/names.ts';
import { standbyLeaf } from '../model/standby/facts.ts';
import { printCommand } from './command.ts';
import { addNameBindings, type Bindings, hostLines } from './docker/container-names.ts';
import { bareName } from './zfs/names.ts';
import { pairs } from './zfs/switch.ts';

/** Receives each change of a node before it is made, as a command line that could be typed there. */
export type OnCommand = (node: NodeName, text: string) => void;

/**
 * The same cluster, which reports each change before it makes it. A line shows the effect, not the literal command: some
 * commands run in a script that checks first, and Docker is reached through its API. Environment variables are left out.
 */
export function withCommandLog(cluster: Cluster, onCommand: OnCommand): Cluster {
  const clients = new WeakMap<NodeClient, NodeClient>();
  return {
    ...cluster,
    node: async (name, signal) => {
      const client = await cluster.node(name, signal);
      const found = clients.get(client) ?? loggedClient(client, (text) => onCommand(name, text));
      clients.set(client, found);
      return found;
    },
    transfer: (request, progress, signal) => {
      onCommand(request.from, describeTransfer(request));
      return cluster.transfer(request, progress, signal);
    },
  };
}

type Say = (text: string) => void;

function loggedClient(client: NodeClient, say: Say): NodeClient {
  return {
    ...client,
    containers: loggedContainers(client.containers, say),
    imports: loggedImports(client.imports, say),
    volumes: loggedVolumes(client.volumes, say),
    network: loggedNetwork(client.network, say),
    standbys: {
      setRules: (rules, signal) => {
        const volumes = [...rules.sends, ...rules.accepts].map(({ application }) => application);
        say(`write /etc/drover/standby: ${[...new Set(volumes)].join(' ')}`);
        return client.standbys.setRules(rules, signal);
      },
      pause: (volume, signal) => {
        say(line('systemctl', 'stop', `drover-standby@${standbyLeaf(volume)}.service`));
        return client.standbys.pause(volume, signal);
      },
    },
    deadMan: {
      arm: (app, datasets, sharers, afterMs, signal) => {
        const seconds = String(Math.ceil(afterMs / 1000));
        say(line('systemd-run', `--on-active=${seconds}`, `--unit=${deadManUnit(app)}`));
        return client.deadMan.arm(app, datasets, sharers, afterMs, signal);
      },
      disarm: (app, signal) => {
        say(line('systemctl', 'stop', `${deadManUnit(app)}.timer`));
        return client.deadMan.disarm(app, signal);
      },
    },
  };
}

function loggedImports(imports: DockerImports, say: Say): DockerImports {
  return {
    ...imports,
    copy: (directory, dataset, progress, signal) => {
      say(`${line('tar', '-C', directory, '-c', '.')} | ${line('tar', '-x')} # ${dataset}`);
      return imports.copy(directory, dataset, progress, signal);
    },
    stop: (containers, signal) => {
      for (const { name } of containers) say(line('docker', 'update', '--restart=no', name));
      say(line('docker', 'stop', ...containers.map(({ name }) => name)));
      return imports.stop(containers, signal);
    },
    start: (containers, signal) => {
      say(line('docker', 'start', ...containers.filter(({ isRunning }) => isRunning).map(({ name }) => name)));
      return imports.start(containers, signal);
    },
  };
}

const deadManUnit = (app: string): string => `drover-dead-man@${app}`;

const line = (...words: readonly (string | undefined)[]): string =>
  printCommand(words.filter((word) => word !== undefined));

function loggedContainers(runtime: ContainerRuntime, say: Say): ContainerRuntime {
  const sayCreate = (spec: ContainerSpec, directories: Readonly<Record<string, string>>): void => {
    say(describeCreate(spec, directories));
    for (const { target, kind } of spec.files ?? [])
      if (kind !== 'file') say(line('docker', 'cp', '-', `${containerName(spec.application)}:${target}`));
  };
  return {
    ...runtime,
    pull: (image, progress, signal) => {
      say(line('docker', 'pull', printImage(image)));
      return runtime.pull(image, progress, signal);
    },
    importImage: (tar, signal, wanted) => {
      say('docker load');
      say(line('docker', 'tag', wanted.id, printImage(wanted.image)));
      return runtime.importImage(tar, signal, wanted);
    },
    create: (spec, directories, signal) => {
      sayCreate(spec, directories);
      return runtime.create(spec, directories, signal);
    },
    createOnData: (spec, directories, signal) => {
      sayCreate(spec, directories);
      return runtime.createOnData(spec, directories, signal);
    },
    start: (app, signal) => {
      say(line('docker', 'start', containerName(app)));
      return runtime.start(app, signal);
    },
    stop: (app, graceMs, signal, exited) => {
      say(line('docker', 'stop', '--time', String(Math.ceil(graceMs / 1000)), containerName(app)));
      return runtime.stop(app, graceMs, signal, exited);
    },
    remove: (app, signal) => {
      say(line('docker', 'rm', '-v', containerName(app)));
      return runtime.remove(app, signal);
    },
    adopt: (ids, deployment, signal) => {
      say(line('record', deployment, ...ids.map((id) => id.slice(0, 12))));
      return runtime.adopt(ids, deployment, signal);
    },
    exec: (app, options, signal) => {
      // Only the start is reported: what is typed into the program stays private.
      say(line('docker', 'exec', options.tty ? '-it' : '-i', containerName(app), options.command?.[0] ?? 'sh'));
      return runtime.exec(app, options, signal);
    },
  };
}

function describeCreate(spec: ContainerSpec, directories: Readonly<Record<string, string>>): string {
  const settings = mapSettings(spec, optionText).flatMap(({ field: { option }, result }) =>
    option === undefined ? [] : [option, result],
  );
  return line(
    ...['docker', 'create', '--name', containerName(spec.application)],
    ...spec.ports.flatMap((port) =>
      publishedTexts(port).flatMap((place) => ['-p', `${place}:${port.internal}/${port.protocol}`]),
    ),
    ...nameOptions(spec),
    ...spec.mounts.flatMap((mount) => ['-v', bindText(directories[mount.volume] ?? mount.volume, mount)]),
    ...(spec.binds ?? []).flatMap((bind) => ['-v', bindText(bind.source, bind)]),
    ...Object.entries(spec.tmpfs ?? {}).flatMap(([path, options]) => [
      '--tmpfs',
      options === '' ? path : `${path}:${options}`,
    ]),
    ...settings,
    ...optionWords(spec.options),
    spec.image,
  );
}

function nameOptions({ names, ports }: ContainerSpec): string[] {
  if (names === undefined) return [];
  const bindings: Bindings = {};
  addNameBindings(bindings, { names, ports });
  const published = Object.entries(bindings).flatMap(([key, places]) =>
    places.flatMap(({ HostIp = '', HostPort }) => ['-p', `${HostIp}:${HostPort}:${key}`]),
  );
  const dns = names.resolver === undefined ? [] : ['--dns', names.resolver];
  return [...published, ...dns, ...hostLines(names).flatMap((line) => ['--add-host', line])];
}

/** What `docker create` would have in its command line; not the sealed ones. */
const optionWords = (options: ContainerSpec['options'] = {}): readonly string[] =>
  containerOptions.flatMap(({ key, option }) => {
    const value = options[key];
    if (option === undefined || value === undefined || value === false || value instanceof SealedContent) return [];
    if (value === true) return [option];
    if (Array.isArray(value)) return value.flatMap((item) => [option, String(item)]);
    if (typeof value !== 'object' || value === null) return [option, String(value)];
    return Object.entries(value).flatMap(([name, item]) => [option, `${name}=${String(item)}`]);
  });

function bindText(source: string, { mountpoint, readOnly, propagation }: Omit<NodeBind, 'source'>): string {
  const options = [...(readOnly === true ? ['ro'] : []), ...(propagation === undefined ? [] : [propagation])];
  return [source, mountpoint, ...(options.length === 0 ? [] : [options.join(',')])].join(':');
}

/** Values as options of `docker create` take them. */
const optionText: ByKind<string> = {
  bytes: String,
  integer: String,
  duration: (ms) => String(Math.ceil(ms / 1000)),
  restart: (policy) =>
    policy.name === 'on-failure'
      ? `on-failure:${policy.maximumRetryCount ?? 0}`
      : policy.name === 'never'
        ? 'no'
        : policy.name,
  words: (words) => words.join(' '),
  healthcheck: () => '',
};

function loggedVolumes(store: VolumeStore, say: Say): VolumeStore {
  const zfs = (...words: readonly (string | undefined)[]): void => say(line('zfs', ...words));
  return {
    ...store,
    ...loggedOwnership(store, say),
    create: (volume, wanted, signal) => {
      const { application, limitBytes } = wanted;
      const limit = limitBytes === undefined ? [] : ['-o', `refquota=${limitBytes}`];
      zfs('create', '-o', 'canmount=noauto', ...limit, store.datasetName(volume, application));
      return store.create(volume, wanted, signal);
    },
    setLimit: (dataset, limitBytes, signal) => {
      zfs('set', `refquota=${limitBytes ?? 'none'}`, dataset);
      return store.setLimit(dataset, limitBytes, signal);
    },
    mount: (dataset, signal) => {
      zfs('mount', dataset);
      return store.mount(dataset, signal);
    },
    unmount: (dataset, signal) => {
      zfs('unmount', dataset);
      return store.unmount(dataset, signal);
    },
    snapshot: (dataset, name, signal) => {
      zfs('snapshot', ...[dataset].flat().map((one) => mark(one, name)));
      return store.snapshot(dataset, name, signal);
    },
    hold: (dataset, snapshot, tag, signal) => {
      zfs('hold', tag, mark(dataset, snapshot));
      return store.hold(dataset, snapshot, tag, signal);
    },
    bookmark: (dataset, snapshot, bookmark, signal) => {
      zfs('bookmark', mark(dataset, snapshot), mark(dataset, bookmark, '#'));
      return store.bookmark(dataset, snapshot, bookmark, signal);
    },
    tidy: (seen, leftovers, tag, signal) => {
      for (const words of tidyCommands(seen.dataset, leftovers, tag)) zfs(...words);
      return store.tidy(seen, leftovers, tag, signal);
    },
    abortReceive: (dataset, signal) => {
      zfs('receive', '-A', dataset);
      return store.abortReceive(dataset, signal);
    },
    clone: (dataset, snapshot, target, signal) => {
      zfs('clone', '-o', 'readonly=on', '-o', 'canmount=noauto', mark(dataset, snapshot), target);
      return store.clone(dataset, snapshot, target, signal);
    },
  };
}

type Ownership = Pick<VolumeStore, 'setProperties' | 'freeze' | 'acquire' | 'takeOver' | 'setAside' | 'swap'>;

function loggedOwnership(store: VolumeStore, say: Say): Ownership {
  const zfs = (...words: readonly string[]): void => say(line('zfs', ...words));
  return {
    setProperties: (seen, next, signal) => {
      zfs('set', ...assignments(next), seen.dataset);
      return store.setProperties(seen, next, signal);
    },
    freeze: (seen, tag, signal) => {
      zfs('unmount', seen.dataset);
      zfs('set', ...assignments({ role: 'frozen' }), seen.dataset);
      zfs('snapshot', mark(seen.dataset, snapshotName(seen.epoch, 'N')));
      return store.freeze(seen, tag, signal);
    },
    acquire: (seen, next, signal) => {
      zfs('set', ...assignments({ role: 'owner', ...next }), seen.dataset);
      zfs('mount', seen.dataset);
      return store.acquire(seen, next, signal);
    },
    takeOver: (takes, { owner, deployment }, signal) => {
      for (const { seen, epoch, snapshot } of takes) {
        zfs('snapshot', mark(seen.dataset, snapshot));
        zfs('set', ...assignments({ role: 'owner', owner, epoch, deployment }), seen.dataset);
      }
      return store.takeOver(takes, { owner, deployment }, signal);
    },
    setAside: (seen, aside, signal) => {
      const { dataset, retiredAs, next } = aside;
      if (seen.dataset !== dataset) zfs('rename', seen.dataset, dataset);
      if (next !== undefined) {
        zfs('clone', mark(dataset, next.snapshot), next.dataset);
        zfs('promote', next.dataset);
        zfs('set', ...assignments({ ...next.properties, role: 'replica' }), next.dataset);
      }
      zfs('set', ...assignments({ role: 'retired', volume: retiredAs }), dataset);
      return store.setAside(seen, aside, signal);
    },
    swap: (swaps, signal) => {
      const pairs = swaps.map(({ seen, target }) => `${line(target)} takes the place of ${line(seen.dataset)}`);
      say(`zfs program: ${pairs.join(', ')}`);
      return store.swap(swaps, signal);
    },
  };
}

function tidyCommands(dataset: string, leftovers: Leftovers, tag: string): readonly (readonly string[])[] {
  const { base, isMarked, snapshots, bookmarks, released } = leftovers;
  const of = (sign: string) => (one: Mark) => mark(dataset, one.name, sign);
  return [
    ...(isMarked ? [['bookmark', of('@')(base), of('#')(base)]] : []),
    ...[...snapshots, ...released].map(of('@')).map((one) => ['release', tag, one]),
    ...[...snapshots.map(of('@')), ...bookmarks.map(of('#'))].map((one) => ['destroy', one]),
  ];
}

const mark = (dataset: string, name: string, sign = '@'): string => `${dataset}${sign}${bareName(name)}`;

const assignments = (next: VolumeProperties): readonly string[] =>
  pairs(next).map(([name, value]) => `${name}=${value}`);

function loggedNetwork(network: NetworkControl, say: Say): NetworkControl {
  const ports = (keys: readonly HeldPort[]): string =>
    keys
      .map(({ address, port, protocol }) => `${address === undefined ? '' : `${address}:`}${port}/${protocol}`)
      .join(' ');
  return {
    ...network,
    replace: (table, dropHolds, signal) => {
      const forwards = table.proxies.map(({ port, protocol, address }) => `${port}/${protocol}->${address}`).join(' ');
      say(`nft -f: table inet drover${forwards === '' ? ', no forwards' : ` forwards ${forwards}`}`);
      return network.replace(table, dropHolds, signal);
    },
    hold: (keys, timeoutMs, signal) => {
      say(`nft add element inet drover: hold ${ports(keys)} for ${timeoutMs} ms`);
      return network.hold(keys, timeoutMs, signal);
    },
    dropHolds: (keys, signal) => {
      say(`nft delete element inet drover: hold ${ports(keys)}`);
      return network.dropHolds(keys, signal);
    },
    setBootRules: (rules, signal) => {
      say(
        `write /etc/drover/boot-peers: alone ${rules.alone}, peers ${rules.peers.map((peer) => peer.address).join(' ')}`,
      );
      return network.setBootRules(rules, signal);
    },
  };
}

function describeTransfer({ source, dataset, to }: TransferRequest): string {
  return `${describeSend(source)} | ssh ${line(to)} ${line('zfs', 'receive', '-s', '-u', dataset)}`;
}

/** A resume token is left out: it is long and means nothing to a reader. */
function describeSend(source: SendSource): string {
  if (source.kind === 'resume') return 'zfs send -t TOKEN';
  const base = source.base === undefined ? [] : ['-i', source.base];
  return line('zfs', 'send', ...base, mark(source.dataset, source.snapshot));
}

import { groupBy } from '../model/collect.ts';
import { defaultSettings, type ImageRef, type NodeName, type NodeSettings, type Settings } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import type { DeployedNode } from './deployment-file.ts';
import type { DroverFile, InventoryNode } from './drover-file.ts';
import { complainAtKey } from './fields.ts';
import { isIpv4 } from './values.ts';
import { quote } from './yaml/yaml-node.ts';

/** Nodes of several drover.yml files, the first file winning; two entries for one machine in one file are reported. */
export function mergeInventories(files: readonly DroverFile[]): InventoryNode[] {
  const seen = new Map<string, { readonly node: InventoryNode; readonly file: DroverFile }>();
  const merged: InventoryNode[] = [];
  for (const file of files) {
    for (const node of file.nodes) {
      const tokens = identities(node);
      const earlier = tokens.map((token) => seen.get(token)).find((found) => found !== undefined);
      if (earlier !== undefined) {
        if (earlier.file === file) {
          complainAtKey(
            node.place,
            `the node ${quote(node.key)} is the same as ${quote(earlier.node.key)}`,
            'keep one of the two',
          );
        }
        continue;
      }
      for (const token of tokens) seen.set(token, { node, file });
      merged.push(node);
    }
  }
  return merged;
}

/** What two entries for one machine have in common: a name, or the address with the port and the way there. */
function identities({ key, settings }: InventoryNode): string[] {
  const { name, host = key, port = 22, jump = '' } = settings;
  return [`name ${key}`, ...(name === undefined ? [] : [`name ${name}`]), `at ${host} ${port} ${jump}`];
}

/** Every key, name and host that a deployment file may use for a node of the inventory. */
export function knownNodeNames(inventory: readonly InventoryNode[]): ReadonlySet<string> {
  return new Set(inventory.flatMap(({ key, settings }) => [key, settings.name ?? key, settings.host ?? key]));
}

/** Settings of every node: those of the deployment under their keys there, the rest of the inventory under its own. */
export function resolveNodes(
  deployed: readonly DeployedNode[],
  inventory: readonly InventoryNode[],
): [NodeName, NodeSettings][] {
  const lookup = indexInventory(inventory);
  const users = new Map<InventoryNode, string>();
  const nodes: [NodeName, NodeSettings][] = deployed.map(({ name, place }) => {
    const found = lookup(name);
    const entry = found[0];
    if (entry === undefined) return [name, {}];
    if (found.length > 1) {
      const keys = found.map(({ key }) => quote(key)).join(' and ');
      complainAtKey(
        place,
        `the node ${quote(name)} is the host of ${keys}`,
        'use the key or the name of the one you mean',
      );
      return [name, {}];
    }
    const user = users.get(entry);
    if (user !== undefined) {
      complainAtKey(place, `the node ${quote(name)} is the same as ${quote(user)}`, 'put both lists under one key');
    }
    users.set(entry, name);
    return [name, settingsUnder(name, entry)];
  });
  return [...nodes, ...restOf(inventory, users, deployed)];
}

function restOf(
  inventory: readonly InventoryNode[],
  users: ReadonlyMap<InventoryNode, string>,
  deployed: readonly DeployedNode[],
): [NodeName, NodeSettings][] {
  const taken = new Set(deployed.map(({ name }) => name));
  return inventory.flatMap((node) =>
    users.has(node) || taken.has(node.key) ? [] : [[node.key, node.settings] satisfies [NodeName, NodeSettings]],
  );
}

/** By key, else by name, else by host; several only where a host is shared. */
function indexInventory(inventory: readonly InventoryNode[]): (name: string) => readonly InventoryNode[] {
  const byKey = new Map(inventory.map((node) => [node.key, node]));
  const byName = new Map(inventory.map((node) => [node.settings.name ?? node.key, node]));
  const byHost = groupBy(inventory, ({ key, settings }) => settings.host ?? key);
  return (name) => {
    const exact = byKey.get(name) ?? byName.get(name);
    return exact === undefined ? (byHost.get(name) ?? []) : [exact];
  };
}

/** The deployment's key replaces the inventory's, which stays the host or the name. */
function settingsUnder(name: NodeName, { key, settings }: InventoryNode): NodeSettings {
  if (name === key) return settings;
  const shown = settings.name ?? (isIpv4(key) || key.includes(':') ? undefined : key);
  return { ...settings, host: settings.host ?? key, ...(shown === undefined ? {} : { name: shown }) };
}

/** Settings of several drover.yml files over the defaults, the first file that says something winning. */
export function mergeSettings(files: readonly DroverFile[]): Settings {
  const lastFirst = [...files].reverse();
  const first = <K extends keyof DroverFile>(key: K) => files.find((file) => file[key] !== undefined)?.[key];
  const range = first('nameRange') ?? defaultSettings.nameRange;
  return {
    pool: first('pool') ?? defaultSettings.pool,
    datasetRoot: first('datasetRoot') ?? defaultSettings.datasetRoot,
    timeouts: overlay(
      defaultSettings.timeouts,
      lastFirst.map((file) => file.timeouts),
    ),
    switch: overlay(
      defaultSettings.switch,
      lastFirst.map((file) => file.switch),
    ),
    transfer: first('transfer') ?? defaultSettings.transfer,
    ...defined({ listen: first('listen'), nameRange: range === 'none' ? undefined : range }),
    boot: overlay(
      defaultSettings.boot,
      lastFirst.map((file) => file.boot),
    ),
  };
}

function overlay<T extends object>(base: T, layers: readonly Partial<T>[]): T {
  let result = base;
  for (const layer of layers) result = { ...result, ...layer };
  return result;
}

/** The image to run where one is asked for: an entry with the tag before one for the whole repository, the first file first. */
export function substituteFor(image: ImageRef, files: readonly DroverFile[]): ImageRef | undefined {
  const keys = image.digest === undefined ? [`${image.repository}:${image.tag}`, image.repository] : [];
  const found = files.flatMap(({ images }) => keys.map((key) => images.get(key)));
  return found.find((substitute) => substitute !== undefined);
}

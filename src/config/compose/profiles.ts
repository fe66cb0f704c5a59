import { complain, complainAtKey, entriesOf, type Place, readItems, readText } from '../fields.ts';
import { isNothing, quote, type YamlMap, type YamlNode } from '../yaml/yaml-node.ts';

/** Services that no enabled profile has, with their profiles. */
export type DisabledServices = ReadonlyMap<string, readonly string[]>;

/** The services that are enabled, without their key `profiles`, and the names of the others. */
export function enableProfiles(
  root: Place,
  enabled: readonly string[],
): { readonly node: YamlNode; readonly disabled: DisabledServices } {
  const services = entriesOf(root).get('services');
  const disabled = new Map<string, readonly string[]>();
  if (services?.node.kind !== 'map') return { node: root.node, disabled };
  const places = entriesOf(services);
  let isChanged = false;
  for (const [name, place] of places) {
    const profiles = entriesOf(place).get('profiles');
    if (profiles === undefined) continue;
    isChanged = true;
    const own = readProfiles(profiles);
    if (own.length > 0 && !own.some((profile) => enabled.includes(profile)) && !enabled.includes('*')) {
      disabled.set(name, own);
    }
  }
  if (!isChanged || root.node.kind !== 'map') return { node: root.node, disabled };
  const kept = [...places].filter(([name]) => !disabled.has(name));
  const entries = kept.flatMap(([, place]) =>
    place.key === undefined ? [] : [{ key: place.key, value: withoutDisabled(place, disabled) }],
  );
  const value: YamlMap = { ...services.node, entries };
  const all = root.node.entries.map((entry) => (entry.key.source === 'services' ? { key: entry.key, value } : entry));
  return { node: { ...root.node, entries: all }, disabled };
}

function readProfiles(place: Place): readonly string[] {
  const { node } = place;
  if (isNothing(node)) return [];
  return (readItems(place, '"profiles"', 'a list of names') ?? []).flatMap((item) => readText(item, 'a profile') ?? []);
}

/** A service without `profiles`, and without what it says about disabled services, which is a problem mostly. */
function withoutDisabled(place: Place, disabled: DisabledServices): YamlNode {
  const { node } = place;
  if (node.kind !== 'map') return node;
  const entries = node.entries.filter(({ key }) => key.source !== 'profiles');
  if (disabled.size === 0) return { ...node, entries };
  const places = entriesOf(place);
  return {
    ...node,
    entries: entries.map(({ key, value }) => {
      const entry = places.get(key.source);
      const isReference = key.source === 'depends_on' || key.source === 'links';
      return {
        key,
        value: isReference && entry !== undefined ? withoutReferences(entry, key.source, disabled) : value,
      };
    }),
  };
}

function withoutReferences(place: Place, key: string, disabled: DisabledServices): YamlNode {
  const { node } = place;
  if (node.kind === 'list') {
    const items = readItems(place, quote(key)) ?? [];
    const kept = items.filter((item) => {
      const name = item.node.kind === 'scalar' ? (item.node.source.split(':')[0] ?? '') : '';
      return !refuse(item, key, name, disabled);
    });
    return kept.length === items.length ? node : { ...node, items: kept.map((item) => item.node) };
  }
  if (node.kind !== 'map') return node;
  const entries = entriesOf(place);
  const isKept = (name: string): boolean => {
    const entry = entries.get(name);
    if (entry === undefined || !disabled.has(name)) return true;
    const required = entriesOf(entry).get('required')?.node;
    const isOptional = required?.kind === 'scalar' && required.source === 'false';
    return !isOptional && !refuse(entry, key, name, disabled);
  };
  return { ...node, entries: node.entries.filter((entry) => isKept(entry.key.source)) };
}

function refuse(place: Place, key: string, name: string, disabled: DisabledServices): boolean {
  const profiles = disabled.get(name);
  if (profiles === undefined) return false;
  const message = `${quote(key)} names the service ${quote(name)}, which is disabled: ${profilesOf(profiles)}`;
  const hint = `${enableHint(profiles)}${key === 'depends_on' ? ', or write "required: false" for it' : ''}`;
  (place.key === undefined ? complain : complainAtKey)(place, message, hint);
  return true;
}

/** `its profile "debug" is not enabled`. */
export const profilesOf = (profiles: readonly string[]): string =>
  profiles.length === 1
    ? `its profile ${quote(profiles[0] ?? '')} is not enabled`
    : `none of its profiles ${profiles.map(quote).join(', ')} is enabled`;

/** How to enable one of them. */
export const enableHint = (profiles: readonly string[]): string => `enable it with --profile ${profiles[0] ?? ''}`;

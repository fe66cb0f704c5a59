import { portsAt } from '../model/addresses.ts';
import type { Container, ContainerSpec, PortKey } from '../model/cluster.ts';
import type { Application, DeploymentName, PortMapping } from '../model/config.ts';
import { containerFields, isSameSetting, settingsOf } from '../model/container-fields.ts';
import { containerEnvironment } from '../model/links.ts';
import { printImage } from '../model/names.ts';
import { SealedContent } from '../model/sealed-content.ts';
import { sameItems, sorted } from './lists.ts';
import { portText } from './ports.ts';

/** What decides about a container beside its application. */
export interface SpecPlace {
  /** The application's image as text, where it is at hand. */
  readonly image?: string;
  /** The node starts containers in their order when it boots. */
  readonly ordered?: boolean;
  /** As `listenAddresses` gives it. */
  readonly listen?: readonly string[] | undefined;
  readonly deployment?: DeploymentName;
}

/** The container an application should have on the node with this mesh address: link variables name that node. */
export function desiredSpec(
  app: Application,
  meshAddress: string,
  { image = printImage(app.image), ordered = false, listen, deployment }: SpecPlace = {},
): ContainerSpec {
  return {
    application: app.name,
    ...(deployment === undefined ? {} : { deployment }),
    image,
    ports: portsAt(app.ports, listen),
    environment: containerEnvironment(app, meshAddress),
    mounts: app.volumes.map((volume) => ({ volume: volume.id, mountpoint: volume.mountpoint })),
    ...settingsOf(app),
    restartPolicy: app.restartPolicy,
    ...(ordered ? { after: startsAfter(app) } : {}),
    ...(app.files === undefined ? {} : { files: app.files }),
    ...(app.hidesCommand === undefined ? {} : { hidesCommand: app.hidesCommand }),
  };
}

/**
 * What the application itself declares, wherever the others are now: the node looks at boot which of them it has. So no
 * container has to be replaced because another one moved.
 */
function startsAfter({ dependsOn = [], links }: Application): string[] {
  return sorted([...dependsOn, ...links.map(({ remotePort }) => `${remotePort}/tcp`)]);
}

/**
 * Why this container is not the desired one, for people; empty where it is. Never the value of a variable, which may
 * be a secret. `imageId` is what the desired image stands for on the node now, if the node has it.
 */
export function differences(desired: ContainerSpec, observed: Container, imageId?: string): string[] {
  const now = observed.spec;
  const reasons: string[] = [];
  if (desired.image !== now.image) reasons.push(`image changes from "${now.image}" to "${desired.image}"`);
  else if (imageId !== undefined && imageId !== observed.imageId) {
    reasons.push(`image "${desired.image}" is newer on the node`);
  }
  reasons.push(...portDifferences(desired, now));
  reasons.push(...environmentDifferences(desired, observed));
  if (!sameCommandLine(desired, observed)) reasons.push('command changed');
  if (desired.hidesCommand === true && now.hidesCommand !== true) {
    reasons.push('its command has values of variables now, and is to be hidden');
  }
  reasons.push(...mountDifferences(desired, now));
  reasons.push(...fileDifferences(desired, now));
  // What comes from the image where the file says nothing is compared in sameCommandLine.
  const changed = containerFields.filter((field) => !('fromImage' in field) && !isSameSetting(field, desired, now));
  reasons.push(...changed.map(({ label }) => `${label} changed`));
  if (desired.after === undefined && now.after !== undefined)
    reasons.push('the node has no order of starting any more');
  else if (desired.after !== undefined && now.after === undefined) reasons.push('it starts at boot in no order yet');
  else if (!sameItems(desired.after ?? [], now.after ?? [])) reasons.push('what it starts after changed');
  return reasons;
}

function environmentDifferences(desired: ContainerSpec, observed: Container): string[] {
  const { environment: fallback } = observed.imageDefaults;
  const [wanted, now] = [desired.environment, observed.spec.environment];
  const valueIn = (own: ContainerSpec['environment'], name: string) =>
    Object.hasOwn(own, name) ? own[name] : fallback[name];
  const isChanged = (name: string) => valueIn(wanted, name) !== valueIn(now, name);
  const changed = [...Object.keys(wanted).filter(isChanged), ...Object.keys(now).filter(isChanged)];
  return changed.length === 0 ? changed : sorted(changed).map((name) => `environment variable ${name} changed`);
}

/** Docker drops the image's command where an entrypoint is given. */
function sameCommandLine(desired: ContainerSpec, observed: Container): boolean {
  const { entrypoint, command } = observed.imageDefaults;
  const now = observed.spec;
  if (!sameItems(desired.entrypoint ?? entrypoint, now.entrypoint ?? entrypoint)) return false;
  const overridden = desired.entrypoint !== undefined && desired.entrypoint.length > 0;
  const wanted = desired.command ?? (overridden ? [] : command);
  if (now.command !== undefined) return sameItems(wanted, now.command);
  // Read back without a command: the image's own, or none at all beside an entrypoint of its own.
  return sameItems(wanted, command) || (now.entrypoint !== undefined && wanted.length === 0);
}

function portDifferences(desired: ContainerSpec, now: ContainerSpec): string[] {
  if (desired.ports.length === 0 && now.ports.length === 0) return [];
  const set = ({ ports }: ContainerSpec) =>
    sorted(ports.map((port) => `${port.internal}/${port.protocol}>${port.external}`)).join(' ');
  if (set(desired) !== set(now)) return ['ports changed'];
  return desired.ports.flatMap((port) => {
    const before = now.ports.find((one) => portText(keyOf(one)) === portText(keyOf(port)));
    const [from, to] = [addressText(before), addressText(port)];
    return from === to ? [] : [`port ${port.external} is published at ${to} in place of ${from}`];
  });
}

const keyOf = ({ external: port, protocol }: PortMapping): PortKey => ({ port, protocol });
const addressText = (port: PortMapping | undefined): string =>
  port?.addresses === undefined ? 'all addresses' : listWords(port.addresses);
const listWords = (words: readonly string[]): string => (words.length === 0 ? 'none' : words.join(', '));

/** What becomes of each volume: a removed one is said to be kept, since it is easy to miss otherwise. */
function mountDifferences(desired: ContainerSpec, now: ContainerSpec): string[] {
  if (desired.mounts.length === 0 && now.mounts.length === 0) return [];
  const placeOf = (spec: ContainerSpec, id: string) => spec.mounts.find(({ volume }) => volume === id)?.mountpoint;
  const at = ({ mounts }: ContainerSpec, place: string) => mounts.some(({ mountpoint }) => mountpoint === place);
  const before = now.mounts.flatMap(({ volume, mountpoint }): string[] => {
    const next = placeOf(desired, volume);
    if (next === mountpoint) return [];
    if (next !== undefined) return [`mountpoint of its volume changes from ${mountpoint} to ${next}`];
    const how = at(desired, mountpoint) ? 'replaced by another one' : 'removed from it';
    return [`its volume at ${mountpoint} is ${how}, the data is kept`];
  });
  const added = desired.mounts.flatMap(({ volume, mountpoint }) =>
    placeOf(now, volume) === undefined && !at(now, mountpoint) ? [`it gets a volume at ${mountpoint}`] : [],
  );
  return [...sorted(before), ...sorted(added)];
}

type File = NonNullable<ContainerSpec['files']>[number];

/** Never a content: that it changed is all there is to say. */
function fileDifferences(desired: ContainerSpec, now: ContainerSpec): string[] {
  if (desired.files === undefined && now.files === undefined) return [];
  const name = ({ kind, name: of }: File): string => `${kind} "${of}"`;
  const before = new Map((now.files ?? []).map((file) => [file.target, file]));
  const after = new Map((desired.files ?? []).map((file) => [file.target, file]));
  return sorted([...before.keys(), ...after.keys()]).flatMap((target): string[] => {
    const [old, fresh] = [before.get(target), after.get(target)];
    if (fresh === undefined) return old === undefined ? [] : [`it loses the ${name(old)} at ${target}`];
    if (old === undefined) return [`it gets the ${name(fresh)} at ${target}`];
    if (!isSameContent(old, fresh)) return [`${name(fresh)} changed`];
    const same = (['uid', 'gid', 'mode'] as const).every((key) => old[key] === fresh[key]);
    return same ? [] : [`owner or mode of the ${name(fresh)} changed`];
  });
}

function isSameContent(one: File, other: File): boolean {
  if (one.content instanceof SealedContent) return one.content.equals(other.content);
  if (other.content instanceof SealedContent) return other.content.equals(one.content);
  return one.content.salt === other.content.salt && one.content.hash === other.content.hash;
}

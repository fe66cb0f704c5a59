import { portsAt } from '../model/addresses.ts';
import type { Container, ContainerMount, ContainerSpec, PortKey } from '../model/cluster.ts';
import type { Application, DeploymentName, PortMapping } from '../model/config.ts';
import { containerFields, isSameSetting, settingsOf } from '../model/container/fields.ts';
import { isSameHealthcheck, mergeHealthcheck } from '../model/container/healthcheck.ts';
import { nodeMountTexts } from '../model/container/mounts.ts';
import { changedOptions } from '../model/container/options.ts';
import { SealedContent } from '../model/container/sealed-content.ts';
import { defined } from '../model/defined.ts';
import { containerEnvironment } from '../model/links.ts';
import { printImage } from '../model/names.ts';
import { sameItems, sorted } from './lists.ts';
import { nameDifferences } from './names/desired.ts';
import { portText } from './ports.ts';

/** What the container's spec depends on besides the application. */
export interface SpecPlace {
  /** The application's image as text; default: `printImage`. */
  readonly image?: string;
  /** The node starts its containers in order when it boots. */
  readonly ordered?: boolean;
  /** The result of `listenAddresses`. */
  readonly listen?: readonly string[] | undefined;
  readonly deployment?: DeploymentName;
  /** Default: none. */
  readonly names?: ContainerSpec['names'] | undefined;
}

/** The spec of an application's container on the node with this mesh address, to which the link variables point. */
export function desiredSpec(
  app: Application,
  meshAddress: string,
  { image = printImage(app.image), ordered = false, listen, deployment, names }: SpecPlace = {},
): ContainerSpec {
  return {
    application: app.name,
    ...(deployment === undefined ? {} : { deployment }),
    image,
    ports: portsAt(app.ports, listen).map(asPublished),
    ...(names === undefined ? {} : { names }),
    environment: containerEnvironment(app, meshAddress),
    mounts: app.volumes.map(({ id: volume, mountpoint, readOnly, noCopy }) => ({
      volume,
      mountpoint,
      ...defined({ readOnly, noCopy }),
    })),
    ...defined({ binds: app.binds, tmpfs: app.tmpfs }),
    ...settingsOf(app),
    restartPolicy: app.restartPolicy,
    ...(ordered ? { after: startsAfter(app) } : {}),
    ...(app.files === undefined ? {} : { files: app.files }),
    ...(app.hidesCommand === undefined ? {} : { hidesCommand: app.hidesCommand }),
    ...(app.options === undefined ? {} : { options: app.options }),
  };
}

/** Whether the other nodes forward a port is not part of the container. */
function asPublished(port: PortMapping): PortMapping {
  if (port.isLocal === undefined) return port;
  const { isLocal: _isLocal, ...rest } = port;
  return rest;
}

/**
 * What the application declares, regardless of where the other applications are: the node finds out at boot which of
 * them it has. So a container is not replaced because another application moved.
 */
function startsAfter({ dependsOn = [], links }: Application): string[] {
  return sorted([...dependsOn.map(({ app }) => app), ...links.map(({ remotePort }) => `${remotePort}/tcp`)]);
}

/**
 * How this container differs from the desired one, for people; empty if it does not. Values of variables are never
 * included: they may be secret. `imageId` is the id that the desired image's name has on the node, if the node has it.
 */
export function differences(desired: ContainerSpec, observed: Container, imageId?: string): string[] {
  const now = observed.spec;
  const reasons: string[] = [];
  if (desired.image !== now.image) reasons.push(`image changes from "${now.image}" to "${desired.image}"`);
  else if (imageId !== undefined && imageId !== observed.imageId) {
    reasons.push(`image "${desired.image}" is newer on the node`);
  }
  reasons.push(...portDifferences(desired, now));
  reasons.push(...nameDifferences(desired, observed));
  reasons.push(...environmentDifferences(desired, observed));
  if (!sameCommandLine(desired, observed)) reasons.push('command changed');
  if (desired.hidesCommand === true && now.hidesCommand !== true) {
    reasons.push('its command contains values of variables now, and is hidden from now on');
  }
  reasons.push(...mountDifferences(desired, now), ...nodeMountDifferences(desired, now));
  reasons.push(...fileDifferences(desired, now));
  // sameCommandLine and sameHealthcheck compare the fields that default to the image's own.
  const changed = containerFields.filter((field) => !('fromImage' in field) && !isSameSetting(field, desired, now));
  if (!sameHealthcheck(desired, observed)) reasons.push('health check changed');
  reasons.push(...changed.map(({ label }) => `${label} changed`));
  reasons.push(...changedOptions(desired.options, now).map((key) => `"${key}" changed`));
  if (desired.after === undefined && now.after !== undefined)
    reasons.push('the node no longer starts containers in order');
  else if (desired.after !== undefined && now.after === undefined)
    reasons.push('it does not start in order at boot yet');
  else if (!sameItems(desired.after ?? [], now.after ?? []))
    reasons.push('the applications that it starts after changed');
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

/** Docker ignores the image's command if an entrypoint is given. */
function sameCommandLine(desired: ContainerSpec, observed: Container): boolean {
  const { entrypoint, command } = observed.imageDefaults;
  const now = observed.spec;
  if (!sameItems(desired.entrypoint ?? entrypoint, now.entrypoint ?? entrypoint)) return false;
  const overridden = desired.entrypoint !== undefined && desired.entrypoint.length > 0;
  const wanted = desired.command ?? (overridden ? [] : command);
  if (now.command !== undefined) return sameItems(wanted, now.command);
  // Docker reports no command: the image's own is used, or none if the container has its own entrypoint.
  return sameItems(wanted, command) || (now.entrypoint !== undefined && wanted.length === 0);
}

/** Docker takes from the image what the container's own health check leaves out. */
const sameHealthcheck = (desired: ContainerSpec, { spec, imageDefaults }: Container): boolean =>
  isSameHealthcheck(mergeHealthcheck(desired.healthcheck, imageDefaults.healthcheck), spec.healthcheck);

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

/** What happens to each volume. The text says that the data of a removed volume is kept: people fear its loss. */
function mountDifferences(desired: ContainerSpec, now: ContainerSpec): string[] {
  if (desired.mounts.length === 0 && now.mounts.length === 0) return [];
  const at = ({ mounts }: ContainerSpec, place: string) => mounts.find(({ mountpoint }) => mountpoint === place);
  const isIn = (spec: ContainerSpec) => (one: ContainerMount) => at(spec, one.mountpoint)?.volume === one.volume;
  const fresh = desired.mounts.filter((mount) => !isIn(now)(mount));
  const before = now.mounts.flatMap((mount): string[] => {
    const { volume, mountpoint } = mount;
    const after = at(desired, mountpoint);
    if (after?.volume === volume) {
      const how = after.readOnly === true ? 'read-only' : 'writable';
      return after.readOnly === mount.readOnly ? [] : [`its volume at ${mountpoint} becomes ${how}`];
    }
    const next = fresh.find((one) => one.volume === volume)?.mountpoint;
    if (next !== undefined) return [`mountpoint of its volume changes from ${mountpoint} to ${next}`];
    const how = after === undefined ? 'removed from it' : 'replaced by another one';
    return [`its volume at ${mountpoint} is ${how}, the data is kept`];
  });
  const wasMounted = (id: string) => now.mounts.some((one) => one.volume === id && !isIn(desired)(one));
  const added = fresh.flatMap(({ volume, mountpoint }) =>
    wasMounted(volume) || at(now, mountpoint) !== undefined ? [] : [`it gets a volume at ${mountpoint}`],
  );
  return [...sorted(before), ...sorted(added)];
}

/** Changes of files and folders of the node, and of folders in memory. */
function nodeMountDifferences(desired: ContainerSpec, now: ContainerSpec): string[] {
  if ([desired.binds, desired.tmpfs, now.binds, now.tmpfs].every((mounts) => mounts === undefined)) return [];
  const [wanted, present] = [nodeMountTexts(desired), nodeMountTexts(now)];
  return sorted([...wanted.keys(), ...present.keys()]).flatMap((place): string[] => {
    const [after, before] = [wanted.get(place), present.get(place)];
    if (after === before) return [];
    if (before === undefined) return [`it gets ${after} at ${place}`];
    return [after === undefined ? `it loses ${before} at ${place}` : `${before} at ${place} becomes ${after}`];
  });
}

type File = NonNullable<ContainerSpec['files']>[number];

/** Reports that a file changed, never its content. */
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
